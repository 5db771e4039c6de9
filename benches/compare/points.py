"""The queries of `examples/queries.rs`, asked of DuckDB over the same rows in a table of its own, and of polars over
the columns of a data frame.

    cargo run --release -p drystone --example queries -- --rows 10000000 --export points.bin
    python3 benches/compare/points.py points.bin

Needs the packages duckdb and numpy; polars is left out if it is not installed. Prints medians of seven runs in ms:
of DuckDB on one thread and on two, of polars on as many threads as `POLARS_MAX_THREADS` says, by default one.
"""

import os
import sys
import time

import duckdb
import numpy

os.environ.setdefault("POLARS_MAX_THREADS", "1")
try:
    import polars
except ImportError:
    polars = None

RUNS = 7

HALF = "sum(y) of a half"
QUARTER = "sum(y) of a quarter"
RARE = "sum(y) of one in a thousand"
TOP = "top 10 by x"
MEAN = "mean(y) by group"
EXTREMES = "count, min, max by 500 groups"

OVER = {HALF: 0, QUARTER: 1 << 30, RARE: 2**31 - 1 - (1 << 22)}


def median_ms(work):
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return sorted(times)[RUNS // 2]


def of_duckdb(points):
    connection = duckdb.connect()
    connection.register("given", points)
    connection.execute("CREATE TABLE points AS SELECT * FROM given")
    print(f"DuckDB {duckdb.__version__}, {len(points['x'])} rows in a table of its own, median of {RUNS} runs, ms")
    sums = {name: f"SELECT sum(y) FROM points WHERE x > {least}" for name, least in OVER.items()}
    queries = sums | {
        TOP: "SELECT * FROM points ORDER BY x DESC LIMIT 10",
        MEAN: "SELECT grp, avg(y) FROM points GROUP BY grp",
        EXTREMES: "SELECT grp, count(*), min(y), max(y) FROM points WHERE grp < 500 GROUP BY grp ORDER BY grp",
    }
    for threads in (1, 2):
        connection.execute(f"SET threads TO {threads}")
        for name, sql in queries.items():
            ms = median_ms(lambda: connection.execute(sql).fetchall())
            print(f"{name:<30} {threads} threads {ms:>9.1f}")


def of_polars(points):
    frame, col = polars.DataFrame(points).lazy(), polars.col
    threads = polars.thread_pool_size()
    print(f"polars {polars.__version__}, the same rows in a frame, median of {RUNS} runs, ms")
    queries = {name: frame.filter(col("x") > least).select(col("y").sum()) for name, least in OVER.items()} | {
        TOP: frame.top_k(10, by="x"),
        MEAN: frame.group_by("grp").agg(col("y").mean()),
        EXTREMES: frame.filter(col("grp") < 500)
        .group_by("grp")
        .agg(polars.len(), col("y").min().alias("least"), col("y").max().alias("most"))
        .sort("grp"),
    }
    for name, query in queries.items():
        print(f"{name:<30} {threads} threads {median_ms(query.collect):>9.1f}")


def main():
    rows = numpy.fromfile(sys.argv[1], dtype=[("x", "<i4"), ("y", "<i4"), ("grp", "<i4")])
    points = {name: numpy.ascontiguousarray(rows[name]) for name in rows.dtype.names}
    of_duckdb(points)
    if polars is not None:
        of_polars(points)


main()
