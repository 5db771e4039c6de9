"""Databases, snapshots and transactions."""

from __future__ import annotations

import os
from typing import Any, Iterator, NamedTuple
from weakref import WeakSet

from . import _drystone as core
from ._errors import Exists, KeyNotFound, NoAttribute, UsageError, WrongType, _Message
from ._records import _class_name, class_of_fields, record_class
from ._tables import DbTable, TxTable


class Reader(NamedTuple):
    """A process that holds a state of the database."""

    process: int
    """The number of the process."""
    transaction: int
    """The number of the commit whose state it holds."""
    since: float
    """When it began, in seconds since 1970."""
    held_bytes: int
    """Bytes of the file that are kept for it alone."""


_databases: WeakSet[Any] = WeakSet()


def _after_fork_in_parent() -> None:
    """The parent of web workers that was loaded first does nothing but wait. The state that its
    tables showed last would be kept in the file for as long as it runs."""
    for database in list(_databases):
        database._let_go()


os.register_at_fork(after_in_parent=_after_fork_in_parent)


class _Names:
    """What has tables by name: a database, a snapshot, a transaction."""

    def table(self, name: str, of: Any = None) -> Any:
        """The table of a name, with rows of a class; without one, a class is made of the schema. It
        works for every name, `db.cities` where there is no method of this name."""
        return self._table(name, None if of is None else record_class(of))

    def __getitem__(self, name: str) -> Any:
        return self._table(name, None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._table(name, None)
        except KeyNotFound:
            names = ", ".join(self.table_names()) or "none"
            raise NoAttribute(f"no table '{name}'; the tables are: {names}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise NoAttribute(f"'{name}' cannot be assigned; a table is made with create({name!r}, ..., load=...)")
        object.__setattr__(self, name, value)

    def __setitem__(self, name: str, value: Any) -> None:
        raise WrongType(f"'{name}' cannot be assigned; a table is made with create({name!r}, ..., load=...)")

    def __contains__(self, name: object) -> bool:
        return name in self.table_names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.table_names())

    def __len__(self) -> int:
        return len(self.table_names())

    def __bool__(self) -> bool:
        return True

    def __dir__(self) -> list[str]:
        try:
            names = self.table_names()
        except Exception:
            names = []
        return sorted({*names, *object.__dir__(self)})

    def _ipython_key_completions_(self) -> list[str]:
        return self.table_names()

    def _kind(self, name: str, kind: Any, known: dict[str, Any]) -> Any:
        """The class for the rows of a table: the one given, the one that the database knows, or a
        new one."""
        if kind is not None:
            return kind
        described = self._fields_of(name)  # type: ignore[attr-defined]
        auto = class_of_fields(_class_name(name), described)
        registered = known.get(name)
        if registered is not None and registered.__layout__.same_as(auto.__layout__):
            return registered
        return auto


class Database(core.Database, _Names):  # type: ignore[misc]
    """An open database. Make one with `drystone.open`.

    Tables are attributes: `db.cities`. They always show the newest commit, of this process or
    another. `db.snapshot()` holds one state still. `with db.write() as tx:` begins a transaction.
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        self._kinds: dict[str, Any] = {}
        self._handles: dict[Any, Any] = {}
        self._given: WeakSet[Any] = WeakSet()
        _databases.add(self)

    def _table(self, name: str, kind: Any) -> Any:
        if kind is None:
            found = self._handles.get(name)
            if found is not None:
                try:
                    found._now()
                    return found
                except (KeyNotFound, WrongType):
                    self._handles.pop(name, None)
        made = DbTable(self, name, self._kind(name, kind, self._kinds))
        self._kinds[name] = made.record_class
        self._handles[name] = made
        self._given.add(made)
        return made

    def create(
        self,
        name: str,
        of: Any = None,
        *,
        load: Any = None,
        exist_ok: bool = False,
        replace: bool = False,
        key: Any = (),
        timeout: float | None = None,
        leaf_rows: int | None = None,
        **options: Any,
    ) -> Any:
        """Makes a table, in a transaction of its own, and returns it.

        `of` is a record class, or what `record_class` takes; without it, the fields are inferred
        from what is loaded, with `key` naming those of the key. `load` is what `load` of a table
        takes: a CSV or Parquet file, an array, a DataFrame, an Arrow stream, an iterable. Where
        there is a table of this name already, `exist_ok=True` returns it as it is, and
        `replace=True` makes a new one.
        """
        if exist_ok and replace:
            raise ValueError("exist_ok keeps the table that is there, replace makes a new one; give one of them")
        if exist_ok and name in self.table_names():
            return self.table(name, of)
        with self.write(timeout=timeout) as tx:
            if name in tx.table_names():
                if exist_ok:
                    tx.abort()
                    return self.table(name, of)
                if not replace:
                    raise Exists(
                        f"there is a table '{name}' already; exist_ok=True takes it as it is, replace=True makes a new one"
                    )
                tx.drop(name)
            tx.create(name, of, load=load, key=key, leaf_rows=leaf_rows, **options)
            kind = tx._kinds[name]
        return self._table(name, kind)

    def drop(self, name: str, *, timeout: float | None = None) -> None:
        """Drops a table with all its rows, in a transaction of its own."""
        with self.write(timeout=timeout) as tx:
            tx.drop(name)
        self._handles.pop(name, None)

    def write(self, timeout: float | None = None) -> Transaction:
        """Begins a transaction, to be used with `with`: it is committed at the end, and undone
        where an exception comes out. One transaction writes at a time, among all processes; this
        waits for another one for at most `timeout` seconds (`TimeoutError`; with 0,
        `BlockingIOError` at once)."""
        return self._write(timeout, Transaction)  # type: ignore[no-any-return]

    def snapshot(self) -> Snapshot:
        """The state as of now, which stays: `with db.snapshot() as s: s.cities[7]`. The file keeps
        what it holds until it is closed or dropped."""
        return Snapshot(self)

    def shard(self, name: str, folder: Any, shards: int, *, by: Any = (), replace: bool = False) -> Any:
        """Cuts a table into databases in a folder, each with a range of its keys, and returns them
        as `drystone.shards` does. `by` names leading fields of the key: rows with the same values
        in them come into one shard. `replace=True` replaces the shards that the folder has."""
        from ._shards import shards as made

        by = [by] if isinstance(by, str) else list(by)
        core.make_shards(self, name, os.fspath(folder), shards, by, replace)
        return made(folder)

    def readers(self) -> list[Reader]:
        """Who holds which state of the file. A row, an array or a snapshot that is kept holds
        one."""
        return [Reader(*reader) for reader in self._readers()]

    def wait_newer(self, timeout: float | None = None) -> bool:
        """Waits until there is a newer commit than now; says whether there is one."""
        return bool(self._wait_newer(self._newest, timeout))

    def close(self) -> None:
        """Closes the database. Rows, arrays and snapshots that are held stay readable."""
        if not self.closed:
            self._let_go()
            self._handles.clear()
            self._close()

    def _let_go(self) -> None:
        """Lets the states go that the tables of this database show. They take the newest one at
        their next use."""
        for handle in list(self._given):
            handle._let_go()

    def __enter__(self) -> Database:
        if self.closed:
            raise ValueError("the database is closed")
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __reduce__(self) -> Any:
        if self.path is None:
            raise WrongType("a database in memory cannot be pickled")
        return _unpickle_database, (os.fspath(self.path), self.mode, self._durable)

    def __repr__(self) -> str:
        where = "in memory" if self.path is None else repr(os.fspath(self.path))
        if self.closed:
            return f"<drystone database {where}, closed>"
        try:
            lines = [f"<drystone database {where}, mode {self.mode!r}>"]
            for name in self.table_names():
                table = self._table(name, None)
                lines.append(f"  {name}: {len(table):,} rows of ({table.schema})")
        except Exception as error:
            return f"<drystone database {where}: {error}>"
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        tables = [(name, self._table(name, None)) for name in self.table_names()]
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{len(table):,}</td><td><code>{escape(table.schema)}</code></td></tr>"
            for name, table in tables
        )
        where = "in memory" if self.path is None else escape(os.fspath(self.path))
        return f"<p>Drystone database {where}</p><table><tr><th>table</th><th>rows</th><th>schema</th></tr>{rows}</table>"


def _unpickle_database(path: str, mode: str, durable: bool) -> Database:
    return Database(path, mode, durable)


class Snapshot(core.Snapshot, _Names):  # type: ignore[misc]
    """A state of a database, which stays as it is."""

    def __init__(self, database: Database) -> None:
        self._handles: dict[Any, Any] = {}

    def _table(self, name: str, kind: Any) -> Any:
        database = self._database
        kind = self._kind(name, kind, database._kinds)
        found = self._handles.get((name, kind))
        if found is None:
            still = self._still(name, kind)
            found = self._handles[name, kind] = DbTable(database, name, kind, still)
        return found

    def close(self) -> None:
        """Lets the state go. Rows and arrays that are held keep it."""
        self._handles.clear()
        self._close()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise WrongType("a snapshot cannot be pickled; pickle the database")

    def __repr__(self) -> str:
        return f"<drystone snapshot of commit {self.transaction}: {', '.join(self.table_names())}>"


class Transaction(core.Transaction, _Names):  # type: ignore[misc]
    """A transaction: the tables of the database, to be changed. See `Database.write`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kinds: dict[str, Any] = dict(database._kinds)
        self._tables: Any = None
        self._is_done = False

    def _table(self, name: str, kind: Any) -> Any:
        import weakref

        if self._tables is None:
            self._tables = weakref.WeakValueDictionary()
        found = self._tables.get(name)
        if found is not None and (kind is None or found.record_class is kind):
            try:
                len(found)
                return found
            except UsageError:
                if not self._is_open:
                    raise
        made = TxTable._open(self, name, self._kind(name, kind, self._kinds))
        self._kinds[name] = made.record_class
        self._tables[name] = made
        return made

    def create(
        self,
        name: str,
        of: Any = None,
        *,
        load: Any = None,
        exist_ok: bool = False,
        replace: bool = False,
        key: Any = (),
        leaf_rows: int | None = None,
        **options: Any,
    ) -> Any:
        """Makes a table, as `Database.create` does."""
        if name in self.table_names():
            if exist_ok:
                return self.table(name, of)
            if not replace:
                raise Exists(
                    f"there is a table '{name}' already; exist_ok=True takes it as it is, replace=True makes a new one"
                )
            self.drop(name)
        if of is None:
            if load is None:
                raise WrongType("a table needs a record class, or rows to infer the fields from (load=...)")
            from ._sources import infer

            of, load = infer(_class_name(name), load, key, options)
        kind = record_class(of, key=key)
        self._create(name, kind, leaf_rows)
        table = self._table(name, kind)
        if load is not None:
            table.load(load, **options)
        return table

    def drop(self, name: str) -> None:
        """Drops a table with all its rows."""
        if name not in self.table_names():
            raise KeyNotFound(_Message(f"no table '{name}'"))
        self._drop(name)
        self._kinds.pop(name, None)
        if self._tables is not None:
            self._tables.pop(name, None)

    def rename(self, name: str, new_name: str) -> None:
        """Gives a table another name."""
        self._rename(name, new_name)
        if self._tables is not None:
            self._tables.pop(name, None)

    def commit(self) -> None:
        """Makes the changes the newest state, all of them or none. Once it returns, they survive a
        power cut."""
        self._commit()
        self._is_done = True
        self._database._kinds.update({name: kind for name, kind in self._kinds.items()})

    def abort(self) -> None:
        """Discards the changes."""
        self._abort()
        self._is_done = True

    def __enter__(self) -> Transaction:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._is_done:
            return
        if kind is None:
            self.commit()
        else:
            self.abort()

    def __reduce__(self) -> Any:
        raise WrongType("a transaction cannot be pickled; pickle the database, and begin one in the other process")

    def __repr__(self) -> str:
        return f"<drystone transaction, {'open' if self._is_open else 'ended'}>"


def open(path: Any, mode: str = "c", *, durable: bool = True) -> Database:
    """Opens a database file.

    `mode` is "c" (open it, or create it where there is none), "r" (only read), "r+" (read and write
    what is there) or "x" (create it, and fail where it is there). Any number of processes may have
    it open; one transaction writes at a time. `durable=False` lets the system write commits to the
    disk later: a power cut may then lose the last ones, never the consistency.

    While it is open, nothing but Drystone may write the file.

    >>> import drystone as ds, tempfile, os
    >>> Point = ds.make_record("Point", "x y z", ds.i32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with ds.open(os.path.join(folder, "points.dry")) as db:
    ...         points = db.create("points", Point, load=[(1, 2, 3), (4, 5, 6)])
    ...         with db.write() as tx:
    ...             tx.points[0].x = 10
    ...         points[0].x, points.x.sum()
    (10, 14)
    """
    return Database(os.fspath(path), mode, durable)


def memory() -> Database:
    """A database in memory, with the same behaviour, for tests."""
    return Database(None, "c", True)
