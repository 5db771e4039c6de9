"""Writes the small files beside it, which tests/integration/exchange reads: what other programs make of each type.

Made with pyarrow 26.0, pandas 3.1, polars 2.1, NumPy 2.4, DuckDB 2.0. Run it in a folder of its own, and copy what it made.
"""

import datetime
import decimal
import os
import uuid

import duckdb
import numpy
import pandas
import polars
import pyarrow
import pyarrow.feather
import pyarrow.parquet

DAY = datetime.date(2013, 7, 4)
NOON = datetime.datetime(2013, 7, 4, 12, 0, 0, 250000)
IDS = [uuid.UUID(int=0x1234 + at).bytes for at in range(3)]


def column(kind, values, **more):
    return pyarrow.array(values, type=kind, **more)


def every_type():
    """Three rows of every type that a field can hold: the least, the greatest and a missing value, or typical ones."""
    columns = {"truth": column(pyarrow.bool_(), [True, False, None])}
    for bits in (8, 16, 32, 64):
        least, greatest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        columns[f"i{bits}"] = column(getattr(pyarrow, f"int{bits}")(), [least, greatest, 0])
        columns[f"u{bits}"] = column(getattr(pyarrow, f"uint{bits}")(), [0, 2**bits - 1, 1])
        columns[f"i{bits}_null"] = column(getattr(pyarrow, f"int{bits}")(), [least + 1, greatest, None])
    columns |= {
        "wider": column(pyarrow.uint8(), [0, 255, None]),
        "half": column(pyarrow.float16(), [0.5, -2.0, 65504.0]),
        "single": column(pyarrow.float32(), [0.1, float("inf"), None]),
        "double": column(pyarrow.float64(), [0.1, float("nan"), -1.7976931348623157e308]),
        "text": column(pyarrow.string(), ["", "é", "東京"]),
        "large": column(pyarrow.large_string(), ["a", None, "abc"]),
        "view": column(pyarrow.string_view(), ["a", None, "longer than what is kept in place"]),
        "words": column(pyarrow.string(), ["yes", "no", None]).dictionary_encode(),
        "fixed": column(pyarrow.binary(3), [b"\0\0\0", b"abc", None]),
        "binary": column(pyarrow.binary(), [b"\0\1", b"\2\3", None]),
        "id": pyarrow.ExtensionArray.from_storage(pyarrow.uuid(), column(pyarrow.binary(16), IDS)),
        "day": column(pyarrow.date32(), [DAY, datetime.date(1, 1, 1), None]),
        "day64": column(pyarrow.date64(), [DAY, DAY, datetime.date(9999, 12, 31)]),
        "seconds": column(pyarrow.timestamp("s"), [0, 1, 2]),
        "millis": column(pyarrow.timestamp("ms", tz="UTC"), [NOON, NOON, None]),
        "micros": column(pyarrow.timestamp("us", tz="Europe/Berlin"), [NOON, NOON, NOON]),
        "nanos": column(pyarrow.timestamp("ns"), [1000, -1000, 0]),
        "list": column(pyarrow.list_(pyarrow.int16()), [[1, 2], [3, 4], None]),
        "fixed_list": column(pyarrow.list_(pyarrow.float32(), 3), [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
    }
    return pyarrow.table(columns)


def pyarrow_files():
    table = every_type()
    pyarrow.feather.write_feather(table, "pyarrow.arrow", compression="lz4")
    with pyarrow.ipc.new_stream("pyarrow.arrows", table.schema) as stream:
        stream.write_table(table, max_chunksize=2)
    pyarrow.parquet.write_table(table, "pyarrow.parquet", compression="snappy", row_group_size=2)
    # What a writer leaves that does not say which Arrow types it had.
    plain = table.drop_columns(["half", "day64", "seconds", "nanos", "fixed_list"])
    pyarrow.parquet.write_table(plain, "plain.parquet", compression="gzip", store_schema=False)
    decimals = {"keep": column(pyarrow.int32(), [0]), "decimal": column(pyarrow.decimal128(10, 2), [decimal.Decimal("1.25")])}
    pyarrow.feather.write_feather(pyarrow.table(decimals), "decimal.arrow", compression="uncompressed")
    refused = {
        "struct": column(pyarrow.struct([("x", pyarrow.int32())]), [{"x": 1}]),
        "time": column(pyarrow.time32("s"), [1]),
        "ragged": column(pyarrow.list_(pyarrow.int16()), [[1, 2], [3]]),
        "nanos": column(pyarrow.timestamp("ns"), [1001]),
        "texts": column(pyarrow.list_(pyarrow.string()), [["a"]]),
    }
    for name, values in refused.items():
        keep = pyarrow.array(range(len(values)), type=pyarrow.int32())
        table = pyarrow.table({"keep": keep, name: values})
        pyarrow.feather.write_feather(table, f"refused-{name}.arrow", compression="uncompressed")


def frame():
    return {
        "id": [3, 1, 2],
        "delay": [1.5, None, -2.0],
        "carrier": ["UA", "AA", None],
        "seen": [NOON, None, NOON],
        "late": [True, False, True],
    }


def pandas_files():
    table = pandas.DataFrame(frame())
    table["missing"] = pandas.array([7, None, 9], dtype="Int16")
    table["class"] = pandas.Categorical(["b", "a", "b"], categories=["a", "b", "never used"])
    table.to_parquet("pandas.parquet")
    table.to_feather("pandas.arrow")


def polars_files():
    table = polars.DataFrame(frame()).with_columns(
        polars.Series("class", ["b", "a", "b"], dtype=polars.Categorical),
        polars.Series("vector", [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=polars.Array(polars.Float32, 2)),
        polars.Series("raw", [b"ab", b"cd", None], dtype=polars.Binary),
    )
    table.write_parquet("polars.parquet")
    table.write_ipc("polars.arrow", compression="zstd")


    wide = {"id": [1, 2], "big": polars.Series([-1, None], dtype=polars.Int128)}
    wide = polars.DataFrame(wide | {"huge": polars.Series([1, 2**128 - 1], dtype=polars.UInt128)})
    wide.write_parquet("wide.parquet")
    wide.write_ipc("wide.arrow")
    wide.write_ipc_stream("wide.arrows")


def codec_files():
    os.makedirs("codecs", exist_ok=True)
    table = pyarrow.table({"id": [1, 2, 3], "name": ["a", "b", "a"]})
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        pyarrow.parquet.write_table(table, f"codecs/pyarrow-{codec}.parquet", compression=codec)
    select = "SELECT i AS id, CASE i WHEN 2 THEN 'b' ELSE 'a' END AS name FROM range(1, 4) t(i)"
    for codec in ["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4", "lz4_raw"]:
        duckdb.sql(f"COPY ({select}) TO 'codecs/duckdb-{codec}.parquet' (FORMAT parquet, COMPRESSION {codec})")


def duckdb_files():
    duckdb.sql("""
        COPY (SELECT 1 AS id, UUID '11111111-2222-3333-4444-555555555555' AS u, 1.25 AS price,
            12345678901234567890.5::DECIMAL(38, 10) AS big, 7::DECIMAL(18, 0) AS whole,
            TIME '10:00' AS clock, TIMESTAMPTZ '2024-01-02 03:04:05+00' AS at, INTERVAL 1 DAY AS span,
            {'a': 1} AS pair, [1, 2, 3] AS list, MAP {'a': 1} AS map, 'x'::ENUM('x', 'y') AS side,
            DATE '2024-01-02' AS day) TO 'duckdb.parquet' (FORMAT parquet, COMPRESSION brotli)""")


def numpy_files():
    table = numpy.zeros(2, dtype=[
        ("truth", "?"), ("i1", "i1"), ("u8", "u8"), ("big", ">i4"), ("half", "f2"), ("single", "f4"), ("double", "f8"),
        ("ascii", "S4"), ("latin", "S2"), ("text", "U3"), ("raw", "V3"), ("day", "M8[D]"), ("week", "M8[W]"),
        ("seconds", "M8[s]"), ("micros", "M8[us]"), ("nanos", "M8[ns]"), ("vector", "f4", (2,)), ("matrix", "i2", (2, 2)),
    ])
    table[0] = (
        True, -128, 2**64 - 1, 0x10203, 0.5, 0.1, 0.1, b"ab", b"\xe9", "東京", b"a\0b", "2013-07-04", 1,
        1, "2013-07-04T12:00:00.25", 1000, [1, 2], [[1, 2], [3, 4]],
    )
    table[1] = (
        False, 127, 0, -2, -2.0, numpy.inf, numpy.nan, b"", b"ab", "", b"", "0001-01-01", 0,
        -1, "NaT", 0, [3, 4], [[5, 6], [7, 8]],
    )
    numpy.save("numpy.npy", table)
    numpy.save("aligned.npy", numpy.array([(1, 0.5), (2, -0.5)], dtype=numpy.dtype([("a", "u1"), ("b", "f8")], align=True)))
    numpy.save("plain.npy", numpy.arange(6, dtype="f4").reshape(2, 3))
    numpy.save("objects.npy", numpy.array([(1, "a")], dtype=[("id", "i4"), ("names", "O")]), allow_pickle=True)


if __name__ == "__main__":
    numpy_files()
    pyarrow_files()
    pandas_files()
    polars_files()
    duckdb_files()
    codec_files()
