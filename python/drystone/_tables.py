"""Tables: in memory, of a database, of a snapshot, of a transaction."""

from __future__ import annotations

from typing import Any, Iterator

from . import _drystone as core
from ._errors import KeyNotFound, NoAttribute, OutOfRange, WrongType
from ._queries import Column, Columns, Selection
from ._records import RecordMeta, record_class
from ._views import DbItems, DbKeys, DbValues, Items, Keys, Values

_SHOWN_ROWS = 8


class _Shared:
    """What all tables have. Subclasses give `_still_now`, `_ask`, `_packed` and `record_class`."""

    __slots__ = ()

    record_class: Any
    _layout: Any

    # ---- fields and columns

    @property
    def columns(self) -> Columns:
        """The fields as columns: `t.columns["x"]`. It works for every name; `t.x` does where the
        table has no method of this name."""
        return Columns(self)

    def __getattr__(self, name: str) -> Column:
        if not name.startswith("__") and name in self._layout.names:
            return Column(self, name)
        names = ", ".join(self._layout.names)
        hint = self._way_to(name)
        raise NoAttribute(
            f"a table has no attribute '{name}', and this one no such field; the fields are {names}{hint}"
        )

    def _way_to(self, name: str) -> str:
        """What to write instead of a method that tables of another kind have."""
        if self._layout.is_keyed and name in ("append", "sort", "reverse"):
            return ". The table has a key: it is in the order of it, and takes records by insert(record) or t[key] = record"
        if not self._layout.is_keyed and name in ("keys", "values", "items", "upsert", "setdefault"):
            return ". The table has no key, so it is a list and not a dict; ds.key() makes a field the key"
        return ""

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name in self._layout.names:
            raise NoAttribute(
                f"column '{name}' cannot be assigned: assign fields of rows, or use update_where(filter, {name}=...); of a "
                f"table in memory without a key, also np.asarray(t)['{name}'][:] = values"
            )
        object.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        return sorted({*self._layout.names, *object.__dir__(self)})

    @property
    def schema(self) -> str:
        """The schema in its text form: `x: i32, y: i32`."""
        return str(self._layout.schema)

    # ---- queries

    def where(self, *filters: str) -> Selection:
        """The rows for which all filters are true. A filter is a text of the query language:
        `cities.where("side = 'buy' and population > 100000").sum("population")`."""
        return Selection(self, filters)

    def select(self, *fields: str) -> Selection:
        """Only these fields: see `where`."""
        return Selection(self).select(*fields)

    def group_by(self, *fields: str) -> Selection:
        """Groups of rows that agree in these fields: `t.group_by("carrier").aggregate("count",
        "mean(delay)")`."""
        return Selection(self).group_by(*fields)

    def order_by(self, *orders: str) -> Selection:
        """The rows in another order; `-x` is downward."""
        return Selection(self).order_by(*orders)

    # ---- hand-over

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        from ._frames import as_array

        return as_array(self, dtype, copy)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._stream()

    def _stream(self) -> Any:
        return self._still_now().arrow_stream()

    def _still_now(self) -> Any:
        raise NotImplementedError

    def to_numpy(self) -> Any:
        """The rows as a structured array of NumPy, without a copy where the rows lie side by side
        and every field has a form in NumPy. Nulls are masked."""
        from ._frames import to_numpy

        return to_numpy(self)

    def to_arrow(self) -> Any:
        """The rows as a `pyarrow.Table`."""
        import pyarrow

        return pyarrow.table(self)

    def to_polars(self) -> Any:
        """The rows as a `polars.DataFrame`."""
        from ._frames import to_polars

        return to_polars(self)

    def to_pandas(self) -> Any:
        """The rows as a `pandas.DataFrame`. Integers with nulls are pandas' nullable integers;
        enumerations are categoricals."""
        from ._frames import to_pandas

        return to_pandas(self)

    # ---- showing

    def _head(self) -> list[Any]:
        raise NotImplementedError

    def _title(self) -> str:
        raise NotImplementedError

    def __repr__(self) -> str:
        try:
            rows = self._head()
            lines = [f"{self._title()}: {len(self):,} rows of {self.record_class.__name__}({self.schema})"]  # type: ignore[arg-type]
        except Exception as error:
            return f"<{type(self).__name__}: {error}>"
        if rows:
            cells = [list(self._layout.names)] + [[_short(value) for value in row] for row in rows]
            widths = [max(len(line[at]) for line in cells) for at in range(len(cells[0]))]
            lines += ["  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
        if len(self) > len(rows):  # type: ignore[arg-type]
            lines.append("  …")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f"<th>{escape(name)}</th>" for name in self._layout.names)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_short(value))}</td>" for value in row) + "</tr>" for row in self._head()
        )
        title = f"{escape(self._title())}: {len(self):,} rows"  # type: ignore[arg-type]
        return f"<p>{title}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 32 else text[:31] + "…"


