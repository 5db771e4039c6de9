"""The examples run, and print what they should."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

HERE = pathlib.Path(__file__).resolve()
ROOTS = [parent for parent in HERE.parents if (parent / "examples" / "python").is_dir()]
EXAMPLES = pathlib.Path(os.environ.get("DRYSTONE_EXAMPLES_FOLDER", ROOTS[0] / "examples" if ROOTS else "examples"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("flights.py", "336,776 flights\nLGA DTW 25\n"),
        ("in_memory.py", "100000 Point(x=0, y=0, z=5) Point(x=99994, y=6, z=0) 4999950000 14286\n"),
        ("loader.py", "45000\n"),
        ("service.py", "-10 10 0\n"),
    ],
)
def test_example(name: str, expected: str) -> None:
    done = subprocess.run([sys.executable, str(EXAMPLES / "python" / name)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(expected), done.stdout


def test_dask() -> None:
    pytest.importorskip("dask.dataframe")
    pytest.importorskip("distributed")
    example = EXAMPLES / "python" / "shards_dask.py"
    done = subprocess.run([sys.executable, str(example)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "171426\n8 -1\n", done.stdout


def test_flask(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / "flask"))
    import app as module

    client = module.create_app(str(tmp_path / "points.dry"), rows=100).test_client()
    assert client.get("/points/7").json == {"id": 7, "x": 7, "y": 14, "z": 21}
    assert client.get("/points/700").status_code == 404
    assert client.put("/points/700", json={"x": 1, "y": 2, "z": 3}).json["z"] == 3
    assert client.put("/points/701", json={"x": 2**31, "y": 2, "z": 3}).status_code == 400
    assert client.get("/points/700").json["x"] == 1
    assert client.get("/sum?low=5&high=8").json == 18
