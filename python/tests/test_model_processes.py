"""Tables against lists and dicts, with processes: forked readers, forked writers that are killed.

DRYSTONE_EXAMPLES sets how many runs there are. DRYSTONE_MODEL_MINUTES=30 runs all machines, those of
test_models.py too, one after the other for so long, and says how many runs and steps there were.
"""

from __future__ import annotations

import collections
import os
import shutil
import signal
import tempfile
import time
import traceback
from typing import Any, Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import drystone as ds
import test_models

EXAMPLES = int(os.environ.get("DRYSTONE_EXAMPLES", "60"))
MINUTES = float(os.environ.get("DRYSTONE_MODEL_MINUTES", "0"))


class Entry(ds.Record):
    id: ds.u32 = ds.key()
    x: ds.i64 = 0
    name: ds.Str[6] = ""  # type: ignore[valid-type]


class Pair(ds.Record):
    x: ds.i64 = 0
    name: ds.Str[6] = ""  # type: ignore[valid-type]


# Small and few, so that runs meet each other, and large ones, so that pages split.
xs = st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1)
names = st.text("abcä", max_size=3)
keys = st.integers(0, 20)
places = st.integers(0, 30)
seeds = st.integers(0, 50)

# A change is a name and its arguments. It is applied to a table, here or in another process, and to
# the model, which is a dict of keys to values or a list of values.
Change = tuple[Any, ...]
dict_changes = st.one_of(
    st.tuples(st.just("put"), keys, xs, names),
    st.tuples(st.just("remove"), keys),
    st.tuples(st.just("assign"), keys, xs),
    st.tuples(st.just("delete_range"), keys, keys),
    st.tuples(st.just("update_where"), xs, xs),
    st.tuples(st.just("delete_where"), xs),
    st.tuples(st.just("many"), seeds),
    st.tuples(st.just("clear")),
)
list_changes = st.one_of(
    st.tuples(st.just("append"), xs, names),
    st.tuples(st.just("put"), places, xs, names),
    st.tuples(st.just("assign"), places, xs),
    st.tuples(st.just("insert"), places, xs),
    st.tuples(st.just("remove"), places),
    st.tuples(st.just("cut"), places, places),
    st.tuples(st.just("update_where"), xs, xs),
    st.tuples(st.just("many"), seeds),
    st.tuples(st.just("clear")),
)


def many(seed: int) -> list[tuple[int, int, str]]:
    """Records enough for several pages."""
    return [(100 + (key * 37 + seed) % 3_000, key * seed, "many") for key in range(0, 2_500, 1 + seed % 7)]


def change_dict(table: Any, change: Change) -> None:
    what, *values = change
    if what == "put":
        table[values[0]] = tuple(values)
    elif what == "remove":
        table.pop(values[0], None)
    elif what == "assign":
        if (row := table.get(values[0])) is not None:
            row.x = values[1]
    elif what == "delete_range":
        table.delete_range(*values)
    elif what == "update_where":
        table.update_where(f"x > {values[0]}", x=values[1])
    elif what == "delete_where":
        table.delete_where(f"x > {values[0]}")
    elif what == "many":
        table.load(many(values[0]), on_duplicate="last")
    else:
        table.clear()


def change_dict_model(model: dict[int, Any], change: Change) -> None:
    what, *values = change
    if what == "put":
        model[values[0]] = tuple(values)
    elif what == "remove":
        model.pop(values[0], None)
    elif what == "assign":
        if values[0] in model:
            model[values[0]] = (values[0], values[1], model[values[0]][2])
    elif what == "delete_range":
        for key in [key for key in model if values[0] <= key < values[1]]:
            del model[key]
    elif what == "update_where":
        model.update({key: (key, values[1], one[2]) for key, one in model.items() if one[1] > values[0]})
    elif what == "delete_where":
        for key in [key for key, one in model.items() if one[1] > values[0]]:
            del model[key]
    elif what == "many":
        model.update({one[0]: one for one in many(values[0])})
    else:
        model.clear()


def change_list(table: Any, change: Change) -> None:
    what, *values = change
    if what == "append":
        table.append(tuple(values))
    elif what in ("put", "assign", "remove") and values[0] >= len(table):
        return
    elif what == "put":
        table[values[0]] = tuple(values[1:])
    elif what == "assign":
        table[values[0]].x = values[1]
    elif what == "insert":
        table.insert(values[0], (values[1], "new"))
    elif what == "remove":
        del table[values[0]]
    elif what == "cut":
        del table[values[0] : values[1]]
    elif what == "update_where":
        table.update_where(f"x > {values[0]}", x=values[1])
    elif what == "many":
        table.extend([one[1:] for one in many(values[0])])
    else:
        table.clear()


