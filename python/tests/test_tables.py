"""Loading, handing over, queries, transactions."""

from __future__ import annotations

import datetime
import gc
import gzip
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import drystone as ds
from conftest import City, Everything, Point, Side
from test_records import ROW, WHEN

UTC = datetime.timezone.utc
FLAT = [("x", "<i4"), ("y", "<i4"), ("z", "<i4")]


@pytest.fixture
def rows() -> list[tuple[int, int, int]]:
    return [(i, -i, i * i) for i in range(1000)]


def sources(rows: Any, folder: Any) -> dict[str, Any]:
    array = np.array(rows, FLAT)
    wide = np.zeros(len(rows), [("z", "<i8"), ("y", ">i4"), ("x", "<f8")])
    for name in "xyz":
        wide[name] = array[name]
    frame = pd.DataFrame({"x": array["x"], "y": array["y"], "z": array["z"]})
    csv = folder / "rows.csv"
    frame.to_csv(csv, index=False)
    with gzip.open(folder / "rows.csv.gz", "wb") as file:
        file.write(csv.read_bytes())
    pq.write_table(pa.Table.from_pandas(frame), folder / "rows.parquet")
    np.save(folder / "rows.npy", array)
    return {
        "tuples": rows,
        "generator": (row for row in rows),
        "dicts": [dict(zip("xyz", row)) for row in rows],
        "records": [Point(*row) for row in rows],
        "columns": {"z": array["z"], "x": array["x"].tolist(), "y": array["y"]},
        "array": array,
        "wide array": wide,
        "matrix": np.array(rows),
        "masked": np.ma.MaskedArray(array, mask=False),
        "strided": np.repeat(array, 2)[::2],
        "table": ds.Table(Point, rows),
        "pandas": frame,
        "polars": pl.DataFrame({name: array[name] for name in "xyz"}),
        "arrow": pa.Table.from_pandas(frame),
        "csv": csv,
        "csv.gz": str(folder / "rows.csv.gz"),
        "file": open(csv, "rb"),
        "parquet": str(folder / "rows.parquet"),
        "npy": folder / "rows.npy",
    }


def test_every_source(rows: Any, tmp_path: Any, db: Any) -> None:
    for name, source in sources(rows, tmp_path).items():
        table = db.create("points", Point, load=source, replace=True)
        assert [ds.astuple(row) for row in table] == rows, name
    for name, source in sources(rows, tmp_path).items():
        assert [ds.astuple(row) for row in ds.Table(Point, source)] == rows, name


class Partly(ds.Record):
    id: ds.u32 = ds.key()
    x: ds.i32
    s: ds.Str[4] | None  # type: ignore[valid-type]
    n: ds.i32 = 7
    m: ds.i32 = ds.field(default_factory=lambda: 8)


def test_columns_that_are_missing_have_defaults(db: Any) -> None:
    whole = [(1, 3, None, 7, 8), (2, 4, None, 7, 8)]
    array = np.array([(1, 3), (2, 4)], [("id", "u4"), ("x", "i4")])
    for source in ({"id": [1, 2], "x": [3, 4]}, {"x": array["x"], "id": array["id"]}, array):
        assert [ds.astuple(row) for row in ds.Table(Partly, source).values()] == whole
        assert [ds.astuple(row) for row in db.create("t", Partly, load=source, replace=True).rows] == whole
    plain = ds.make_record("Plain", [("x", ds.i32), ("n", ds.i32, 7)])
    assert [ds.astuple(row) for row in ds.Table(plain, {"x": [1]})] == [(1, 7)]
    assert len(ds.Table(plain, {})) == 0
    with pytest.raises(TypeError, match="no column 'x'.*no default"):
        ds.Table(plain, {"n": [1]})
    with pytest.raises(ValueError, match="'x' has 1, 'n' has 2"):
        ds.Table(plain, {"n": [1, 2], "x": [1]})


