"""Record classes and rows."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import decimal
import io
import pickle
import uuid
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

import drystone as ds
from conftest import City, Everything, Point, Side

UTC = datetime.timezone.utc
WHEN = datetime.datetime(2024, 2, 29, 23, 59, 59, 999999, UTC)
ROW = (True, 255, -(2**63), 2**64 - 1, 2**128 - 1, -(2**127), 0.5, 0.1, "äöü", b"\0a\0\0", datetime.date(1, 1, 1), WHEN, Side.SELL, (1.0, -2.5), None)


def test_every_type_comes_back() -> None:
    row = Everything(*ROW)
    assert ds.astuple(row) == ROW
    for table in (ds.Table(Everything, [ROW]), ds.memory().create("t", Everything, load=[ROW])):
        assert ds.astuple(table[0]) == ROW


def test_every_type_of_a_uuid_and_a_date() -> None:
    kind = ds.make_record("Kind", [("id", uuid.UUID), ("day", datetime.date | None)])
    one = uuid.uuid4()
    assert ds.astuple(kind(one, datetime.date(9999, 12, 31))) == (one, datetime.date(9999, 12, 31))
    with pytest.raises(TypeError):
        kind(str(one), None)
    with pytest.raises(TypeError):
        kind(one, datetime.datetime.now())


def test_a_record_is_used_like_a_named_tuple() -> None:
    p = Point(1, 2, z=3)
    x, y, z = p
    assert (x, y, z) == (p.x, p[1], p["z"]) == (1, 2, 3)
    assert p[-1] == 3 and p[:2] == (1, 2) and len(p) == 3 and list(p) == [1, 2, 3] and 2 in p
    assert list(reversed(p)) == [3, 2, 1] == list(reversed(ds.Table(Point, [p])[0]))
    assert p._asdict() == {"x": 1, "y": 2, "z": 3} and p._replace(x=9) == Point(9, 2, 3)
    assert Point._make([4, 5]) == Point(4, 5, 0) and Point._fields == ("x", "y", "z")
    assert repr(p) == "Point(x=1, y=2, z=3)"
    match p:
        case Point(1, y, z=3):
            assert y == 2
        case _:
            pytest.fail("no match")
    with pytest.raises(IndexError):
        p[3]
    with pytest.raises(KeyError, match="no field 'w'; the fields are x, y, z"):
        p["w"]
    with pytest.raises(AttributeError):
        p.w = 1
    with pytest.raises(AttributeError):
        del p.x


def test_a_record_is_changed_like_a_dataclass() -> None:
    p = Point(1, 2)
    p.x, p["y"], p[2] = 7, 8, 9
    assert p == Point(7, 8, 9)
    assert dataclasses.is_dataclass(p) and dataclasses.asdict(p) == {"x": 7, "y": 8, "z": 9}
    assert dataclasses.replace(p, x=1) == Point(1, 8, 9) == ds.replace(p, x=1)
    assert [f.name for f in dataclasses.fields(Point)] == ["x", "y", "z"]
    with pytest.raises(TypeError, match="unhashable"):
        hash(p)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Point(), TypeError, "Point() is missing 2 fields: 'x', 'y'"),
        (lambda: Point(1), TypeError, "Point() is missing 1 field: 'y'"),
        (lambda: Point(1, 2, 3, 4), TypeError, "takes 3 values, but 4"),
        (lambda: Point(1, 2, w=3), TypeError, "no field 'w'"),
        (lambda: Point(1, 2, x=3), TypeError, "two values for field 'x'"),
        (lambda: Point("1", 2), TypeError, "field 'x': '1' is of type str"),
        (lambda: Point(None, 2), TypeError, "not nullable"),
        (lambda: Point(1.0, 2), TypeError, "int(value)"),
        (lambda: Point(2**70, 2), OverflowError, "its range is -2147483648 to 2147483647"),
        (lambda: City(1, "a", "up", 0), ValueError, "buy, sell"),
        (lambda: City(1, 5, Side.BUY, 0), TypeError, "str"),
        (lambda: City(1, "a", Side.BUY, 0, 2**32 - 1), OverflowError, "4294967294"),
    ],
)
def test_messages(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value) and isinstance(caught.value, ds.Error) and caught.value.kind


def test_frozen_records_have_a_hash() -> None:
    class Key(ds.Record, frozen=True):
        a: ds.u8
        b: ds.Str[4]  # type: ignore[valid-type]

    assert len({Key(1, "x"), Key(1, "x"), Key(2, "x")}) == 2
    with pytest.raises(AttributeError, match="frozen"):
        Key(1, "x").a = 2
    assert ds.Table(Key, [(1, "x")])[0] == Key(1, "x")


def test_frozen_records_are_frozen_in_tables_too() -> None:
    class Key(ds.Record, frozen=True):
        a: ds.i32

    class Keyed(ds.Record, frozen=True):
        a: ds.i32 = ds.key()
        b: ds.i32 = 0

    table = ds.Table(Key, [(1,), (2,)])
    row = table[0]
    for change in (lambda: setattr(row, "a", 5), lambda: row.__setitem__("a", 5), lambda: row.__setitem__(0, 5)):
        with pytest.raises(AttributeError, match="frozen=True"):
            change()
    assert row in {Key(1)} and hash(row) == hash(Key(1))
    # A whole row is replaced, and the row in hand takes its value along.
    table[0] = Key(7)
    assert table[0] == Key(7) and row == Key(1) and hash(row) == hash(Key(1))
    with pytest.raises(AttributeError, match="frozen=True"):
        row.a = 5
    keyed = ds.Table(Keyed, [(1, 2)])
    with pytest.raises(AttributeError, match="frozen=True"):
        keyed[1].b = 5
    keyed[1] = Keyed(1, 5)
    assert hash(keyed[1]) == hash(Keyed(1, 5))
    # What changes many rows replaces them, too.
    held = keyed[1]
    keyed.update_where("b = 5", b=6)
    assert held == Keyed(1, 5) and keyed[1] == Keyed(1, 6)
    # Memory that is shown cannot be written.
    array = np.asarray(table)
    assert not array.flags.writeable and not np.asarray(table.a).flags.writeable and memoryview(table).readonly
    with pytest.raises(TypeError, match="read-write"):
        io.BytesIO(bytes(8)).readinto(table)  # type: ignore[arg-type]
    with ds.memory() as db:
        db.create("t", Keyed, load=[(1, 2)])
        with db.write() as tx, pytest.raises(AttributeError, match="frozen=True"):
            tx.t[1].b = 5


def test_pickle_and_copy(cities: Any) -> None:
    for row in (Point(1, 2, 3), ds.Table(Point, [(1, 2, 3)])[0], cities[5]):
        back = pickle.loads(pickle.dumps(row))
        assert back == row and type(back) is type(row)
        assert copy.copy(row) == row == copy.deepcopy(row)
    made = ds.make_record("Trip", "id: u64 key, delay: i16?")
    auto = ds.memory().create("trips", "id: u64 key, delay: i16?", load=[(1, None)])[1]
    assert pickle.loads(pickle.dumps(auto)) == auto and made(1, None)._fields == ("id", "delay")
    table = ds.Table(Point, [(1, 2, 3), (4, 5, 6)])
    assert pickle.loads(pickle.dumps(table)) == table == copy.copy(table)


def test_classes_inherit_and_have_methods() -> None:
    class Named(Point):
        name: ds.Str[4] = "?"  # type: ignore[valid-type]

        def norm(self) -> int:
            return abs(self.x) + abs(self.y)

    class Plain(Point):
        def twice(self) -> int:
            return 2 * self.x

    named = Named(1, -2)
    assert named.norm() == 3 and named.name == "?" and named._fields == ("x", "y", "z", "name")
    assert isinstance(named, Point) and Plain(4, 0).twice() == 8
    assert ds.Table(Plain, [(3, 0)])[0].twice() == 6

    class Checked(ds.Record):
        x: ds.i32

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("negative")

    with pytest.raises(ValueError, match="negative"):
        Checked(-1)


def test_classes_that_cannot_be() -> None:
    with pytest.raises(TypeError, match="ds.i8 to ds.i128"):
        ds.make_record("A", [("x", int)])
    with pytest.raises(TypeError, match="ds.width"):
        ds.make_record("A", [("x", str)])
    with pytest.raises(TypeError, match="key"):
        ds.make_record("A", [("x", ds.i32), ("id", ds.u32, ds.key())])
    with pytest.raises(ValueError, match="underscore"):
        ds.make_record("A", [("_x", ds.i32)])
    with pytest.raises(ValueError, match="two fields"):
        ds.make_record("A", "x x", ds.i32)
    with pytest.raises(AttributeError):
        Point.x = 5
    with pytest.raises(AttributeError):
        del Point.__layout__
    with pytest.raises(TypeError):
        ds.Record()


def test_other_classes_become_records() -> None:
    @dataclasses.dataclass
    class Data:
        x: int
        name: Annotated[str, ds.width(8)] = "a"

    class Tuple(NamedTuple):
        x: int
        y: float = 0.5

    assert ds.astuple(ds.record_class(Data)(1)) == (1, "a")
    assert ds.astuple(ds.record_class(Tuple)(1)) == (1, 0.5)
    keyed = ds.record_class(Data, key="name", types={"x": ds.u8})
    assert keyed.__layout__.schema.startswith("name: str[8] key")
    dtype = np.dtype([("a", "<i2"), ("s", "S3"), ("v", "<f4", (2,)), ("t", "<M8[us]")])
    assert ds.record_class(dtype).__layout__.schema == "a: i16, s: str[3], v: f32[2], t: timestamp"
    table = ds.Table(Data, [Data(5, "b")])
    assert table[0].name == "b"
    import attr
    import msgspec
    import pyarrow

    made = attr.make_class("A", {"x": attr.ib(type=int), "y": attr.ib(type=float, default=1.5)})
    assert ds.astuple(ds.record_class(made)(3)) == (3, 1.5)

    class Struct(msgspec.Struct):
        x: int
        y: float = 2.5

    assert ds.astuple(ds.record_class(Struct)(3)) == (3, 2.5)
    schema = pyarrow.schema([("x", pyarrow.int32()), pyarrow.field("y", pyarrow.float64(), nullable=False)])
    assert ds.record_class(schema).__layout__.schema == "x: i32?, y: f64"


def test_records_are_known_to_serializers(cities: Any) -> None:
    import msgspec
    import orjson
    from flask import Flask, jsonify

    # orjson uses fields of dataclasses after it has let go of them, so records are none to it.
    with pytest.raises(TypeError):
        orjson.dumps(Point(1, 2, 3))
    assert orjson.loads(orjson.dumps([Point(1, 2, 3)], default=ds.asdict)) == [{"x": 1, "y": 2, "z": 3}]
    assert orjson.loads(orjson.dumps(cities[1], default=ds.asdict))["side"] == "buy"
    assert msgspec.json.decode(msgspec.json.encode(Point(1, 2, 3))) == {"x": 1, "y": 2, "z": 3}
    with Flask("test").app_context():
        assert jsonify(Point(1, 2, 3)).json == {"x": 1, "y": 2, "z": 3}
    from pydantic import TypeAdapter

    assert TypeAdapter(Any).dump_python(ds.asdict(Point(1, 2, 3))) == {"x": 1, "y": 2, "z": 3}


def test_values_of_every_wrong_type() -> None:
    good = ds.asdict(Everything(*ROW))
    wrong = {
        "b": [1, "x", None],
        "u8": [-1, 256, 1.0, "1", None],
        "f64": ["1.0", decimal.Decimal(1), None, 10**400],
        "s": [b"a", 5, "123456789"],
        "by": ["abcd", b"abc", b"abcde"],
        "d": ["2024-01-01", 5],
        "at": [datetime.date(2024, 1, 1), 5, datetime.datetime(2024, 1, 1)],
        "v": [[1], [1, 2, 3], "ab", 5, ["a", 1]],
        "maybe": [-(2**63), "x"],
    }
    for name, values in wrong.items():
        for value in values:
            with pytest.raises((TypeError, ValueError, OverflowError)) as caught:
                Everything(**{**good, name: value})
            assert f"'{name}'" in str(caught.value), (name, value)
            assert isinstance(caught.value, ds.Error)


def test_numbers_of_numpy_go_in() -> None:
    row = Everything(**{**ds.asdict(Everything(*ROW)), "f32": np.float32(1.5), "f64": np.int8(3), "u8": np.uint64(7), "b": np.bool_(False)})
    assert (row.f32, row.f64, row.u8, row.b) == (1.5, 3.0, 7, False)


def test_fields_are_described() -> None:
    assert (City.name.name, City.name.type, City.name.offset, City.name.width) == ("name", "str[40]", 4, 40)
    assert repr(City.id) == "<field id: u32 key>"
    import inspect

    assert str(inspect.signature(Point)).startswith("(x: ") and inspect.signature(Point).parameters["z"].default == 0
    with pytest.raises(TypeError, match="does not belong"):
        Point.x.__get__(City(1, "a", Side.BUY, 0.0))
