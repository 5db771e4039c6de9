"""What four web workers cost that serve the same records, by what holds them.

    python python/benchmarks/workers.py                 # 10 million; writes docs/python-workers.md and .svg
    python python/benchmarks/workers.py --rows 100000   # a quick look; prints only
    python python/benchmarks/workers.py --rows 1000000 --write   # writes what was measured at this size

Each holder is served by gunicorn, with the app loaded before the workers are forked: the best case for lists. Memory
is the proportional set size (PSS) of the parent and the workers together, after every worker has summed one
field over all records. A page that n processes share counts 1/n in each, so the sum counts it once. Requests are
those for one record by a random key, each over a connection of its own, from clients on the same machine. The
best of three rounds counts. Holders that are not installed, or do not fit into memory, are left out.

For Drystone, the workers then go on reading all records while each of them commits changes of its own, and the
memory is measured meanwhile, the largest value counting. The same is done with four plain forked processes, which
are steered by pipes. One copy is what the records take in the file.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import multiprocessing.pool
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

from workers_app import HOLDERS

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORKERS = 4
CLIENTS = 4
# What each worker does at least, of both, while the memory is measured.
COMMITS = 50
NEEDS = {"list of dataobjects": "recordclass", "DuckDB, read-only": "duckdb", "drystone": "drystone"}
RECORD_BYTES = 20
START, END = "<!-- workers: written by python/benchmarks/workers.py -->\n", "<!-- end of workers -->"


def pss(pid: int) -> int:
    """The proportional memory of a process, in bytes."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(one) for one in file.read().split()]


def available() -> int:
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable:")) * 1024


def ask(port: int, target: str) -> tuple[bytes, bytes]:
    """The head and the body of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"{target}: {head.splitlines()[:1]} {body[:200]!r}")
    return head, body


def client(port: int, rows: int, seed: int, until: float) -> int:
    """Asks for random records until then, and gives the number of answers."""
    random_ = random.Random(seed)
    done = 0
    while time.time() < until:
        key = random_.randrange(rows)
        _, body = ask(port, f"/points/{key}")
        if b'"x":%d' % key not in body.replace(b" ", b""):
            raise RuntimeError(f"/points/{key} gave {body!r}")
        done += 1
    return done


def sum_in_each_worker(port: int, rows: int) -> float:
    """Lets every worker read all records. Gives the shortest time of one such request, alone, in seconds."""
    seen: set[bytes] = set()
    expected = rows * (rows - 1) // 2
    with multiprocessing.pool.ThreadPool(WORKERS) as pool:
        for _ in range(30):
            for head, body in pool.map(lambda _: ask(port, "/sum"), range(WORKERS)):
                if int(body) != expected:
                    raise RuntimeError(f"/sum gave {body!r}, not {expected}")
                seen |= {line for line in head.splitlines() if line.lower().startswith(b"x-worker")}
            if len(seen) == WORKERS:
                break
        else:
            raise RuntimeError(f"only {len(seen)} of {WORKERS} workers answered")
    best = 1e9
    for _ in range(3):
        begun = time.perf_counter()
        ask(port, "/sum")
        best = min(best, time.perf_counter() - begun)
    return best


def measure(name: str, rows: int, seconds: float) -> dict[str, Any]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        begun = time.perf_counter()
        command = [sys.executable, "-m", "gunicorn", "--chdir", HERE, "--workers", str(WORKERS), "--preload"]
        command += ["--timeout", "600", "--bind", f"127.0.0.1:{port}", "--log-file", log, "workers_app:app"]
        server = subprocess.Popen(
            command, env={**os.environ, "HOLDER": name, "ROWS": str(rows), "FOLDER": folder}, stderr=subprocess.DEVNULL
        )
        try:
            while True:
                if server.poll() is not None:
                    with open(log) as file:
                        raise RuntimeError(f"gunicorn ended: {file.read()[-1500:]}")
                try:
                    ask(port, "/points/1")
                    break
                except ConnectionRefusedError:
                    time.sleep(0.1)
            started = time.perf_counter() - begun
            while len(children(server.pid)) < WORKERS:
                time.sleep(0.1)
            fresh = sum(map(pss, [server.pid, *children(server.pid)]))
            summed = sum_in_each_worker(port, rows)
            read = sum(map(pss, [server.pid, *children(server.pid)]))
            writing = commit_in_each_worker(port, rows, server.pid) if name == "drystone" else {}
            rate = 0.0
            with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
                pool.starmap(client, [(port, rows, seed, time.time() + 1) for seed in range(CLIENTS)])
                for turn in range(3):
                    start = time.time()
                    jobs = [(port, rows, 10 * turn + seed, start + seconds) for seed in range(CLIENTS)]
                    answers = sum(pool.starmap(client, jobs, chunksize=1))
                    rate = max(rate, answers / (time.time() - start))
        finally:
            server.terminate()
            server.wait()
    timed = {"start": started, "fresh": fresh, "pss": read, "rate": rate, "sum": summed}
    return {"holder": name, "rows": rows, **timed, **writing}


def put(port: int, key: int, body: bytes) -> bytes:
    """Changes a record, and gives the head of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        head = f"PUT /points/{key} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    answer = b"".join(parts)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"PUT {key}: {answer[:200]!r}")
    return answer.partition(b"\r\n\r\n")[0]


