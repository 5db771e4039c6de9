"""Typical uses, for type checkers. It is not run."""

import datetime
import enum
from typing import Annotated

import drystone as ds


class Side(enum.Enum):
    BUY = "buy"
    SELL = "sell"


class City(ds.Record):
    id: ds.u32 = ds.key()
    name: Annotated[str, ds.width(40)]
    side: Side
    at: datetime.datetime
    lat: ds.f32 = 0.0
    population: ds.u32 | None = None


def uses() -> None:
    when = datetime.datetime.now(datetime.timezone.utc)
    city = City(1, "a", Side.BUY, when, population=5)
    number: int = city.id
    people: int | None = city.population
    City("x", "a", Side.BUY, when)  # type: ignore[arg-type]
    with ds.open("cities.dry") as db:
        cities = db.create("cities", City, load="cities.csv", exist_ok=True)
        row = cities[number]
        name: str = row.name
        for key in cities:
            print(key)
        total = cities.where("population > 5").sum("population")
        with db.write(timeout=5) as tx:
            tx.cities[7].population = people
        print(name, total)
    table = ds.Table(City)
    table.extend([city])
