"""What goes wrong around a database: a full disk, a file of a newer format, a worker that is killed."""

from __future__ import annotations

import errno
import os
import resource
import signal
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from typing import Any, Iterator

import numpy as np
import pytest

import drystone as ds
from conftest import City, Point, Side

PAGE = 4096


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    here = os.path.dirname(__file__)
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *args],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])},
    )


@pytest.fixture
def small_disk(tmp_path: Any) -> Iterator[str]:
    """A file system of 80 megabytes. A new file begins with 32."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("a file system is mounted by root only")
    try:
        yield str(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(path: str, code: int) -> None:
    """Writes until the system refuses, in several ways; what was committed stays, and nothing else."""
    with ds.open(path) as db:
        points = db.create("points", Point, load=[(i, 0, 0) for i in range(1000)])
        db.create("cities", City, load=[City(i, "a", Side.BUY, 0.0) for i in range(1000)])
        many = np.zeros(10_000_000, [("x", "<i4"), ("y", "<i4"), ("z", "<i4")])
        for turn in range(3):
            with pytest.raises(OSError) as caught, db.write() as tx:
                if turn == 0:
                    tx.points.load(many)
                elif turn == 1:
                    tx.create("more", Point, load=many)
                else:
                    for _ in range(100):
                        tx.points.load(many[:500_000])
                        tx.cities.insert((len(tx.cities), "city", Side.SELL, 1.0))
            assert isinstance(caught.value, ds.Error) and caught.value.kind == "io"
            assert caught.value.errno == code, caught.value
            assert (db.table_names(), len(points), len(db.cities)) == (["cities", "points"], 1000, 1000)
            assert points[999] == Point(999, 0, 0) and not tx._is_open
        # What fits is written afterwards.
        with db.write() as tx:
            tx.points.append((-1, 0, 0))
    with ds.open(path) as db:
        assert db.points[1000].x == -1 and db.points.x.sum() == sum(range(1000)) - 1
        assert db.cities.id.sum() == sum(range(1000))


def test_a_full_disk(small_disk: str) -> None:
    fill(os.path.join(small_disk, "full.dry"), errno.ENOSPC)


def test_a_limit_of_file_sizes(path: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (80 << 20, before[1]))
    try:
        fill(path, errno.EFBIG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def with_version(path: str, version: int) -> bytes:
    """The file with another version in its meta pages, and the checksums of these right."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    patched = 0
    for start in (0, PAGE):
        page = data[start : start + PAGE]
        if page[:8] == b"drystone":
            page[8:12] = struct.pack("<I", version)
            page[-4:] = struct.pack("<I", zlib.crc32(page[:-4]))
            data[start : start + PAGE] = page
            patched += 1
    assert patched
    return bytes(data)


@pytest.mark.parametrize("mode", ["c", "r", "r+"])
def test_a_file_of_a_newer_format(path: str, mode: str) -> None:
    with ds.open(path) as db:
        db.create("points", Point, load=[(1, 2, 3)])
    data = with_version(path, 2)
    with open(path, "rb") as file:
        assert file.read() == data, "the checksum of a meta page is not as the documentation says"
    newer = with_version(path, 77)
    with open(path, "wb") as file:
        file.write(newer)
    with pytest.raises(ValueError, match="version 77") as caught:
        ds.open(path, mode)
    assert isinstance(caught.value, ds.Error) and caught.value.kind == "future_format"
    with open(path, "rb") as file:
        assert file.read() == newer


WRITER = """
    import sys, drystone as ds
    from conftest import Point
    db = ds.open(sys.argv[1])
    with db.write() as tx:
        tx.points.append((1, 1, 1))
    tx = db.write()
    tx.points[0].x = 99
    tx.points.extend((i, 0, 0) for i in range(100_000))
    {end}
    print("ready", flush=True)
    while True:
        tx.points.append((2, 2, 2))
"""


@pytest.mark.parametrize("is_long", [False, True], ids=["between calls", "in a load"])
def test_a_worker_that_is_killed_in_a_write(path: str, is_long: bool) -> None:
    with ds.open(path) as db:
        points = db.create("points", Point, load=[(0, 0, 0)])
        end = "print('ready', flush=True); import itertools; tx.points.load((i % 9, 0, 0) for i in itertools.count())"
        here = os.path.dirname(__file__)
        worker = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER.format(end=end if is_long else "")), path],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])},
        )
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
        with pytest.raises(TimeoutError):
            db.write(timeout=0.1)
        time.sleep(0.05)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        # The commit is there, the open transaction is not, and the right to write is free again.
        with db.write(timeout=30) as tx:
            tx.points.append((5, 5, 5))
        assert [row.x for row in points] == [0, 1, 5]
        assert [reader for reader in db.readers() if reader.process == worker.pid] == []


def test_a_write_that_is_cut_off_at_the_end_of_the_interpreter(path: str) -> None:
    with ds.open(path) as db:
        db.create("points", Point, load=[(0, 0, 0)])
    done = run(WRITER.format(end="import os; os._exit(3)"), path)
    assert (done.returncode, done.stderr) == (3, "")
    with ds.open(path, "r+") as db:
        assert [row.x for row in db.points] == [0, 1]


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "flipped"])
def test_a_file_that_is_damaged(path: str, damage: str) -> None:
    with ds.open(path) as db:
        db.create("points", Point, load=[(i, 0, 0) for i in range(10_000)])
    with open(path, "rb") as file:
        data = bytearray(file.read())
    if damage == "cut":
        data = data[: 2 * PAGE]
    elif damage == "empty":
        data = bytearray()
    elif damage == "text":
        data = bytearray(b"id,name\n" * 2000)
    else:
        at = data.index(struct.pack("<iii", 5000, 0, 0))
        data[at] ^= 1
    with open(path, "wb") as file:
        file.write(data)
    with pytest.raises(ds.Error) as caught:
        with ds.open(path, "r") as db:
            list(db.points)
    kinds = {"cut": "truncated", "empty": "empty_file", "text": "not_a_database", "flipped": "corrupt"}
    assert caught.value.kind == kinds[damage], caught.value
