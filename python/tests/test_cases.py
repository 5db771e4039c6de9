"""The situations of Python users. The number in each docstring is that of the list of situations."""

from __future__ import annotations

import copy
import datetime
import decimal
import heapq
import json
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import drystone as ds
from conftest import City, Point, Side

UTC = datetime.timezone.utc


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    here = os.path.dirname(__file__)
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *args],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])},
    )


def in_child(body: Any) -> int:
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = body() or 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def private_kib() -> int:
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(("Private_Clean", "Private_Dirty")))


def test_forked_workers_share_the_rows() -> None:
    """1"""
    table = ds.Table(Point, np.zeros(1_000_000, [("x", "<i4"), ("y", "<i4"), ("z", "<i4")]))

    def reads() -> int:
        before = private_kib()
        total = sum(table[at].x for at in range(0, len(table)))
        return 0 if total == 0 and private_kib() - before < 4_000 else 1

    assert in_child(reads) == 0


def test_the_exit_of_a_child_leaves_the_parent_unharmed(cities: Any) -> None:
    """2"""
    row = cities[1]
    assert in_child(lambda: 0 if row.name == "city 1" and cities[2].name == "city 2" else 1) == 0
    assert row.name == "city 1"
    assert cities[3].name == "city 3"


def test_a_transaction_stays_with_the_parent(db: Any, cities: Any) -> None:
    """3"""
    with db.write() as tx:
        tx.cities[1].population = 5

        def uses() -> int:
            try:
                tx.cities[1].population = 6
            except RuntimeError as error:
                return 0 if "parent" in str(error) else 1
            return 2

        assert in_child(uses) == 0
        pid = os.fork()
        if pid == 0:
            try:
                sys.exit(0)
            except SystemExit:
                os._exit(0)
        os.waitpid(pid, 0)
    assert cities[1].population == 5


def _pickled(handle: Any, key: int) -> Any:
    return handle[key].name, handle._database.path


def test_handles_pickle(cities: Any, db: Any) -> None:
    """4"""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        name, path = pool.apply(_pickled, (cities, 7))
    assert name == "city 7" and os.path.isabs(path)
    with db.write() as tx:
        for thing in (tx, tx.cities, db.snapshot(), db.snapshot().cities):
            with pytest.raises(TypeError, match="pickled"):
                pickle.dumps(thing)


