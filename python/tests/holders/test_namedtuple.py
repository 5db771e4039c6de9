"""`collections.namedtuple` and `typing.NamedTuple`, beside Drystone."""

from __future__ import annotations

import collections
import copy
import csv
import io
import operator
import pickle
from typing import Any, NamedTuple

import pytest

import drystone as ds

Named = collections.namedtuple("Named", "x y z", defaults=(0,))


class Typed(NamedTuple):
    x: int
    y: int
    z: int = 0

    @property
    def total(self) -> int:
        return self.x + self.y + self.z


class Frozen(ds.Record, frozen=True):
    x: ds.i32
    y: ds.i32
    z: ds.i32 = 0

    @property
    def total(self) -> int:
        return self.x + self.y + self.z


Made = ds.make_record("Made", "x y z", ds.i32, defaults=(0,), frozen=True, module=__name__)
ALL = pytest.mark.parametrize("kind", [Named, Typed, Frozen, Made], ids=lambda kind: kind.__name__)


@ALL
def test_by_name_and_place(kind: Any) -> None:
    one = kind(1, 2)
    assert (one.x, one[0], one[-1], one[:2], one.z, len(one)) == (1, 1, 0, (1, 2), 0, 3)
    assert kind(y=2, x=1) == one and operator.attrgetter("y")(one) == 2 and getattr(one, "x") == 1
    x, *rest = one
    assert (x, rest) == (1, [2, 0])
    for wrong in ((), (1,), (1, 2, 3, 4)):
        with pytest.raises(TypeError):
            kind(*wrong)


@ALL
def test_the_names_with_an_underscore(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert kind._fields == one._fields == ("x", "y", "z")
    assert one._asdict() == {"x": 1, "y": 2, "z": 3} and kind(**one._asdict()) == one
    assert one._replace(z=9) == kind(1, 2, 9) and one.z == 3
    assert kind._make([1, 2, 3]) == one == kind._make(iter((1, 2, 3)))
    assert kind._field_defaults == {"z": 0} if hasattr(kind, "_field_defaults") else True
    with pytest.raises((ValueError, TypeError)):
        one._replace(w=1)
    with pytest.raises(TypeError):
        kind._make([1])
    assert kind.__match_args__ == ("x", "y", "z")


@ALL
def test_repr(kind: Any) -> None:
    assert repr(kind(1, 2, 3)) == f"{kind.__name__}(x=1, y=2, z=3)"


@ALL
def test_equality_hash_order(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert one == kind(1, 2, 3) and one < kind(1, 2, 4) and hash(one) == hash(kind(1, 2, 3))
    assert {one: 1}[kind(1, 2, 3)] == 1
    assert [row.x for row in sorted([kind(2, 0), kind(1, 9), kind(1, 1)])] == [1, 1, 2]


@ALL
def test_immutability(kind: Any) -> None:
    one = kind(1, 2, 3)
    with pytest.raises(AttributeError):
        one.x = 5
    with pytest.raises(AttributeError):
        one.w = 5
    assert copy.copy(one) == copy.deepcopy(one) == one


@ALL
def test_pickles(kind: Any) -> None:
    one = kind(1, 2, 3)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(one, protocol))
        assert back == one and type(back) is kind


@ALL
def test_match(kind: Any) -> None:
    match kind(1, 2, 3):
        case kind(1, y, z=3):
            assert y == 2
        case _:
            raise AssertionError


@ALL
def test_rows_of_a_csv_file(kind: Any) -> None:
    """The example of Python's documentation: `map(kind._make, csv.reader(file))`."""
    lines = csv.reader(io.StringIO("1,2,3\n4,5,6\n"))
    assert [row.x for row in map(kind._make, (map(int, line) for line in lines))] == [1, 4]


@pytest.mark.parametrize("kind", [Typed, Frozen])
def test_properties(kind: Any) -> None:
    assert kind(1, 2, 3).total == 6


def test_made_at_run_time() -> None:
    for spec in ("a b c", "a, b, c", ["a", "b", "c"]):
        plain: Any = collections.namedtuple("T", spec)
        made = ds.make_record("T", spec, ds.i32)
        assert plain._fields == made._fields == ("a", "b", "c") and plain.__name__ == made.__name__
    for wrong in ("a a", "a b-c", "1a b", "_a b"):
        with pytest.raises(ValueError):
            collections.namedtuple("T", wrong)
        with pytest.raises(ValueError):
            ds.make_record("T", wrong, ds.i32)


def test_class_of_a_named_tuple() -> None:
    """`ds.record_class` takes the annotations: `int` is 64 bits."""
    made: Any = ds.record_class(Typed)
    assert made._fields == Typed._fields and made(1, 2) == made(1, 2, 0)
    table = ds.Table(Typed, [Typed(1, 2), Typed(3, 4, 5)])
    assert [tuple(row) for row in table] == [(1, 2, 0), (3, 4, 5)]


def test_differences() -> None:
    """A record is no tuple. Rows of a table can be changed, unless the class is frozen."""
    assert Typed(1, 2, 3) == (1, 2, 3) and Frozen(1, 2, 3) != (1, 2, 3)
    assert Typed(1, 2, 3) == Named(1, 2, 3) and Frozen(1, 2, 3) != Made(1, 2, 3)
    # A word of the language cannot be written behind a dot, but the field has a name and a place.
    worded: Any = ds.make_record("Worded", "class b", ds.i32)
    assert worded(1, 2)["class"] == worded(1, 2)[0] == 1
    assert not hasattr(Frozen(1, 2), "count") and not hasattr(Frozen(1, 2), "index")
    counted: Any = ds.make_record("Counted", "count index", ds.i32)
    assert counted(1, 2).count == 1 and counted(1, 2).index == 2
