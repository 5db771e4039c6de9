"""The idioms of what people hold records in today, on the holder and on a record of Drystone."""

from __future__ import annotations

import array
import collections
import dataclasses
import types
from typing import Any, NamedTuple

import numpy as np
import pytest

import drystone as ds
from conftest import Point

Tuple = collections.namedtuple("Tuple", "x y z")


class Typed(NamedTuple):
    x: int
    y: int
    z: int = 0


@dataclasses.dataclass(order=True)
class Data:
    x: int
    y: int
    z: int = 0


class Slots:
    __slots__ = ("x", "y", "z")

    def __init__(self, x: int, y: int, z: int = 0) -> None:
        self.x, self.y, self.z = x, y, z


def holders() -> list[Any]:
    made: list[Any] = [Tuple, Typed, Data, Slots, Point]
    attr = pytest.importorskip("attr")
    made.append(attr.make_class("Attrs", ["x", "y", "z"], slots=True))
    try:
        from recordclass import make_dataclass, recordclass

        made += [make_dataclass("Object", "x y z"), recordclass("Record", "x y z")]
    except ImportError:
        pass
    return made


@pytest.mark.parametrize("kind", holders(), ids=lambda kind: kind.__name__)
def test_attributes(kind: Any) -> None:
    one = kind(1, 2, 3)
    assert (one.x, one.y, one.z) == (1, 2, 3)
    with pytest.raises(AttributeError):
        one.w
    if kind not in (Tuple, Typed):
        one.x = 7
        one.y += 1
        assert (one.x, one.y) == (7, 3)
    # recordclass takes what is missing for None.
    if kind.__name__ not in ("Object", "Record"):
        with pytest.raises(TypeError):
            kind()


@pytest.mark.parametrize("kind", [Tuple, Typed, Point])
def test_named_tuples(kind: Any) -> None:
    one = kind(1, 2, 3)
    x, *rest = one
    assert (x, rest, one[1], one[-1], one[:2], len(one)) == (1, [2, 3], 2, 3, (1, 2), 3)
    assert one._fields == ("x", "y", "z") and one._asdict() == {"x": 1, "y": 2, "z": 3}
    assert one._replace(z=9).z == 9 and kind._make([1, 2, 3]) == one
    assert one < kind(1, 2, 4) and sorted([kind(2, 0, 0), one])[0] == one and kind(*one) == one


@pytest.mark.parametrize("kind", [Data, Point])
def test_dataclasses(kind: Any) -> None:
    one = kind(1, y=2)
    assert dataclasses.asdict(one) == {"x": 1, "y": 2, "z": 0} and dataclasses.astuple(one) == (1, 2, 0)
    assert dataclasses.replace(one, x=5).x == 5 and [f.name for f in dataclasses.fields(kind)] == ["x", "y", "z"]
    assert one == kind(1, 2, 0) and one < kind(1, 3) and repr(one).endswith("(x=1, y=2, z=0)")
    match one:
        case kind(x=1, y=y):
            assert y == 2
    with pytest.raises(TypeError):
        hash(one)


@pytest.mark.parametrize("row", [{"x": 1, "y": 2, "z": 3}, Point(1, 2, 3)], ids=["dict", "record"])
def test_dicts_as_records(row: Any) -> None:
    assert row["x"] == 1
    row["x"] = 5
    assert row["x"] == 5
    with pytest.raises(KeyError):
        row["w"]
    assert types.SimpleNamespace(**(row if isinstance(row, dict) else ds.asdict(row))).x == 5


@pytest.mark.parametrize("kind", ["list", "table"])
def test_lists_of_records(kind: str) -> None:
    rows: Any = [] if kind == "list" else ds.Table(Point)
    for i in range(10):
        rows.append(Point(i % 3, i))
    rows.insert(0, Point(9, 9))
    rows += [Point(8, 8)]
    del rows[1]
    assert len(rows) == 11 and rows[0].x == 9 and rows[-1].x == 8 and rows.pop().y == 8
    rows.sort(key=lambda row: (-row.x, row.y))
    assert [row.y for row in rows[:3]] == [9, 2, 5]
    rows[1:3] = [Point(0, 100)]
    rows.reverse()
    assert rows.index(Point(0, 100)) == len(rows) - 2 and Point(0, 100) in rows and rows.count(Point(0, 100)) == 1
    rows.remove(Point(0, 100))
    assert [row.x for row in reversed(rows)][0] == 9 and sum(row.y for row in rows) > 0
    with pytest.raises(ValueError):
        rows.remove(Point(0, 100))
    with pytest.raises(IndexError):
        rows[100]
    grouped = collections.Counter(row.x for row in rows)
    assert grouped[0] == 3
    rows.clear()
    assert not rows and list(rows) == []


@pytest.mark.parametrize("kind", ["dict", "table", "database"])
def test_dicts_of_records(kind: str) -> None:
    entry = ds.make_record("Entry", [("id", ds.u32, ds.key()), ("x", ds.i32)])
    rows: Any = {}
    if kind == "table":
        rows = ds.Table(entry)
    if kind == "database":
        rows = ds.memory().write().create("rows", entry)
    for i in (3, 1, 2):
        rows[i] = entry(i, 10 * i)
    rows[1].x += 1
    assert rows[1].x == 11 and 2 in rows and 5 not in rows and "a" not in rows and len(rows) == 3
    assert rows.get(5) is None and rows.get(5, 0) == 0 and rows.setdefault(5, entry(5, 50)).x == 50
    assert sorted(rows) == [1, 2, 3, 5] and sorted(rows.keys()) == [1, 2, 3, 5]
    assert {key: row.x for key, row in rows.items()}[3] == 30 and sum(row.x for row in rows.values()) == 111
    assert rows.pop(5).x == 50 and rows.pop(5, None) is None
    with pytest.raises(KeyError):
        rows[5]
    with pytest.raises(KeyError):
        del rows[5]
    del rows[3]
    rows.update({7: entry(7, 70)})
    assert sorted(rows) == [1, 2, 7]
    rows.clear()
    assert not len(rows)


def test_structured_arrays() -> None:
    array_ = np.zeros(5, [("x", "<i4"), ("y", "<i4"), ("z", "<i4")])
    table = ds.Table(Point, array_)
    for rows in (array_, table):
        rows[2]["x"] = 5
        assert rows[2]["x"] == 5 and rows[-1]["x"] == 0
    np.asarray(table)["y"][:] = np.arange(5)
    assert [row.y for row in table] == [0, 1, 2, 3, 4] and table.y.sum() == 10
    # Where NumPy duplicates a row, a table swaps, as a list does.
    array_["x"] = range(5)
    array_[0], array_[1] = array_[1], array_[0]
    table = ds.Table(Point, [(i, 0) for i in range(5)])
    table[0], table[1] = table[1], table[0]
    assert [row.x for row in table][:2] == [1, 0]


def test_arrays_of_numbers() -> None:
    plain, table = array.array("i", range(5)), ds.Table(ds.make_record("N", "n", ds.i32), [(i,) for i in range(5)])
    assert list(plain[1:3]) == [row.n for row in table[1:3]]
    assert bytes(plain) == memoryview(table).tobytes()
    assert plain.itemsize == table.record_class.n.width
