"""Tables against lists and dicts of dataclasses, with rows that are held. DRYSTONE_EXAMPLES sets how many
runs there are."""

from __future__ import annotations

import copy
import dataclasses
import os
import shutil
import tempfile
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import drystone as ds

RUNS = settings(
    max_examples=int(os.environ.get("DRYSTONE_EXAMPLES", "60")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Pair(ds.Record):
    x: ds.i32
    name: ds.Str[6]  # type: ignore[valid-type]
    n: ds.u16 | None = None


@dataclasses.dataclass(order=True)
class Plain:
    x: int
    name: str
    n: int | None = None


class Entry(ds.Record):
    id: ds.u32 = ds.key()
    x: ds.i64 = 0
    name: ds.Str[6] = ""  # type: ignore[valid-type]


@dataclasses.dataclass
class PlainEntry:
    id: int
    x: int = 0
    name: str = ""


xs = st.integers(-(2**31), 2**31 - 1)
names = st.text("abcä", max_size=3)
ns = st.none() | st.integers(0, 65534)
values = st.tuples(xs, names, ns)
keys_ = st.integers(0, 20)
places = st.integers(-3, 12)
slices = st.builds(slice, st.none() | places, st.none() | places, st.none() | st.sampled_from([1, 2, -1, -2, 3]))
plain_slices = st.builds(slice, st.none() | places, st.none() | places)


def outcome(call: Any) -> Any:
    """What a call returns, or the built-in class of its error."""
    try:
        return None, call()
    except (IndexError, ValueError, KeyError, TypeError) as error:
        return next(c for c in (IndexError, ValueError, KeyError, TypeError) if isinstance(error, c)), None


class ListMachine(RuleBasedStateMachine):
    """A list takes copies in: so the model copies what it is given, and only that."""

    def __init__(self) -> None:
        super().__init__()
        self.table = ds.Table(Pair)
        self.model: list[Plain] = []
        self.held: list[tuple[Any, Plain]] = []

    def both(self, real: Any, model: Any) -> Any:
        one, two = outcome(real), outcome(model)
        assert one[0] == two[0], (one, two)
        return one[1], two[1]

    @rule(value=values)
    def append(self, value: Any) -> None:
        self.table.append(value)
        self.model.append(Plain(*value))

    @rule(many=st.lists(values, max_size=30))
    def extend(self, many: Any) -> None:
        self.table.extend(Pair(*value) for value in many)
        self.model.extend(Plain(*value) for value in many)

    @rule(at=places, value=values)
    def insert(self, at: int, value: Any) -> None:
        self.table.insert(at, Pair(*value))
        self.model.insert(at, Plain(*value))

    @rule(at=places, value=values)
    def assign(self, at: int, value: Any) -> None:
        self.both(lambda: self.table.__setitem__(at, Pair(*value)), lambda: self.model.__setitem__(at, Plain(*value)))

    @rule(where=slices, many=st.lists(values, max_size=6))
    def assign_slice(self, where: Any, many: Any) -> None:
        self.both(
            lambda: self.table.__setitem__(where, [Pair(*value) for value in many]),
            lambda: self.model.__setitem__(where, [Plain(*value) for value in many]),
        )

    @rule(at=places)
    def delete(self, at: int) -> None:
        self.both(lambda: self.table.__delitem__(at), lambda: self.model.__delitem__(at))

    @rule(where=slices)
    def delete_slice(self, where: Any) -> None:
        self.both(lambda: self.table.__delitem__(where), lambda: self.model.__delitem__(where))

    @rule(at=places)
    def pop(self, at: int) -> None:
        one, two = self.both(lambda: self.table.pop(at), lambda: self.model.pop(at))
        if one is not None:
            self.held.append((one, two))

    @rule(one=places, two=places)
    def swap(self, one: int, two: int) -> None:
        def real() -> None:
            self.table[one], self.table[two] = self.table[two], self.table[one]

        def model() -> None:
            self.model[one], self.model[two] = copy.copy(self.model[two]), copy.copy(self.model[one])

        self.both(real, model)

    @rule(at=places)
    def hold(self, at: int) -> None:
        one, two = self.both(lambda: self.table[at], lambda: self.model[at])
        if one is not None:
            self.held.append((one, two))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), x=xs, n=ns)
    def change_held(self, data: Any, x: int, n: Any) -> None:
        row, plain = data.draw(st.sampled_from(self.held))
        row.x, row.n = x, n
        plain.x, plain.n = x, n

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def let_go(self, data: Any) -> None:
        self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))

    @rule(reverse=st.booleans())
    def sort(self, reverse: bool) -> None:
        self.table.sort(key=lambda row: (row.x, row.name), reverse=reverse)
        self.model.sort(key=lambda plain: (plain.x, plain.name), reverse=reverse)

    @rule()
    def turn_round(self) -> None:
        self.table.reverse()
        self.model.reverse()

    @rule(where=plain_slices)
    def copy_slice(self, where: Any) -> None:
        assert [ds.astuple(row) for row in self.table[where]] == [dataclasses.astuple(one) for one in self.model[where]]

    @rule()
    def clear(self) -> None:
        self.table.clear()
        self.model.clear()

    @rule(value=values)
    def find(self, value: Any) -> None:
        self.both(lambda: self.table.index(Pair(*value)), lambda: self.model.index(Plain(*value)))
        assert self.table.count(Pair(*value)) == self.model.count(Plain(*value))

    @invariant()
    def same(self) -> None:
        assert [ds.astuple(row) for row in self.table] == [dataclasses.astuple(one) for one in self.model]
        for row, plain in self.held:
            assert ds.astuple(row) == dataclasses.astuple(plain)


