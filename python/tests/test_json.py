"""Records in JSON: by the standard library, orjson and Flask."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import uuid
from typing import Any

import pytest

import drystone as ds

orjson = pytest.importorskip("orjson")


class Colour(enum.Enum):
    RED = "red"


class Thing(ds.Record):
    id: ds.u32 = ds.key()
    at: datetime.datetime
    day: datetime.date
    colour: Colour
    which: uuid.UUID
    x: ds.f64
    n: ds.i32 | None = None


WHEN = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
ONE = uuid.UUID(int=5)
EXPECTED = {
    "id": 1,
    "at": "2024-05-06T07:08:09+00:00",
    "day": "2024-05-06",
    "colour": "red",
    "which": str(ONE),
    "x": 1.5,
    "n": None,
}


@pytest.fixture(params=["value", "list", "dict", "database", "transaction"])
def thing(request: Any, db: Any) -> Any:
    value = Thing(1, WHEN, WHEN.date(), Colour.RED, ONE, 1.5)
    if request.param == "value":
        yield value
    elif request.param == "list":
        yield ds.Table(Thing, [value]).where("id = 1").rows()[0]
    elif request.param == "dict":
        yield ds.Table(Thing, [value])[1]
    else:
        db.create("things", Thing, load=[value])
        if request.param == "database":
            yield db.things[1]
        else:
            tx = db.write()
            yield tx.things[1]
            tx.abort()


def test_orjson(thing: Any) -> None:
    assert json.loads(orjson.dumps(thing, default=ds.asdict)) == EXPECTED
    assert json.loads(orjson.dumps({"things": [thing, thing]}, default=ds.asdict)) == {"things": [EXPECTED] * 2}
    # Without it, orjson says that it does not know the type. It must not take a row for a dataclass:
    # it would use values of fields after the row has let go of them.
    with pytest.raises(TypeError, match="not JSON serializable: Thing"):
        orjson.dumps(thing)


def test_orjson_many() -> None:
    kind = ds.make_record("Kind", [("name", ds.Str[40]), ("x", ds.f64), ("v", ds.Array[ds.f64, 4])])
    table = ds.Table(kind, [(f"name {i} " + 20 * "x", i / 3, (i, i, i, i + 0.5)) for i in range(2_000)])
    found = json.loads(orjson.dumps(list(table), default=ds.asdict))
    assert [one["name"] for one in found] == list(table.name) and found[7]["v"] == [7, 7, 7, 7.5]


def test_json_of_the_standard_library() -> None:
    kind = ds.make_record("Kind", [("id", ds.u32), ("x", ds.f64)])
    table = ds.Table(kind, [(1, 0.5), (2, 1.5)])
    assert json.dumps(list(table), default=ds.asdict) == '[{"id": 1, "x": 0.5}, {"id": 2, "x": 1.5}]'
    with pytest.raises(TypeError, match="list"):
        json.dumps(table, default=ds.asdict)
    with pytest.raises(TypeError, match="Kind"):
        json.dumps(table[0])


def test_flask() -> None:
    flask = pytest.importorskip("flask")
    kind = ds.make_record("Kind", [("id", ds.u32), ("day", datetime.date), ("which", uuid.UUID), ("n", ds.i32 | None)])
    table = ds.Table(kind, [(1, WHEN.date(), ONE, None)])
    with flask.Flask("test").app_context():
        found = flask.jsonify(list(table)).json
    assert found == [{"id": 1, "day": "Mon, 06 May 2024 00:00:00 GMT", "which": str(ONE), "n": None}]


def test_the_decorator_of_dataclasses_is_refused() -> None:
    class Kind(ds.Record):
        x: ds.i32
        y: ds.i32 = 5

    with pytest.raises(TypeError, match="Kind is a record already.*@dataclass"):
        dataclasses.dataclass(Kind)
    assert Kind(1) == Kind(1, 5) and repr(Kind(1)) == "Kind(x=1, y=5)"
    assert "__dataclass_fields__" not in vars(Kind) and dataclasses.is_dataclass(Kind)
    with pytest.raises(TypeError, match="not JSON serializable"):
        orjson.dumps(Kind(1))