def change_list_model(model: list[Any], change: Change) -> None:
    what, *values = change
    if what == "append":
        model.append(tuple(values))
    elif what in ("put", "assign", "remove") and values[0] >= len(model):
        return
    elif what == "put":
        model[values[0]] = tuple(values[1:])
    elif what == "assign":
        model[values[0]] = (values[1], model[values[0]][1])
    elif what == "insert":
        model.insert(values[0], (values[1], "new"))
    elif what == "remove":
        del model[values[0]]
    elif what == "cut":
        del model[values[0] : values[1]]
    elif what == "update_where":
        model[:] = [(values[1], one[1]) if one[0] > values[0] else one for one in model]
    elif what == "many":
        model += [one[1:] for one in many(values[0])]
    else:
        model.clear()


def in_child(body: Callable[[], Any]) -> int:
    """Forks a child that runs this, and gives its number. It ends with 0, or says what was wrong."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        body()
        code = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Processes(RuleBasedStateMachine):
    """A table of a database that other processes read and write, and die in."""

    kind: Any
    changes: Any
    change: Any
    change_model: Any
    make_model: Any
    counts: collections.Counter[str] = collections.Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.path = os.path.join(self.folder, "model.dry")
        self.db = ds.open(self.path, durable=False)
        self.db.create("rows", self.kind)
        self.model = self.make_model()
        self.held: list[tuple[Any, Any]] = []
        self.counts[type(self).__name__] += 1

    def teardown(self) -> None:
        self.held.clear()
        self.db.close()
        shutil.rmtree(self.folder)

    # ---- what the rules use

    def after(self, model: Any, batch: list[Change]) -> Any:
        """The model after these changes; the old one stays."""
        model = model.copy()
        for change in batch:
            type(self).change_model(model, change)
        return model

    def write(self, tx: Any, batch: list[Change]) -> None:
        for change in batch:
            type(self).change(tx.rows, change)

    @staticmethod
    def plain(table: Any) -> Any:
        if table._layout.is_keyed:
            return {key: ds.astuple(row) for key, row in table.items()}
        return [ds.astuple(row) for row in table]

    def check(self) -> None:
        assert self.plain(self.db.rows) == self.model
        for row, value in self.held:
            assert ds.astuple(row) == value

    # ---- one process

    @initialize(seed=seeds)
    def begin(self, seed: int) -> None:
        self.commit([("many", seed)])

    @rule(data=st.data())
    def commit_here(self, data: Any) -> None:
        self.commit(data.draw(st.lists(self.changes, max_size=6)))

    def commit(self, batch: list[Change]) -> None:
        with self.db.write(timeout=30) as tx:
            self.write(tx, batch)
        self.model = self.after(self.model, batch)

    @rule(data=st.data())
    def undo_here(self, data: Any) -> None:
        tx = self.db.write(timeout=30)
        self.write(tx, data.draw(st.lists(self.changes, max_size=6)))
        tx.abort()

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.db = ds.open(self.path, durable=False)
        self.db.table("rows", self.kind)

    @rule(at=st.integers(0, 100))
    def hold(self, at: int) -> None:
        # What is drawn must not depend on what a killed writer left.
        rows = self.db.rows.rows
        if len(rows):
            row = rows[at % len(rows)]
            self.held = [*self.held[-5:], (row, ds.astuple(row))]

    # ---- forks

    @rule(is_fresh=st.booleans())
    def read_in_a_child(self, is_fresh: bool) -> None:
        def reads() -> None:
            self.check()
            if is_fresh:
                with ds.open(self.path, "r") as db:
                    assert self.plain(db.table("rows", self.kind)) == self.model

        self.counts["forked readers"] += 1
        assert ended(in_child(reads)) == 0

    @rule(data=st.data(), undo=st.booleans())
    def fork_in_a_transaction(self, data: Any, undo: bool) -> None:
        batch = data.draw(st.lists(self.changes, max_size=4))
        tx = self.db.write(timeout=30)
        self.write(tx, batch[:2])

        def uses() -> None:
            self.check()
            with pytest.raises(RuntimeError, match="parent"):
                tx.rows.clear()
            with pytest.raises(TimeoutError):
                self.db.write(timeout=0.01)

        self.counts["forks in a transaction"] += 1
        assert ended(in_child(uses)) == 0
        self.write(tx, batch[2:])
        if undo:
            tx.abort()
        else:
            tx.commit()
            self.model = self.after(self.model, batch)

    @rule(data=st.data())
    def read_beside_commits(self, data: Any) -> None:
        """A child that reads all the time sees one state after the other, and no other ones."""
        batches = data.draw(st.lists(st.lists(self.changes, max_size=3), min_size=1, max_size=4))
        states = [self.model]
        for batch in batches:
            states.append(self.after(states[-1], batch))

        def reads() -> None:
            seen, until = 0, time.monotonic() + 60
            while states[seen] != states[-1]:
                assert time.monotonic() < until, f"stays at state {seen}"
                found = self.plain(self.db.rows)
                seen = next(at for at in range(seen, len(states)) if states[at] == found)

        self.counts["readers beside commits"] += 1
        child = in_child(reads)
        for batch in batches:
            self.commit(batch)
        assert ended(child) == 0

    @rule(data=st.data())
    def write_in_a_child(self, data: Any) -> None:
        batch = data.draw(st.lists(self.changes, max_size=5))

        def writes() -> None:
            with self.db.write(timeout=30) as tx:
                self.write(tx, batch)

        self.counts["forked writers"] += 1
        assert ended(in_child(writes)) == 0
        self.model = self.after(self.model, batch)

    # ---- kills

    @rule(data=st.data())
    def die_in_a_child(self, data: Any) -> None:
        """A writer that is killed between two commits, or inside of a transaction."""
        batches = data.draw(st.lists(st.lists(self.changes, max_size=4), min_size=1, max_size=3))
        last = data.draw(st.integers(0, len(batches[-1])))
        is_inside = data.draw(st.booleans())

        def writes() -> None:
            for batch in batches[:-1]:
                with self.db.write(timeout=30) as tx:
                    self.write(tx, batch)
            if is_inside:
                tx = self.db.write(timeout=30)
                self.write(tx, batches[-1][:last])
            os.kill(os.getpid(), signal.SIGKILL)

        self.counts["writers that died inside" if is_inside else "writers that died between"] += 1
        assert ended(in_child(writes)) == -signal.SIGKILL
        for batch in batches[:-1]:
            self.model = self.after(self.model, batch)

    @rule(data=st.data(), delay=st.integers(0, 6_000), is_durable=st.booleans())
    def kill_a_child(self, data: Any, delay: int, is_durable: bool) -> None:
        """A writer that is killed at any time, also in the middle of a commit. What it said to be
        committed is there, and at most the one commit that was under way."""
        batches = data.draw(st.lists(st.lists(self.changes, min_size=1, max_size=3), min_size=2, max_size=6))
        states = [self.model]
        for batch in batches:
            states.append(self.after(states[-1], batch))
        read, said = os.pipe()

        def writes() -> None:
            # Commits that wait for the disk take longer, so that more are killed on the way.
            db = ds.open(self.path) if is_durable else self.db
            db.table("rows", self.kind)
            os.write(said, b"!")
            for batch in batches:
                with db.write(timeout=30) as tx:
                    self.write(tx, batch)
                os.write(said, b".")
            time.sleep(60)

        child = in_child(writes)
        os.close(said)
        assert os.read(read, 1) == b"!"
        time.sleep(delay / 1e6)
        os.kill(child, signal.SIGKILL)
        assert ended(child) == -signal.SIGKILL
        committed = 0
        while more := os.read(read, 100):
            committed += len(more)
        os.close(read)
        allowed = states[committed : committed + 2]
        early = self.plain(self.db.rows)
        assert early in allowed, f"{committed} of {len(batches)} commits were confirmed"
        # A commit that was complete when its writer died, and not yet announced, is announced by the
        # next writer.
        self.db.write(timeout=30).abort()
        found = self.plain(self.db.rows)
        assert found in allowed[allowed.index(early) :]
        self.counts["writers that were killed"] += 1
        self.counts["of them, with a commit that was not confirmed"] += found != allowed[0]
        self.model = found

    @invariant()
    def same(self) -> None:
        self.counts["steps"] += 1
        self.check()


class DictProcesses(Processes):
    kind = Entry
    changes = dict_changes
    change = staticmethod(change_dict)
    change_model = staticmethod(change_dict_model)
    make_model = dict


class ListProcesses(Processes):
    kind = Pair
    changes = list_changes
    change = staticmethod(change_list)
    change_model = staticmethod(change_list_model)
    make_model = list


RUNS = settings(
    max_examples=max(1, EXAMPLES // 4), stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestDictProcesses = DictProcesses.TestCase
TestDictProcesses.settings = RUNS
TestListProcesses = ListProcesses.TestCase
TestListProcesses.settings = RUNS


@pytest.mark.skipif(not MINUTES, reason="set DRYSTONE_MODEL_MINUTES to run it")
def test_all_machines_for_minutes() -> None:
    machines = [DictProcesses, ListProcesses, *test_models.MACHINES]
    until, rounds = time.monotonic() + 60 * MINUTES, 0
    runs = settings(RUNS, max_examples=40, stateful_step_count=50, database=None)
    counts: collections.Counter[str] = collections.Counter()
    while time.monotonic() < until:
        machine: Any = machines[rounds % len(machines)]
        run_state_machine_as_test(machine, settings=runs)
        rounds += 1
        counts[machine.__name__] += runs.max_examples
    counts.update({name: count for name, count in Processes.counts.items() if " " in name or name == "steps"})
    print(f"\n{rounds} rounds in {MINUTES:.0f} minutes")
    for name, count in counts.items():
        print(f"{count:>9,} {name}")
