"""Shards: tasks that are sent to other processes, whose workers give Arrow."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import shutil
from typing import Any

import pyarrow as pa
import pytest

import drystone as ds
from conftest import City, Point, Side

ROWS = 20_000


class Event(ds.Record):
    day: ds.u16 = ds.key()
    id: ds.u32 = ds.key()
    side: Side
    amount: ds.i32 | None = None


def event(n: int) -> Event:
    return Event(n // 1000, n, Side.BUY if n % 3 else Side.SELL, None if n % 10 == 0 else n)


@pytest.fixture
def events(db: Any, tmp_path: Any) -> Any:
    db.create("events", Event, load=map(event, range(ROWS)))
    return db.shard("events", tmp_path / "shards", 4)


def total(task: ds.Shard) -> tuple[int, int, int]:
    """What a worker does with a task."""
    table = pa.table(task)
    return os.getpid(), table.num_rows, sum(amount.as_py() or 0 for amount in table["amount"])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_multiprocessing(events: Any, method: str) -> None:
    tasks = events.split(6)
    assert len(tasks) == 8
    with multiprocessing.get_context(method).Pool(3) as pool:
        answers = pool.map(total, tasks, chunksize=1)
    assert os.getpid() not in {pid for pid, _, _ in answers}
    assert [rows for _, rows, _ in answers] == [2_500] * 8
    assert sum(amount for _, _, amount in answers) == sum(n for n in range(ROWS) if n % 10)


def test_a_task_says_what_it_has(events: Any, tmp_path: Any) -> None:
    assert events == events and len(events) == 4 and events.rows == ROWS
    assert (events.table_name, events.by) == ("events", ("day", "id"))
    again = ds.shards(tmp_path / "shards")
    assert list(again) == list(events) and again[1:3] == list(events)[1:3]
    second = events[1]
    assert (len(second), second.numbers, second.first, second.last) == (5_000, range(5_000, 10_000), (5, 5_000), (9, 9_999))
    assert second.file_name == "events-0001.dry" and second.path == str(tmp_path / "shards" / "events-0001.dry")
    assert "day: u16 key" in second.schema
    copy = pickle.loads(pickle.dumps(second))
    assert copy == second and hash(copy) == hash(second) and copy.to_arrow().equals(second.to_arrow())
    parts = second.split(3)
    assert [part.numbers for part in parts] == [range(5_000, 6_666), range(6_666, 8_333), range(8_333, 10_000)]
    assert pa.concat_tables([part.to_arrow() for part in parts]).equals(second.to_arrow())
    assert [batch.num_rows for batch in parts[0].batches()] == [1_666]
    with pytest.raises(ValueError, match="parts=0"):
        second.split(0)


def test_the_rows_are_those_of_the_table(db: Any, events: Any) -> None:
    whole = pa.concat_tables([shard.to_arrow() for shard in events]).unify_dictionaries()
    assert whole.equals(db.events.to_arrow().unify_dictionaries())
    assert sum(shard.table().where("amount > 100").count() for shard in events) == db.events.where("amount > 100").count()
    assert list(events[3].table())[0] == (15, 15_000)
    polars = pytest.importorskip("polars")
    assert polars.concat([shard.to_polars() for shard in events])["id"].to_list() == list(range(ROWS))


def test_by_and_without_a_key(db: Any, tmp_path: Any) -> None:
    db.create("events", Event, load=map(event, range(ROWS)))
    made = db.shard("events", tmp_path / "by day", 3, by="day")
    assert made.by == ("day",) and [len(shard) for shard in made] == [7_000, 6_000, 7_000]
    with pytest.raises(FileExistsError, match="has shards already"):
        db.shard("events", tmp_path / "by day", 3)
    assert len(db.shard("events", tmp_path / "by day", 5, replace=True)) == 5
    db.create("points", Point, load=[(x, 2, 3) for x in range(100)])
    points = db.shard("points", tmp_path / "points", 3)
    assert [shard.numbers for shard in points] == [range(0, 33), range(33, 66), range(66, 100)]
    assert points[0].first is None and points[2].to_arrow()["x"].to_pylist() == list(range(66, 100))
    db.create("cities", City)
    none = db.shard("cities", tmp_path / "none", 3)
    assert len(none) == 1 and len(none[0]) == 0 and none[0].to_arrow().num_rows == 0 and none[0].split(5) == list(none)
    with pytest.raises(TypeError):
        db.shard("events", tmp_path / "x", 3, by="amount")


def test_a_shard_that_is_not_right_is_named(db: Any, events: Any, tmp_path: Any) -> None:
    third = events[2]
    saved = tmp_path / "saved"
    shutil.move(third.path, saved)

    def error() -> str:
        with pytest.raises(Exception) as raised:
            third.to_arrow()
        said = "".join([str(raised.value), *getattr(raised.value, "__notes__", [])])
        # A trace-back holds the database, and a file in its place would not be opened.
        del raised
        gc.collect()
        return said

    assert "events-0002.dry" in error()
    shutil.copy(events[1].path, third.path)
    assert "events-0002.dry" in error() and "another first key" in error()
    damaged = bytearray(saved.read_bytes())
    damaged[8192 + 100] ^= 1
    os.unlink(third.path)
    with open(third.path, "wb") as file:
        file.write(damaged)
    assert "events-0002.dry" in error()
    os.unlink(third.path)
    shutil.move(saved, third.path)
    assert third.to_arrow().num_rows == 5_000
    # Tasks of shards that were made again do not mix two states.
    db.shard("events", tmp_path / "shards", 4, replace=True)
    assert "made again" in error()
    with pytest.raises(FileNotFoundError, match="shards.txt"):
        ds.shards(tmp_path)
