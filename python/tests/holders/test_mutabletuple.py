"""mutabletuple, beside Drystone."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import drystone as ds
import old_names

mutabletuple = old_names.mutabletuple()

Mutable = mutabletuple.mutabletuple("Mutable", "x y z", default=0)
Stored = ds.make_record("Stored", "x y z", ds.i32, defaults=(0, 0, 0), module=__name__)
BOTH = pytest.mark.parametrize("kind", [Mutable, Stored], ids=["mutabletuple", "drystone"])


@BOTH
def test_names_places_defaults(kind: Any) -> None:
    one = kind(1)
    assert (one.x, one.y, one[0], one[2], len(one), list(one)) == (1, 0, 1, 0, 3, [1, 0, 0])
    assert kind() == kind(0, 0, 0) and list(kind(z=3)) == [0, 0, 3]
    x, *rest = one
    assert (x, rest) == (1, [0, 0])
    with pytest.raises(TypeError):
        kind(1, 2, 3, 4)


@BOTH
def test_changes(kind: Any) -> None:
    one = kind(1, 2, 3)
    one.x = 7
    one.y += 1
    one[2] = 9
    assert list(one) == [7, 3, 9]
    with pytest.raises(AttributeError):
        one.w = 1
    with pytest.raises(IndexError):
        one[3] = 1


@BOTH
def test_verbs_and_values(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert one._fields == ("x", "y", "z") and one._asdict() == {"x": 1, "y": 2, "z": 3}
    assert one == kind(1, 2, 3) and one != kind(1, 2, 4) and 2 in one
    with pytest.raises(TypeError):
        hash(one)


def test_differences() -> None:
    """Records are not merged: values are given to `replace`. Copies and pickles of mutabletuple ended with Python 2."""
    with pytest.raises(TypeError, match="merge"):
        copy.copy(Mutable(1, 2, 3))
    assert copy.copy(Stored(1, 2, 3)) == Stored(1, 2, 3) == pickle.loads(pickle.dumps(Stored(1, 2, 3)))
    one = Mutable(1, 2, 3)
    assert dict(one.iteritems()) == ds.asdict(Stored(1, 2, 3)) and repr(one) == "{'x': 1, 'y': 2, 'z': 3}"
    assert repr(Stored(1, 2, 3)) == "Stored(x=1, y=2, z=3)"
    one.merge(Mutable(5, 2, 3))
    assert list(one) == list(ds.replace(Stored(1, 2, 3), **{"x": 5}))
