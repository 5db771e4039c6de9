"""A `ctypes.Structure` and arrays of it, beside Drystone."""

from __future__ import annotations

import ctypes
import io
from typing import Any

import pytest

import drystone as ds


class Struct(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int32), ("y", ctypes.c_int32), ("z", ctypes.c_int32)]


class Stored(ds.Record):
    x: ds.i32
    y: ds.i32
    z: ds.i32 = 0


BOTH = pytest.mark.parametrize("kind", [Struct, Stored])


@BOTH
def test_attributes(kind: Any) -> None:
    one = kind(1, 2)
    assert (one.x, one.y, one.z) == (1, 2, 0) and kind(y=2, x=1).x == 1
    one.x = 7
    one.y += 1
    assert (one.x, one.y) == (7, 3) and type(one.x) is int
    for wrong in ("a", None, 3.0):
        with pytest.raises(TypeError):
            one.x = wrong
    with pytest.raises(TypeError):
        kind(1, 2, 3, 4)


@pytest.fixture(params=["ctypes", "drystone"])
def rows(request: Any) -> Any:
    if request.param == "ctypes":
        return (Struct * 10)(*[(i, 2 * i, 0) for i in range(10)])
    return ds.Table(Stored, [(i, 2 * i) for i in range(10)])


def test_arrays_of_them(rows: Any) -> None:
    assert len(rows) == 10 and rows[3].y == 6 and rows[-1].x == 9 and [row.x for row in rows][:3] == [0, 1, 2]
    rows[3].z = 5
    held = rows[3]
    held.x = 50
    assert (rows[3].x, rows[3].z) == (50, 5)
    rows[0] = rows[1]
    assert rows[0].x == 1 and [row.x for row in rows[2:4]] == [2, 50]
    with pytest.raises(IndexError):
        rows[10]


def test_memory(rows: Any) -> None:
    """Both are 12 bytes a record, side by side, in the buffer protocol."""
    with memoryview(rows) as view:
        assert view.nbytes == 120 and view.itemsize == 12 and view.shape == (10,)
        data = bytes(view)
    assert int.from_bytes(data[12:16], "little") == 1 and int.from_bytes(data[16:20], "little") == 2
    file = io.BytesIO()
    file.write(rows)
    assert file.getvalue() == data


def test_structures_go_into_a_table_and_back() -> None:
    np = pytest.importorskip("numpy")
    array = (Struct * 3)((1, 2, 3), (4, 5, 6), (7, 8, 9))
    table = ds.Table(Stored, np.ctypeslib.as_array(array))
    assert [tuple(row) for row in table] == [(1, 2, 3), (4, 5, 6), (7, 8, 9)]
    table = ds.Table(Stored, array)  # objects with the same attributes
    assert table[2] == Stored(7, 8, 9)
    back = (Struct * 3).from_buffer_copy(memoryview(table))
    assert (back[1].x, back[2].z) == (4, 9)


def test_packed_fields() -> None:
    """Fields lie side by side without padding, as with `_pack_ = 1`, the widest first or not."""

    class Packed(ctypes.Structure):
        _pack_ = 1
        _fields_ = [("a", ctypes.c_uint8), ("b", ctypes.c_double), ("c", ctypes.c_uint16)]

    made: Any = ds.make_record("Packed", {"a": ds.u8, "b": ds.f64, "c": ds.u16})
    assert ctypes.sizeof(Packed) == made.__layout__.width == 11
    for one in (Packed(1, 0.5, 65535), made(1, 0.5, 65535)):
        assert (one.a, one.b, one.c) == (1, 0.5, 65535)


def test_differences() -> None:
    """A number that does not fit is refused, records are compared by value, and other attributes are errors."""
    assert Struct(2**31, 0, 0).x == -(2**31)
    with pytest.raises(OverflowError):
        Stored(2**31, 0, 0)
    assert Struct(1, 2, 3) != Struct(1, 2, 3) and Stored(1, 2, 3) == Stored(1, 2, 3)
    struct: Any = Struct(1, 2)
    struct.w = 5
    with pytest.raises(AttributeError):
        Stored(1, 2).w = 5  # type: ignore[attr-defined]
    # An array of ctypes cannot grow; its rows swap as NumPy's do.
    array = (Struct * 2)((1, 0, 0), (2, 0, 0))
    table = ds.Table(Stored, [(1, 0), (2, 0)])
    array[0], array[1] = array[1], array[0]
    table[0], table[1] = table[1], table[0]
    assert [row.x for row in array] == [2, 2] and [row.x for row in table] == [2, 1]
    table.append((3, 0))
    assert len(table) == 3
