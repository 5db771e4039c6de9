#!/usr/bin/env python3
"""Asks drystone-sql and DuckDB the queries of queries.sql, and compares the answers and the times.

    cargo build --release -p drystone-cli -p drystone-datafusion
    python datafusion/compare.py [--measure] [--points 100000000] [--folder target/release]

It needs the Python package duckdb. Without --measure it compares the answers alone, of one file and of eight shards,
and ends with 1 if any differ. With it, each query runs several times in one process on each side, and the medians are
shown. With --points, so many points are made, and a filter with a sum over them is compared with `drystone query`.
"""

import argparse
import csv
import io
import math
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "examples" / "data"


def queries():
    text = (HERE / "queries.sql").read_text()
    for part in text.split("-- name: ")[1:]:
        name, sql = part.split("\n", 1)
        yield name, sql.strip().rstrip(";")


def value(text):
    """A value as both sides write it."""
    if text is None or text == "":
        return None
    text = str(text)
    moment = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.0+)?(Z|\+00:00)?", text)
    if moment:
        return f"{moment[1]} {moment[2]}"
    try:
        return float(text)
    except ValueError:
        return text


def alike(ours, theirs):
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)
    return ours == theirs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=pathlib.Path, default=HERE.parent / "target" / "release")
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--points", type=int)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    drystone, sql_command = arguments.folder / "drystone", arguments.folder / "drystone-sql"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        db, shards = folder / "f.dry", folder / "shards"
        for table in ["flights", "weather"]:
            load = [drystone, "load", db, table, DATA / f"{table}-2013.csv.zst", "--schema", (DATA / f"{table}.schema").read_text()]
            subprocess.run([*load, "--null", "NA"], check=True, capture_output=True)
        subprocess.run([drystone, "shard", db, "flights", shards, "--by", "time_hour", "--shards", "8"], check=True, capture_output=True)
        theirs = duckdb.connect(str(folder / "f.duckdb"))
        theirs.execute("SET threads = 2")
        theirs.execute("SET TimeZone = 'UTC'")
        for table in ["flights", "weather"]:
            theirs.execute(f"CREATE TABLE {table} AS FROM read_csv('{DATA}/{table}-2013.csv.zst', nullstr = 'NA')")

        differ = 0
        for name, sql in queries():
            right = [[value(cell) for cell in row] for row in theirs.execute(sql).fetchall()]
            for place in [db] if "weather" in sql else [db, shards]:
                done = subprocess.run([sql_command, place, sql, "--format", "csv"], capture_output=True, text=True)
                if done.returncode:
                    print(f"{name}: {done.stderr}")
                    differ += 1
                    continue
                rows = list(csv.reader(io.StringIO(done.stdout)))[1:]
                rows = [[value(cell) for cell in row] for row in rows]
                same = len(rows) == len(right) and all(
                    len(our) == len(their) and all(map(alike, our, their)) for our, their in zip(rows, right)
                )
                if not same:
                    first = next((pair for pair in zip(rows, right) if not all(map(alike, *pair))), None)
                    print(f"{name}, {place.name}: {len(rows)} rows, {len(right)} of DuckDB; the first that differ: {first}")
                    differ += 1
        print(f"{sum(1 for _ in queries())} queries, {differ} answers that differ")
        if arguments.measure:
            measure(arguments.runs, db, sql_command, theirs)
        if arguments.points:
            measure_points(arguments, folder / "f.dry", drystone, sql_command)
        return 1 if differ else 0


def measure(runs, db, sql_command, theirs):
    totals = [0.0, 0.0]
    print(f"{'query':60} {'drystone-sql':>12} {'DuckDB':>9}")
    for name, sql in queries():
        ours = subprocess.run([sql_command, db, "--format", "csv", "--timing", "--threads", "2"], input=f"{sql};\n" * (runs + 1), capture_output=True, text=True, check=True)
        our_times = [float(found) for found in re.findall(r"time: ([0-9.]+) ms", ours.stderr)][1:]
        their_times = []
        for _ in range(runs + 1):
            begun = time.perf_counter()
            theirs.execute(sql).fetchall()
            their_times.append((time.perf_counter() - begun) * 1000)
        medians = [statistics.median(our_times), statistics.median(their_times[1:])]
        totals = [total + median for total, median in zip(totals, medians)]
        print(f"{name:60} {medians[0]:9.1f} ms {medians[1]:6.1f} ms")
    print(f"{'together':60} {totals[0]:9.1f} ms {totals[1]:6.1f} ms: {totals[0] / totals[1]:.2f} x")


def measure_points(arguments, db, drystone, sql_command):
    points = f"SELECT CAST(value * 7919 % 2000003 - 1000001 AS INT) AS x, CAST(value % 999983 AS INT) AS y, CAST(value % 7 AS INT) AS z FROM generate_series(1, {arguments.points})"
    subprocess.run([sql_command, db, "--write", f"CREATE TABLE points AS {points}"], check=True, capture_output=True)
    sql = "SELECT sum(y) FROM points WHERE x > 500000"
    commands = {
        "drystone query": [drystone, "query", db, "points", "--where", "x > 500000", "--aggregate", "sum(y)"],
        "drystone-sql": [sql_command, db, sql],
        "drystone-sql, nothing": [sql_command, db, "SELECT 1"],
    }
    times = {name: [] for name in commands}
    for _ in range(arguments.runs + 1):
        for name, command in commands.items():
            begun = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append((time.perf_counter() - begun) * 1000)
    session = subprocess.run([sql_command, db, "--timing"], input=f"{sql};\n" * (arguments.runs + 1), capture_output=True, text=True, check=True)
    times["drystone-sql, in a session"] = [float(found) for found in re.findall(r"time: ([0-9.]+) ms", session.stderr)]
    for name, taken in times.items():
        print(f"{name:60} {statistics.median(taken[1:]):9.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