class DictMachine(RuleBasedStateMachine):
    """A keyed table, in a database that is opened again now and then, against a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.path = os.path.join(self.folder, "model.dry")
        self.db = ds.open(self.path, durable=False)
        self.db.create("entries", Entry)
        self.tx: Any = self.db.write()
        self.model: dict[int, PlainEntry] = {}
        self.committed: dict[int, PlainEntry] = {}
        self.held: list[tuple[Any, PlainEntry]] = []
        self.frozen: list[tuple[Any, Any]] = []

    def teardown(self) -> None:
        self.held.clear()
        self.tx.abort()
        self.db.close()
        shutil.rmtree(self.folder)

    keys = keys_

    @property
    def table(self) -> Any:
        return self.tx.entries

    @rule(key=keys, x=xs, name=names)
    def put(self, key: int, x: int, name: str) -> None:
        self.table[key] = Entry(key, x, name)
        self.model[key] = PlainEntry(key, x, name)

    @rule(key=keys, x=xs)
    def insert(self, key: int, x: int) -> None:
        try:
            self.table.insert(Entry(key, x))
            assert key not in self.model
            self.model[key] = PlainEntry(key, x)
        except ds.Error as error:
            assert error.kind == "key_exists" and key in self.model

    @rule(key=keys)
    def remove(self, key: int) -> None:
        assert (self.table.pop(key, None) is None) == (self.model.pop(key, None) is None)

    @rule(key=keys)
    def hold(self, key: int) -> None:
        row = self.table.get(key)
        assert (row is None) == (key not in self.model)
        if row is not None:
            self.held.append((row, self.model[key]))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), x=xs)
    def change_held(self, data: Any, x: int) -> None:
        row, plain = data.draw(st.sampled_from(self.held))
        row.x = plain.x = x

    @rule(low=keys, high=keys)
    def delete_range(self, low: int, high: int) -> None:
        gone = [key for key in self.model if low <= key < high]
        assert self.table.delete_range(low, high) == len(gone)
        for key in gone:
            del self.model[key]

    @rule(limit=xs, x=xs)
    def update_where(self, limit: int, x: int) -> None:
        changed = [one for one in self.model.values() if one.x > limit]
        assert self.table.update_where(f"x > {limit}", x=x) == len(changed)
        for one in changed:
            one.x = x

    @rule(many=st.dictionaries(keys, xs, max_size=10))
    def load(self, many: Any) -> None:
        replaced = [one for one in self.model if one in many]
        # A load puts new records in the place of the old ones.
        self.held = [(row, plain) for row, plain in self.held if plain.id not in replaced]
        self.table.load([Entry(key, x) for key, x in many.items()], on_duplicate="last")
        for key, x in many.items():
            self.model[key] = PlainEntry(key, x)

    @rule(undo=st.booleans(), reopen=st.booleans())
    def end(self, undo: bool, reopen: bool) -> None:
        rows = [row for row, _ in self.held]
        self.held.clear()
        if undo:
            self.tx.abort()
            self.model = copy.deepcopy(self.committed)
        else:
            self.tx.commit()
            self.committed = copy.deepcopy(self.model)
        for row in rows:
            try:
                row.x = 5
            except AttributeError:
                continue
            # Rows whose record was removed are records of their own.
        if reopen:
            self.db.close()
            self.db = ds.open(self.path, durable=False)
            assert len(self.db.entries) == len(self.committed)
            self.db.table("entries", Entry)
        for key, one in list(self.committed.items())[:1]:
            self.frozen.append((self.db.entries[key], dataclasses.astuple(one)))
        self.tx = self.db.write()

    @invariant()
    def same(self) -> None:
        assert {key: ds.astuple(row) for key, row in self.table.items()} == {
            key: dataclasses.astuple(one) for key, one in self.model.items()
        }
        assert list(self.table) == sorted(self.model)
        for row, plain in self.held:
            assert ds.astuple(row) == dataclasses.astuple(plain)
        for row, value in self.frozen:
            assert ds.astuple(row) == value


class TxListMachine(ListMachine):
    """The list's rules, on a table of a transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.db = ds.memory()
        self.tx = self.db.write()
        self.table = self.tx.create("pairs", Pair)

    @rule(where=plain_slices)
    def copy_slice(self, where: Any) -> None:
        assert [ds.astuple(row) for row in self.table[where]] == [dataclasses.astuple(one) for one in self.model[where]]

    @rule(reverse=st.booleans())
    def sort(self, reverse: bool) -> None:
        # Rows that are held do not go with their records here: the records are written again.
        self.held.clear()
        super_key = lambda one: (one.x, one.name)  # noqa: E731
        self.table.sort(key=super_key, reverse=reverse)
        self.model.sort(key=super_key, reverse=reverse)

    @rule()
    def turn_round(self) -> None:
        self.held.clear()
        self.table.reverse()
        self.model.reverse()