def test_columns_that_are_no_fields(db: Any, tmp_path: Any) -> None:
    plain = ds.make_record("Plain", "x y", ds.i32)
    array = np.array([(1, 2, 3)], [("x", "i4"), ("y", "i4"), ("z", "i4")])
    csv = tmp_path / "rows.csv"
    csv.write_text("x,y,z\n1,2,3\n")
    frame = pd.DataFrame({name: array[name] for name in "xyz"})
    for source in ({"x": [1], "y": [2], "z": [3]}, array, csv, frame, pl.DataFrame({"x": [1], "y": [2], "z": [3]})):
        for make in (
            lambda **how: ds.Table(plain, source, **how),
            lambda **how: db.create("t", plain, load=source, replace=True, **how),
        ):
            with pytest.raises((ValueError, TypeError), match="ignore_unknown=True"):
                make()
            assert [ds.astuple(row) for row in make(ignore_unknown=True)] == [(1, 2)]
    assert [ds.astuple(row) for row in ds.Table(plain, [{"x": 1, "y": 2, "z": 3}], ignore_unknown=True)] == [(1, 2)]
    with pytest.raises(TypeError, match="unknown options on_duplicate"):
        ds.Table(plain, [(1, 2)], on_duplicate="last")


def test_duplicate_keys_name_the_option(db: Any) -> None:
    keyed = ds.make_record("Keyed", "id: u32 key, x: i32")
    rows = [(1, 2), (1, 3)]
    for source in (rows, pd.DataFrame({"id": [1, 1], "x": [2, 3]}), {"id": [1, 1], "x": [2, 3]}):
        with pytest.raises(ValueError, match='comes twice: .*; on_duplicate="first" or on_duplicate="last" keeps one'):
            db.create("t", keyed, load=source, replace=True)
        assert db.create("t", keyed, load=source, on_duplicate="last", replace=True)[1].x == 3
    with db.write() as tx, pytest.raises(ValueError, match="in the table already; on_duplicate="):
        tx.t.load([(1, 5)])


def test_a_handle_of_an_older_schema_says_what_to_do(db: Any) -> None:
    handle = db.create("q", ds.make_record("Old", "x: i32"), load=[(1,)])
    odd = db.create("q 2", ds.make_record("Old", "x: i32"), load=[(1,)])
    with db.write() as tx:
        tx.q.add_field("y", ds.i32, default=5)
        tx["q 2"].add_field("y", ds.i32, default=5)
    with pytest.raises(TypeError, match="take `db.q` again"):
        handle[0]
    with pytest.raises(TypeError, match=r'take `db\["q 2"\]` again'):
        len(odd)
    assert ds.astuple(db.q[0]) == (1, 5)


def test_records_by_their_keys_are_loaded() -> None:
    keyed = ds.make_record("Keyed", [("id", ds.u32, ds.key()), ("x", ds.i32), ("s", ds.Str[4] | None, None)])
    text = ds.make_record("Text", [("id", ds.Str[4], ds.key()), ("x", ds.i32)])
    pair = ds.make_record("Pair", "a: u8 key, b: u8 key, x: i32")
    table = ds.Table(keyed, {1: keyed(1, 5), 2: (2, 6), 3: {"id": 3, "x": 7}})
    assert [row.x for row in table.values()] == [5, 6, 7]
    assert ds.Table(keyed, dict(table.items())) == table == ds.Table(keyed, table)
    assert ds.Table(text, {"id": text("id", 1), "b": ("b", 2)})["b"].x == 2
    assert ds.Table(pair, {(1, 2): (1, 2, 3)})[1, 2].x == 3
    with pytest.raises(ValueError, match="the record has the key 1, not 2"):
        ds.Table(keyed, {2: keyed(1, 5)})
    with pytest.raises(TypeError, match="column 'id' is 1: .*columns, which are sequences.*for one record"):
        ds.Table(keyed, {"id": 1, "x": 3, "s": "a"})


