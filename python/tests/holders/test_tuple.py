"""A plain tuple, beside Drystone."""

from __future__ import annotations

import bisect
import copy
import heapq
import operator
import pickle
from typing import Any

import pytest

import drystone as ds


class Frozen(ds.Record, frozen=True):
    x: ds.i32
    y: ds.i32
    z: ds.i32


def plain(x: int, y: int, z: int) -> tuple[int, int, int]:
    return (x, y, z)


BOTH = pytest.mark.parametrize("make", [plain, Frozen], ids=["tuple", "drystone"])


@BOTH
def test_places(make: Any) -> None:
    one = make(1, 2, 3)
    assert (one[0], one[-1], one[:2], one[::-1], len(one)) == (1, 3, (1, 2), (3, 2, 1), 3)
    assert operator.itemgetter(0, 2)(one) == (1, 3)
    for wrong in (3, -4):
        with pytest.raises(IndexError):
            one[wrong]
    with pytest.raises(TypeError):
        one[1.0]


@BOTH
def test_unpacking(make: Any) -> None:
    x, y, z = make(1, 2, 3)
    first, *rest = make(1, 2, 3)
    assert (x, y, z, first, rest) == (1, 2, 3, 1, [2, 3]) and max(*make(1, 2, 3)) == 3
    with pytest.raises(ValueError):
        a, b = make(1, 2, 3)
    assert sum(make(1, 2, 3)) == 6 and list(zip(make(1, 2, 3), "abc"))[0] == (1, "a")
    assert "%d %d %d" % tuple(make(1, 2, 3)) == "1 2 3"
    assert [x for x, _, _ in [make(1, 2, 3), make(4, 5, 6)]] == [1, 4]


@BOTH
def test_contents(make: Any) -> None:
    one = make(1, 2, 3)
    assert 2 in one and 9 not in one and [*one][::-1] == [3, 2, 1]


@BOTH
def test_equality_order_hash(make: Any) -> None:
    one = make(1, 2, 3)
    assert one == make(1, 2, 3) and one != make(1, 2, 4) and one < make(1, 3, 0) and one <= make(1, 2, 3)
    assert hash(one) == hash(make(1, 2, 3)) and {one: "a"}[make(1, 2, 3)] == "a" and len({one, make(1, 2, 3)}) == 1
    rows = [make(3, 0, 0), make(1, 5, 0), make(1, 2, 9)]
    assert [tuple(row) for row in sorted(rows)] == [(1, 2, 9), (1, 5, 0), (3, 0, 0)]
    assert min(rows)[1] == 2 and bisect.bisect(sorted(rows), make(1, 3, 0)) == 1
    heapq.heapify(rows)
    assert heapq.heappop(rows)[0] == 1


@BOTH
def test_immutability(make: Any) -> None:
    one = make(1, 2, 3)
    with pytest.raises((TypeError, AttributeError)):
        one[0] = 5
    assert copy.copy(one) == one == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))


def test_match() -> None:
    match plain(1, 2, 3):
        case (1, y, z):
            assert (y, z) == (2, 3)
    match Frozen(1, 2, 3):
        case Frozen(1, y, z):
            assert (y, z) == (2, 3)


def test_rows_and_tuples_turn_into_each_other() -> None:
    assert tuple(Frozen(*plain(1, 2, 3))) == ds.astuple(Frozen(1, 2, 3)) == plain(1, 2, 3)
    assert ds.Table(Frozen, [plain(1, 2, 3), plain(4, 5, 6)])[1] == Frozen(4, 5, 6)
    assert list(map(tuple, ds.Table(Frozen, [(1, 2, 3)]))) == [(1, 2, 3)]


def test_differences() -> None:
    """A record is no tuple: it does not equal one, has no `+`, and is compared only within its class."""
    assert not isinstance(Frozen(1, 2, 3), tuple) and Frozen(1, 2, 3) != (1, 2, 3)
    with pytest.raises(TypeError):
        Frozen(1, 2, 3) < (1, 2, 4)
    with pytest.raises(TypeError):
        Frozen(1, 2, 3) + (4,)  # type: ignore[operator]
    with pytest.raises(TypeError):
        Frozen("a", 2, 3)  # type: ignore[arg-type]
