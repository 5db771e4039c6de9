"""An ordinary class, beside Drystone."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import Any

import pytest

import drystone as ds


class Plain:
    scale = 2

    def __init__(self, x: int, y: int, z: int = 0) -> None:
        self.x, self.y, self.z = x, y, z

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and vars(self) == vars(other)

    def total(self) -> int:
        return self.scale * (self.x + self.y + self.z)

    @property
    def first(self) -> int:
        return self.x

    @first.setter
    def first(self, value: int) -> None:
        self.x = value

    @classmethod
    def parse(cls, text: str) -> Any:
        return cls(*map(int, text.split()))

    @staticmethod
    def unit() -> str:
        return "m"

    def __str__(self) -> str:
        return f"<{self.x} {self.y} {self.z}>"


class Stored(ds.Record):
    x: ds.i32
    y: ds.i32
    z: ds.i32 = 0

    scale = 2

    def total(self) -> int:
        return self.scale * (self.x + self.y + self.z)

    @property
    def first(self) -> int:
        return self.x

    @first.setter
    def first(self, value: int) -> None:
        self.x = value

    @classmethod
    def parse(cls, text: str) -> Any:
        return cls(*map(int, text.split()))

    @staticmethod
    def unit() -> str:
        return "m"

    def __str__(self) -> str:
        return f"<{self.x} {self.y} {self.z}>"


BOTH = pytest.mark.parametrize("kind", [Plain, Stored])


@BOTH
def test_attributes(kind: Any) -> None:
    one = kind(1, y=2)
    assert (one.x, one.y, one.z) == (1, 2, 0) and operator.attrgetter("x", "y")(one) == (1, 2)
    one.x += 5
    setattr(one, "y", 9)
    assert (getattr(one, "x"), one.y, getattr(one, "w", None)) == (6, 9, None) and hasattr(one, "z")
    with pytest.raises(AttributeError):
        one.w
    for wrong in ((), (1,), (1, 2, 3, 4)):
        with pytest.raises(TypeError):
            kind(*wrong)
    with pytest.raises(TypeError):
        kind(1, 2, w=3)
    with pytest.raises(TypeError):
        kind(1, 2, x=3)


@BOTH
def test_methods(kind: Any) -> None:
    one = kind.parse("1 2 3")
    assert isinstance(one, kind) and one.total() == 12 and kind.unit() == "m" and str(one) == "<1 2 3>"
    one.first = 7
    assert one.first == one.x == 7 and kind.scale == 2


def test_methods_of_rows_in_a_table() -> None:
    table = ds.Table(Stored, [(1, 2, 3), (4, 5, 6)])
    assert [row.total() for row in table] == [12, 30] and str(table[1]) == "<4 5 6>"
    table[0].first = 9
    assert table.x.to_list() == [9, 4] and isinstance(table[0], Stored)


@BOTH
def test_identity_equality_copies(kind: Any) -> None:
    one = kind(1, 2, 3)
    same = one
    same.x = 4
    assert one.x == 4 and one == kind(4, 2, 3) and one != kind(1, 2, 3) and one is not kind(4, 2, 3)
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        other.x = 100
        assert one.x == 4 and type(other) is kind
    # A class with __eq__ and no __hash__ has no hash.
    with pytest.raises(TypeError):
        hash(one)


@BOTH
def test_match(kind: Any) -> None:
    match kind(1, 2, 3):
        case object(x=1, y=y):
            assert y == 2
        case _:
            raise AssertionError


def test_subclasses() -> None:
    """A record class can be made from another, with more fields, as a class can."""

    class Plain4(Plain):
        def __init__(self, x: int, y: int, z: int = 0, w: int = 1) -> None:
            super().__init__(x, y, z)
            self.w = w

    class Stored4(Stored):
        w: ds.i32 = 1

    for kind in (Plain4, Stored4):
        one: Any = kind(1, 2, 3)
        assert (one.x, one.w) == (1, 1) and one.total() == 12
    assert Stored4._fields == ("x", "y", "z", "w") and issubclass(Stored4, Stored)


def test_differences() -> None:
    """A record has no other attributes than its fields; an object may get any."""
    plain: Any = Plain(1, 2)
    plain.w = 5
    with pytest.raises(AttributeError):
        Stored(1, 2).w = 5  # type: ignore[attr-defined]
    plain.x = "text"
    with pytest.raises(TypeError, match="x"):
        Stored(1, 2).x = "text"  # type: ignore[assignment]
    with pytest.raises((AttributeError, TypeError)):
        del Stored(1, 2).x
    del plain.x