def test_what_dicts_and_lists_can_do(db: Any) -> None:
    keyed = ds.make_record("Keyed", "id: u32 key, x: i32")
    one = ds.Table(keyed, [(1, 10), (2, 20)])
    two = ds.Table(keyed, [(2, 21), (3, 30)])
    both = one | two
    assert [ds.astuple(row) for row in both.values()] == [(1, 10), (2, 21), (3, 30)]
    assert [row.x for row in one.values()] == [10, 20] and both == one | {2: (2, 21), 3: keyed(3, 30)}
    assert [row.x for row in ({2: keyed(2, 5), 4: keyed(4, 40)} | one).values()] == [10, 20, 40]
    held = one
    held |= two
    assert held is one and one == both
    with pytest.raises(TypeError):
        one | 5
    of_db = db.create("t", keyed, load=both)
    with db.write() as tx:
        of_tx = tx.t
        of_tx |= {9: keyed(9, 90)}
        for keys in (of_tx.keys(), one.keys(), of_db.keys()):
            assert keys & {1, 8} == {1} == {1, 8} & keys and {8, 1} - keys == {8} and 1 in keys and 8 not in keys
            assert keys - {1, 9} == {2, 3} and keys | {7} >= {1, 2, 3, 7} and (keys ^ {1, 2, 3}) in (set(), {9})
        assert one.keys() == {1, 2, 3} and one.keys() <= of_tx.keys() and one.keys().isdisjoint({4})
    assert (1, keyed(1, 10)) in one.items() and (1, keyed(1, 11)) not in one.items()
    with pytest.raises(TypeError):
        of_db.values() & {1}

    points = ds.Table(Point, [(1, 2), (3, 4)])
    assert 2 * points == points * 2 == points + points and len(0 * points) == 0
    same = points
    same *= 2
    assert same is points and len(points) == 4 and points[2] == points[0]
    same *= 0
    assert same is points and len(points) == 0


def test_inference(rows: Any, tmp_path: Any, db: Any) -> None:
    for name in ("array", "pandas", "polars", "arrow", "csv", "csv.gz", "parquet", "npy", "table"):
        source = sources(rows, tmp_path)[name]
        table = db.create("points", load=source, key="x", replace=True)
        assert [ds.astuple(row) for row in table.values()] == rows, name
        assert "x: " in table.schema and " key" in table.schema
    with pytest.raises(TypeError, match="record class"):
        db.create("other", load=[(1, 2)])
    with pytest.raises(TypeError, match="record class"):
        db.create("other")


def test_inference_from_objects_of_python(db: Any) -> None:
    import dataclasses
    import uuid
    from typing import NamedTuple

    def made(load: Any, **how: Any) -> Any:
        return db.create("t", load=load, replace=True, **how)

    when = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    one = {"a": 1, "b": 0.5, "c": True, "s": "äb", "raw": b"xy", "day": datetime.date(2024, 1, 1), "at": when}
    one |= {"id": uuid.uuid4(), "side": Side.BUY, "v": (1.0, 2), "big": 2**64 - 1}
    table = made([one])
    assert table.schema == (
        "a: i64, b: f64, c: bool, s: str[3], raw: bytes[2], day: date, at: timestamp, id: uuid, "
        "side: enum[buy, sell], v: f64[2], big: u64"
    )
    assert ds.asdict(table[0]) == one
    assert made([{"a": 1}]).schema == "a: i64"
    # Missing in one row, None in another.
    rows = [{"a": 1}, {"a": 2, "b": "x"}, {"b": None, "a": 2.5}]
    table = made(iter(rows))
    assert table.schema == "a: f64, b: str[1]?" and [row.b for row in table] == [None, "x", None]
    keyed = made([{"x": 5, "id": 2}, {"x": 6, "id": 1}], key="id")
    assert list(keyed) == [1, 2] and keyed[1].x == 6
    assert [ds.astuple(row) for row in made({"count": [1, 2], "index": np.array([3, 4])}, key="index").rows] == [(3, 1), (4, 2)]

    @dataclasses.dataclass
    class D:
        x: int
        name: str

    class N(NamedTuple):
        x: int
        name: str

    for kind in (D, N):
        table = made([kind(1, "a"), kind(2, "bcd")])
        assert table.schema == "x: i64, name: str[3]" and table[1].name == "bcd"
    record = ds.make_record("R", [("x", ds.i8), ("name", ds.Str[9])])
    assert made([record(1, "a")]).schema == "x: i8, name: str[9]"
    assert ds.astuple(made([record(1, "a")], key="name")["a"]) == ("a", 1)
    for bad, text in (
        ([(1, 2)], "record 1 is of type tuple"),
        ([], "no rows"),
        ([{"a": None}], "field 'a': there are no values"),
        ([{"a": 1}, {"a": "x"}], "field 'a': .*int, str"),
        ({"a": 1}, "column 'a' is 1: .*sequences"),
        ([{1: 1}], "1 is no name"),
    ):
        with pytest.raises(TypeError, match=text):
            made(bad)


