"""The queries of `examples/queries.rs`, asked of DuckDB over the same rows in a table of its own.

    cargo run --release -p drystone --example queries -- --rows 10000000 --export points.bin
    python3 benches/compare/queries.py points.bin

Needs the packages duckdb and numpy. Prints the median of seven runs on one thread and on two, in ms.
"""

import sys
import time

import duckdb
import numpy

RUNS = 7


def median_ms(connection, sql):
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        connection.execute(sql).fetchall()
        times.append((time.perf_counter() - begun) * 1000)
    return sorted(times)[RUNS // 2]


def main():
    points = numpy.fromfile(sys.argv[1], dtype=[("x", "<i4"), ("y", "<i4"), ("grp", "<i4")])
    connection = duckdb.connect()
    columns = {name: numpy.ascontiguousarray(points[name]) for name in points.dtype.names}
    connection.register("given", columns)
    connection.execute("CREATE TABLE points AS SELECT * FROM given")
    print(f"DuckDB {duckdb.__version__}, {len(points)} rows in a table of its own, median of {RUNS} runs, ms")
    for threads in (1, 2):
        connection.execute(f"SET threads TO {threads}")
        for name, sql in (
            ("sum(y) where x > 2^30", "SELECT sum(y) FROM points WHERE x > 1073741824"),
            ("mean(y) by group", "SELECT grp, avg(y) FROM points GROUP BY grp"),
        ):
            print(f"{name:<24} {threads} threads {median_ms(connection, sql):>9.1f}")


main()