def test_reading_beside_a_writer(cities: Any, db: Any, path: str) -> None:
    """5"""
    code = """
        import drystone as ds, sys
        db = ds.open(sys.argv[1], "r")
        cities = db.cities
        print(cities[1].population, flush=True)
        sys.stdin.readline()
        print(cities[1].population, flush=True)
        try:
            db.write()
        except PermissionError as error:
            print(error.kind)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == "1000\n"
    with db.write() as tx:
        tx.cities[1].population = 77
    rest, _ = process.communicate("\n", timeout=60)
    assert rest == "77\nread_only\n"


def test_read_only_media_need_no_lock_file(cities: Any, db: Any, path: str, tmp_path: Any) -> None:
    """5"""
    folder = tmp_path / "media"
    folder.mkdir()
    db.close()
    os.rename(path, folder / "x.dry")
    os.chmod(folder, 0o555)
    try:
        with ds.open(folder / "x.dry", "r") as other:
            assert other.cities[5].name == "city 5"
        if os.getuid() != 0:
            assert os.listdir(folder) == ["x.dry"]
    finally:
        os.chmod(folder, 0o755)


def test_threads_share_a_handle(cities: Any) -> None:
    """6"""
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(cities.get, range(1, 101)))
    assert [row.id for row in rows] == list(range(1, 101))
    threading.Thread(target=rows.clear).start()


def test_threads_take_turns_to_write(db: Any, cities: Any) -> None:
    """7"""
    before = db._newest

    def writes(key: int) -> None:
        for _ in range(100):
            with db.write() as tx:
                row = tx.cities[key]
                row.population = (row.population or 0) + 1

    threads = [threading.Thread(target=writes, args=(key,)) for key in (3, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cities[3].population == cities[6].population == 100
    assert db._newest == before + 200


def test_rows_are_moved_about_as_in_a_list(points: Any) -> None:
    """8"""
    points[0], points[1] = points[1], points[0]
    assert [p.x for p in points] == [1, 0, 2, 3, 4, 5, 6, 7, 8, 9]
    random.Random(1).shuffle(points)
    assert sorted(p.x for p in points) == list(range(10))
    points[:] = sorted(points)
    assert [p.x for p in points] == list(range(10))
    points.reverse()
    # The functions of heapq that change a heap take nothing but a list; the others take a table.
    assert [p.x for p in heapq.nsmallest(3, points)] == [0, 1, 2]
    heap = list(points)
    heapq.heapify(heap)
    assert [heapq.heappop(heap).x for _ in range(10)] == list(range(10))


def test_a_row_keeps_the_value_of_its_removed_record(points: Any) -> None:
    """9"""
    row = points[0]
    del points[0]
    points.extend((100 + i, 0, 0) for i in range(10_000))
    assert row == Point(0, 0, 0)
    assert points[0].x == 1


def test_a_look_up_costs_little() -> None:
    """10"""
    import timeit

    class Slots:
        __slots__ = ("x", "y", "z")

        def __init__(self, x: int, y: int, z: int) -> None:
            self.x, self.y, self.z = x, y, z

    def best(code: str, **names: Any) -> float:
        return min(timeit.repeat(code, globals=names, number=100_000, repeat=7))

    # A row in hand: of a table, and a record of its own.
    table, slots = ds.Table(Point, [(i, i, i) for i in range(1000)]), Slots(1, 1, 1)
    for row in (table[1], Point(1, 1, 1)):
        assert best("r.x += 1", r=row) < 4 * best("r.x += 1", r=slots)
        assert best("r.x = 5", r=row) < 4 * best("r.x = 5", r=slots)
    # Records at random places among many, as they are read in a program: there, most of the time of
    # objects goes into memory. Of a thousand that all fit into the cache, `t[i].x` takes about 9 times
    # as long as of a list, because a row object is made: see the documentation.
    count = 500_000
    table = ds.Table(Point, np.arange(3 * count, dtype="<i4").view([("x", "<i4"), ("y", "<i4"), ("z", "<i4")]))
    objects = [Slots(i, i, i) for i in range(count)]
    places = random.Random(1).choices(range(count), k=100_000)
    read = "for i in places: t[i].x"
    times = [min(timeit.repeat(read, globals={"t": t, "places": places}, number=1, repeat=5)) for t in (table, objects)]
    assert times[0] < 4 * times[1], times


def test_fields_are_added(db: Any, cities: Any) -> None:
    """11"""
    with db.write() as tx:
        with pytest.raises(TypeError, match="default"):
            tx.cities.add_field("height", ds.f32)
        tx.cities.add_field("area", ds.f32, default=0.5)
        assert tx.cities[1].area == 0.5
        tx.cities[1].area = 2
    assert db.cities[1].area == 2.0 and db.cities[2].area == 0.5


def test_each_row_is_its_own(points: Any) -> None:
    """12"""
    assert [row.x for row in list(points)] == list(range(10))
    assert max(points, key=lambda row: -row.x).x == 0


def test_a_row_that_is_kept_stays_right(db: Any, cities: Any) -> None:
    """13"""
    cache = {1: cities[1], 2: copy.copy(cities[2])}
    before = cache[1].population
    for turn in range(300):
        with db.write() as tx:
            tx.cities[1].population = turn
            tx.cities[2].name = f"name {turn}"
    assert cache[1].population == before and cache[2].name == "city 2"
    assert cities[1].population == 299
    assert any(reader.process == os.getpid() for reader in db.readers())


def test_arrays_outlive_the_database(path: str) -> None:
    """14"""
    with ds.open(path) as db:
        table = db.create("points", Point, load=[(1, 2, 3), (4, 5, 6)])
        array, row = np.asarray(table), table[1]
    assert array["x"].tolist() == [1, 4] and row.z == 6
    with pytest.raises(ValueError, match="closed"):
        table[0]
    with pytest.raises(ValueError, match="closed"):
        db.points


def test_growth_under_an_array(points: Any) -> None:
    """15"""
    array = np.asarray(points)
    with pytest.raises(BufferError, match="array"):
        points.append(Point(1, 2))
    view = array["x"]
    del array
    with pytest.raises(BufferError):
        points.clear()
    view[0] = 77
    assert points[0].x == 77
    del view
    points.append(Point(1, 2))
    assert len(points) == 11
    with memoryview(points) as memory:
        assert memory.format == "T{<i:x:<i:y:<i:z:}" and memory.nbytes == 132
        with pytest.raises(BufferError):
            del points[0]


def test_nothing_is_printed_at_exit(path: str) -> None:
    """16"""
    code = """
        import sys, numpy as np, drystone as ds
        from conftest import Point
        db = ds.open(sys.argv[1])
        table = db.create("points", Point, load=[(1, 2, 3)])
        row, array = table[0], np.asarray(table)
        memory = ds.Table(Point, [(1, 2, 3)])
        held = memory[0]
        tx = db.write()
        tx.points[0].x = 9
        written = tx.points[0]
    """
    done = run(code, path)
    assert (done.returncode, done.stderr) == (0, "")
    with ds.open(path) as db:
        assert db.points[0].x == 1


def test_numbers_that_do_not_fit(cities: Any) -> None:
    """17"""
    with pytest.raises(OverflowError, match=r"field 'x': 2147483648 does not fit i32"):
        Point(2**31, 0, 0)
    assert cities[np.int64(1)].id == 1
    assert Point(np.int16(5), np.uint64(6)).y == 6
    with pytest.raises(OverflowError):
        City(1, "a", Side.BUY, 1e300)


def test_true_is_one() -> None:
    """18"""
    value = Point(True, 0, 0).x
    assert value == 1 and type(value) is int


def test_decimals_are_refused() -> None:
    """19"""
    price = ds.make_record("Price", "p", ds.f64)
    with pytest.raises(TypeError, match="float"):
        price(decimal.Decimal("19.99"))
    for wrong in (3.0, decimal.Decimal(3), "3"):
        with pytest.raises(TypeError):
            Point(wrong, 0)


def test_bytes_and_texts_are_not_cut() -> None:
    """20"""
    kind = ds.make_record("Kind", {"b": ds.Bytes[4], "s": ds.Str[4]})
    assert kind(b"\x11\0\0\0", "a").b == b"\x11\0\0\0"
    with pytest.raises(ValueError, match="zero"):
        kind(b"1234", "a\0")
    with pytest.raises(ValueError, match="5 bytes"):
        kind(b"1234", "abcde")
    with pytest.raises(ValueError, match="6 bytes as UTF-8"):
        kind(b"1234", "äöü")
    with pytest.raises(ValueError):
        kind(b"123", "")


def test_surrogates_undo_a_load(db: Any, cities: Any) -> None:
    """21"""
    bad = os.fsdecode(b"\xc3")
    with pytest.raises(UnicodeEncodeError, match="record 2: field 'name'"):
        with db.write() as tx:
            tx.cities.load([(1000, "fine", Side.BUY, 0.0), (1001, bad, Side.BUY, 0.0)])
    assert len(cities) == 100


def test_missing_values() -> None:
    """22"""
    kind = ds.make_record("Kind", [("at", datetime.datetime | None), ("n", ds.i32 | None)])
    for missing in (None, pd.NaT, np.datetime64("NaT"), pd.NA):
        assert kind(missing, None).at is None
    assert kind(None, pd.NA).n is None
    plain = ds.make_record("Plain", [("at", datetime.datetime)])
    with pytest.raises(ValueError, match="not nullable"):
        plain(pd.NaT)
    done = run(
        """
        import sys, drystone as ds, datetime
        kind = ds.make_record("Kind", [("n", ds.i32 | None)])
        kind(None)
        assert "pandas" not in sys.modules
        """
    )
    assert done.returncode == 0, done.stderr


def test_datetimes_are_aware() -> None:
    """23"""
    from zoneinfo import ZoneInfo

    kind = ds.make_record("Kind", [("at", datetime.datetime)])
    berlin = datetime.datetime(2024, 7, 1, 12, 0, 0, 5, ZoneInfo("Europe/Berlin"))
    back = kind(berlin).at
    assert back == berlin and back.tzinfo is UTC and back.hour == 10
    with pytest.raises(ValueError, match="time zone"):
        kind(datetime.datetime(2024, 1, 1))
    with pytest.raises(ValueError, match="nanoseconds"):
        kind(pd.Timestamp(1, unit="ns", tz="UTC"))


def test_nullable_integers_in_pandas(cities: Any) -> None:
    """24"""
    assert str(cities.to_pandas().population.dtype) == "UInt32"
    kind = ds.make_record("Kind", [("n", ds.i64 | None)])
    frame = ds.Table(kind, [(2**53 + 1,), (None,)]).to_pandas()
    assert str(frame.n.dtype) == "Int64" and frame.n[0] == 2**53 + 1 and frame.n[1] is pd.NA


def test_fields_with_postponed_annotations() -> None:
    """25"""
    code = """
        {future}
        import drystone as ds, enum
        from typing import Annotated, ClassVar
        def local():
            class Side(enum.Enum):
                A = 1
            class City(ds.Record):
                LIMIT: ClassVar[int] = 5
                id: ds.u32 = ds.key()
                name: Annotated[str, ds.width(40)]
                side: Side
                population: ds.u32 | None = None
            return City
        City = local()
        print(City._fields, City.__layout__.schema)
    """
    outputs = {run(code.format(future=line)).stdout for line in ("from __future__ import annotations", "")}
    assert len(outputs) == 1 and "'population')" in outputs.pop()


def test_defaults_that_cannot_be() -> None:
    """26"""
    with pytest.raises(ValueError, match="default_factory"):

        class A(ds.Record):
            v: ds.Array[ds.f32, 2] = [0, 0]  # type: ignore[valid-type]

    with pytest.raises(TypeError, match="no default"):

        class B(ds.Record):
            x: ds.i32 = 0
            y: ds.i32

    class C(ds.Record):
        v: ds.Array[ds.f32, 2] = ds.field(default_factory=lambda: [1, 2])  # type: ignore[valid-type]

    assert C().v == (1.0, 2.0)


def test_weak_references(db: Any, cities: Any) -> None:
    """27"""
    assert weakref.ref(db)() is db and weakref.ref(cities)() is cities


def test_fields_win_over_methods(db: Any) -> None:
    """28"""
    kind = ds.make_record("Kind", "copy keys asdict items", ds.i32)
    row = kind(1, 2, 3, 4)
    assert (row.copy, row.keys, row.asdict, row.items) == (1, 2, 3, 4)
    assert ds.asdict(row) == {"copy": 1, "keys": 2, "asdict": 3, "items": 4}
    table = db.create("write", ds.make_record("G", "get where", ds.i32), load=[(1, 2), (3, 4)])
    assert table.columns["get"].sum() == 4 and table.columns["where"].max() == 4
    assert table[0].get == 1 and len(db["write"]) == 2 and len(db.table("write")) == 2


def test_enumerations(cities: Any) -> None:
    """29"""
    assert cities[1].side is Side.BUY and cities[2].side is Side.SELL
    frame = cities.to_polars()
    assert frame.schema["side"] == pl.Enum(["buy", "sell"])
    assert list(cities.to_pandas().side.cat.categories) == ["buy", "sell"]
    assert cities.where("side = 'buy'").count() == 50
    assert cities.where("id = 1").first().side is Side.BUY


def test_type_checkers() -> None:
    """30"""
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", os.path.join(here, "typed_use.py")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_comparisons(points: Any) -> None:
    """31"""
    vec = ds.make_record("Vec", "x y z", ds.i32)
    assert Point(1, 2, 3) != vec(1, 2, 3) and Point(1, 2, 3) != (1, 2, 3)
    with pytest.raises(TypeError):
        Point(1, 2, 3) < (1, 2, 3)
    assert points[1] == Point(1, 2, 3) and Point(1, 2, 3) < Point(1, 3, 0)
    real = ds.make_record("Real", "x", ds.f64)
    assert real(0.0) == real(-0.0) and real(float("nan")) != real(float("nan"))


def test_hashes(points: Any, cities: Any) -> None:
    """32"""
    with pytest.raises(TypeError, match="unhashable"):
        hash(points[0])
    assert {cities[1]: 0}[copy.copy(cities[1])] == 0


def test_plain_numbers_come_out(cities: Any) -> None:
    """33"""
    assert json.dumps({"id": cities[1].id, "lat": cities[1].lat}) == '{"id": 1, "lat": 0.5}'
    total = cities.where("population > 50000").sum("population")
    assert type(total) is int and json.dumps(total)
    assert type(cities.lat.max()) is float


def test_frames(cities: Any) -> None:
    """34"""
    polars = pl.DataFrame(cities)
    assert polars.schema["population"] == pl.UInt32 and polars["population"].null_count() == 33
    pandas = pd.DataFrame.from_arrow(cities)
    assert len(pandas) == 100 and pandas.name[0] == "city 1"
    import duckdb

    arrow = cities.to_arrow()
    found = duckdb.sql("select count(*) from arrow where population > 50000").fetchall()
    assert arrow.num_rows == 100 and found == [(sum((row.population or 0) > 50000 for row in cities.values()),)]


def test_a_cell_that_runs_twice(path: str) -> None:
    """35"""
    first, second = ds.open(path), ds.open(path)
    first.create("points", Point, load=[(1, 2, 3)])
    with pytest.raises(FileExistsError, match="exist_ok.*replace"):
        second.create("points", Point)
    assert len(second.create("points", Point, exist_ok=True)) == 1
    assert len(second.create("points", Point, replace=True)) == 0
    first.close()
    assert len(second.points) == 0
    second.close()


@pytest.mark.parametrize("what", ["load", "where", "get_many", "wait"])
def test_interrupts(path: str, what: str) -> None:
    """36"""
    code = """
        import sys, time, threading, os, signal, itertools, numpy as np, drystone as ds
        from conftest import Point
        what, path = sys.argv[1:]
        db = ds.open(path)
        array = np.zeros(3_000_000, [("x", "<i4"), ("y", "<i4"), ("z", "<i4")])
        table = db.create("points", Point, load=array)
        interrupted = []
        def interrupt():
            time.sleep(0.3)
            interrupted.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt).start()
        try:
            if what == "load":
                with db.write() as tx:
                    tx.points.load((i % 1000, 0, 0) for i in itertools.count())
            while what == "where":
                table.where("x > 5 or y < 7 and z != 3").group_by("x").aggregate("count_distinct(y)")
            numbers = np.random.randint(0, 3_000_000, 2_000_000)
            while what == "get_many":
                table.get_many(numbers)
        except KeyboardInterrupt:
            late = time.perf_counter() - interrupted[0]
            assert late < 0.5, late
            assert len(table) == 3_000_000
            with db.write() as tx:
                tx.points[0].x = 1
            print("fine")
    """
    if what == "wait":
        code = """
            import sys, time, threading, os, signal, drystone as ds
            from conftest import Point
            db = ds.open(sys.argv[2])
            begun, done = threading.Event(), threading.Event()
            def hold():
                with db.write():
                    begun.set()
                    done.wait()
            holder = threading.Thread(target=hold)
            holder.start()
            begun.wait()
            interrupted = []
            def interrupt():
                time.sleep(0.3)
                interrupted.append(time.perf_counter())
                os.kill(os.getpid(), signal.SIGINT)
            threading.Thread(target=interrupt).start()
            try:
                db.write()
            except KeyboardInterrupt:
                assert time.perf_counter() - interrupted[0] < 0.5
                done.set()
                holder.join()
                db.write().abort()
                print("fine")
        """
    done = run(code, what, path)
    assert done.stdout == "fine\n", done.stderr


def test_sub_interpreters_are_refused() -> None:
    """37"""
    code = """
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _interpreters as interpreters
        one = interpreters.create()
        lines = ["import sys", f"sys.path[:] = {__import__('sys').path!r}", "said = 'imported'", "try:",
                 "    import drystone", "except ImportError as error:", "    said = str(error)",
                 "print(said, flush=True)"]
        interpreters.run_string(one, chr(10).join(lines))
    """
    done = run(code)
    assert "interpreter" in done.stdout and "imported" not in done.stdout, done.stdout + done.stderr


def test_imports_are_few() -> None:
    """39"""
    code = """
        import sys, drystone as ds, datetime
        kind = ds.make_record("Kind", [("at", datetime.datetime), ("n", ds.i32)])
        table = ds.Table(kind, [(datetime.datetime.now(datetime.timezone.utc), 1)])
        assert table.where("n = 1").sum("n") == 1 and table[0].at and table.n.sum() == 1
        found = {"numpy", "pandas", "pyarrow", "polars", "tqdm"} & set(sys.modules)
        assert not found, found
    """
    done = run(code)
    assert done.returncode == 0, done.stderr
    begun = time.perf_counter()
    assert run("import drystone").returncode == 0
    assert time.perf_counter() - begun < 5
