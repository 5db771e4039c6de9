"""namedlist, beside Drystone."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import drystone as ds
import old_names

namedlist = old_names.namedlist()
Listed = namedlist.namedlist("Listed", "x y z", default=0)
Stored = ds.make_record("Stored", "x y z", ds.i32, defaults=(0, 0, 0), module=__name__)
BOTH = pytest.mark.parametrize("kind", [Listed, Stored], ids=["namedlist", "drystone"])


@BOTH
def test_names_places_defaults(kind: Any) -> None:
    one = kind(1)
    assert (one.x, one.y, one[0], one[-1], len(one), list(one)) == (1, 0, 1, 0, 3, [1, 0, 0])
    assert kind() == kind(0, 0, 0) and kind(z=3) == kind(0, 0, 3)
    with pytest.raises(TypeError):
        kind(1, 2, 3, 4)


@BOTH
def test_changes(kind: Any) -> None:
    one = kind(1, 2, 3)
    one.x = 7
    one[1] = 8
    one[-1] += 1
    assert list(one) == [7, 8, 4]
    with pytest.raises(AttributeError):
        one.w = 1
    with pytest.raises(IndexError):
        one[3] = 1


@BOTH
def test_verbs(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert one._fields == ("x", "y", "z") and one._asdict() == {"x": 1, "y": 2, "z": 3}
    assert one._replace(x=9).x == 9


@BOTH
def test_values(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert one == kind(1, 2, 3) and one != kind(1, 2, 4) and copy.copy(one) == one
    assert repr(one) == f"{kind.__name__}(x=1, y=2, z=3)" and 2 in one
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(TypeError):
        hash(one)


def test_differences() -> None:
    """`_replace` of namedlist changes the object; a record gives a new one, as a named tuple does."""
    stored = Stored(1, 2, 3)
    assert stored._replace(x=9) is not stored and stored.x == 1
    with pytest.raises(TypeError):
        Stored("a")
