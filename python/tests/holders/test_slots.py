"""A class with `__slots__`, beside Drystone."""

from __future__ import annotations

import copy
import pickle
import sys
import weakref
from typing import Any

import pytest

import drystone as ds


class Slots:
    __slots__ = ("x", "y", "z")

    def __init__(self, x: int, y: int, z: int = 0) -> None:
        self.x, self.y, self.z = x, y, z


class Stored(ds.Record):
    x: ds.i32
    y: ds.i32
    z: ds.i32 = 0


BOTH = pytest.mark.parametrize("kind", [Slots, Stored])


@BOTH
def test_attributes_are_fixed(kind: Any) -> None:
    one = kind(1, 2)
    one.x, one.y = one.y, one.x
    assert (one.x, one.y, one.z) == (2, 1, 0)
    with pytest.raises(AttributeError):
        one.w = 5
    with pytest.raises(AttributeError):
        one.w
    assert not hasattr(one, "__dict__")
    with pytest.raises(TypeError):
        vars(one)


@BOTH
def test_fields_are_descriptors_of_the_class(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert kind.x.__get__(one, kind) == 1
    kind.x.__set__(one, 9)
    assert one.x == 9
    assert {"x", "y", "z"} <= set(dir(one))


@BOTH
def test_copies_and_pickles(kind: Any) -> None:
    one = kind(1, 2, 3)
    for other in (copy.copy(one), pickle.loads(pickle.dumps(one))):
        other.x = 7
        assert (one.x, other.x, other.y) == (1, 7, 2)


@BOTH
def test_dispatch_by_class(kind: Any) -> None:
    match kind(1, 2, 3):
        case Slots(x=x) | Stored(x=x):
            assert x == 1


def test_a_list_of_them() -> None:
    plain = [Slots(i, i % 3) for i in range(10)]
    table = ds.Table(Stored, plain)  # objects with the same attributes are taken as they are
    for rows in (plain, table):
        for row in rows:  # type: ignore[attr-defined]
            row.z = row.x * row.y
        rows.sort(key=lambda row: (-row.y, row.x))
        assert [row.x for row in rows][:4] == [2, 5, 8, 1]  # type: ignore[attr-defined]
        assert sum(row.z for row in rows) == 42  # type: ignore[attr-defined]


def test_differences() -> None:
    """Slots compare by identity and are unset until they are assigned. Records compare by value and always have one."""
    assert Slots(1, 2) != Slots(1, 2) and Stored(1, 2) == Stored(1, 2)
    assert hash(Slots(1, 2)) is not None
    with pytest.raises(TypeError):
        hash(Stored(1, 2))
    with pytest.raises(TypeError):
        iter(Slots(1, 2))  # type: ignore[call-overload]
    assert [*Stored(1, 2)] == [1, 2, 0]
    # A slot is a reference of 8 bytes, and the integer behind it an object of its own.
    assert sys.getsizeof(Slots(1, 2)) + 3 * sys.getsizeof(1) > 100 and Stored.__layout__.width == 12  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        weakref.ref(Slots(1, 2))
