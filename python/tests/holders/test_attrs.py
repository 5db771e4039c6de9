"""attrs, beside Drystone."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import drystone as ds

attrs = pytest.importorskip("attrs")


@attrs.define(order=True)
class Defined:
    x: int
    y: int = 0
    z: int = attrs.field(factory=lambda: 5)


class Stored(ds.Record):
    x: ds.i32
    y: ds.i32 = 0
    z: ds.i32 = ds.field(default_factory=lambda: 5)


@attrs.frozen
class DefinedFrozen:
    x: int
    y: int


class StoredFrozen(ds.Record, frozen=True):
    x: ds.i32
    y: ds.i32


BOTH = pytest.mark.parametrize("kind", [Defined, Stored])
FROZEN = pytest.mark.parametrize("kind", [DefinedFrozen, StoredFrozen])


def asdict(one: Any) -> Any:
    return ds.asdict(one) if isinstance(one, ds.Record) else attrs.asdict(one)


def astuple(one: Any) -> Any:
    return ds.astuple(one) if isinstance(one, ds.Record) else attrs.astuple(one)


def evolve(one: Any, **changes: Any) -> Any:
    return ds.replace(one, **changes) if isinstance(one, ds.Record) else attrs.evolve(one, **changes)


@BOTH
def test_fields_and_defaults(kind: Any) -> None:
    one = kind(1)
    assert (one.x, one.y, one.z) == (1, 0, 5) and kind(x=1, z=2).z == 2
    one.x += 1
    assert one.x == 2
    with pytest.raises(AttributeError):
        one.w = 1
    with pytest.raises(TypeError):
        kind()
    assert repr(one) == f"{kind.__name__}(x=2, y=0, z=5)"


@BOTH
def test_functions(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert asdict(one) == {"x": 1, "y": 2, "z": 3} and astuple(one) == (1, 2, 3)
    assert evolve(one, y=9) == kind(1, 9, 3) and one.y == 2
    with pytest.raises(TypeError):
        evolve(one, w=1)


@BOTH
def test_equality_order(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert one == kind(1, 2, 3) and one != kind(1, 2, 4) and one < kind(1, 3, 0)
    assert sorted([kind(2), kind(1)])[0].x == 1 and one != (1, 2, 3)
    with pytest.raises(TypeError):
        one < (1, 2, 4)
    with pytest.raises(TypeError):
        hash(one)


@BOTH
def test_copies_pickles_match(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert copy.copy(one) == one == pickle.loads(pickle.dumps(one))
    match one:
        case kind(1, y, z=3):
            assert y == 2
        case _:
            raise AssertionError


@FROZEN
def test_frozen(kind: Any) -> None:
    one = kind(1, 2)
    with pytest.raises(AttributeError):
        one.x = 5
    assert hash(one) == hash(kind(1, 2)) and {one: 1}[kind(1, 2)] == 1 and evolve(one, x=3).x == 3


def test_made_at_run_time() -> None:
    for made in (attrs.make_class("Made", ["x", "y"]), ds.make_record("Made", ["x", "y"], ds.i32)):
        assert made(1, 2).y == 2 and made.__name__ == "Made"


def test_records_of_attrs_go_into_a_table() -> None:
    table = ds.Table(Defined, [Defined(1), Defined(2, 3)])
    assert [tuple(row) for row in table] == [(1, 0, 5), (2, 3, 5)]
    assert ds.Table(Stored, [Defined(7)])[0] == Stored(7)
    assert Defined(**ds.asdict(table[1])) == Defined(2, 3)


def test_differences() -> None:
    """Types of attrs are not checked unless a validator does; those of a record always are."""
    assert Defined("a").x == "a"  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Stored("a")  # type: ignore[arg-type]
    assert not attrs.has(Stored)
