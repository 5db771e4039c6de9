"""Workers of a web server: what they share, what they commit, and what their parent keeps."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import drystone as ds
from conftest import Point

APP = """
    import os, numpy as np, drystone as ds
    Point = ds.make_record("Point", "x y z", ds.i32)
    # Loaded before the workers are forked: a list in memory, and a table of a file.
    rows = np.zeros(1_000_000, [("x", "<i4"), ("y", "<i4"), ("z", "<i4")])
    rows["x"] = 1
    points = ds.Table(Point, rows)
    db = ds.open(os.environ["POINTS"])
    stored = db.create("points", Point, load=rows)
    del rows

    def private():
        with open("/proc/self/smaps_rollup") as file:
            # Clean pages are those of the file, which no other worker happens to have read yet.
            return sum(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))

    def app(environ, start_response):
        before = private()
        total = 0
        if environ["PATH_INFO"] == "/read":
            # Every record becomes an object, as in a list of objects.
            for point in points:
                total += point.x
            total += stored.x.sum()
        body = f'{{"pid": {os.getpid()}, "total": {total}, "before": {before}, "private": {private()}}}'.encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]
"""


@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent"])
def test_workers_of_gunicorn_share_the_rows(tmp_path: Any, kind: str) -> None:
    """1: four preloaded workers that have read all rows are as small as before."""
    pytest.importorskip("gunicorn")
    if kind == "gevent":
        pytest.importorskip("gevent")
    (tmp_path / "points_app.py").write_text(textwrap.dedent(APP))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--chdir", str(tmp_path), "--workers", "4", "--worker-class", kind]
    command += ["--preload", "--timeout", "120", "--bind", f"127.0.0.1:{port}", "points_app:app"]
    command += ["--threads", "2"] if kind == "gthread" else []
    with (tmp_path / "log").open("w+") as log:
        environ = {**os.environ, "POINTS": str(tmp_path / "points.dry")}
        server = subprocess.Popen(command, env=environ, stderr=log)

        def ask(target: str) -> Any:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{target}", timeout=60) as answer:
                return json.load(answer)

        try:
            for _ in range(600):
                try:
                    ask("/idle")
                    break
                except OSError:
                    assert server.poll() is None, (tmp_path / "log").read_text()
                    time.sleep(0.1)
            read: dict[int, int] = {}
            until = time.monotonic() + 60
            while len(read) < 4 and time.monotonic() < until:
                with ThreadPoolExecutor(4) as pool:
                    for answer in pool.map(ask, ["/read"] * 4):
                        assert answer["total"] == 2_000_000
                        read.setdefault(answer["pid"], answer["private"] - answer["before"])
            # In KiB. A list of a million objects would be copied by its reference counts: 50 MB or more.
            assert len(read) == 4 and max(read.values()) < 6_000, read
        finally:
            server.terminate()
            assert server.wait(60) == 0


def test_the_parent_of_workers_keeps_no_state(path: str) -> None:
    """A parent that only waits must not keep what its workers have replaced since."""
    with ds.open(path) as db:
        points = db.create("points", Point, load=np.zeros(1000, [("x", "<i4"), ("y", "<i4"), ("z", "<i4")]))
        assert points[0].x == 0 and any(reader.process == os.getpid() for reader in db.readers())
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                for turn in range(20):
                    with db.write() as tx:
                        tx.points[turn].x = turn + 1
                code = any(reader.process == os.getppid() for reader in db.readers())
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert points[19].x == 20 and len(points) == 1000
        # What is held on purpose stays held.
        row, snapshot = points[0], db.snapshot()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        assert row.x == 1 and snapshot.points[19].x == 20
        assert any(reader.process == os.getpid() for reader in db.readers())


def test_forked_workers_that_commit_take_one_copy(tmp_path: Any) -> None:
    """Four workers read every record, and each commits changes of its own: the memory of all together."""
    benchmarks = [parent / "benchmarks" for parent in (ds_root(), *ds_root().parents)]
    found = next((one / "workers.py" for one in benchmarks if (one / "workers.py").exists()), None)
    if found is None:
        pytest.skip("the benchmark is not here")
    rows = 4_000_000
    done = subprocess.run([sys.executable, str(found), "--forked", str(rows)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    # A fifth more than one copy here; the interpreters of five processes vary by some megabytes.
    assert result["writing"] - result["empty"] < 1.2 * 20 * rows, result


def ds_root() -> Any:
    import pathlib

    folder = os.environ.get("DRYSTONE_EXAMPLES_FOLDER")
    return pathlib.Path(folder).resolve().parent / "python" if folder else pathlib.Path(__file__).resolve().parent.parent
