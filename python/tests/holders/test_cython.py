"""A Cython extension type with C fields, beside Drystone."""

from __future__ import annotations

import importlib
import operator
import shutil
import subprocess
import sys
from typing import Any

import pytest

import drystone as ds

pytest.importorskip("Cython")
pytest.importorskip("setuptools")

SOURCE = """
cdef class Compiled:
    cdef public int x, y, z
    def __init__(self, int x, int y, int z=0):
        self.x, self.y, self.z = x, y, z
    def __eq__(self, other):
        return isinstance(other, Compiled) and (self.x, self.y, self.z) == (other.x, other.y, other.z)
    def __reduce__(self):
        return Compiled, (self.x, self.y, self.z)
    def total(self):
        return self.x + self.y + self.z
"""


class Stored(ds.Record):
    x: ds.i32
    y: ds.i32
    z: ds.i32 = 0

    def total(self) -> int:
        return self.x + self.y + self.z


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: Any) -> Any:
    if shutil.which("gcc") is None and shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("cython")
    (folder / "compiled_point.pyx").write_text(SOURCE)
    command = [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "-3", "-q", "compiled_point.pyx"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"Cython cannot compile here: {done.stderr.strip().splitlines()[-1:]}")
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("compiled_point").Compiled
    finally:
        sys.path.remove(str(folder))


@pytest.fixture(params=["cython", "drystone"])
def kind(request: Any, compiled: Any) -> Any:
    return compiled if request.param == "cython" else Stored


def test_attributes(kind: Any) -> None:
    one = kind(1, y=2)
    assert (one.x, one.y, one.z, one.total()) == (1, 2, 0, 3) and operator.attrgetter("x", "y")(one) == (1, 2)
    one.x += 6
    assert one.x == 7
    with pytest.raises(AttributeError):
        one.w = 1
    assert not hasattr(one, "__dict__")


def test_typed_fields(kind: Any) -> None:
    """Both hold C integers of 32 bits, and refuse what is none."""
    one = kind(1, 2, 3)
    for wrong in (2**31, -(2**31) - 1):
        with pytest.raises(OverflowError):
            one.x = wrong
        with pytest.raises(OverflowError):
            kind(wrong, 0)
    for wrong in ("1", None, [1]):
        with pytest.raises(TypeError):
            one.x = wrong
    one.x = True
    assert one.x == 1 and type(one.x) is int
    one.x = -(2**31)
    assert one.x == -(2**31)


def test_values(kind: Any) -> None:
    import pickle

    one = kind(1, 2, 3)
    assert one == kind(1, 2, 3) and one != kind(1, 2, 4) and pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(TypeError):
        hash(one)


def test_match(kind: Any) -> None:
    match kind(1, 2, 3):
        case object(x=1, y=y):
            assert y == 2


def test_a_list_of_them_becomes_a_table(compiled: Any) -> None:
    rows = [compiled(i, i % 3) for i in range(9)]
    table = ds.Table(Stored, rows)
    for holder in (rows, table):
        holder.sort(key=lambda row: (row.y, -row.x))
        assert [row.x for row in holder] == [6, 3, 0, 7, 4, 1, 8, 5, 2]
        assert sum(row.total() for row in holder) == 45


def test_differences(compiled: Any) -> None:
    """An extension type has what its author wrote. A record is iterated, ordered and compared without that."""
    with pytest.raises(TypeError):
        iter(compiled(1, 2))
    with pytest.raises(TypeError):
        compiled(1, 2) < compiled(1, 3)
    assert [*Stored(1, 2)] == [1, 2, 0] and Stored(1, 2) < Stored(1, 3)
    # A C integer of Cython cuts a float.
    assert compiled(3.9, 0).x == 3
    with pytest.raises(TypeError):
        Stored(3.9, 0)  # type: ignore[arg-type]
    assert sys.getsizeof(compiled(1, 2)) == 32 and Stored.__layout__.width == 12  # type: ignore[attr-defined]
