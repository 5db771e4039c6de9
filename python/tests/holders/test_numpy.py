"""A structured array of NumPy, beside Drystone."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import drystone as ds
from conftest import Point

np = pytest.importorskip("numpy")

DTYPE = [("x", "<i4"), ("y", "<i4"), ("z", "<i4")]
VALUES = [(i, i % 3, -i) for i in range(10)]


@pytest.fixture(params=["numpy", "drystone"])
def rows(request: Any) -> Any:
    return np.array(VALUES, DTYPE) if request.param == "numpy" else ds.Table(Point, VALUES)


def test_rows_and_fields(rows: Any) -> None:
    row = rows[3]
    assert (row["x"], row[1], rows[3]["z"], len(rows), tuple(rows[-1])) == (3, 0, -3, 10, (9, 0, -9))
    rows[3]["y"] = 7
    assert rows[3]["y"] == 7
    x, y, z = rows[4]
    assert (x, y, z) == (4, 1, -4)
    with pytest.raises(IndexError):
        rows[10]


def test_assigning_rows(rows: Any) -> None:
    rows[0] = (7, 8, 9)
    rows[-1] = rows[1]
    assert tuple(rows[0]) == (7, 8, 9) and tuple(rows[9]) == (1, 1, -1)
    # A row in hand shows the later change.
    row = rows[2]
    rows[2]["x"] = 55
    assert row["x"] == 55


def test_columns(rows: Any) -> None:
    x = np.asarray(rows)["x"] if isinstance(rows, np.ndarray) else np.asarray(rows.x)
    assert x.dtype == np.int32 and x.tolist() == list(range(10)) and x.sum() == 45
    y = np.asarray(rows)["y"]
    assert np.asarray(rows)[y == 2]["x"].tolist() == [2, 5, 8]
    np.asarray(rows)["z"][:] = x * 2
    assert [row["z"] for row in rows] == [2 * i for i in range(10)]
    assert np.sort(np.asarray(rows), order=["y", "x"])["x"].tolist() == [0, 3, 6, 9, 1, 4, 7, 2, 5, 8]


def test_the_array_itself(rows: Any) -> None:
    array = np.asarray(rows)
    assert array.dtype == np.dtype(DTYPE) and array.dtype.names == ("x", "y", "z") and array.itemsize == 12
    assert array.nbytes == 120 and array.tolist() == VALUES
    assert array.view("<i4").reshape(-1, 3).sum(axis=0).tolist() == [45, 9, -45]
    assert memoryview(rows).nbytes == 120


def test_taking_places(rows: Any) -> None:
    places = np.array([5, 0, 5])
    taken = rows[places] if isinstance(rows, np.ndarray) else rows.get_many(places)
    assert [tuple(row) for row in taken] == [(5, 2, -5), (0, 0, 0), (5, 2, -5)]
    with pytest.raises(IndexError):
        rows[np.array([100])] if isinstance(rows, np.ndarray) else rows.get_many(np.array([100]))


def test_pickles(rows: Any) -> None:
    assert [tuple(row) for row in pickle.loads(pickle.dumps(rows))] == VALUES


def test_record_arrays() -> None:
    """`np.recarray` has attributes on rows and columns, as a table does."""
    for rows in (np.rec.array(VALUES, DTYPE), ds.Table(Point, VALUES)):
        assert rows[3].x == 3 and rows.x.sum() == 45
        rows[3].y = 9
        assert rows[3].y == 9


def test_a_dtype_is_a_class_of_records() -> None:
    kind: Any = ds.record_class(np.dtype([("a", "<u2"), ("b", "<f8"), ("s", "S4"), ("v", "<f4", (2,))]))
    assert kind._fields == ("a", "b", "s", "v")
    array = np.zeros(3, DTYPE)
    array["x"] = 1, 2, 3
    table: Any = ds.Table(array.dtype, array)
    assert table.x.sum() == 6 and np.array_equal(np.asarray(table), array)
    table[0].x = 50
    assert array["x"][0] == 1  # what is put in is copied in


def test_views_show_the_memory_of_the_table() -> None:
    table = ds.Table(Point, VALUES)
    view = np.asarray(table)
    table[1].x = 77
    view["y"][2] = 88
    assert view["x"][1] == 77 and table[2].y == 88
    with pytest.raises(BufferError):
        table.append((1, 2, 3))
    del view
    table.append((1, 2, 3))
    assert len(table) == 11


def test_differences() -> None:
    """A swap swaps, a slice copies, a list grows, and a number that does not fit is refused."""
    array, table = np.array(VALUES, DTYPE), ds.Table(Point, VALUES)
    for rows in (array, table):
        rows[0], rows[1] = rows[1], rows[0]
    assert array["x"][:2].tolist() == [1, 1] and table.x.to_list()[:2] == [1, 0]
    for rows in (array, table):
        rows[2:4][0]["y"] = 99
    assert array[2]["y"] == 99 and table[2].y == 2
    array["x"][5] = 3.9
    assert array["x"][5] == 3
    with pytest.raises(TypeError):
        table[5].x = 3.9  # type: ignore[assignment]
    del table[0]
    table.insert(0, (5, 5, 5))
    assert len(table) == 10
    # Fields come out as numbers of Python, not of NumPy.
    assert type(table[0].x) is int and isinstance(array[0]["x"], np.int32)
