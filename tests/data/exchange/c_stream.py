"""Takes tables of Drystone by the Arrow C stream interface, in this process, holds them against expected.json, and gives them back.

Run by tests/integration/exchange/c_stream.rs, with a folder and the library that examples/c_stream.rs makes.
"""

import ctypes
import gc
import json
import pathlib
import sys

import pyarrow
import pyarrow.compute

from check import check

folder, library = pathlib.Path(sys.argv[1]), ctypes.CDLL(sys.argv[2])
for function, texts in ((library.table_to_stream, 2), (library.table_from_stream, 3)):
    function.argtypes = [ctypes.c_char_p] * texts + [ctypes.c_void_p]
    function.restype = ctypes.c_void_p
library.free_message.argtypes = [ctypes.c_void_p]
library.free_message.restype = None
path = str(folder / "test.dry").encode()


class Stream(ctypes.Structure):
    """An ArrowArrayStream."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("schema", "next", "last_error", "release", "private_data")]


def said(message):
    if message is None:
        return None
    text = ctypes.string_at(message).decode()
    library.free_message(message)
    return text


def reader_of(table):
    stream = Stream()
    error = said(library.table_to_stream(path, table.encode(), ctypes.addressof(stream)))
    assert error is None, error
    reader = pyarrow.RecordBatchReader._import_from_c(ctypes.addressof(stream))
    assert stream.release is None, "it was moved"
    return reader


def give(reader, table, schema=""):
    """The error, if there is one."""
    stream = Stream()
    reader._export_to_c(ctypes.addressof(stream))
    error = said(library.table_from_stream(path, table.encode(), schema.encode(), ctypes.addressof(stream)))
    assert stream.release is None, "it was taken"
    return error


# Every type, there and back in small batches.
every = reader_of("every").read_all()
check("stream", every, json.loads((folder / "expected.json").read_text()))
assert give(every.to_reader(max_chunksize=37), "again", (folder / "schema").read_text()) is None

# A table of several batches is what it was when the stream was made, whatever is written meanwhile.
reader = reader_of("points")
first = reader.read_next_batch()
added = pyarrow.table({"x": pyarrow.array(range(1000), pyarrow.int64()), "y": pyarrow.array([0.5] * 1000)})
assert give(added.to_reader(), "points") is None
rest = reader.read_all()
assert first.num_rows < 200_000 and first.num_rows + rest.num_rows == 200_000, first.num_rows
total = sum(pyarrow.compute.sum(part["x"]).as_py() for part in (first, rest))
assert total == sum(range(200_000)), total
assert reader_of("points").read_all().num_rows == 201_000
# One that is not read to its end, and one that is not read at all.
reader = reader_of("points")
reader.read_next_batch()
unread = reader_of("points")
del reader, unread
gc.collect()

# What pyarrow makes itself: other widths, a dictionary, nulls.
made = pyarrow.table(
    {
        "id": pyarrow.array([3, 1, 2], pyarrow.int64()),
        "carrier": pyarrow.array(["UA", None, "B6"]).dictionary_encode(),
        "delay": pyarrow.chunked_array([[1.5], [], [None, -2.0]], pyarrow.float64()),
    }
)
assert give(made.to_reader(), "made", "id: u32 key, carrier: str[2]?, delay: f32?") is None
back = reader_of("made").read_all()
assert back.to_pydict() == {"id": [1, 2, 3], "carrier": [None, "B6", "UA"], "delay": [None, -2.0, 1.5]}, back

# Mistakes arrive as messages, and leave nothing behind.
stream = Stream()
error = said(library.table_to_stream(path, b"nothing", ctypes.addressof(stream)))
assert "nothing" in error and stream.release is None, error


def breaks():
    yield made.to_batches()[0]
    raise ValueError("the source is gone")


error = give(pyarrow.RecordBatchReader.from_batches(made.schema, breaks()), "broken", "id: u32, carrier: str[2]?, delay: f32?")
assert "the source is gone" in error, error
error = give(made.to_reader(), "broken", "id: u32, carrier: str[1]?, delay: f32?")
assert "carrier" in error, error
error = said(library.table_from_stream(path, b"broken", b"id: u32", ctypes.addressof(Stream())))
assert "released" in error or "given away" in error, error