def worker_of(head: bytes) -> bytes:
    return next(line for line in head.splitlines() if line.lower().startswith(b"x-worker"))


def commit_in_each_worker(port: int, rows: int, server: int) -> dict[str, int]:
    """Every worker commits, and every worker reads all records, again and again, until each has done it many
    times. Gives the largest memory of all processes together on the way, and the number of commits."""
    commits: dict[bytes, int] = {}
    reads: dict[bytes, int] = {}
    random_ = random.Random(1)
    most, until = 0, time.monotonic() + 120

    def visit(turn: int) -> tuple[bytes, bytes]:
        key = random_.randrange(rows)
        # The sum of the field that is asked for stays.
        writer = worker_of(put(port, key, b'{"x": %d, "y": %d, "z": 5}' % (key, turn)))
        head, body = ask(port, "/sum")
        if int(body) != rows * (rows - 1) // 2:
            raise RuntimeError(f"/sum gave {body!r}")
        return writer, worker_of(head)

    with multiprocessing.pool.ThreadPool(WORKERS) as pool:
        turn = 0
        while True:
            if time.monotonic() > until:
                raise RuntimeError(f"after two minutes: {commits} commits, {reads} reads")
            for writer, reader in pool.imap_unordered(visit, range(turn, turn + 4 * WORKERS)):
                commits[writer] = commits.get(writer, 0) + 1
                reads[reader] = reads.get(reader, 0) + 1
            turn += 4 * WORKERS
            most = max(most, sum(map(pss, [server, *children(server)])))
            if len(commits) == len(reads) == WORKERS and min(*commits.values(), *reads.values()) >= COMMITS:
                break
    return {"writing": most, "commits": sum(commits.values())}


def forked(rows: int) -> dict[str, int]:
    """Four forked processes that each commit changes of their own records, while all read every record. Gives
    the largest memory of all five together, that of the same with one record, and the number of commits."""
    import drystone as ds
    import numpy as np

    Point = ds.make_record("Point", [("id", ds.u64, ds.key()), ("x", ds.i32), ("y", ds.i32), ("z", ds.i32)])

    def work(db: Any, rows: int, number: int, orders: int, answers: int, expected: int) -> None:
        random_, points = random.Random(number), db.points
        while os.read(orders, 1) == b"r":
            with db.write(timeout=60) as tx:
                # One record, as the app does at a request.
                tx.points[random_.randrange(number, rows + number, WORKERS) % rows].y = 5
            if points.x.sum() != expected or points.y.max() not in (0, 5) or points.z.sum() != 0:
                raise RuntimeError("a worker read other records")
            os.write(answers, b"d")
        os._exit(0)

    def run(rows: int, folder: str) -> int:
        source = np.zeros(rows, [("id", "<u8"), ("x", "<i4"), ("y", "<i4"), ("z", "<i4")])
        source["id"] = source["x"] = np.arange(rows)
        with ds.open(os.path.join(folder, f"{rows}.dry")) as db:
            points = db.create("points", Point, load=source)
            del source
            expected = points.x.sum()
            workers = []
            for number in range(WORKERS):
                orders, answers = os.pipe(), os.pipe()
                pid = os.fork()
                if pid == 0:
                    try:
                        work(db, rows, number, orders[0], answers[1], expected)
                    finally:
                        os._exit(1)
                os.close(orders[0]), os.close(answers[1])
                workers.append((pid, orders[1], answers[0]))
            most = 0
            for _ in range(COMMITS):
                for _, order, _ in workers:
                    os.write(order, b"r")
                # Also in the middle of the work, and all of them at its end.
                most = max(most, sum(map(pss, [os.getpid(), *(pid for pid, _, _ in workers)])))
                for _, _, answer in workers:
                    if os.read(answer, 1) != b"d":
                        raise RuntimeError("a forked worker failed")
                most = max(most, sum(map(pss, [os.getpid(), *(pid for pid, _, _ in workers)])))
            for pid, order, answer in workers:
                os.write(order, b"q")
                if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
                    raise RuntimeError("a forked worker failed")
        return most

    with tempfile.TemporaryDirectory() as folder:
        empty = run(1, folder)
        return {"writing": run(rows, folder), "empty": empty, "commits": WORKERS * COMMITS}


