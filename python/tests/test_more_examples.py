"""The longer examples run with small sizes, and say what they should."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import drystone as ds

HERE = pathlib.Path(__file__).resolve()
ROOTS = [parent for parent in HERE.parents if (parent / "examples" / "python").is_dir()]
EXAMPLES = pathlib.Path(os.environ.get("DRYSTONE_EXAMPLES_FOLDER", ROOTS[0] / "examples" if ROOTS else "examples"))


def run(name: str, *args: str) -> list[str]:
    command = [sys.executable, "-W", "error::ResourceWarning", str(EXAMPLES / "python" / name), *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def test_replaced_list() -> None:
    before, after, says, end = run("replaced_list.py", "100000")
    bytes_before, bytes_after = (float(re.findall(r"([\d.]+) bytes", line)[0]) for line in (before, after))
    # A list over-allocates, and so may a table; 9 bytes a record are its data.
    assert bytes_before > 60 and bytes_after < 30
    assert says == "24999 with four passengers, 4.875 on average"
    assert end == "the same results"


def test_pandas_round_trip() -> None:
    pytest.importorskip("pandas")
    schema, shape, sums, means, changed = run("pandas_round_trip.py", "3000")
    assert schema.startswith("order: u32 key") and "cents: i64?" in schema
    assert shape.startswith("3000 Int64 datetime64[") and shape.endswith(" 300")
    assert sums == "the same sums" and means == "the same means ['Berlin', 'Oslo', 'Rome']" and changed == "True True"


def test_polars_round_trip() -> None:
    pytest.importorskip("polars")
    schema, same, answer, rows = run("polars_round_trip.py", "3000")
    assert schema.startswith("sensor: u16 key, tick: u64 key")
    assert (same, answer, rows) == ("the same frame", "the same answer", "120")


def test_duckdb_query() -> None:
    pytest.importorskip("duckdb")
    lines = run("duckdb_query.py", "5000")
    assert lines[:5] == [f"shop {i} 1000 {497_500 + 1000 * i} {5 - i}" for i in range(5)]
    assert lines[5:] == ["the same sums", "999"]


def test_training_loader() -> None:
    pytest.importorskip("numpy")
    first, second = run("training_loader.py", "1000")
    assert first.startswith("epoch 0: 16 batches, 1000 samples, labels 4500, begins with [")
    assert second.startswith("epoch 1: 16 batches, 1000 samples, labels 4500") and first[9:] != second[9:]


def test_asyncio_service() -> None:
    counts, error = run("asyncio_service.py", "12")
    assert counts == "['4', '4', '4', '12', '0']" and "error: invalid literal" in error


def cells() -> list[str]:
    text = (EXAMPLES / "python" / "notebook.py").read_text()
    return [cell for cell in re.split(r"^# %%", text, flags=re.M) if not cell.startswith(" [markdown]")][1:]


def test_notebook(tmp_path: Any, monkeypatch: Any, capsys: Any) -> None:
    """Each cell runs twice, as in IPython, where the names stay; then all of them again in a new session."""
    monkeypatch.setenv("FOLDER", str(tmp_path))
    names: dict[str, Any] = {"__name__": "__main__"}
    for session in range(2):
        names = {"__name__": "__main__"}
        for cell in cells():
            for _ in range(2):
                exec(compile("#" + cell, "cell", "exec", dont_inherit=True), names)
        assert set(names["names"]) == {"cities", "id", "name", "population"} and "Atlantis" in names["html"]
        assert len(names["cities"]) == 4 and names["cities"][4].name == "Rome"
    said = capsys.readouterr().out
    assert "1 ['Berlin'] 4595810" in said and "2 ['Berlin', 'Rome'] 7342794" in said
    assert "Berlin" in repr(names["cities"]) and repr(names["db"])


def flask_app() -> Any:
    pytest.importorskip("flask")
    found = importlib.util.spec_from_file_location("flask_example", EXAMPLES / "flask" / "app.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["flask_example"] = module
    found.loader.exec_module(module)
    return module


def test_flask_app_sees_the_writes_of_others(tmp_path: Any) -> None:
    path = str(tmp_path / "points.dry")
    client = flask_app().create_app(path, rows=100).test_client()
    with ds.open(path) as db, db.write() as tx:
        tx.points[5].x = 55
        del tx.points[6]
    assert client.get("/points/5").json == {"id": 5, "x": 55, "y": 10, "z": 15}
    assert client.get("/points/6").status_code == 404
    assert client.get("/sum").json == sum(range(100)) + 50 - 6
    for wrong in ({"x": 1}, {"x": "a", "y": 1, "z": 1}, {"x": 1, "y": 1, "z": 1, "w": 1}, {"x": 1.5, "y": 1, "z": 1}):
        assert client.put("/points/5", json=wrong).status_code == 400
    # A second app over the file, as after a restart, keeps what is there.
    assert flask_app().create_app(path, rows=5).test_client().get("/points/5").json["x"] == 55


@pytest.mark.parametrize("options", [["--workers", "2"], ["--workers", "2", "--threads", "4"]], ids=["sync", "gthread"])
def test_flask_app_under_gunicorn(tmp_path: Any, options: list[str]) -> None:
    """Writes of one worker are seen at once by all, and none is lost."""
    pytest.importorskip("gunicorn")
    flask_app()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--chdir", str(EXAMPLES / "flask"), *options, "--preload"]
    command += ["--bind", f"127.0.0.1:{port}", "app:app"]
    log = (tmp_path / "log").open("w+")
    server = subprocess.Popen(
        command,
        env={**os.environ, "POINTS": str(tmp_path / "points.dry"), "ROWS": "1000", "PYTHONDONTWRITEBYTECODE": "1"},
        stderr=log,
    )

    def ask(target: str, body: bytes | None = None) -> bytes:
        headers = {"content-type": "application/json"}
        method = "GET" if body is None else "PUT"
        request = urllib.request.Request(f"http://127.0.0.1:{port}{target}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def visit(start: int) -> None:
        for key in range(start, start + 20):
            ask(f"/points/{key}", b'{"x": %d, "y": 0, "z": 0}' % (1000 + key))
            assert json.loads(ask(f"/points/{key}"))["x"] == 1000 + key

    try:
        for _ in range(300):
            try:
                ask("/points/1")
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(visit, range(0, 120, 20)))
        assert int(ask("/sum")) == sum(range(1000)) + 120 * 1000
    finally:
        server.terminate()
        assert server.wait(60) == 0
        log.close()
