"""A look at the package with nothing else installed, for every version of Python: run as a script.

It needs neither pytest nor NumPy, so it runs in the environment of any interpreter.
"""

import dataclasses
import datetime
import enum
import json
import os
import pickle
import sys
import tempfile
from typing import Annotated, ClassVar, NamedTuple, Optional

import drystone as ds

POSTPONED = """
from __future__ import annotations
import drystone as ds, enum
from typing import Annotated, ClassVar
def make():
    class Side(enum.Enum):
        A = 1
    class City(ds.Record):
        LIMIT: ClassVar[int] = 5
        id: ds.u32 = ds.key()
        name: Annotated[str, ds.width(40)]
        side: Side
        levels: Annotated[tuple[float, float], ds.array(ds.f32, 2)] = (0.0, 0.0)
        population: ds.u32 | None = None
    return City
made = make()
"""


class Side(enum.Enum):
    A = 1


class City(ds.Record):
    LIMIT: ClassVar[int] = 5
    id: ds.u32 = ds.key()
    name: Annotated[str, ds.width(40)]
    side: Side
    levels: Annotated[tuple[float, float], ds.array(ds.f32, 2)] = (0.0, 0.0)
    population: Optional[ds.u32] = None


@dataclasses.dataclass
class Plain:
    x: int
    y: float = 0.5


class Named(NamedTuple):
    x: int
    at: Optional[datetime.date] = None


def main() -> None:
    # The same fields whether annotations are postponed or not.
    names: dict = {}
    exec(compile(POSTPONED, "postponed", "exec", dont_inherit=True), names)
    fields = ("id", "name", "side", "levels", "population")
    assert City._fields == names["made"]._fields == fields
    assert City.__layout__.schema == names["made"].__layout__.schema
    assert ds.record_class(Plain)._fields == ("x", "y") and ds.record_class(Named)._fields == ("x", "at")

    city = City(1, "Oslo", Side.A, population=5)
    assert (city.name, city[1], city["name"], city.levels, city.side) == ("Oslo", "Oslo", "Oslo", (0, 0), Side.A)
    assert pickle.loads(pickle.dumps(city)) == city and dataclasses.asdict(city)["id"] == 1
    assert [field.name for field in dataclasses.fields(City)] == list(fields)
    match city:
        case City(id=1, name=name):
            assert name == "Oslo"
        case _:
            raise AssertionError("no match")
    if sys.version_info >= (3, 13):
        import copy

        assert copy.replace(city, name="Rome").name == "Rome"

    Point = ds.make_record("Point", "x y z", ds.i32)
    points = ds.Table(Point, [(i, 2 * i, 3 * i) for i in range(1000)])
    held = points[7]
    points.sort(key=lambda point: -point.x)
    held.x = 70
    assert points[992].x == 70 and points.where("x >= 500").count() == 500 and points.x.max() == 999
    with memoryview(points) as memory:
        assert memory.nbytes == 12_000
    assert json.dumps(list(points[:1]), default=ds.asdict) == '[{"x": 999, "y": 1998, "z": 2997}]'

    with tempfile.TemporaryDirectory() as folder, ds.open(os.path.join(folder, "smoke.dry")) as db:
        cities = db.create("cities", City, load=[(i, f"city {i}", Side.A) for i in range(1000)])
        with db.write() as tx:
            tx.cities[7].population = 77
            del tx.cities[8]
            tx.cities.insert(City(5000, "new", Side.A))
        assert cities[7].population == 77 and 8 not in cities and len(cities) == 1000
        assert cities.keys() & {7, 8, 5000} == {7, 5000} and cities.where("population = 77").first().id == 7
        pid = os.fork()
        if pid == 0:
            os._exit(0 if cities[9].name == "city 9" else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        try:
            cities[8]
        except KeyError as error:
            assert isinstance(error, ds.Error)
        else:
            raise AssertionError("no KeyError")
    print(f"Python {sys.version.split()[0]}: fine")


if __name__ == "__main__":
    main()
