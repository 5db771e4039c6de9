"""Reads what Drystone wrote into a folder, holds it against expected.json there, and writes it again for Drystone to read.

Run by tests/integration/exchange/python.rs.
"""

import json
import pathlib
import struct
import sys
import uuid

import numpy
import pandas
import polars
import pyarrow
import pyarrow.feather
import pyarrow.parquet


def plain(kind, value):
    """A value in the form of expected.json: whole numbers as text, floats as their bits."""
    if value is None or kind == "bool":
        return value
    if isinstance(value, list):
        return [plain(kind, element) for element in value]
    if kind in ("u128", "i128"):
        return str(int.from_bytes(value, "little", signed=kind == "i128"))
    if kind == "uuid":
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=value))
    if kind == "bytes":
        return "0x" + value.hex()
    if kind == "f32":
        return struct.pack(">f", value).hex()
    if kind == "f64":
        return struct.pack(">d", value).hex()
    return str(value)


def is_nan(bits):
    return isinstance(bits, str) and bits.strip("0123456789abcdef") == "" and len(bits) in (8, 16) and (
        struct.unpack(">f" if len(bits) == 8 else ">d", bytes.fromhex(bits))[0]
    ) != struct.unpack(">f" if len(bits) == 8 else ">d", bytes.fromhex(bits))[0]


def same(kind, found, wanted):
    # Python's floats do not keep the bits of a single NaN.
    if kind in ("f32", "f64") and is_nan(wanted):
        return is_nan(found)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(same(kind, *pair) for pair in zip(found, wanted))
    return found == wanted


def check(place, table, expected):
    assert table.schema.names == [column["name"] for column in expected], place
    for column in expected:
        kind, values = column["type"], table.column(column["name"])
        if kind == "date":
            assert values.type == pyarrow.date32(), place
            values = values.cast(pyarrow.int32())
        if kind == "timestamp":
            assert values.type == pyarrow.timestamp("us", tz="UTC"), place
            values = values.cast(pyarrow.int64())
        found = [plain(kind, value) for value in values.to_pylist()]
        for row, pair in enumerate(zip(found, column["values"], strict=True)):
            assert same(kind, *pair), f"{place}, row {row}, {column['name']}, {kind}: {pair}"


def main():
    folder = pathlib.Path(sys.argv[1])
    expected = json.loads((folder / "expected.json").read_text())
    stream = pyarrow.ipc.open_stream(folder / "a.arrows").read_all()
    file = pyarrow.feather.read_table(folder / "a.arrow")
    parquet = pyarrow.parquet.read_table(folder / "a.parquet")
    for place, table in (("stream", stream), ("file", file), ("parquet", parquet)):
        check(place, table, expected)
    pyarrow.feather.write_feather(file, folder / "again.arrow", compression="zstd", chunksize=100)
    with pyarrow.ipc.new_stream(folder / "again.arrows", stream.schema) as writer:
        writer.write_table(stream)
    pyarrow.parquet.write_table(parquet, folder / "again.parquet", compression="lz4", row_group_size=100)
    frame = polars.read_parquet(folder / "a.parquet")
    assert frame.shape == (len(expected[0]["values"]), len(expected))
    frame.write_parquet(folder / "polars.parquet")
    frame.write_ipc(folder / "polars.arrow", compression="lz4")
    # pandas knows no lists of binary values, and is given what it knows.
    known = [column["name"] for column in expected if column["type"] not in ("u128", "i128")]
    frame = parquet.select(known).to_pandas(types_mapper=pandas.ArrowDtype)
    frame.to_parquet(folder / "pandas.parquet")
    frame.to_feather(folder / "pandas.arrow")
    # An array is the records as they are.
    array = numpy.load(folder / "a.npy", mmap_mode="r")
    assert array.tobytes() == (folder / "records").read_bytes()
    assert list(array.dtype.names) == [column["name"] for column in expected]
    for column in expected:
        if column["name"].startswith("plain") and column["type"][0] in "ui" and column["type"][1:] in ("8", "16", "32", "64"):
            found = [plain(column["type"], value) for value in array[column["name"]].tolist()]
            assert found == column["values"], column["name"]
    numpy.save(folder / "again.npy", array)


if __name__ == "__main__":
    main()