class MemoryDictMachine(DictMachine):
    """The dict's rules, on a keyed table in memory, which has no transaction that ends."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = ds.Table(Entry)

    @property
    def table(self) -> Any:
        return self.memory

    end = None  # type: ignore[assignment]

    @rule(key=keys_, x=xs)
    def setdefault(self, key: int, x: int) -> None:
        row = self.memory.setdefault(key, Entry(key, x))
        plain = self.model.setdefault(key, PlainEntry(key, x))
        assert ds.astuple(row) == dataclasses.astuple(plain)
        self.held.append((row, plain))

    @rule(many=st.dictionaries(keys_, xs, max_size=6))
    def merge(self, many: Any) -> None:
        self.memory |= {key: Entry(key, x) for key, x in many.items()}
        self.model |= {key: PlainEntry(key, x) for key, x in many.items()}

    @rule()
    def copy(self) -> None:
        assert self.memory.copy() == self.memory and self.memory.keys() == self.model.keys()

    @rule()
    def popitem(self) -> None:
        if self.model:
            key = max(self.model)
            found, row = self.memory.popitem()
            assert found == key and ds.astuple(row) == dataclasses.astuple(self.model[key])
            self.held.append((row, self.model.pop(key)))

    @rule()
    def clear(self) -> None:
        self.memory.clear()
        self.model.clear()


MACHINES = [ListMachine, DictMachine, TxListMachine, MemoryDictMachine]
TestMemoryDict = MemoryDictMachine.TestCase
TestMemoryDict.settings = RUNS
TestList = ListMachine.TestCase
TestList.settings = RUNS
TestDict = DictMachine.TestCase
TestDict.settings = RUNS
TestTxList = TxListMachine.TestCase
TestTxList.settings = RUNS