def _numbers(keys: Any, rows: int) -> Any:
    """Row numbers as packed numbers of 64 bits."""
    if hasattr(keys, "dtype") and hasattr(keys, "astype"):
        if keys.dtype.kind not in "iu":
            raise WrongType(f"row numbers are whole numbers, not {keys.dtype}")
        import numpy

        return numpy.ascontiguousarray(keys, dtype="<i8")
    from array import array

    return array("q", keys)


# ---- in memory -----------------------------------------------------------------------------------


class Table(_Shared):
    """Records in memory that change: a list of them, or a dict where the class has a key.

    >>> import drystone as ds
    >>> Point = ds.make_record("Point", "x y z", ds.i32)
    >>> points = ds.Table(Point, [(1, 2, 3), (4, 5, 6)])
    >>> points.append(Point(7, 8, 9))
    >>> points[0].x = 70
    >>> [p.x for p in points]
    [70, 4, 7]
    >>> points[0], points[1] = points[1], points[0]
    >>> points[1]
    Point(x=70, y=2, z=3)

    A record takes its own width: 12 bytes here. A row is a view: assigning its fields changes the
    table. It is bound to the record, not to the place. Where the record is overwritten or removed,
    the row takes its value along.

    >>> class City(ds.Record):
    ...     id: ds.u32 = ds.key()
    ...     people: ds.u32 = 0
    >>> cities = ds.Table(City)
    >>> cities[7] = City(7, 100)
    >>> cities[7].people += 1
    >>> 7 in cities, cities.get(8), cities[7].people
    (True, None, 101)
    """

    __slots__ = ()

    def __new__(cls, of: Any, rows: Any = None, /, **options: Any) -> Any:
        kind = record_class(of)
        if cls is Table:
            cls = DictTable if kind.__layout__.is_keyed else ListTable
        made = cls._make(kind)
        if rows is not None:
            made.extend(rows, **options)
        return made

    def __init__(self, of: Any, rows: Any = None, /, **options: Any) -> None:
        pass

    @classmethod
    def _make(cls, kind: Any) -> Any:
        raise NotImplementedError


