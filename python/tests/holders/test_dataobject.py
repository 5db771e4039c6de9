"""`recordclass.dataobject` and `make_dataclass`, beside Drystone."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import pytest

import drystone as ds

recordclass = pytest.importorskip("recordclass", reason="recordclass has no wheel for Linux: it needs a C compiler")


class Object(recordclass.dataobject):  # type: ignore[misc]
    x: int
    y: int
    z: int = 0

    def total(self) -> int:
        return int(self.x + self.y + self.z)


class Stored(ds.Record):
    x: ds.i32
    y: ds.i32
    z: ds.i32 = 0

    def total(self) -> int:
        return self.x + self.y + self.z


BOTH = pytest.mark.parametrize("kind", [Object, Stored])


@BOTH
def test_attributes(kind: Any) -> None:
    one = kind(1, 2)
    assert (one.x, one.y, one.z, len(one), one.total()) == (1, 2, 0, 3, 3) and kind(y=2, x=1).x == 1
    one.x = 7
    one.y += 1
    assert (one.x, one.y) == (7, 3)
    with pytest.raises(AttributeError):
        one.w
    with pytest.raises(AttributeError):
        one.w = 5
    assert not hasattr(one, "__dict__") and repr(one) == f"{kind.__name__}(x=7, y=3, z=0)"


@BOTH
def test_values(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert one == kind(1, 2, 3) and one != kind(1, 2, 4)
    for other in (copy.copy(one), pickle.loads(pickle.dumps(one))):
        other.x = 5
        assert one.x == 1 and type(other) is kind


@BOTH
def test_match(kind: Any) -> None:
    match kind(1, 2, 3):
        case kind(1, y, z=3):
            assert y == 2
        case _:
            raise AssertionError


def test_functions() -> None:
    for one, module in ((Object(1, 2, 3), recordclass), (Stored(1, 2, 3), ds)):
        assert module.asdict(one) == {"x": 1, "y": 2, "z": 3} and module.astuple(one) == (1, 2, 3)
    # recordclass has `clone` for the copy with changes and `update` for changes in place.
    assert recordclass.astuple(recordclass.clone(Object(1, 2, 3), z=9)) == (1, 2, 9)
    assert ds.astuple(ds.replace(Stored(1, 2, 3), z=9)) == (1, 2, 9)


@pytest.mark.parametrize(
    "make",
    [
        lambda *fields, **options: recordclass.make_dataclass(*fields, iterable=True, sequence=True, mapping=True, **options),
        lambda *fields, **options: ds.make_record(*fields, ds.i32, **options),
    ],
    ids=["make_dataclass", "drystone"],
)
def test_made_at_run_time(make: Any) -> None:
    """With its options for iteration, places and names, which a record always has."""
    kind = make("Made", "x y z", defaults=(0,))
    one = kind(1, 2)
    assert (one.x, one[1], one["z"], list(one)) == (1, 2, 0, [1, 2, 0])
    x, *rest = one
    one["x"] = 5
    one[1] = 6
    assert (x, rest, one.x, one.y, kind.__name__) == (1, [2, 0], 5, 6, "Made")


def test_a_list_of_them_becomes_a_table() -> None:
    rows = [Object(i, 2 * i) for i in range(10)]
    table = ds.Table(Stored, rows)
    assert [ds.astuple(row) for row in table] == [recordclass.astuple(row) for row in rows]
    for holder in (rows, table):
        holder.sort(key=lambda row: -row.x)
        holder[0].y = 1
        assert [(row.x, row.y) for row in holder][:2] == [(9, 1), (8, 16)]
        assert sum(row.total() for row in holder) == sum(row.x + row.y + row.z for row in holder)


def test_differences() -> None:
    """A missing value is an error, types are checked, rows compare by order."""
    assert recordclass.make_dataclass("T", "x y")(1).y is None
    with pytest.raises(TypeError):
        Stored(1)  # type: ignore[call-arg]
    Object(1, 2).x = "text"
    with pytest.raises(TypeError):
        Stored(1, 2).x = "text"  # type: ignore[assignment]
    assert Stored(1, 2) < Stored(1, 3)
    assert sys.getsizeof(Object(1, 2)) == 40 and Stored.__layout__.width == 12  # type: ignore[attr-defined]