def alone(rows: int) -> dict[str, int]:
    """The same in a process of its own, which has nothing else in memory."""
    command = [sys.executable, os.path.abspath(__file__), "--forked", str(rows)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return dict(json.loads(done.stdout))


def idle(seconds: float) -> int:
    """The memory of the server with one record: what gunicorn, Flask and five interpreters take."""
    return int(measure("list of namedtuples", 2, seconds)["pss"])


def table(results: list[dict[str, Any]]) -> str:
    lines = [
        "| holder | memory after the start, MB | after each worker has read all, MB | bytes a record | requests a second "
        "| sum of a field over all, ms | start, s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in results:
        name = f"**{one['holder']}**" if one["holder"] == "drystone" else one["holder"]
        lines.append(
            f"| {name} | {one['fresh'] / 1e6:,.0f} | {one['pss'] / 1e6:,.0f} | {one['pss'] / one['rows']:,.1f} "
            f"| {one['rate']:,.0f} | {one['sum'] * 1e3:,.1f} | {one['start']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def chart(results: list[dict[str, Any]]) -> str:
    """Bars of the memory of all processes together."""
    greatest = max(one["pss"] for one in results)
    height, left, width = 22, 170, 400
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="680" height="{height * len(results) + 40}" '
        'font-family="sans-serif" font-size="12">',
        f'<text x="8" y="18" font-weight="bold">MB of {WORKERS} workers and their parent together, '
        f"{results[0]['rows']:,} records, all read</text>",
    ]
    for at, one in enumerate(results):
        top = 30 + at * height
        bar = max(1, width * one["pss"] / greatest)
        fill = "#1b7f4d" if one["holder"] == "drystone" else "#9aa5b1"
        parts.append(f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{one["holder"]}</text>')
        parts.append(f'<rect x="{left}" y="{top + 3}" width="{bar:.1f}" height="{height - 7}" fill="{fill}"/>')
        parts.append(f'<text x="{left + bar + 6:.1f}" y="{top + 14}">{one["pss"] / 1e6:,.0f}</text>')
    return "\n".join([*parts, "</svg>", ""])


def writing_table(results: list[dict[str, Any]], empty: int, plain: dict[str, int]) -> str:
    """The memory while each worker commits changes of its own, beside one copy of the records."""
    rows = results[0]["rows"]
    copy = rows * RECORD_BYTES
    lines = [
        f"| four workers, each of which commits and reads all {rows:,} records | memory, MB | without records, MB "
        "| one copy, MB | copies | commits |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    served = [(one["writing"], empty, one["commits"]) for one in results if "writing" in one]
    for name, (most, without, commits) in [
        *(("gunicorn with the app of examples/flask", one) for one in served),
        ("forked processes", (plain["writing"], plain["empty"], plain["commits"])),
    ]:
        lines.append(
            f"| {name} | {most / 1e6:,.0f} | {without / 1e6:,.0f} | {copy / 1e6:,.0f} "
            f"| {(most - without) / copy:.3f} | {commits:,} |"
        )
    return "\n".join(lines) + "\n"


def write(results: list[dict[str, Any]], empty: int, load: float, plain: dict[str, int]) -> None:
    from holders import machine

    page = os.path.join(ROOT, "docs", "python-workers.md")
    with open(page) as file:
        head, _, rest = file.read().partition(START)
    tail = rest.partition(END)[2]
    said = (
        f"{machine()} {results[0]['rows']:,} records, {WORKERS} workers, {CLIENTS} clients on the same machine. "
        f"The five processes with no records take {empty / 1e6:,.0f} MB of the memory. Other programs ran at the "
        f"same time: the load average before was {load:.1f}."
    )
    with open(page, "w") as file:
        file.write(f"{head}{START}\n{said}\n\n{table(results)}\n{writing_table(results, empty, plain)}{END}{tail}")
    with open(os.path.join(ROOT, "docs", "python-workers.svg"), "w") as file:
        file.write(chart(results))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--write", action="store_true", help="write into docs/ although --rows is given")
    parser.add_argument("--seconds", type=float, default=5.0, help="of requests, three times")
    parser.add_argument("--only", action="append", choices=list(HOLDERS))
    parser.add_argument("--forked", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.forked:
        print(json.dumps(forked(options.forked)))
        return
    rows = options.rows or 10_000_000
    load = os.getloadavg()[0]
    empty = idle(0.1)
    results = []
    for name in options.only or HOLDERS:
        if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
            print(f"{name}: left out: {NEEDS[name]} is not installed", file=sys.stderr)
            continue
        # A list ends up once in each process: 240 bytes a record is more than either list takes.
        if name.startswith("list") and available() < rows * 240 * (WORKERS + 1):
            print(f"{name}: left out: only {available() / 1e9:.1f} GB of memory are free", file=sys.stderr)
            continue
        results.append(measure(name, rows, options.seconds))
        print(results[-1], file=sys.stderr)
    print(table(results))
    plain = alone(rows)
    print(writing_table(results, empty, plain))
    if options.write or not options.rows:
        write(results, empty, load, plain)


if __name__ == "__main__":
    main()