class ListTable(Table, core.ListTable):  # type: ignore[misc]
    """Records in memory that behave as a list: see `Table`."""

    __slots__ = ("_cache",)
    __hash__ = None  # type: ignore[assignment]
    _cache: Any

    @classmethod
    def _make(cls, kind: Any) -> Any:
        return core.ListTable.__new__(cls, kind)

    def _empty(self) -> Any:
        return self._make(self.record_class)

    def __getattr__(self, name: str) -> Any:
        return _Shared.__getattr__(self, name)

    # ---- a list

    def extend(self, rows: Any, *, progress: bool = False, on_progress: Any = None, **options: Any) -> None:
        """Appends records, all or none: of an iterable, an array, a DataFrame, or anything with an
        Arrow stream."""
        from ._sources import extend_list

        extend_list(self, rows, progress, on_progress, options)

    def __iadd__(self, rows: Any) -> Any:
        self.extend(rows)
        return self

    def __add__(self, rows: Any) -> Any:
        both = self.copy()
        both.extend(rows)
        return both

    def __mul__(self, times: int) -> Any:
        made = self._empty()
        packed = self._bytes(0, len(self))
        for _ in range(times):
            made._extend_bytes(packed)
        return made

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Any:
        made = self * times
        if len(made) < len(self):
            self.clear()
        else:
            self._extend_bytes(made._bytes(len(self), len(made)))
        return self

    def copy(self) -> Any:
        """A table with copies of the records."""
        return self[:]

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def index(self, record: Any, start: int = 0, stop: int | None = None) -> int:
        """The first place of an equal record; ValueError where there is none."""
        rows = len(self)
        start = max(start + rows, 0) if start < 0 else start
        stop = rows if stop is None else stop + rows if stop < 0 else stop
        found = self._find(record, start, max(stop, 0))
        if found is None:
            raise ValueError(f"{record!r} is not in the table")
        return int(found)

    def count(self, record: Any) -> int:
        """How many records are equal to this one."""
        count, at = 0, 0
        while (found := self._find(record, at, len(self))) is not None:
            count, at = count + 1, found + 1
        return count

    def remove(self, record: Any) -> None:
        """Removes the first equal record; ValueError where there is none."""
        del self[self.index(record)]

    def __contains__(self, record: Any) -> bool:
        return self._find(record, 0, len(self)) is not None

    def reverse(self) -> None:
        """Reverses the order. Rows that are held go with their records."""
        self._permute(range(len(self) - 1, -1, -1), self._version)

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        """Sorts the records, by all their fields or by a key, as `list.sort` does. Rows that are
        held go with their records."""
        if key is None:
            keys = [core.astuple(row) for row in self]
        elif isinstance(key, str):
            keys = self._column(key)
        else:
            keys = [key(row) for row in self]
        version = self._version
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=reverse)
        self._permute(order, version)

    def __reversed__(self) -> Iterator[Any]:
        for at in range(len(self) - 1, -1, -1):
            yield self[at]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (ListTable, list)):
            return len(self) == len(other) and all(one == two for one, two in zip(self, other))
        return NotImplemented

    def __reduce__(self) -> Any:
        return _unpickle_list, (self.record_class, bytes(self._bytes(0, len(self))))

    def get(self, index: int, default: Any = None) -> Any:
        """The row at a place; the default where there is none."""
        try:
            return self[index]
        except (IndexError, TypeError):
            return default

    def get_many(self, numbers: Any) -> Any:
        """The records at these places, copied, as a table."""
        made = self._empty()
        made._extend_bytes(self._gather(_numbers(numbers, len(self))))
        return made

    @property
    def rows(self) -> Any:
        """The table itself: `rows[a:b]` means places in every kind of table."""
        return self

    # ---- for the shared part

    def _packed(self) -> Any:
        return self._bytes(0, len(self))

    def _stream(self) -> Any:
        return core.list_stream(self)

    def _still_now(self) -> Any:
        """The records as a table of a database in memory, kept until the list changes."""
        version = self._version
        try:
            kept, still = self._cache
            if kept == version and not self._is_exported:
                return still
        except AttributeError:
            pass
        still = core.still_of_list(self, _without_key(self.record_class))
        self._cache = (version, still)
        return still

    def _ask(self, question: Any) -> Any:
        return self._still_now().ask(question)

    def _head(self) -> list[Any]:
        return [self[at] for at in range(min(_SHOWN_ROWS, len(self)))]

    def _title(self) -> str:
        return "table in memory"


def _unpickle_list(kind: Any, packed: bytes) -> Any:
    made = ListTable._make(kind)
    made._extend_bytes(packed)
    return made


