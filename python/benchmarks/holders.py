"""What ten million records of three 32-bit integers cost in Python, by what holds them.

    python benchmarks/holders.py                # 1 and 10 million; writes the table and the chart into docs/
    python benchmarks/holders.py --rows 100000  # a quick look; prints only

Each holder runs in a process of its own. `getsizeof` is what one record is said to take, without its
integers; `resident` is by how much the process grows, integers included. Times are those of CPython's own
loops around each access, which are the same for all holders. Holders that are not installed are left out.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
READS = 300_000

CYTHON = """
cdef class Point:
    cdef public int x, y, z
    def __init__(self, int x, int y, int z):
        self.x, self.y, self.z = x, y, z
"""


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def values(rows: int) -> Any:
    return ((i, i + 1, i + 2) for i in range(rows))


def attribute(name: str) -> Any:
    """The class of a holder whose fields are attributes."""
    if name == "class":

        class Point:
            def __init__(self, x: int, y: int, z: int) -> None:
                self.x, self.y, self.z = x, y, z

        return Point
    if name == "slots":

        class Slots:
            __slots__ = ("x", "y", "z")

            def __init__(self, x: int, y: int, z: int) -> None:
                self.x, self.y, self.z = x, y, z

        return Slots
    if name == "namedtuple":
        from collections import namedtuple

        return namedtuple("Point", "x y z")
    if name == "attrs":
        import attr

        return attr.make_class("Point", ["x", "y", "z"], slots=True)
    if name == "namedlist":
        from namedlist import namedlist

        return namedlist("Point", "x y z")
    if name == "recordclass":
        from recordclass import recordclass

        return recordclass("Point", "x y z")
    if name == "dataobject":
        from recordclass import make_dataclass

        return make_dataclass("Point", "x y z")
    if name == "cython":
        import importlib
        import shutil

        folder = tempfile.mkdtemp()
        source = os.path.join(folder, "cpoint.pyx")
        with open(source, "w") as file:
            file.write(CYTHON)
        cythonize = os.path.join(os.path.dirname(sys.executable), "cythonize")
        subprocess.run([cythonize, "-i", "-3", "-q", source], check=True, capture_output=True, cwd=folder)
        sys.path.insert(0, folder)
        made = importlib.import_module("cpoint").Point
        shutil.rmtree(folder)
        return made
    raise KeyError(name)


def measure(name: str, rows: int) -> dict[str, Any]:
    order = random.Random(1).choices(range(rows), k=READS)
    keys = order
    setter = "holder[i].x = 5"
    getter = "holder[i].x"
    summing = "sum([one.x for one in holder])"
    extra: dict[str, Any] = {}
    gc.collect()
    if name == "numpy" or name.startswith("drystone"):
        import numpy as np

        np.zeros(10)
    if name.startswith("drystone"):
        import drystone as ds

        plain = ds.make_record("Point", "x y z", ds.i32)
        keyed = ds.make_record("Keyed", [("id", ds.u64, ds.key()), ("x", ds.i32), ("y", ds.i32), ("z", ds.i32)])
    kind: Any = None
    if name not in ("dict", "tuple", "numpy") and not name.startswith("drystone"):
        kind = attribute(name)
    folder = tempfile.TemporaryDirectory()
    before = resident()
    begun = time.perf_counter()
    holder: Any
    if name == "dict":
        holder = [{"x": x, "y": y, "z": z} for x, y, z in values(rows)]
        setter, getter, summing = 'holder[i]["x"] = 5', 'holder[i]["x"]', 'sum([one["x"] for one in holder])'
        size = sys.getsizeof(holder[0])
    elif name == "tuple":
        holder = [one for one in values(rows)]
        setter, getter, summing = "", "holder[i][0]", "sum([one[0] for one in holder])"
        size = sys.getsizeof(holder[0])
    elif name == "numpy":
        holder = np.zeros(rows, [("x", "<i4"), ("y", "<i4"), ("z", "<i4")])
        for at, field in enumerate("xyz"):
            holder[field] = np.arange(at, rows + at, dtype="<i4")
        setter, getter, summing = 'holder[i]["x"] = 5', 'holder[i]["x"]', 'holder["x"].sum()'
        size = holder.itemsize
    elif name.startswith("drystone"):
        of = keyed if "key" in name else plain
        source = np.zeros(rows, [(field, "<u8" if field == "id" else "<i4") for field in of._fields])
        if "key" in name:
            source["id"] = np.arange(0, 2 * rows, 2)
            keys = [2 * i for i in order]
        for at, field in enumerate("xyz"):
            source[field] = np.arange(at, rows + at, dtype="<i4")
        before = resident()
        begun = time.perf_counter()
        if name == "drystone list":
            holder = ds.Table(of, source)
        elif name == "drystone dict, by key":
            holder = ds.Table(of, source)
        else:
            db = ds.open(os.path.join(folder.name, "points.dry"))
            holder = db.create("points", of, load=source)
            setter = ""
        built = time.perf_counter() - begun
        summing = "holder.x.sum()"
        size = of.__layout__.width
        grown = resident() - before
        # Pages are mapped when they are read; those of a file are shared among processes.
        if name != "drystone list":
            holder.x.sum()
            grown = resident() - before
        extra["grown"], extra["built"] = grown, built
    elif name == "class":
        holder = [kind(x, y, z) for x, y, z in values(rows)]
        setter = "holder[i].x = 5"
        size = sys.getsizeof(holder[0]) + sys.getsizeof(holder[0].__dict__)
    else:
        holder = [kind(x, y, z) for x, y, z in values(rows)]
        if name == "namedtuple":
            setter = ""
        size = sys.getsizeof(holder[0])
    built = extra.get("built", time.perf_counter() - begun)
    grown = extra.get("grown", resident() - before)

    def loop(statement: str) -> float:
        names: dict[str, Any] = {}
        code = f"def run(holder, order):\n    for i in order:\n        {statement}\n"
        exec(code, names)
        best = 1e9
        for _ in range(3):
            start = time.perf_counter()
            names["run"](holder, keys)
            best = min(best, time.perf_counter() - start)
        start = time.perf_counter()
        for _ in keys:
            pass
        return (best - (time.perf_counter() - start)) / len(keys) * 1e9

    result = {"holder": name, "rows": rows, "getsizeof": size, "resident": grown / rows, "build": built}
    result["read"] = loop(getter)
    result["set"] = loop(setter) if setter else None
    start = time.perf_counter()
    eval(summing, {"holder": holder})
    result["sum"] = time.perf_counter() - start
    return result


HOLDERS = [
    "dict",
    "class",
    "tuple",
    "namedtuple",
    "slots",
    "attrs",
    "namedlist",
    "recordclass",
    "dataobject",
    "cython",
    "numpy",
    "drystone list",
    "drystone dict, by key",
    "drystone file",
    "drystone file, by key",
]


def table(results: list[dict[str, Any]]) -> str:
    lines = []
    for rows in sorted({result["rows"] for result in results}):
        lines += [
            f"**{rows:,} records**",
            "",
            "| holder | `getsizeof`, bytes | resident, bytes a record | build, s | random `holder[i].x`, ns | set one, ns | sum of a field, s |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        for result in results:
            if result["rows"] != rows:
                continue
            name = f"**{result['holder']}**" if result["holder"].startswith("drystone") else result["holder"]
            setting = "" if result["set"] is None else f"{result['set']:,.0f}"
            lines.append(
                f"| {name} | {result['getsizeof']} | {result['resident']:.1f} | {result['build']:.2f} "
                f"| {result['read']:,.0f} | {setting} | {result['sum']:.3f} |"
            )
        lines.append("")
    return "\n".join(lines)


def chart(results: list[dict[str, Any]]) -> str:
    """Bars of the resident bytes of a record."""
    rows = max(result["rows"] for result in results)
    shown = [result for result in results if result["rows"] == rows]
    greatest = max(result["resident"] for result in shown)
    height, left, width = 22, 170, 430
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="680" height="{height * len(shown) + 40}" '
        'font-family="sans-serif" font-size="12">',
        f'<text x="8" y="18" font-weight="bold">resident bytes a record, {rows:,} records of three 32-bit integers</text>',
    ]
    for at, result in enumerate(shown):
        top = 30 + at * height
        bar = max(1, width * result["resident"] / greatest)
        fill = "#1b7f4d" if result["holder"].startswith("drystone") else "#9aa5b1"
        parts.append(f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{result["holder"]}</text>')
        parts.append(f'<rect x="{left}" y="{top + 3}" width="{bar:.1f}" height="{height - 7}" fill="{fill}"/>')
        parts.append(f'<text x="{left + bar + 6:.1f}" y="{top + 14}">{result["resident"]:.1f}</text>')
    return "\n".join([*parts, "</svg>", ""])


def machine() -> str:
    model = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{model}, {os.cpu_count()} processors, CPython {version}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.rows[0])))
        return
    results = []
    for rows in options.rows or [1_000_000, 10_000_000]:
        for name in HOLDERS:
            command = [sys.executable, os.path.abspath(__file__), "--one", name, "--rows", str(rows)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name}: left out: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            results.append(json.loads(done.stdout.strip().splitlines()[-1]))
            print(results[-1], file=sys.stderr)
    text = table(results)
    print(text)
    if options.rows:
        return
    page = os.path.join(ROOT, "docs", "python.md")
    with open(page) as file:
        old = file.read()
    start, end = "<!-- holders: written by python/benchmarks/holders.py -->\n", "<!-- end of holders -->"
    head, _, rest = old.partition(start)
    _, _, tail = rest.partition(end)
    with open(page, "w") as file:
        file.write(f"{head}{start}\n{machine()}\n\n{text}{end}{tail}")
    with open(os.path.join(ROOT, "docs", "python-holders.svg"), "w") as file:
        file.write(chart(results))


if __name__ == "__main__":
    main()
