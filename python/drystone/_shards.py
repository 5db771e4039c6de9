"""Shards: a table as several databases in a folder, for workers that each read a part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Iterator

from . import _drystone as core
from ._databases import Database
from ._records import _class_name, class_of_fields


class Shard:
    """The rows of one shard, or some of them: a task for a worker.

    It holds no rows and no open file, so it can be pickled, and sent to another process or another
    machine that has the folder at the same path. The worker gets the rows from it as Arrow:
    `pyarrow.table(shard)`, `shard.to_arrow()`, `shard.batches()`, or `polars.DataFrame(shard)`; or
    as a table, which can be asked: `shard.table().where("delay > 60").count()`.
    """

    __slots__ = ("_begin", "_end", "_first", "_id", "_last", "_start", "file_name", "folder", "path", "schema", "table_name")

    folder: str
    """The folder of the shards."""
    path: str
    """The file of the shard."""
    file_name: str
    """Its name in the folder."""
    table_name: str
    """The name of the table."""
    schema: str
    """The schema of the table, as text."""

    def __init__(self, *parts: Any) -> None:
        self.folder, self.path, self.file_name, self.table_name, self.schema = parts[:5]
        self._start, self._begin, self._end, self._first, self._last, self._id = parts[5:]

    def __reduce__(self) -> Any:
        where = (self.folder, self.path, self.file_name, self.table_name, self.schema)
        return Shard, (*where, self._start, self._begin, self._end, self._first, self._last, self._id)

    def __len__(self) -> int:
        return int(self._end - self._begin)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shard) and self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash((self.path, self._id, self._begin, self._end))

    @property
    def numbers(self) -> range:
        """The numbers that its rows have in the whole table."""
        return range(self._start + self._begin, self._start + self._end)

    @property
    def first(self) -> Any:
        """The key of the first row of the shard, a tuple if it has more than one field; None
        without a key or without rows."""
        return self._key(self._first)

    @property
    def last(self) -> Any:
        """The key of the last row of the shard."""
        return self._key(self._last)

    def _key(self, stored: bytes) -> Any:
        if not stored:
            return None
        described = core.parse_schema(self.schema)
        layout = class_of_fields(_class_name(self.table_name), described).__layout__
        fields = [(name, offset, width) for name, _, _, is_key, offset, width in layout.described() if is_key]
        values = [layout.decode(name, stored[offset : offset + width]) for name, offset, width in fields]
        return values[0] if len(values) == 1 else tuple(values)

    def split(self, parts: int) -> list[Shard]:
        """This task as at most `parts` tasks with the same number of rows, at least one."""
        if parts < 1:
            raise ValueError(f"parts={parts}: it is 1 or more")
        parts = max(1, min(parts, len(self)))
        edges = [self._begin + len(self) * part // parts for part in range(parts + 1)]
        where = (self.folder, self.path, self.file_name, self.table_name, self.schema, self._start)
        ends = (self._first, self._last, self._id)
        return [Shard(*where, begin, end, *ends) for begin, end in zip(edges, edges[1:])]

    def table(self) -> Any:
        """All rows of the shard as a table in a snapshot. The shard is checked first: an error
        names it if it is missing, has another schema or other rows, or is another file than the one
        that was made with the others."""
        try:
            database = Database(self.path, "r", True)
        except Exception as error:
            error.add_note(f"shard {self.file_name!r} of {self.folder!r}")
            raise
        try:
            core.check_shard(database, self.folder, self.file_name, self._id)
        except BaseException:
            database.close()
            raise
        return database.snapshot().table(self.table_name)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        where = f'shard "{self.file_name}"'
        return self.table()._still_now().arrow_stream(self._begin, self._end, where)

    def to_arrow(self) -> Any:
        """The rows as a `pyarrow.Table`."""
        import pyarrow

        return pyarrow.table(self)

    def batches(self) -> Iterator[Any]:
        """The rows as `pyarrow.RecordBatch`es, one at a time."""
        import pyarrow

        yield from pyarrow.RecordBatchReader.from_stream(self)

    def to_polars(self) -> Any:
        """The rows as a `polars.DataFrame`."""
        import polars

        return polars.DataFrame(self)

    def to_pandas(self) -> Any:
        """The rows as a `pandas.DataFrame`."""
        return self.to_arrow().to_pandas()

    def __repr__(self) -> str:
        return f"<drystone shard {self.file_name}: rows {self._begin:,} to {self._end:,} of {self.table_name}>"


class Shards(Sequence[Shard]):
    """The shards of a folder, in the order of the key, or of row numbers without a key."""

    def __init__(self, folder: str, table_name: str, schema: str, by: tuple[str, ...], shards: tuple[Shard, ...]) -> None:
        self.folder = folder
        """The folder."""
        self.table_name = table_name
        """The name of the table."""
        self.schema = schema
        """The schema of the table, as text."""
        self.by = by
        """The fields by which the table was cut: rows with the same values in them are in one
        shard."""
        self._shards = shards

    @property
    def rows(self) -> int:
        """How many rows all shards have."""
        return sum(map(len, self._shards))

    def split(self, parts: int) -> list[Shard]:
        """All rows as at least `parts` tasks for workers, if there are enough rows. Each shard is
        cut into the same number of tasks."""
        if parts < 1:
            raise ValueError(f"parts={parts}: it is 1 or more")
        each = -(-parts // len(self._shards))
        return [task for shard in self._shards for task in shard.split(each)]

    def __len__(self) -> int:
        return len(self._shards)

    def __getitem__(self, at: Any) -> Any:
        return list(self._shards[at]) if isinstance(at, slice) else self._shards[at]

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._shards)

    def __repr__(self) -> str:
        return f"<drystone shards {self.folder!r}: {self.rows:,} rows of {self.table_name} in {len(self)} shards>"


def shards(folder: Any) -> Shards:
    """The shards of a folder that `drystone shard` or `Database.shard` has made, as tasks for
    workers.

    >>> import drystone as ds, os, tempfile
    >>> Point = ds.make_record("Point", "x y", ds.i32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with ds.open(os.path.join(folder, "points.dry")) as db:
    ...         points = db.create("points", Point, load=[(x, x * x) for x in range(1000)])
    ...         made = db.shard("points", os.path.join(folder, "shards"), 4)
    ...     [len(shard) for shard in ds.shards(made.folder)]
    [250, 250, 250, 250]
    """
    folder = os.path.abspath(os.fspath(folder))
    table_name, schema, by, listed = core.list_shards(folder)
    found = tuple(
        Shard(folder, os.fspath(path), file_name, table_name, schema, start, 0, end - start, bytes(first), bytes(last), bytes(id))
        for path, file_name, (start, end), first, last, id in listed
    )
    return Shards(folder, table_name, schema, tuple(by), found)
