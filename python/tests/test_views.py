"""keys(), values() and items() are views, as those of a dict."""

from __future__ import annotations

import collections.abc
import operator
from typing import Any

import pytest

import drystone as ds


class Pair(ds.Record):
    a: ds.u32 = ds.key()
    b: ds.u8 = ds.key()
    x: ds.i32 = 0


class Entry(ds.Record):
    id: ds.u32 = ds.key()
    x: ds.i32 = 0


ROWS = [(i, 10 * i) for i in range(1, 6)]


@pytest.fixture(params=["database", "snapshot", "transaction", "memory"])
def table(request: Any, db: Any) -> Any:
    if request.param == "memory":
        yield ds.Table(Entry, ROWS)
        return
    db.create("entries", Entry, load=ROWS)
    if request.param == "database":
        yield db.entries
    elif request.param == "snapshot":
        yield db.snapshot().entries
    else:
        tx = db.write()
        yield tx.entries
        tx.abort()


def plain(table: Any) -> dict[int, Any]:
    return {key: table[key] for key in table}


OTHERS: list[Any] = [set(), {1}, {1, 2, 3, 4, 5}, {0, 1, 2}, frozenset({4, 9}), {1, 2, 3, 4, 5, 6}, {1: 0, 9: 0}.keys()]
COMPARISONS = [operator.eq, operator.ne, operator.le, operator.lt, operator.ge, operator.gt]
OPERATIONS = [operator.and_, operator.or_, operator.sub, operator.xor]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_keys_are_a_set(table: Any, other: Any) -> None:
    model = dict.fromkeys([1, 2, 3, 4, 5]).keys()
    for compare in COMPARISONS:
        assert compare(table.keys(), other) == compare(model, other), compare
        assert compare(other, table.keys()) == compare(other, model), compare
    for combine in OPERATIONS:
        assert combine(table.keys(), other) == combine(model, other), combine
        assert combine(other, table.keys()) == combine(other, model), combine
        assert type(combine(table.keys(), other)) is set
    assert table.keys().isdisjoint(other) == model.isdisjoint(other)
    # The operators of a dict's views take any iterable, and its comparisons only sets.
    assert table.keys() & [1, 9] == {1} and table.keys() != [1, 2, 3, 4, 5]
    with pytest.raises(TypeError):
        table.keys() <= [1]


def test_items_and_values(table: Any) -> None:
    assert isinstance(table.keys(), collections.abc.KeysView)
    assert isinstance(table.items(), collections.abc.ItemsView)
    assert isinstance(table.values(), collections.abc.ValuesView)
    model = plain(table)
    assert table.items() == model.items() and table.items() >= dict(list(model.items())[:2]).items()
    assert (1, model[1]) in table.items() and (1, model[2]) not in table.items()
    assert (9, model[1]) not in table.items() and ("a", 1) not in table.items() and 7 not in table.items()
    assert [row.x for row in table.values()] == [10, 20, 30, 40, 50] and model[3] in table.values()
    assert list(reversed(table.keys())) == [5, 4, 3, 2, 1] and list(reversed(table.items()))[0][0] == 5
    assert len(table.keys()) == len(table.items()) == len(table.values()) == 5
    assert dict(table.items()) == model
    for view in (table.keys(), table.values(), table.items()):
        assert repr(view).startswith("<")
    with pytest.raises(TypeError):
        hash(table.keys())


def test_keys_of_two_fields(db: Any) -> None:
    pairs = db.create("pairs", Pair, load=[(1, 1, 5), (1, 2, 6), (2, 1, 7)])
    assert pairs.keys() == {(1, 1), (1, 2), (2, 1)} and pairs.keys() & {(1, 2), 1} == {(1, 2)}
    assert ((1, 2), pairs[1, 2]) in pairs.items()
    # The first field alone is no key, though it stands for a range of them.
    assert (1, pairs[1, 1]) not in pairs.items() and ((1,), pairs[1, 1]) not in pairs.items()


def test_views_of_a_database_show_one_state(db: Any) -> None:
    entries = db.create("entries", Entry, load=ROWS)
    keys, items = entries.keys(), entries.items()
    with db.write() as tx:
        del tx.entries[1]
        tx.entries[9] = Entry(9)
    assert keys == {1, 2, 3, 4, 5} and items[0][0] == 1 and list(keys[1:3]) == [2, 3]
    assert entries.keys() == {2, 3, 4, 5, 9}


def test_views_of_a_transaction_show_changes(db: Any) -> None:
    db.create("entries", Entry, load=ROWS)
    with db.write() as tx:
        keys = tx.entries.keys()
        del tx.entries[1]
        assert keys == {2, 3, 4, 5}