@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.array([(1, 2, 2**31)], [("x", "<i4"), ("y", "<i4"), ("z", "<i8")]), OverflowError),
        (np.array([(1, 2)], [("x", "<i4"), ("z", "<i4")]), TypeError),
        (np.array([(1, 2, 0.5)], [("x", "<i4"), ("y", "<i4"), ("z", "<f8")]), TypeError),
        (np.zeros((3, 2), "i4"), TypeError),
        (np.ma.MaskedArray(np.zeros(1, FLAT), mask=[(True, False, False)]), ValueError),
    ],
)
def test_arrays_that_do_not_fit(array: Any, error: Any, points: Any, db: Any) -> None:
    table = db.create("points", Point)
    with pytest.raises(error) as caught:
        points.extend(array)
    assert isinstance(caught.value, ds.Error) and len(points) == 10
    with pytest.raises(error), db.write() as tx:
        tx.points.load(array)
    assert len(table) == 0


def test_nulls_in_arrays() -> None:
    kind = ds.make_record("Kind", [("n", ds.i16 | None), ("f", ds.f32 | None)])
    with pytest.raises(OverflowError):
        ds.Table(kind, np.array([(-(2**15), 0)], [("n", "<i2"), ("f", "<f4")]))
    masked = np.ma.MaskedArray(np.array([(1, 2), (3, 4)], [("n", "<i2"), ("f", "<f4")]), mask=[(True, False), (False, True)])
    table = ds.Table(kind, masked)
    assert [ds.astuple(row) for row in table] == [(None, 2.0), (3, None)]
    back = table.to_numpy()
    assert back["n"].tolist() == [None, 3] and np.isnan(np.asarray(table.f)[1])
    with pytest.raises(TypeError, match="to_numpy"):
        np.asarray(table)
    with pytest.raises(TypeError, match="to_numpy"):
        np.asarray(table.n)
    assert (table.n.sum(), table.n.count(), table.f.min()) == (3, 1, 2.0)


def test_frames_of_every_type(db: Any) -> None:
    first = dict(zip(Everything._fields, ROW))
    second = Everything(**{**first, "maybe": 7, "side": Side.BUY})
    for table in (ds.Table(Everything, [ROW, second]), db.create("all", Everything, load=[ROW, second])):
        pandas, polars, arrow = table.to_pandas(), table.to_polars(), table.to_arrow()
        assert pandas.maybe[0] is pd.NA and pandas.maybe[1] == 7
        assert pandas["at"][0].to_pydatetime() == ROW[11] and str(pandas["at"].dtype).endswith("UTC]")
        assert pandas.side.tolist() == ["sell", "buy"] and pandas.s[0] == "äöü" and pandas.by[0] == b"\0a\0\0"
        assert polars["maybe"].to_list() == [None, 7] and polars["d"][0] == datetime.date(1, 1, 1)
        assert arrow.num_rows == 2 and arrow.column("u64")[0].as_py() == 2**64 - 1
        numpy = table.to_numpy()
        assert numpy["maybe"].tolist() == [None, 7] and numpy["side"].tolist() == ["sell", "buy"]
        assert numpy["v"].tolist() == [[1.0, -2.5]] * 2 and str(numpy["d"].dtype) == "datetime64[D]"
        again = ds.Table(ds.record_class(table.schema), table)
        assert [row.side for row in again] == ["sell", "buy"] and again[0].at == WHEN


