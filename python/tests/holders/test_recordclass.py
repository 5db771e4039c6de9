"""`recordclass.recordclass`, beside Drystone."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import pytest

import drystone as ds

recordclass = pytest.importorskip("recordclass", reason="recordclass has no wheel for Linux: it needs a C compiler")

Classy = recordclass.recordclass("Classy", "x y z", defaults=(0,), module=__name__)
Stored = ds.make_record("Stored", "x y z", ds.i32, defaults=(0,), module=__name__)
BOTH = pytest.mark.parametrize("kind", [Classy, Stored], ids=["recordclass", "drystone"])


@BOTH
def test_names_and_places(kind: Any) -> None:
    one = kind(1, 2)
    assert (one.x, one[1], one[-1], len(one), list(one)) == (1, 2, 0, 3, [1, 2, 0])
    x, y, z = one
    assert (x, y, z) == (1, 2, 0) and kind(y=2, x=1) == one and kind(*one) == one
    with pytest.raises(IndexError):
        one[3]
    with pytest.raises(TypeError):
        kind(1, 2, 3, 4)


@BOTH
def test_changes(kind: Any) -> None:
    one = kind(1, 2, 3)
    one.x = 7
    one.y += 1
    one[-1] = 9
    assert list(one) == [7, 3, 9]
    with pytest.raises(AttributeError):
        one.w = 1
    with pytest.raises(AttributeError):
        one.w
    assert not hasattr(one, "__dict__")


@BOTH
def test_verbs(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert one._asdict() == {"x": 1, "y": 2, "z": 3} and kind._make([1, 2, 3]) == one
    assert repr(one) == f"{kind.__name__}(x=1, y=2, z=3)"
    assert one._replace(z=9) == kind(1, 2, 9)


@BOTH
def test_values(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert one == kind(1, 2, 3) and one != kind(1, 2, 4)
    for other in (copy.copy(one), pickle.loads(pickle.dumps(one))):
        assert other == one and other is not one
        other.x = 5
        assert one.x == 1
    assert [row.x for row in sorted([kind(2, 0), kind(1, 5)], key=lambda row: row.x)] == [1, 2]


@BOTH
def test_match(kind: Any) -> None:
    match kind(1, 2, 3):
        case kind(1, y, z=3):
            assert y == 2
        case _:
            raise AssertionError


def test_made_at_run_time() -> None:
    for spec in ("a b", "a, b", ["a", "b"]):
        for made in (recordclass.recordclass("T", spec), ds.make_record("T", spec, ds.i32)):
            assert list(made(1, 2)) == [1, 2] and made(1, 2).b == 2 and made.__name__ == "T"
    for made in (recordclass.recordclass("T", [("a", int), ("b", int)]), ds.make_record("T", [("a", ds.i64), ("b", ds.i64)])):
        assert list(made(1, 2)) == [1, 2] and made(b=2, a=1).a == 1


def test_a_list_of_them_becomes_a_table() -> None:
    rows = [Classy(i, 2 * i, 3 * i) for i in range(10)]
    table = ds.Table(Stored, rows)
    assert [tuple(row) for row in table] == [tuple(row) for row in rows]
    for holder in (rows, table):
        holder[3].x = 77
        holder[0], holder[1] = holder[1], holder[0]
        assert [row.x for row in holder][:4] == [1, 0, 2, 77]


def test_differences() -> None:
    """`_replace` gives a new record, a missing value is an error, types are checked, and what can change has no hash."""
    changed, kept = Classy(1, 2, 3), Stored(1, 2, 3)
    changed._replace(z=9)
    kept._replace(z=9)
    assert (changed.z, kept.z) == (9, 3)
    assert Classy(1).y is None
    with pytest.raises(TypeError):
        Stored(1)
    Classy(1, 2).x = "text"
    with pytest.raises(TypeError):
        Stored(1, 2).x = "text"
    with pytest.raises(TypeError):
        hash(Stored(1, 2))
    assert sys.getsizeof(Classy(1, 2, 3)) >= 40 and Stored.__layout__.width == 12
