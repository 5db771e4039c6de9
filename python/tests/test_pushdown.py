"""Filters of polars go into the query: only rows that they can keep reach Python."""

from __future__ import annotations

import datetime
import enum
from typing import Any

import pytest

import drystone as ds
from drystone._queries import Selection

pl = pytest.importorskip("polars")
from polars.testing import assert_frame_equal  # noqa: E402

UTC = datetime.timezone.utc
ROWS = 2_000


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"
    MID = "a level"


class Reading(ds.Record):
    id: ds.u32 = ds.key()
    n: ds.i16 | None
    f: ds.f32
    g: ds.f64 | None
    s: ds.Str[6]
    ok: bool
    day: datetime.date
    at: datetime.datetime
    level: Level


def reading(i: int) -> Reading:
    day = datetime.date(2024, 1, 1) + datetime.timedelta(days=i % 400)
    at = datetime.datetime(2024, 1, 1, tzinfo=UTC) + datetime.timedelta(minutes=i, microseconds=i % 3)
    return Reading(
        i,
        None if i % 7 == 0 else i % 100 - 50,
        float("nan") if i % 11 == 0 else (i % 20) / 10,
        None if i % 5 == 0 else float("inf") if i % 13 == 0 else i / 8,
        f"s'{i % 30}",
        i % 3 == 0,
        day,
        at,
        list(Level)[i % 3],
    )


@pytest.fixture
def table(db: Any) -> Any:
    return db.create("readings", Reading, load=[reading(i) for i in range(ROWS)])


@pytest.fixture
def asked(monkeypatch: Any) -> list[int]:
    """The numbers of rows that queries hand to Python."""
    counts: list[int] = []
    rows = Selection.rows

    def counting(self: Any) -> Any:
        found = rows(self)
        counts.append(len(found))
        return found

    monkeypatch.setattr(Selection, "rows", counting)
    return counts


c = pl.col
WHOLE = [
    c("n") > 5,
    5 < c("n"),
    c("n") != 5,
    c("n") >= -40,
    (c("n") > 5) & (c("f") <= 1.0),
    (c("n") > 40) | (c("s") == "s'7"),
    ~(c("n") > 5),
    ~((c("n") > 5) & c("ok")),
    c("n").is_null(),
    c("g").is_not_null() & (c("id") < 100),
    c("n").is_between(1, 5),
    c("n").is_between(1, 5, closed="none"),
    c("f") == 0.1,
    c("f") > 1,
    c("f") < 1,
    c("g") > 100.5,
    c("s") == "s'7",
    c("s") < "s'2",
    c("s").str.starts_with("s'1"),
    c("ok"),
    ~c("ok"),
    c("ok") == False,  # noqa: E712
    c("day") > datetime.date(2024, 6, 1),
    c("at") <= datetime.datetime(2024, 1, 1, 5, 0, 0, 1, UTC),
    c("at") == datetime.datetime(2024, 1, 1, 0, 1, 0, 1, UTC),
    c("id") == 1234,
]
PARTS = [
    (c("id") < 50) & (c("n") + 1 > 5),
    (c("n").is_in([1, 2, 3])) & (c("id") >= 1900),
    (c("s").str.ends_with("7")) & c("ok") & (c("id") < 500),
    (c("f").is_nan()) & (c("id") < 100),
]
NOTHING = [c("n") + 1 > 5, c("n") > c("f"), c("s").str.len_chars() > 4, c("n").is_in([1, 2])]


@pytest.mark.parametrize("predicate", WHOLE, ids=str)
def test_a_filter_goes_into_the_query(table: Any, asked: list[int], predicate: Any) -> None:
    lazy, whole = ds.polars.scan(table), pl.DataFrame(table)
    asked.clear()
    found = lazy.filter(predicate).collect()
    assert_frame_equal(found, whole.filter(predicate))
    # One question without rows, whether the filter is understood; then the rows, and no others.
    assert asked == [0, len(found)] and len(found) < ROWS
    # The columns that the filter needs and the answer does not have are asked for, too.
    asked.clear()
    assert_frame_equal(lazy.filter(predicate).select("day").collect(), whole.filter(predicate).select("day"))
    assert asked == [0, len(found)]
    # A limit goes with it.
    asked.clear()
    assert_frame_equal(lazy.filter(predicate).head(3).collect(), whole.filter(predicate).head(3))
    assert sum(asked) <= max(3, len(found))


@pytest.mark.parametrize("predicate", PARTS, ids=str)
def test_a_part_of_a_filter_goes_into_the_query(table: Any, asked: list[int], predicate: Any) -> None:
    lazy, whole = ds.polars.scan(table), pl.DataFrame(table)
    asked.clear()
    found = lazy.filter(predicate).collect()
    assert_frame_equal(found, whole.filter(predicate))
    assert len(found) < sum(asked) < ROWS / 3


@pytest.mark.parametrize("predicate", NOTHING, ids=str)
def test_other_filters_are_left_to_polars(table: Any, asked: list[int], predicate: Any) -> None:
    lazy, whole = ds.polars.scan(table), pl.DataFrame(table)
    asked.clear()
    assert_frame_equal(lazy.filter(predicate).collect(), whole.filter(predicate))
    assert sum(asked) == ROWS


def test_enumerations(table: Any, asked: list[int]) -> None:
    lazy = ds.polars.scan(table)
    asked.clear()
    found = lazy.filter(c("level") == "high").collect()
    assert len(found) == sum(asked) == sum(i % 3 == 1 for i in range(ROWS))


def test_columns_and_limits_go_into_the_query(table: Any, asked: list[int], monkeypatch: Any) -> None:
    fields: list[Any] = []
    ask = Selection._question
    monkeypatch.setattr(Selection, "_question", lambda self, *more: fields.append(self._select) or ask(self, *more))
    lazy = ds.polars.scan(table)
    asked.clear(), fields.clear()
    assert lazy.select("s", "id").head(7).collect().shape == (7, 2)
    assert asked == [7] and fields == [("s", "id")] or set(fields[0]) == {"s", "id"}


def test_selections_and_tables_in_memory(table: Any, asked: list[int]) -> None:
    picked = ds.polars.scan(table.where("id < 100"))
    memory = ds.polars.scan(table.where("id < 100").rows())
    for lazy in (picked, memory):
        asked.clear()
        assert len(lazy.filter(c("id") >= 90).collect()) == 10 and sum(asked) == 10


def test_selections_with_limits_and_other_fields(table: Any) -> None:
    first = table.where("id >= 10").limit(20)
    assert ds.polars.scan(first).filter(c("id") > 25).collect()["id"].to_list() == [26, 27, 28, 29]
    named = table.select("id as key", "n")
    assert ds.polars.scan(named).filter(c("key") == 11).collect().columns == ["key", "n"]
    last = table.order_by("-id")
    assert ds.polars.scan(last).filter(c("id") < 3).collect()["id"].to_list() == [2, 1, 0]


def test_a_comparison_that_makes_no_sense(table: Any) -> None:
    with pytest.raises(pl.exceptions.PolarsError):
        ds.polars.scan(table).filter(c("n") == "text").collect()
