"""Drystone: records at the size of their data, in memory or in a file that many processes share.

A record of three 32-bit integers takes 12 bytes. Declare one, and hold millions:

>>> import drystone as ds
>>> class Point(ds.Record):
...     x: ds.i32
...     y: ds.i32
...     z: ds.i32 = 0
>>> points = ds.Table(Point)
>>> points.append(Point(1, 2, 3))
>>> points[0].x
1

`ds.open("points.dry")` opens a database: a file with tables that survives a power cut, opens at
once at any size, and is read by any number of processes while one writes.
"""

from __future__ import annotations

import os as _os
from typing import Any as _Any


from . import _drystone
from ._databases import Database, Reader, Snapshot, Transaction, memory, open
from ._errors import Error
from ._queries import Column, Selection
from ._records import Record, asdict, astuple, field, key, make_record, record_class, replace
from ._shards import Shard, Shards, shards
from ._tables import DbTable, DictTable, ListTable, Table, TxTable
from ._types import (
    Array,
    Bytes,
    Str,
    array,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    i128,
    u8,
    u16,
    u32,
    u64,
    u128,
    width,
)

__version__: str = _drystone.__version__

# A database that was opened before a fork is opened anew in the child.
_os.register_at_fork(after_in_child=_drystone.after_fork)

__all__ = [
    "Array",
    "Bytes",
    "Column",
    "Database",
    "DbTable",
    "DictTable",
    "Error",
    "ListTable",
    "Reader",
    "Record",
    "Selection",
    "Shard",
    "Shards",
    "Snapshot",
    "Str",
    "Table",
    "Transaction",
    "TxTable",
    "array",
    "asdict",
    "astuple",
    "errors",
    "f32",
    "f64",
    "field",
    "i128",
    "i16",
    "i32",
    "i64",
    "i8",
    "key",
    "make_record",
    "memory",
    "open",
    "record_class",
    "replace",
    "shards",
    "u128",
    "u16",
    "u32",
    "u64",
    "u8",
    "width",
]

from . import _errors as errors


def __getattr__(name: str) -> _Any:
    # polars is only imported for those who ask for it.
    if name == "polars":
        import importlib

        return importlib.import_module("drystone.polars")
    raise AttributeError(f"module 'drystone' has no attribute {name!r}")