def test_round_trips(db: Any, rows: Any) -> None:
    table = db.create("points", Point, load=rows)
    assert ds.Table(Point, table.to_pandas()) == ds.Table(Point, rows)
    assert ds.Table(Point, table.to_polars()) == ds.Table(Point, rows)
    assert ds.Table(Point, table.to_numpy()) == ds.Table(Point, rows)
    view = np.asarray(table)
    assert not view.flags.writeable and view.base is not None and view["z"].strides == (12,)


def test_lazy_frames(cities: Any) -> None:
    lazy = ds.polars.scan(cities)
    found = lazy.filter(pl.col("population") > 50_000).select("id", "population").collect()
    assert found["id"].to_list() == [row.id for row in cities.where("population > 50000")]
    assert lazy.select("name").head(3).collect()["name"].to_list() == ["city 1", "city 2", "city 3"]
    assert lazy.filter(pl.col("name").str.ends_with("7")).collect().height == 10


def test_duckdb_reads_a_table(cities: Any) -> None:
    import duckdb

    arrow = cities.to_arrow()
    assert arrow is not None
    assert duckdb.sql("select max(population) from arrow").fetchall() == [(100_000,)]


def test_queries(cities: Any) -> None:
    assert cities.where("side = 'buy'", "id > 90").count() == 5
    assert len(cities.where("id > 90")) == 10 and bool(cities.where("id = 1")) and not cities.where("id = 0")
    groups = cities.group_by("side").aggregate("count", "max(population) as most")
    assert [(row.side, row.count, row.most) for row in groups] == [(Side.BUY, 50, 97_000), (Side.SELL, 50, 100_000)]
    top = cities.order_by("-population").limit(2).rows()
    assert [row.id for row in top] == [100, 98] and top[0].side is Side.SELL
    assert cities.select("name").limit(1).rows()[0].name == "city 1"
    assert cities.where("id < 3").mean("lat") == 0.75 and cities.where("id < 0").sum("lat") is None
    assert cities.where("id < 10").count_distinct("side") == 2
    with pytest.raises(ValueError):
        cities.where("nonsense(").count()
    with pytest.raises(KeyError, match="people"):
        cities.where("people > 5").count()
    assert "key" in cities.explain("id < 5")


def test_columns(cities: Any, points: Any) -> None:
    assert cities.population.max() == 100_000 and cities.side.min() is Side.BUY and cities.name[0] == "city 1"
    assert points.x.to_list() == list(range(10)) and points.x.mean() == 4.5 and points.z.sum() == 135
    assert np.asarray(points.x).tolist() == list(range(10)) and len(points.y) == 10
    with pytest.raises(AttributeError, match="no such field"):
        points.w
    with pytest.raises(KeyError):
        points.columns["w"]
    assert "x" in dir(points) and points.columns._ipython_key_completions_() == ["x", "y", "z"]


def test_showing(cities: Any, db: Any, points: Any) -> None:
    assert "100 rows" in repr(cities) and "city 1" in repr(cities) and "cities" in repr(db)
    assert "<table>" in cities._repr_html_() and "cities" in db._repr_html_()
    assert "cities" in dir(db) and "10 rows" in repr(points)
    assert repr(points.x).startswith("<column x: i32, 10 rows: 0, 1")
    with db.write() as tx:
        assert "transaction" in repr(tx.cities)
    db.close()
    assert "closed" in repr(db) and "closed" in repr(cities)


