"""Typical uses, for type checkers. It is not run."""

import datetime
import enum
from collections.abc import Sequence
from typing import Annotated, Any

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


class Place(ds.Record):
    at: Annotated[tuple[float, float], ds.array(ds.f32, 2)]
    levels: Annotated[Sequence[int], ds.array(ds.u8, 3)] = (0, 0, 0)
    weights: Annotated[Sequence[float], ds.array(ds.f64, 2)] = ds.field(default_factory=lambda: [0.5, 0.5])


def arrays() -> None:
    place = Place((1.5, 2.5), [1, 2, 3])
    north: float = place.at[0]
    total: int = sum(place.levels)
    place.levels = [4, 5, 6]
    Place("x")  # type: ignore[arg-type]
    print(north, total, place.weights[0] + 1.0)


def views(db: ds.Database) -> None:
    cities = db.table("cities", City)
    some = cities.keys() & {1, 2}
    if cities.keys() <= {1, 2, 3} and cities.keys() == {1, 2} and not cities.keys().isdisjoint({1}):
        print(some, cities.keys()[0], cities.keys() | {5})
    first: City = cities.values()[0]
    pairs: Sequence[tuple[Any, City]] = cities.items()[:2]
    for key, row in cities.items():
        print(key, row.name, first.name, pairs)


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
            tx.cities.insert(city)
            was_there: bool = tx.cities.upsert(city)
            tx.cities.update({1: city})
            tx.points.append((1, 2, 3))
            tx.points.extend([(1, 2, 3)])
            made = tx.create("more", City)
            made.insert(city)
            rows: list[City] = made.range(1, 5)
            print(rows[0].name, 1 in made.keys() & {1, 2}, [row.name for row in made.values()])
        print(name, total, was_there, cities._repr_html_())
    table = ds.Table(City)
    table.extend([city])
    table.upsert(city)
    table.update([city])
    first: City = table.range(1, 5)[0]
    both: ds.Table[City] = table.copy() | {1: city}
    both |= table
    print(first.name, memoryview(table), table._repr_html_(), list(reversed(city)))
    merged: ds.DictTable[City] = ds.DictTable(City) | table
    ids: set[int] = set(merged.keys() - {5})
    listed: ds.ListTable[City] = 2 * ds.ListTable(City)
    listed *= 2
    print(ids, memoryview(listed))


def values() -> None:
    """Types of fields as values."""
    samples = ds.make_record("S", [("v", ds.Array[ds.f32, 16]), ("name", ds.Str[4]), ("raw", ds.Bytes[2])])
    kinds = {"name": ds.Str[4], "v": ds.Array[ds.f32, 16]}
    print(samples, ds.make_record("T", kinds), ds.record_class(City, types={"name": ds.Str[8]}))
