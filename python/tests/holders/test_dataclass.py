"""`dataclasses.dataclass`, with and without slots, beside Drystone."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import pickle
from typing import Any, ClassVar

import pytest

import drystone as ds


@dataclasses.dataclass(order=True)
class Data:
    LIMIT: ClassVar[int] = 5
    x: int
    y: int = 0
    z: int = dataclasses.field(default_factory=lambda: 7)

    @property
    def total(self) -> int:
        return self.x + self.y + self.z


@dataclasses.dataclass(order=True, slots=True)
class SlotData:
    LIMIT: ClassVar[int] = 5
    x: int
    y: int = 0
    z: int = dataclasses.field(default_factory=lambda: 7)

    @property
    def total(self) -> int:
        return self.x + self.y + self.z


class Stored(ds.Record):
    LIMIT: ClassVar[int] = 5
    x: ds.i32
    y: ds.i32 = 0
    z: ds.i32 = ds.field(default_factory=lambda: 7)

    @property
    def total(self) -> int:
        return self.x + self.y + self.z


@dataclasses.dataclass(frozen=True)
class FrozenData:
    x: int
    y: int


class FrozenStored(ds.Record, frozen=True):
    x: ds.i32
    y: ds.i32


ALL = pytest.mark.parametrize("kind", [Data, SlotData, Stored])
FROZEN = pytest.mark.parametrize("kind", [FrozenData, FrozenStored])


@ALL
def test_fields_and_defaults(kind: Any) -> None:
    one = kind(1)
    assert (one.x, one.y, one.z, one.total, kind.LIMIT) == (1, 0, 7, 8, 5) and kind(x=1, z=2) == kind(1, 0, 2)
    one.x += 1
    assert one.x == 2 and repr(one) == f"{kind.__name__}(x=2, y=0, z=7)"
    for wrong in ((), (1, 2, 3, 4)):
        with pytest.raises(TypeError):
            kind(*wrong)
    with pytest.raises(TypeError):
        kind(1, w=2)


@ALL
def test_the_functions_of_the_module(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert dataclasses.is_dataclass(kind) and dataclasses.is_dataclass(one)
    assert [field.name for field in dataclasses.fields(one)] == ["x", "y", "z"]
    assert dataclasses.fields(kind)[0].default is dataclasses.MISSING and dataclasses.fields(kind)[1].default == 0
    assert dataclasses.asdict(one) == {"x": 1, "y": 2, "z": 3} and dataclasses.astuple(one) == (1, 2, 3)
    assert dataclasses.replace(one, y=9) == kind(1, 9, 3) and one.y == 2
    assert json.dumps(one, default=dataclasses.asdict) == '{"x": 1, "y": 2, "z": 3}'
    with pytest.raises(TypeError):
        dataclasses.replace(one, w=1)


@ALL
def test_equality_order(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert one == kind(1, 2, 3) and one != kind(1, 2, 4) and one < kind(1, 3) and one >= kind(1, 2, 3)
    assert [row.x for row in sorted([kind(2), kind(1)])] == [1, 2] and one != (1, 2, 3)
    with pytest.raises(TypeError):
        one < (1, 2, 4)
    with pytest.raises(TypeError):
        hash(one)


@ALL
def test_copies_pickles(kind: Any) -> None:
    one = kind(1, 2, 3)
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other == one
        other.x = 9
        assert one.x == 1


@ALL
def test_match(kind: Any) -> None:
    assert kind.__match_args__ == ("x", "y", "z")
    match kind(1, 2, 3):
        case kind(1, y, z=3):
            assert y == 2
        case _:
            raise AssertionError


@FROZEN
def test_frozen(kind: Any) -> None:
    one = kind(1, 2)
    with pytest.raises(AttributeError):
        one.x = 5
    with pytest.raises(AttributeError):
        one.w = 5
    assert hash(one) == hash(kind(1, 2)) and len({one, kind(1, 2), kind(1, 3)}) == 2
    assert dataclasses.replace(one, x=5).x == 5


def test_dispatch_by_class() -> None:
    @functools.singledispatch
    def name(one: Any) -> str:
        return "other"

    name.register(Data)(lambda one: "data")
    name.register(Stored)(lambda one: "stored")
    assert (name(Data(1)), name(Stored(1)), name(ds.Table(Stored, [(1,)])[0])) == ("data", "stored", "stored")


def test_made_at_run_time() -> None:
    plain: Any = dataclasses.make_dataclass("Made", [("x", int), ("y", int, 5)])
    made: Any = ds.make_record("Made", [("x", ds.i32), ("y", ds.i32, 5)])
    for kind in (plain, made):
        assert (kind(1).x, kind(1).y, kind.__name__) == (1, 5, "Made")


@pytest.mark.parametrize("kind", [Data, SlotData])
def test_a_dataclass_is_a_class_of_records(kind: Any) -> None:
    """A table can be made of the dataclass itself; `int` is 64 bits."""
    table = ds.Table(kind, [kind(1), kind(2, 3)])
    assert [ds.astuple(row) for row in table] == [(1, 0, 7), (2, 3, 7)]
    assert kind(**ds.asdict(table[1])) == kind(2, 3) and "x: i64" in table.schema
    table.append(kind(5))
    assert table[2].x == 5 and ds.Table(Stored, [kind(1)])[0] == Stored(1)
    assert dataclasses.asdict(table[0]) == dataclasses.asdict(kind(1))


def test_differences() -> None:
    """Types are checked, there are no other attributes, and a record is unpacked."""
    assert Data("a").x == "a"  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Stored("a")  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        Stored(1).w = 1  # type: ignore[attr-defined]
    x, *_ = Stored(1)
    assert x == 1
    with pytest.raises(TypeError):
        iter(Data(1))  # type: ignore[call-overload]
    # Mutable defaults are refused in both.
    with pytest.raises(ValueError, match="default_factory"):
        dataclasses.make_dataclass("Bad", [("v", list, [])])
    with pytest.raises(ValueError, match="default_factory"):
        ds.make_record("Bad", [("v", ds.Array[ds.f32, 2], [0, 0])])
