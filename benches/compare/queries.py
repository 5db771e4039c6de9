"""Drystone, DuckDB and polars as whole processes: loads of a CSV and of a Parquet file, exports to both, and queries.

    cargo build --release -p drystone-cli
    python3 benches/compare/queries.py                  # five million rows; writes the tables into docs/
    python3 benches/compare/queries.py --rows 50000000  # ten times as many (9 GB on the disk); writes them too
    python3 benches/compare/queries.py --rows 100000    # a quick look; prints only

Needs the packages duckdb, numpy and polars. Each figure is the median wall time from the start of a process
to its end, with everything that it wrote on the disk (fsync). In brackets: the time inside of the process,
after the interpreter has started and the package is imported. The tools take turns. All answers are compared.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable

import numpy

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = ("docs/benchmarks/queries.md", "docs/benchmarks.md")
BEGIN, END = "<!-- processes, {rows} rows: written by benches/compare/queries.py -->\n", "<!-- end of processes -->"
# The docs have tables of these numbers of rows; the first one is the default.
ROWS = (5_000_000, 50_000_000)

SCHEMA = "id: u64{key}, delay: i32, stop: u16, price: f64, tag: str[4]"
DUCK_TYPES = "{'id': 'UBIGINT', 'delay': 'INTEGER', 'stop': 'USMALLINT', 'price': 'DOUBLE', 'tag': 'VARCHAR'}"
POLARS_TYPES = "{'id': pl.UInt64, 'delay': pl.Int32, 'stop': pl.UInt16, 'price': pl.Float64, 'tag': pl.String}"

# Each query: its name, the arguments of `drystone query`, SQL, and an expression of polars.
QUERIES = [
    (
        "sum(delay) where price > 750, a quarter",
        ["--where", "price > 750", "--aggregate", "sum(delay)"],
        "select sum(delay) from rows where price > 750",
        "rows.filter(pl.col('price') > 750).select(pl.col('delay').cast(pl.Int64).sum())",
    ),
    (
        "mean(delay) by stop, 1,000 groups",
        ["--group-by", "stop", "--aggregate", "mean(delay)"],
        "select stop, avg(delay) from rows group by stop",
        "rows.group_by('stop').agg(pl.col('delay').mean())",
    ),
    (
        "count, min, max where stop < 500 by stop",
        ["--where", "stop < 500", "--group-by", "stop", "--aggregate", "count, min(delay), max(delay)"],
        "select stop, count(*), min(delay), max(delay) from rows where stop < 500 group by stop",
        "rows.filter(pl.col('stop') < 500).group_by('stop')"
        ".agg(pl.len(), pl.col('delay').min().alias('low'), pl.col('delay').max().alias('high'))",
    ),
    (
        "the ten highest prices",
        ["--select", "price, id", "--order-by", "-price", "--limit", "10"],
        "select price, id from rows order by price desc limit 10",
        "rows.select('price', 'id').sort('price', descending=True).head(10)",
    ),
    (
        "one row by its id",
        ["--where", "id = {id}", "--select", "price, id"],
        "select price, id from rows where id = {id}",
        "rows.filter(pl.col('id') == {id}).select('price', 'id')",
    ),
]

# A process of Python: the package first, then the clock, the work, a sync, and the time on standard error.
DUCK = """
import os, sys, time
import duckdb
begun = time.perf_counter()
connection = duckdb.connect({path!r})
{work}
connection.close()
{sync}
print(time.perf_counter() - begun, file=sys.stderr)
"""
POLARS = """
import os, sys, time
import polars as pl
begun = time.perf_counter()
{work}
{sync}
print(time.perf_counter() - begun, file=sys.stderr)
"""
SYNC = """
file = os.open({path!r}, os.O_RDWR)
os.fsync(file)
os.close(file)
"""


def duck(path: str, sql: str, writes: bool) -> list[str]:
    work = f"connection.execute({sql!r})"
    if not writes:
        work = f"print('\\n'.join(','.join(map(str, row)) for row in {work}.fetchall()))"
    return [sys.executable, "-c", DUCK.format(path=path, work=work, sync=SYNC.format(path=path) if writes else "")]


def polars(work: str, path: str | None = None) -> list[str]:
    return [sys.executable, "-c", POLARS.format(work=work, sync=SYNC.format(path=path) if path else "")]


def run(command: list[str]) -> tuple[float, float | None, str]:
    """The wall time of a process, the time it tells of itself, and its output."""
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    took = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} failed:\n{done.stderr}")
    inside = float(done.stderr.split()[-1]) if command[0] == sys.executable else None
    return took, inside, done.stdout


def cell(times: list[tuple[float, float | None]]) -> str:
    text = f"{statistics.median(took for took, _ in times) * 1000:,.0f}"
    inside = [inside for _, inside in times if inside is not None]
    return f"{text} ({statistics.median(inside) * 1000:,.0f})" if inside else text


def make(folder: str, rows: int) -> int:
    """Writes rows.csv and rows.parquet: ids that are random and differ. Returns one of the ids."""
    import polars as pl

    random = numpy.random.default_rng(1)
    ids = numpy.arange(rows, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
    tags = numpy.array([f"{letter}{number:03}" for letter in "ABCD" for number in range(500)])
    frame = pl.DataFrame(
        {
            "id": ids,
            "delay": random.integers(-1_000_000, 1_000_000, rows, dtype=numpy.int32),
            "stop": random.integers(0, 1000, rows, dtype=numpy.uint16),
            "price": random.random(rows) * 1000,
            "tag": tags[random.integers(0, len(tags), rows)],
        }
    )
    frame.write_csv(f"{folder}/rows.csv")
    frame.write_parquet(f"{folder}/rows.parquet")
    return int(ids[rows // 2])


def loads(folder: str, drystone: str) -> list[tuple[str, str, Callable[[str], list[str]]]]:
    """Each tool: its name, what it writes, and its command by the format to load."""

    def with_drystone(key: str) -> Callable[[str], list[str]]:
        path = f"{folder}/{'keyed' if key else 'rows'}.dry"
        return lambda kind: [drystone, "load", path, "rows", f"{folder}/rows.{kind}", "--schema", SCHEMA.format(key=key)]

    def with_duck(key: str) -> Callable[[str], list[str]]:
        path = f"{folder}/{'keyed' if key else 'rows'}.duckdb"

        def command(kind: str) -> list[str]:
            given = f"'{folder}/rows.{kind}'"
            source = f"read_csv({given}, header = true, columns = {DUCK_TYPES})" if kind == "csv" else f"read_parquet({given})"
            sql = f"create table rows as select * from {source}; checkpoint"
            if key:
                types = "id ubigint primary key, delay integer, stop usmallint, price double, tag varchar"
                sql = f"create table rows ({types}); insert into rows select * from {source}; checkpoint"
            return duck(path, sql, True)

        return command

    def with_polars(kind: str) -> list[str]:
        path = f"{folder}/rows.arrow"
        scan = f"pl.scan_csv({folder + '/rows.csv'!r}, schema={POLARS_TYPES})" if kind == "csv" else f"pl.scan_parquet({folder + '/rows.parquet'!r})"
        return polars(f"{scan}.sink_ipc({path!r})", path)

    return [
        ("Drystone", f"{folder}/rows.dry", with_drystone("")),
        ("Drystone, by key", f"{folder}/keyed.dry", with_drystone(" key")),
        ("DuckDB", f"{folder}/rows.duckdb", with_duck("")),
        ("DuckDB, primary key", f"{folder}/keyed.duckdb", with_duck(" key")),
        ("polars, an Arrow file", f"{folder}/rows.arrow", with_polars),
    ]


def remove(path: str) -> None:
    for name in (path, path + ".wal", path + "-lock"):
        if os.path.exists(name):
            os.remove(name)


def measure_loads(folder: str, drystone: str, runs: int) -> str:
    tools = loads(folder, drystone)
    times: dict[tuple[str, str], list[tuple[float, float | None]]] = {}
    sizes = {}
    for kind in ("csv", "parquet"):
        for _ in range(runs):
            for name, path, command in tools:
                remove(path)
                took, inside, _ = run(command(kind))
                times.setdefault((name, kind), []).append((took, inside))
                sizes[name] = os.stat(path).st_blocks * 512
                print(f"{kind} {name} {took:.2f} s", file=sys.stderr)
    lines = ["| load | CSV | Parquet | file, MB |", "|---|---:|---:|---:|"]
    for name, _, _ in tools:
        lines.append(f"| {name} | {cell(times[name, 'csv'])} | {cell(times[name, 'parquet'])} | {sizes[name] / 1e6:,.0f} |")
    return "\n".join(lines)


def measure_exports(folder: str, drystone: str, runs: int) -> str:
    """Each tool writes all rows of its own file without a key. The command is followed by `sync`, which syncs its file."""

    def command(name: str, kind: str) -> list[str]:
        out = f"{folder}/out.{kind}"
        if name == "Drystone":
            return ["sh", "-c", '"$1" export "$2" rows "$3" && sync "$3"', "sh", drystone, f"{folder}/rows.dry", out]
        if name == "DuckDB":
            form = "csv, header" if kind == "csv" else "parquet"
            work = f"copy rows to '{out}' (format {form})"
            sync = SYNC.format(path=out)
            return [sys.executable, "-c", DUCK.format(path=f"{folder}/rows.duckdb", work=f"connection.execute({work!r})", sync=sync)]
        return polars(f"pl.scan_ipc({folder + '/rows.arrow'!r}).sink_{kind}({out!r})", out)

    names = ["Drystone", "DuckDB", "polars, from the Arrow file"]
    times: dict[tuple[str, str], list[tuple[float, float | None]]] = {}
    for kind in ("csv", "parquet"):
        for _ in range(runs):
            for name in names:
                remove(f"{folder}/out.{kind}")
                took, inside, _ = run(command(name, kind))
                times.setdefault((name, kind), []).append((took, inside))
                print(f"export {kind} {name} {took:.2f} s", file=sys.stderr)
    lines = ["| export | CSV | Parquet |", "|---|---:|---:|"]
    lines += [f"| {name} | {cell(times[name, 'csv'])} | {cell(times[name, 'parquet'])} |" for name in names]
    return "\n".join(lines)


def numbers(text: str) -> list[tuple[float, ...]]:
    """The rows of an answer, sorted; names and lines that are not numbers are left out."""
    found = []
    for line in text.splitlines():
        try:
            found.append(tuple(float(value) for value in line.split(",")))
        except ValueError:
            continue
    return sorted(found)


def same(left: list[tuple[float, ...]], right: list[tuple[float, ...]]) -> bool:
    flat = [[value for row in rows for value in row] for rows in (left, right)]
    return len(flat[0]) == len(flat[1]) and all(math.isclose(*pair, rel_tol=1e-9) for pair in zip(*flat))


def measure_queries(folder: str, drystone: str, runs: int, one_id: int) -> str:
    names = ["Drystone", "Drystone, by key", "DuckDB", "DuckDB, primary key", "polars, the Arrow file", "polars, the Parquet file"]
    lines = [f"| query | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for title, arguments, sql, expression in QUERIES:
        arguments = [argument.replace("{id}", str(one_id)) for argument in arguments]
        sql, expression = sql.replace("{id}", str(one_id)), expression.replace("{id}", str(one_id))
        shown = f"print(({expression}).collect().write_csv(include_header=False))"
        commands = [
            *([drystone, "query", f"{folder}/{file}.dry", "rows", *arguments, "--format", "csv"] for file in ("rows", "keyed")),
            *(duck(f"{folder}/{file}.duckdb", sql, False) for file in ("rows", "keyed")),
            polars(f"rows = pl.scan_ipc({folder + '/rows.arrow'!r})\n{shown}"),
            polars(f"rows = pl.scan_parquet({folder + '/rows.parquet'!r})\n{shown}"),
        ]
        times: list[list[tuple[float, float | None]]] = [[] for _ in commands]
        expected = None
        for _ in range(runs):
            for name, command, taken in zip(names, commands, times):
                took, inside, output = run(command)
                taken.append((took, inside))
                answer = numbers(output)
                expected = expected or answer
                if not answer or not same(answer, expected):
                    raise SystemExit(f"{name} answers {title!r} with {answer[:3]}, not {expected[:3]}")
        lines.append(f"| {title} | {' | '.join(cell(taken) for taken in times)} |")
        print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def empty(drystone: str, runs: int) -> str:
    """What a process costs that does nothing."""
    commands = {
        "`drystone --version`": [drystone, "--version"],
        "Python with DuckDB": [sys.executable, "-c", "import sys, duckdb; print(0, file=sys.stderr)"],
        "Python with polars": [sys.executable, "-c", "import sys, polars; print(0, file=sys.stderr)"],
    }
    shown = [f"{name} {statistics.median(run(command)[0] for _ in range(runs)) * 1000:,.0f}" for name, command in commands.items()]
    return ", ".join(shown)


def machine() -> str:
    import duckdb
    import polars as pl

    model = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return f"{day}, {os.cpu_count()} processors: {model}; DuckDB {duckdb.__version__}, polars {pl.__version__}"


def report(rows: int, drystone: str, folder: str, runs: int) -> str:
    before = os.getloadavg()[0]
    one_id = make(folder, rows)
    load_table = measure_loads(folder, drystone, runs)
    export_table = measure_exports(folder, drystone, runs)
    query_table = measure_queries(folder, drystone, runs, one_id)
    each = f"Median wall times of {runs} whole processes" if runs > 1 else "Wall times of one whole process each,"
    about = (
        f"{rows:,} rows of a `u64` in random order, an `i32`, a `u16`, an `f64` and a text of 4 bytes. {each} "
        f"in ms, from start to end, everything synced; in brackets the time inside of the process, "
        f"after Python has imported the package. An empty process takes: {empty(drystone, runs)}. {machine()}; load average "
        f"{before:.1f} before and {os.getloadavg()[0]:.1f} after, of which the benchmark itself is 1 to 2."
    )
    return f"{textwrap.fill(about, 100, break_on_hyphens=False)}\n\n{load_table}\n\n{export_table}\n\n{query_table}\n"


def write(rows: int, text: str) -> None:
    """Puts the text between the two comments of each page that are for this number of rows."""
    wanted = BEGIN.format(rows=f"{rows:,}")
    for page in PAGES:
        path = os.path.join(ROOT, page)
        with open(path) as file:
            head, begin, rest = file.read().partition(wanted)
        _, end, tail = rest.partition(END)
        if begin and end:
            with open(path, "w") as file:
                file.write(f"{head}{begin}\n{text}\n{END}{tail}")
            print(f"wrote {page}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = " and ".join(f"{rows:,}" for rows in ROWS)
    parser.add_argument("--rows", type=int, default=ROWS[0], help=f"how many rows; docs/ has tables of {known}, which are written")
    parser.add_argument("--runs", type=int, default=5, help="how often to run each process")
    parser.add_argument("--drystone", default=os.path.join(ROOT, "target/release/drystone"), help="the command")
    parser.add_argument("--folder", help="where the files are made, and deleted; by default the temporary folder")
    options = parser.parse_args()
    drystone = shutil.which(options.drystone)
    if not drystone:
        raise SystemExit(f"{options.drystone} is not there: cargo build --release -p drystone-cli")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        text = report(options.rows, drystone, folder, options.runs)
    print(text)
    if options.rows in ROWS:
        write(options.rows, text)


if __name__ == "__main__":
    main()