def test_a_dict_on_disk(cities: Any) -> None:
    assert list(cities)[:3] == [1, 2, 3] and len(cities) == 100 and 5 in cities and 500 not in cities
    for wrong in ("5", 5.0, None, (5,), -1, 2**40):
        assert wrong not in cities and cities.get(wrong) is None
        with pytest.raises(KeyError):
            cities[wrong]
    with pytest.raises(TypeError, match="range"):
        cities[1:3]
    assert [row.id for row in cities.range(5, 8)] == [5, 6, 7] and len(cities.range(5, 8, closed=True)) == 4
    assert [row.id for row in cities.rows[10:12]] == [11, 12] and cities.rows[-1].id == 100
    assert dict(cities.items())[7].name == "city 7" and list(reversed(cities))[0] == 100 and cities.rank(50) == 49
    many = cities.get_many(np.array([7, 3, 7]))
    assert [row.id for row in many] == [7, 3, 7]
    with pytest.raises(KeyError, match="555"):
        cities.get_many([1, 555])
    assert len(cities.get_many([1, 555], missing="skip")) == 1


def test_keys_of_several_fields(db: Any) -> None:
    kind = ds.make_record("Edge", [("a", ds.u32, ds.key()), ("b", ds.Str[4], ds.key()), ("w", ds.f32)])
    table = db.create("edges", kind, load=[(i // 3, "xyz"[i % 3], i) for i in range(30)])
    assert table[2, "y"].w == 7.0 and (2, "q") not in table and 2 not in table
    assert [row.w for row in table.range(4, 5)] == [12.0, 13.0, 14.0]
    assert [row.w for row in table.get_many([(1, "x"), (9, "z")])] == [3.0, 29.0]
    assert list(table)[:2] == [(0, "x"), (0, "y")]
    with db.write() as tx:
        del tx.edges[2, "y"]
        tx.edges[2, "z"].w = 0
    assert (2, "y") not in table and table[2, "z"].w == 0


def test_transactions(db: Any, cities: Any) -> None:
    with db.write() as tx:
        table = tx.cities
        assert table is tx.cities and table[1] is table[1]
        table.insert(City(1000, "new", Side.BUY, 1.5))
        with pytest.raises(ValueError, match="1000|key") as caught:
            table.insert(City(1000, "new", Side.BUY, 1.5))
        assert caught.value.kind == "key_exists"
        assert table.upsert(City(1000, "newer", Side.SELL, 1.5)) is True
        with pytest.raises(ValueError, match="has the key"):
            table[5] = City(6, "x", Side.BUY, 0)
        with pytest.raises(AttributeError, match="part of the key"):
            table[5].id = 7
        del table[2]
        with pytest.raises(KeyError):
            del table[2]
        held = table[3]
        assert table.delete_where("id >= 50 and id < 60") == 10
        assert table.update_where("id = 3", population=9) == 1 and held.population == 9
        assert cities.get(1000) is None
        row = table[4]
    assert cities[1000].name == "newer" and len(cities) == 90 and cities[3].population == 9
    assert row.name == "city 4"
    with pytest.raises(AttributeError, match="ended"):
        row.name = "x"
    with pytest.raises(RuntimeError, match="ended"):
        tx.cities
    with pytest.raises(AttributeError, match="db.write"):
        cities[3].population = 1
    with pytest.raises(ZeroDivisionError), db.write() as tx:
        tx.cities.clear()
        1 / 0
    assert len(cities) == 90


def test_waiting_to_write(db: Any) -> None:
    import threading

    with db.write():
        with pytest.raises(RuntimeError):
            db.write()
        errors: list[Any] = []

        def other() -> None:
            for timeout in (0, 0.1):
                try:
                    db.write(timeout=timeout)
                except OSError as error:
                    errors.append(type(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert issubclass(errors[0], BlockingIOError) and issubclass(errors[1], TimeoutError)


def test_schema_changes(db: Any, cities: Any) -> None:
    with db.write() as tx:
        tx.cities.rename_field("lat", "latitude")
        tx.cities.change_type("population", ds.u64)
        tx.cities.add_field("mayor", ds.Str[10] | None)
        tx.cities.drop_field("side")
        tx.cities.create_index("by_name", "name", unique=True)
        assert tx.cities.indexes == [("by_name", ["name"], True)]
        stale = tx.cities
        tx.rename("cities", "towns")
        with pytest.raises(RuntimeError, match="renamed"):
            stale[1]
    assert db.towns[1].mayor is None and db.towns.schema.endswith("population: u64?, mayor: str[10]?")
    assert db.table_names() == ["towns"]
    with pytest.raises(TypeError, match="schema"):
        db.table("towns", City)
    db.drop("towns")
    with pytest.raises(AttributeError, match="no table"):
        db.towns


def test_snapshots(db: Any, cities: Any) -> None:
    with db.snapshot() as snapshot:
        with db.write() as tx:
            tx.cities[1].name = "changed"
        assert snapshot.cities[1].name == "city 1" and db.cities[1].name == "changed"
        row = snapshot.cities[1]
    assert row.name == "city 1"
    assert db.wait_newer(timeout=0.01) is False


def test_open_errors(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError):
        ds.open(tmp_path / "none.dry", "r")
    with pytest.raises(FileNotFoundError):
        ds.open(tmp_path / "no" / "such.dry")
    with pytest.raises(ValueError, match="mode"):
        ds.open(tmp_path / "a.dry", "w")
    ds.open(tmp_path / "a.dry", "x").close()
    with pytest.raises(FileExistsError):
        ds.open(tmp_path / "a.dry", "x")
    (tmp_path / "b.dry").write_text("not a database" * 1000)
    with pytest.raises(ValueError) as caught:
        ds.open(tmp_path / "b.dry")
    assert caught.value.kind == "not_a_database"
    with ds.open(tmp_path / "a.dry", "r") as db, pytest.raises(PermissionError):
        db.write()


def test_a_dict_in_memory() -> None:
    table = ds.Table(City)
    for at in (5, 3, 9):
        table[at] = City(at, f"n{at}", Side.BUY, 0.0)
    assert list(table) == [3, 5, 9] and table[5] is table[5]
    row = table[5]
    row.population = 7
    table[5] = City(5, "other", Side.SELL, 1.0)
    assert row.population == 7 and row.name == "n5" and table[5].name == "other"
    row.population = 8
    assert table[5].population is None
    assert table.pop(3).name == "n3" and table.popitem()[0] == 9 and table.setdefault(7, City(7, "s", Side.BUY, 0)).name == "s"
    table.update({8: City(8, "u", Side.BUY, 0.0)})
    assert [row.id for row in table.range(6, 9)] == [7, 8] and table.where("id > 7").count() == 1
    assert table.copy() == table and len(table.to_polars()) == 3


def test_progress(db: Any) -> None:
    seen: list[int] = []
    db.create("points", Point, load=[(i, 0, 0) for i in range(40_000)], on_progress=seen.append)
    assert seen[-1] == 40_000 and len(seen) >= 2

    def stop(read: int) -> None:
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError), db.write() as tx:
        tx.points.load(np.zeros(100_000, FLAT), on_progress=stop)
    assert len(db.points) == 40_000


@pytest.mark.parametrize("keyed", [False, True])
def test_a_finaliser_may_use_the_table_while_a_row_of_it_is_made(keyed: bool) -> None:
    fields = [("x", ds.i32, ds.key()) if keyed else ("x", ds.i32), ("y", ds.i32)]
    table = ds.Table(ds.make_record("Point", fields), [(at, at) for at in range(300)])
    seen, failed = [], []

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            seen.append(table[7].y)

    hook, threshold = sys.unraisablehook, gc.get_threshold()
    sys.unraisablehook = failed.append
    gc.set_threshold(1)
    try:
        held = []
        for at in range(300):
            Cycle()
            held.append(table[at])
    finally:
        gc.set_threshold(*threshold)
        sys.unraisablehook = hook
    assert not failed, failed[0]
    assert seen and set(seen) == {7}
    assert [row.y for row in held] == list(range(300))
    assert table[7] is held[7]
