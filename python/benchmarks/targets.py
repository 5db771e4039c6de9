"""The speed targets of the package, each beside its yardstick in one run, as a table.

    python python/benchmarks/targets.py                 # 10 million records; writes the table into docs/python.md
    python python/benchmarks/targets.py --rows 100000   # a quick look; prints only

Needs numpy, polars and recordclass. Times are medians of alternating turns. Random numbers and keys are
the same for all. `holders.py` measures the memory.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from typing import Any, Callable

import numpy as np
import polars as pl
from recordclass import make_dataclass

import drystone as ds

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
READS = 300_000
TURNS = 7

BEGIN, END = "<!-- targets: written by python/benchmarks/targets.py -->\n", "<!-- end of targets -->"

Job = Callable[[], Any]


def times(*jobs: Job) -> list[float]:
    """The median time of each, in seconds. They take turns."""
    found: list[list[float]] = [[] for _ in jobs]
    for _ in range(TURNS):
        for job, spent in zip(jobs, found):
            begun = time.perf_counter()
            job()
            spent.append(time.perf_counter() - begun)
    return [statistics.median(spent) for spent in found]


def loop(statement: str, holder: Any, numbers: list[int]) -> Job:
    """A loop over `numbers` as `i` that runs a statement about `t`."""
    names: dict[str, Any] = {}
    exec(f"def run(t, numbers):\n    for i in numbers:\n        {statement}\n", names)
    return lambda: names["run"](holder, numbers)


class Targets:
    """Rows of the table, as they are measured."""

    def __init__(self) -> None:
        self.lines = ["| what | measured | yardstick | ratio | target |", "|---|---:|---:|---:|---:|"]

    def ratio(self, what: str, unit: float, name: str, own: float, other: float, target: float) -> None:
        mark = "" if own <= target * other else "**"
        self.lines.append(
            f"| {what} | {own * unit:,.4g} {NAMES[unit]} | {name}: {other * unit:,.4g} {NAMES[unit]} "
            f"| {mark}{own / other:.2f}{mark} | {target} |"
        )

    def limit(self, what: str, unit: float, own: float, target: float) -> None:
        mark = "" if own * unit <= target else "**"
        self.lines.append(
            f"| {what} | {mark}{own * unit:,.4g} {NAMES[unit]}{mark} | | | {target} {NAMES[unit]} |"
        )


NANO, MILLI, PLAIN = 1e9, 1e3, 1.0
NAMES = {NANO: "ns", MILLI: "ms", PLAIN: "s"}


def measure(rows: int, targets: Targets) -> None:
    fields = [("x", "<i4"), ("y", "<i4"), ("z", "<i4")]
    array = np.zeros(rows, fields)
    noise = np.random.default_rng(1)
    for field in "xyz":
        array[field] = noise.integers(0, 1000, rows)
    plain = ds.make_record("Point", "x y z", ds.i32)
    keyed = ds.make_record("Keyed", [("id", ds.u64, ds.key()), ("x", ds.i32), ("y", ds.i32), ("z", ds.i32)])
    points = ds.Table(plain, array)
    numbers = random.Random(1).choices(range(rows), k=READS)
    keys = [2 * number for number in numbers]
    (nothing,) = times(loop("pass", None, numbers))

    def each(*jobs: Job) -> list[float]:
        return [(spent - nothing) / READS for spent in times(*jobs)]

    # Objects first: they are dropped before the next ones are made.
    kind = make_dataclass("Object", "x y z")
    objects = [kind(*values) for values in zip(range(rows), range(1, rows + 1), range(2, rows + 2))]
    own, other, third = each(
        loop("t[i].x", points, numbers), loop("t[i].x", objects, numbers), loop("t[i]['x']", array, numbers)
    )
    targets.ratio("random `points[i].x`", NANO, "a list of dataobjects", own, other, 0.4)
    targets.ratio("random `points[i].x`", NANO, "NumPy's `a[i]['x']`", own, third, 0.7)
    (own,) = each(loop("t.x", points[5], numbers))
    targets.limit("attribute of a row in hand", NANO, own, 22)

    given = np.zeros(rows, [("id", "<u8"), *fields])
    given["id"] = np.arange(0, 2 * rows, 2)
    table = ds.Table(keyed, given)
    folder = tempfile.TemporaryDirectory()
    database = ds.open(os.path.join(folder.name, "points.dry"))
    stored = database.create("points", keyed, load=given)
    by_key = {2 * number: one for number, one in enumerate(objects)}
    own, file, other = each(*(loop("t[i].x", holder, keys) for holder in (table, stored, by_key)))
    targets.ratio("random `table[key].x` in memory", NANO, "a dict of dataobjects", own, other, 0.8)
    targets.ratio("the same in a file", NANO, "a dict of dataobjects", file, other, 0.8)
    del by_key, objects

    own, other = times(lambda: ds.Table(plain, array), array.copy)
    targets.ratio("a table from a structured array", MILLI, "a copy of it", own, other, 2)
    some = [(n, n + 1, n + 2) for n in range(min(rows, 500_000))]
    make = namedtuple("Point", "x y z")._make
    own, other = times(lambda: ds.Table(plain, some), lambda: [make(one) for one in some])
    targets.ratio(f"a table from {len(some):,} tuples", MILLI, "a list of namedtuples", own, other, 1.5)

    many = np.random.default_rng(2).integers(0, rows, min(rows, 1_000_000))
    own, other = times(lambda: points.get_many(many).to_numpy(), lambda: array.take(many))
    targets.ratio(f"`get_many` of {len(many):,} numbers", MILLI, "NumPy's take", own, other, 1.2)
    wanted = (2 * many).astype("<u8")
    (own,) = times(lambda: stored.get_many(wanted))
    targets.limit("`get_many` by key, a key", NANO, own / len(many), 150)

    frame = pl.DataFrame({field: array[field] for field in "xyz"})
    file_points = database.create("plain", plain, load=array)
    own, other = times(lambda: points.x.sum(), lambda: array["x"].sum())
    targets.ratio("sum of a column", MILLI, "NumPy's, strided", own, other, 1.2)
    own, file, other = times(
        lambda: points.where("x < 500").sum("y"),
        lambda: file_points.where("x < 500").sum("y"),
        lambda: frame.filter(pl.col("x") < 500)["y"].sum(),
    )
    targets.ratio("`where(\"x < 500\").sum(\"y\")` in memory", MILLI, "polars", own, other, 1.2)
    targets.ratio("the same in a file", MILLI, "polars", file, other, 1.2)

    code = "import time; begun = time.perf_counter(); import drystone; print(time.perf_counter() - begun)"
    spent = [float(subprocess.check_output([sys.executable, "-c", code], cwd="/")) for _ in range(TURNS)]
    targets.limit("`import drystone`", MILLI, statistics.median(spent), 30)
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int)
    options = parser.parse_args()
    rows = options.rows or 10_000_000
    targets = Targets()
    measure(rows, targets)
    text = f"{rows:,} records of three 32-bit integers; a missed target is in bold.\n\n" + "\n".join(targets.lines)
    print(text)
    if options.rows:
        return
    page = os.path.join(ROOT, "docs", "python.md")
    with open(page) as file:
        head, _, rest = file.read().partition(BEGIN)
    _, _, tail = rest.partition(END)
    with open(page, "w") as file:
        file.write(f"{head}{BEGIN}\n{text}\n\n{END}{tail}")


if __name__ == "__main__":
    main()
