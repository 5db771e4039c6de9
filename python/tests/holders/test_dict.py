"""A dict as a record, and a dict of records, beside Drystone."""

from __future__ import annotations

import copy
import json
import operator
import pickle
from typing import Any

import pytest

import drystone as ds
from conftest import Point

BOTH = pytest.mark.parametrize("make", [lambda **fields: dict(fields), Point], ids=["dict", "drystone"])
Entry = ds.make_record("Entry", [("id", ds.u32, ds.key()), ("x", ds.i32), ("name", ds.Str[8] | None, None)], module=__name__)


@BOTH
def test_fields_by_name(make: Any) -> None:
    one = make(x=1, y=2, z=3)
    assert one["x"] == 1 and operator.itemgetter("x", "z")(one) == (1, 3)
    one["x"] = 10
    one["y"] += 1
    assert (one["x"], one["y"], len(one)) == (10, 3, 3)
    with pytest.raises(KeyError):
        one["w"]
    assert "{x}, {y}".format_map(one) == "10, 3"


@BOTH
def test_equality_and_copies(make: Any) -> None:
    one = make(x=1, y=2, z=3)
    assert one == make(z=3, y=2, x=1) and one != make(x=1, y=2, z=4)
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other == one and other is not one
        other["x"] = 5
        assert one["x"] == 1
    with pytest.raises(TypeError):
        hash(one)


@BOTH
def test_sorted_by_fields(make: Any) -> None:
    rows = [make(x=x, y=-x, z=x % 2) for x in (3, 1, 2)]
    assert [row["x"] for row in sorted(rows, key=operator.itemgetter("z", "x"))] == [2, 1, 3]
    assert max(rows, key=lambda row: row["y"])["x"] == 1


def test_records_and_dicts_turn_into_each_other() -> None:
    plain = {"x": 1, "y": 2, "z": 3}
    assert ds.asdict(Point(**plain)) == plain and list(ds.asdict(Point(**plain))) == list(plain)
    assert json.loads(json.dumps(ds.asdict(Point(**plain)))) == plain
    assert ds.Table(Point, [plain, plain])[1] == Point(1, 2, 3)
    assert {**plain, "y": 9} == ds.asdict(ds.replace(Point(**plain), y=9))
    match ds.asdict(Point(1, 2, 3)):
        case {"x": 1, **rest}:
            assert rest == {"y": 2, "z": 3}


def test_differences_of_a_row() -> None:
    """A row has the fields of its class, no others, and gives values where it is iterated, as a named tuple does."""
    row = Point(1, 2, 3)
    assert list(row) == [1, 2, 3] and list({"x": 1, "y": 2, "z": 3}) == ["x", "y", "z"]
    with pytest.raises(KeyError):
        row["w"] = 1
    with pytest.raises(AttributeError):
        del row["x"]
    with pytest.raises(TypeError):
        Point(x=1, y=2, w=3)
    assert row != {"x": 1, "y": 2, "z": 3}


@pytest.fixture(params=["dict", "drystone", "transaction"])
def rows(request: Any) -> Any:
    """A dict of three records."""
    made: Any = {}
    if request.param == "drystone":
        made = ds.Table(Entry)
    if request.param == "transaction":
        made = ds.memory().write().create("entries", Entry)
    for i in (1, 2, 3):
        made[i] = Entry(i, 10 * i)
    return made


def test_look_ups(rows: Any) -> None:
    assert rows[2].x == 20 and rows.get(2).x == 20 and rows.get(9) is None and rows.get(9, "no") == "no"
    assert 2 in rows and 9 not in rows and None not in rows and "2" not in rows and len(rows) == 3 and rows
    with pytest.raises(KeyError) as caught:
        rows[9]
    assert isinstance(caught.value, LookupError)
    with pytest.raises(KeyError):
        del rows[9]


def test_iteration(rows: Any) -> None:
    assert list(rows) == [1, 2, 3] == list(rows.keys())
    assert [row.x for row in rows.values()] == [10, 20, 30]
    assert {key: row.x for key, row in rows.items()} == {1: 10, 2: 20, 3: 30}
    assert len(rows.items()) == len(rows.keys()) == len(rows.values()) == 3
    assert 2 in rows.keys() and dict(rows)[3].x == 30 and {**rows}[1].x == 10
    assert sorted(rows.items(), key=lambda pair: -pair[1].x)[0][0] == 3 and list(reversed(rows)) == [3, 2, 1]


def test_changes(rows: Any) -> None:
    assert rows.setdefault(2, Entry(2, 0)).x == 20 and rows.setdefault(4, Entry(4, 40)).x == 40
    rows[2].x += 1
    rows.update({5: Entry(5, 50)})
    rows.update([(6, Entry(6, 60))])
    assert [row.x for row in rows.values()] == [10, 21, 30, 40, 50, 60]
    assert rows.pop(1).x == 10 and rows.pop(1, None) is None
    with pytest.raises(KeyError):
        rows.pop(1)
    del rows[6]
    assert rows.popitem()[0] == 5
    rows.clear()
    assert len(rows) == 0 and not list(rows)
    with pytest.raises(KeyError):
        rows.popitem()


def test_changes_while_iterating(rows: Any) -> None:
    """The usual way out of a changed size works for all."""
    for key in list(rows):
        if rows[key].x > 10:
            del rows[key]
    assert list(rows) == [1]


def test_differences_of_a_table() -> None:
    """Keys are in order, they are in their records, and what is put in is copied."""
    table = ds.Table(Entry)
    one = Entry(7, 1)
    table[7] = one
    table[3] = Entry(3, 2)
    assert list(table) == [3, 7]
    one.x = 99
    assert table[7].x == 1
    with pytest.raises(ValueError):
        table[8] = one
    with pytest.raises(ValueError, match="the key 7, not 'a'"):
        table["a"] = one
    assert "a" not in table and table.copy()[7] == table[7]