def _without_key(kind: Any) -> Any:
    """The same class without a key, where it has one: for results, whose rows are in their own
    order."""
    if not kind.__layout__.is_keyed:
        return kind
    found = _keyless.get(kind)
    if found is None:
        from ._records import Record, _Spec

        specs = [_Spec(s.name, s.type, s.nullable, False, s.default, s.factory, s.enum) for s in kind._specs]
        body = {"__module__": kind.__module__}
        found = _keyless[kind] = RecordMeta(kind.__name__, (Record,), body, _specs=specs)
    return found


_keyless: dict[Any, Any] = {}


class _Places:
    """Rows by place: `t.rows[10:20]`."""

    __slots__ = ("_table",)

    def __init__(self, table: Any) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[Any]:
        return (self[at] for at in range(len(self)))

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        at = place + len(self) if place < 0 else place
        row = self._table._at(at) if at >= 0 else None
        if row is None:
            raise OutOfRange(f"row {place} is outside of the table, which has {len(self)} rows")
        return row


class TxTable(_Shared, core.TxTable):  # type: ignore[misc]
    """A table that a transaction changes."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return _Shared.__getattr__(self, name)

    @staticmethod
    def _open(transaction: Any, name: str, kind: Any) -> Any:
        cls = TxDict if kind.__layout__.is_keyed else TxList
        made = cls(transaction, name, kind)
        made._register()
        return made

    def load(
        self,
        source: Any,
        *,
        on_duplicate: str = "error",
        replace: bool = False,
        progress: bool = False,
        on_progress: Any = None,
        **options: Any,
    ) -> int:
        """Loads records in bulk, the fastest way to fill a table: from a CSV or Parquet file, an
        array, a DataFrame, an Arrow stream, or an iterable of records, tuples or dicts. Returns how
        many were read.

        `on_duplicate` says what to do with a second row of one key: "error", "first" or "last"
        wins. `ignore_unknown=True` skips columns that are no fields. `round=True` lets numbers be
        rounded in an `f32`. `replace=True` takes all old rows away. For a CSV there are also
        `delimiter`, `null`, `header`, `comment`, `skip_lines`, `decimal_comma`, `trim`, `rename` (a
        dict of names of columns and fields) and `timestamp_unit`. `on_progress` is called with the
        number of records read; `progress=True` shows them with tqdm where it is installed. After an
        error the table is as it was.
        """
        from ._sources import load_table

        return load_table(self, source, on_duplicate, replace, progress, on_progress, options)

    def delete_where(self, filter: str) -> int:
        """Removes the rows for which a filter is true, and says how many."""
        return int(self._delete_where(filter))

    def update_where(self, filter: str, **changes: Any) -> int:
        """Sets fields in the rows for which a filter is true, and says how many there are."""
        return int(self._update_where(filter, changes))

    # ---- the schema

    def add_field(self, name: str, type: Any, *, default: Any = ...) -> None:
        """Appends a field. Rows that are there get the default; without one, the field must be
        nullable. Take the table from the transaction again afterwards."""
        from ._records import _type_of

        spec = _type_of(name, type)
        if default is ... and not spec.nullable and len(self):
            raise WrongType(f"field '{name}': the rows that are there need a value; give a default, or write type | None")
        stored = None
        if default is not ... and default is not None:
            one = core.Layout([spec.declared()], False, False)
            stored = one.encode(name, default)
        self._transaction._add_field(
            self._name, name, spec.type or "u8", spec.nullable, stored, None if spec.enum is None else spec.enum[0]
        )

    def rename_field(self, name: str, new_name: str) -> None:
        """Gives a field another name."""
        self._transaction._rename_field(self._name, name, new_name)

    def drop_field(self, name: str) -> None:
        """Drops a field that is not part of the key."""
        self._transaction._drop_field(self._name, name)

    def change_type(self, name: str, type: Any) -> None:
        """Gives a field another type that holds every value exactly; else an error names the first
        that it does not hold."""
        from ._records import _type_of

        self._transaction._change_type(self._name, name, _type_of(name, type).type)

    def set_nullable(self, name: str, nullable: bool) -> None:
        """Lets a field be null, or not."""
        self._transaction._set_nullable(self._name, name, nullable)

    def reorder_fields(self, *names: str) -> None:
        """Puts the fields into another order."""
        self._transaction._reorder(self._name, list(names))

    def add_names(self, name: str, *names: str) -> None:
        """Adds names to an enumeration."""
        self._transaction._add_names(self._name, name, list(names))

    def create_index(self, name: str, *fields: str, unique: bool = False) -> None:
        """Makes an index, which queries then use."""
        self._transaction._create_index(self._name, name, list(fields), unique)

    def drop_index(self, name: str) -> None:
        """Drops an index."""
        self._transaction._drop_index(self._name, name)

    @property
    def indexes(self) -> list[tuple[str, list[str], bool]]:
        """The indexes: name, fields, whether it is unique."""
        return list(self._transaction._indexes(self._name))

    # ---- for the shared part

    def _packed(self) -> Any:
        return self._bytes(0, len(self))

    def _list(self) -> Any:
        made = ListTable._make(_without_key(self.record_class))
        made._extend_bytes(self._packed())
        return made

    def _stream(self) -> Any:
        return core.list_stream(self._list())

    def _still_now(self) -> Any:
        return self._list()._still_now()

    def _head(self) -> list[Any]:
        rows = [self._at(at) for at in range(min(_SHOWN_ROWS, len(self)))]
        return [row for row in rows if row is not None]

    def _title(self) -> str:
        return f"table '{self._name}' in a transaction"

    def __reduce__(self) -> Any:
        raise WrongType("a table of a transaction cannot be pickled; pickle the table of the database")


class _Dict:
    """What a keyed table that changes has."""

    __slots__ = ()

    def __setitem__(self: Any, key: Any, record: Any) -> None:
        self._put(key, record)

    def __delitem__(self: Any, key: Any) -> None:
        if self._remove(key) is None:
            raise KeyNotFound(key)

    def __iter__(self: Any) -> Iterator[Any]:
        return iter(Keys(self))

    def __reversed__(self: Any) -> Iterator[Any]:
        return reversed(Keys(self))

    def keys(self: Any) -> Keys:
        """The keys, in order. They are a set: `t.keys() & {1, 2}`."""
        return Keys(self)

    def values(self: Any) -> Values:
        """The rows, in the order of their keys."""
        return Values(self)

    def items(self: Any) -> Items:
        """Pairs of keys and rows."""
        return Items(self)

    @property
    def rows(self) -> _Places:
        """The rows by place, in the order of their keys: `t.rows[10:20]`."""
        return _Places(self)

    def insert(self: Any, record: Any) -> None:
        """Inserts a record with a new key; an error where the key is there."""
        self._insert(record)

    def upsert(self: Any, record: Any) -> bool:
        """Inserts a record, or replaces the one with its key. Returns whether there was one."""
        return bool(self._upsert(record))

    def pop(self: Any, key: Any, *default: Any) -> Any:
        """Takes a record out, and returns it."""
        row = self._remove(key)
        if row is not None:
            return row
        if default:
            return default[0]
        raise KeyNotFound(key)

    def popitem(self: Any) -> tuple[Any, Any]:
        """Takes the last record out: its key, and it."""
        if not len(self):
            raise KeyNotFound("popitem(): the table is empty")
        key = self._key_at(len(self) - 1)
        return key, self._remove(key)

    def setdefault(self: Any, key: Any, record: Any) -> Any:
        """The row with a key; the record is inserted where there is none."""
        if key not in self:
            self._put(key, record)
        return self[key]

    def update(self: Any, rows: Any = (), /) -> None:
        """Puts records in, of another table or dict, of pairs of keys and records, or of
        records."""
        if hasattr(rows, "items"):
            rows = rows.items()
        for one in list(rows):
            if isinstance(one, tuple) and len(one) == 2 and not isinstance(one[1], (int, float, str, bytes)):
                self._put(one[0], one[1])
            else:
                self._upsert(one)

    def __ior__(self: Any, rows: Any) -> Any:
        self.update(rows)
        return self

    def range(self: Any, low: Any = None, high: Any = None, *, closed: bool = False) -> list[Any]:
        """The rows whose keys lie in `low <= key < high`, or up to `high` where it is closed."""
        start, stop = self._between(low, high, closed)
        return [self._at(at) for at in range(start, stop)]

    def delete_range(self: Any, low: Any = None, high: Any = None, *, closed: bool = False) -> int:
        """Removes the rows whose keys lie in a range, and says how many."""
        return int(self._remove_between(low, high, closed))

    def get_many(self: Any, keys: Any, *, missing: str = "error") -> Any:
        """The records with these keys, copied, as a table."""
        made = ListTable._make(_without_key(self.record_class))
        for key in keys.tolist() if hasattr(keys, "tolist") else keys:
            row = self.get(key)
            if row is None and missing == "error":
                raise KeyNotFound(key)
            if row is not None:
                made._extend_bytes(core.record_bytes(row))
        return made

    def __eq__(self: Any, other: object) -> bool:
        if not hasattr(other, "keys") or not hasattr(other, "__len__"):
            return NotImplemented
        return len(self) == len(other) and all(other.get(key) == row for key, row in self.items())  # type: ignore[arg-type,attr-defined]

    __hash__ = None  # type: ignore[assignment]


class TxDict(_Dict, TxTable):
    """A keyed table that a transaction changes: a dict of records."""

    __slots__ = ()


class TxList(TxTable):
    """A table without a key that a transaction changes: a list of records."""

    __slots__ = ()

    def _place(self, index: Any) -> int:
        import operator

        at, rows = operator.index(index), len(self)
        place = at + rows if at < 0 else at
        if not 0 <= place < rows:
            raise OutOfRange(f"row {at} is outside of the table, which has {rows} rows")
        return place

    def _slice(self, places: slice) -> Any:
        return [self[at] for at in range(*places.indices(len(self)))]

    def __setitem__(self, index: Any, record: Any) -> None:
        if not isinstance(index, slice):
            self._set(self._place(index), record)
            return
        start, stop, step = index.indices(len(self))
        if step == 1:
            self._splice(start, max(start, stop), record)
            return
        places, records = range(start, stop, step), list(record)
        if len(places) != len(records):
            raise ValueError(f"{len(records)} records cannot be assigned to an extended slice of {len(places)}")
        for at, one in zip(places, records):
            self._set(at, one)

    def __delitem__(self, index: Any) -> None:
        if not isinstance(index, slice):
            at = self._place(index)
            self._splice(at, at + 1, ())
            return
        start, stop, step = index.indices(len(self))
        if step == 1:
            self._splice(start, max(start, stop), ())
            return
        for at in sorted(range(start, stop, step), reverse=True):
            self._splice(at, at + 1, ())

    def __iter__(self) -> Iterator[Any]:
        at = 0
        while at < len(self):
            yield self[at]
            at += 1

    def __reversed__(self) -> Iterator[Any]:
        for at in range(len(self) - 1, -1, -1):
            yield self[at]

    def append(self, record: Any) -> None:
        """Appends a record."""
        self._push(record)

    def extend(self, rows: Any, **options: Any) -> None:
        """Appends records, as `load` does."""
        self.load(rows, **options)

    def __iadd__(self, rows: Any) -> Any:
        self.extend(rows)
        return self

    def insert(self, index: int, record: Any) -> None:
        """Inserts a record before a place. The rows behind it are written again."""
        rows = len(self)
        at = max(index + rows, 0) if index < 0 else min(index, rows)
        self._splice(at, at, (record,))

    def pop(self, index: int = -1) -> Any:
        """Takes a record out, and returns it."""
        at = self._place(index)
        row = self[at]
        self._splice(at, at + 1, ())
        return row

    def reverse(self) -> None:
        """Reverses the order."""
        self[:] = [core.copy_of(row) for row in reversed(list(self))]

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        """Sorts the records."""
        rows = sorted(list(self), key=key or core.astuple, reverse=reverse)
        self[:] = [core.copy_of(row) for row in rows]

    def index(self, record: Any, start: int = 0, stop: int | None = None) -> int:
        """The first place of an equal record; ValueError where there is none."""
        for at in range(*slice(start, stop).indices(len(self))):
            if self[at] == record:
                return at
        raise ValueError(f"{record!r} is not in the table")

    def count(self, record: Any) -> int:
        """How many records are equal to this one."""
        return sum(row == record for row in self)

    def remove(self, record: Any) -> None:
        """Removes the first equal record; ValueError where there is none."""
        del self[self.index(record)]

    @property
    def rows(self) -> Any:
        """The table itself."""
        return self


class DictTable(_Dict, Table, core.TxTable):  # type: ignore[misc]
    """Records in memory that behave as a dict: see `Table`."""

    __slots__ = ()

    @classmethod
    def _make(cls, kind: Any) -> Any:
        transaction = core.memory_transaction()
        transaction._create("records", kind, None)
        made = core.TxTable.__new__(cls, transaction, "records", kind)
        made._register()
        return made

    def __getattr__(self, name: str) -> Any:
        return _Shared.__getattr__(self, name)

    def extend(self, rows: Any, **options: Any) -> None:
        """Puts records in; those of keys that are there are replaced."""
        self.load(rows, on_duplicate=options.pop("on_duplicate", "last"), **options)

    load = TxTable.load
    delete_where = TxTable.delete_where
    update_where = TxTable.update_where
    _packed = TxTable._packed
    _list = TxTable._list
    _stream = TxTable._stream
    _still_now = TxTable._still_now
    _head = TxTable._head

    def copy(self) -> Any:
        """A table with copies of the records."""
        made = self._make(self.record_class)
        made.load(self._list())
        return made

    __copy__ = copy

    def __or__(self, other: Any) -> Any:
        if not hasattr(other, "items"):
            return NotImplemented
        both = self.copy()
        both.update(other)
        return both

    def __ror__(self, other: Any) -> Any:
        if not hasattr(other, "items"):
            return NotImplemented
        both = self._make(self.record_class)
        both.update(other)
        both.update(self)
        return both

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __reduce__(self) -> Any:
        return _unpickle_dict, (self.record_class, bytes(self._packed()))

    def _title(self) -> str:
        return "keyed table in memory"


def _unpickle_dict(kind: Any, packed: bytes) -> Any:
    made = DictTable._make(kind)
    made._load_bytes(packed, ("error", False, None))
    return made


# ---- of a database -------------------------------------------------------------------------------


class DbTable(_Shared, core.Handle):  # type: ignore[misc]
    """A table of a database: always the newest commit. To change it, begin a transaction:
    `with db.write() as tx: tx.cities[7].people = 5`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return _Shared.__getattr__(self, name)

    def _way_to(self, name: str) -> str:
        if hasattr(TxDict if self._layout.is_keyed else TxList, name):
            return f". To change the table, begin a transaction: `with db.write() as tx: tx.{self._name}.{name}(...)`"
        return _Shared._way_to(self, name)

    def __setitem__(self, key: Any, record: Any) -> None:
        raise WrongType(
            f"table '{self._name}' is only read here; to change it, begin a transaction: "
            f"`with db.write() as tx: tx.{self._name}[...] = ...`"
        )

    def __delitem__(self, key: Any) -> None:
        raise WrongType(
            f"table '{self._name}' is only read here; to change it, begin a transaction: "
            f"`with db.write() as tx: del tx.{self._name}[...]`"
        )

    def keys(self) -> Any:
        """The keys, in order, as of now. They are a set: `t.keys() & {1, 2}`."""
        return DbKeys(self._whole("keys"))

    def values(self) -> Any:
        """The rows, in the order of their keys."""
        return DbValues(self._whole("values"))

    def items(self) -> Any:
        """Pairs of keys and rows."""
        return DbItems(self._whole("items"))

    def _whole(self, what: str) -> Any:
        """All rows, keys or pairs of both, in one state."""
        self._needs_key(what)
        now = self._now()
        return now.range(0, len(now), 1, "rows" if what == "values" else what)

    def __reversed__(self) -> Iterator[Any]:
        now = self._now()
        return reversed(now.range(0, len(now), 1, "keys" if self._layout.is_keyed else "rows"))

    @property
    def rows(self) -> Any:
        """The rows by place, in the order of their keys where they have some: `t.rows[10:20]`."""
        now = self._now()
        return now.range(0, len(now), 1, "rows")

    def range(self, low: Any = None, high: Any = None, *, closed: bool = False) -> Any:
        """The rows whose keys lie in `low <= key < high`, or up to `high` where it is closed: a
        sequence of a snapshot. A tuple of the first fields of the key stands for all keys that
        begin so."""
        self._needs_key("range")
        now = self._now()
        start, stop = now.between(low, high, closed)
        return now.range(start, stop, 1, "rows")

    def rank(self, key: Any) -> int:
        """How many rows have a lower key."""
        self._needs_key("rank")
        return int(self._now().rank(key))

    def _needs_key(self, method: str) -> None:
        if not self._layout.is_keyed:
            raise WrongType(f"table '{self._name}' has no key, so it has no {method}(); rows are found by number")

    def get_many(self, keys: Any, *, missing: str = "error") -> Any:
        """The records with these keys or numbers, copied, as a table in the order asked for. `keys`
        is an array or an iterable. `missing="skip"` leaves out what is not there; without it that
        is a KeyError.
        """
        if missing not in ("error", "skip"):
            raise ValueError(f'missing={missing!r}: it is "error" or "skip"')
        now = self._now()
        made = ListTable._make(_without_key(self.record_class))
        if not self._layout.is_keyed:
            made._extend_bytes(now.gather(_numbers(keys, len(now))))
            return made
        from ._sources import packed_keys

        packed = packed_keys(self._layout, keys)
        found, absent = now.look_up(packed)
        if absent and missing == "error":
            at = absent[0]
            raise KeyNotFound(keys[at] if hasattr(keys, "__getitem__") else f"number {at} of the keys")
        made._extend_bytes(found)
        return made

    def index(self, record: Any) -> int:
        """The first place of an equal record; ValueError where there is none."""
        for at, row in enumerate(self.rows):
            if row == record:
                return at
        raise ValueError(f"{record!r} is not in the table")

    def __reduce__(self) -> Any:
        if self._is_fixed:
            raise WrongType("a table of a snapshot cannot be pickled; pickle the table of the database")
        kind = self.record_class
        return _unpickle_handle, (self._database, self._name, None if "_described" in kind.__dict__ else kind)

    def _packed(self) -> Any:
        now = self._now()
        return now.bytes(0, len(now))

    def _still_now(self) -> Any:
        return self._now()

    def _ask(self, question: Any) -> Any:
        return self._now().ask(question)

    def explain(self, *filters: str) -> str:
        """How a query would be answered. For people; the words may change."""
        return str(self._now().explain((list(filters), [], [], [], [], None, False)))

    def _head(self) -> list[Any]:
        return list(self.rows[:_SHOWN_ROWS])

    def _title(self) -> str:
        return f"table '{self._name}'"


def _unpickle_handle(database: Any, name: str, kind: Any) -> Any:
    return database.table(name, kind)


