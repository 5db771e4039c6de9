"""Queries and columns."""

from __future__ import annotations

import re
from typing import Any, Iterator

from . import _drystone as core
from ._errors import WrongType



class Selection:
    """Rows of a table that a query picks. Nothing is read before an answer is asked for.

    A selection does not change; each method makes another one. Its answers are plain objects of
    Python, and tables in memory.
    """

    __slots__ = ("_table", "_filters", "_select", "_group", "_order", "_limit", "_distinct")

    def __init__(self, table: Any, filters: tuple[str, ...] = ()) -> None:
        for one in filters:
            if not isinstance(one, str):
                raise WrongType(
                    f"{one!r} is no filter: a filter is a text, such as where(\"x > 5 and name = 'a'\")"
                )
        self._table = table
        self._filters = filters
        self._select: tuple[str, ...] = ()
        self._group: tuple[str, ...] = ()
        self._order: tuple[str, ...] = ()
        self._limit: int | None = None
        self._distinct = False

    def _with(self, **parts: Any) -> Selection:
        made = Selection(self._table, self._filters)
        for name in self.__slots__[2:]:
            setattr(made, name, getattr(self, name))
        for name, part in parts.items():
            setattr(made, "_" + name, part)
        return made

    def where(self, *filters: str) -> Selection:
        """Also these filters must be true."""
        return self._with(filters=self._filters + Selection(self._table, filters)._filters)

    def select(self, *fields: str) -> Selection:
        """Only these fields, in this order; `x as y` names them, `floor(at, 1 min)` rounds them."""
        return self._with(select=fields)

    def group_by(self, *fields: str) -> Selection:
        """Groups of rows that agree in these fields; ask for them with `aggregate`."""
        return self._with(group=fields)

    def order_by(self, *orders: str) -> Selection:
        """In this order; `-x` is downward."""
        return self._with(order=orders)

    def limit(self, rows: int) -> Selection:
        """At most so many rows."""
        return self._with(limit=rows)

    def distinct(self) -> Selection:
        """Each row once."""
        return self._with(distinct=True)

    @property
    def _is_plain(self) -> bool:
        """Whether it is some rows of the table, as they are: filters and an order at most."""
        return not (self._select or self._group or self._distinct or self._limit is not None)

    def _question(self, aggregates: tuple[str, ...] = ()) -> tuple[Any, ...]:
        return (
            list(self._filters),
            list(self._select),
            list(self._group),
            list(aggregates),
            list(self._order),
            self._limit,
            self._distinct,
        )

    # ---- answers

    def rows(self) -> Any:
        """The rows, as a table in memory."""
        fields, packed = self._table._ask(self._question())
        return self._table_of(fields, packed)

    def aggregate(self, *aggregates: str) -> Any:
        """What is computed of each group, or of all rows, as a table in memory:
        `t.group_by("carrier").aggregate("count", "mean(delay) as delay")`."""
        fields, packed = self._table._ask(self._question(aggregates))
        return self._table_of(fields, packed)

    def _table_of(self, fields: Any, packed: Any) -> Any:
        from ._records import Record, RecordMeta, _Spec
        from ._tables import ListTable, _without_key

        kind = self._table.record_class
        own = [(name, type, null) for name, type, null, _, _, _ in kind.__layout__.described()]
        if [tuple(field) for field in fields] == own:
            made = ListTable._make(_without_key(kind))
        else:
            specs, seen = [], set()
            for name, type, nullable in fields:
                enum = None
                if type.startswith("enum["):
                    source = re.sub(r"^\w+\((.*)\)$", r"\1", name)
                    source = source if source in kind._fields else ""
                    names = kind.__layout__.enum_names(source) if source else None
                    members = next((s.enum for s in kind._specs if s.name == source and s.enum), None)
                    enum = members if names else None
                plain = re.sub(r"\W+", "_", name).strip("_") or "value"
                while plain in seen:
                    plain += "_"
                seen.add(plain)
                specs.append(_Spec(plain, type, nullable, enum=enum))
            made = ListTable._make(RecordMeta("Row", (Record,), {"__module__": "drystone"}, _specs=specs))
        made._extend_bytes(packed)
        return made

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows())

    def __getitem__(self, place: Any) -> Any:
        return self.rows()[place]

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return self.limit(1).count() > 0 if self._limit is None else self.count() > 0

    def first(self) -> Any:
        """The first row; None where there is none."""
        found = self.limit(1).rows()
        return found[0] if len(found) else None

    def count(self) -> int:
        """How many rows there are."""
        if self._limit is not None or self._distinct or self._group:
            return len(self.rows())
        return int(self._value("count"))

    def _value(self, aggregate: str) -> Any:
        if self._group or self._distinct or self._limit is not None:
            raise WrongType(f"{aggregate}: one value is for queries without groups and limits; use aggregate()")
        plain = self._with(select=(), order=())
        fields, packed = self._table._ask(plain._question((aggregate,)))
        table = self._table_of(fields, packed)
        return table[0][0] if len(table) else None

    def sum(self, field: str) -> Any:
        """The sum of a field, without nulls; None where there is no value."""
        return self._value(f"sum({field})")

    def min(self, field: str) -> Any:
        """The least value of a field."""
        return self._value(f"min({field})")

    def max(self, field: str) -> Any:
        """The greatest value of a field."""
        return self._value(f"max({field})")

    def mean(self, field: str) -> Any:
        """The mean of a field, as a float."""
        return self._value(f"mean({field})")

    def count_distinct(self, field: str) -> int:
        """How many different values a field has."""
        return int(self._value(f"count_distinct({field})"))

    def to_numpy(self) -> Any:
        """The rows as a structured array of NumPy."""
        return self.rows().to_numpy()

    def to_arrow(self) -> Any:
        """The rows as a `pyarrow.Table`."""
        return self.rows().to_arrow()

    def to_polars(self) -> Any:
        """The rows as a `polars.DataFrame`."""
        return self.rows().to_polars()

    def to_pandas(self) -> Any:
        """The rows as a `pandas.DataFrame`."""
        return self.rows().to_pandas()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.rows().__arrow_c_stream__(requested_schema)

    def delete(self) -> int:
        """Removes the rows, in a table of a transaction."""
        if not hasattr(self._table, "_delete_where") or len(self._filters) != 1:
            raise WrongType("rows are deleted in a table of a transaction, by one filter")
        return int(self._table.delete_where(self._filters[0]))

    def __repr__(self) -> str:
        filters = " and ".join(f"({one})" for one in self._filters) or "all rows"
        return f"<selection of {self._table._title()}: {filters}>"


class Columns:
    """The fields of a table as columns, by name."""

    __slots__ = ("_table",)

    def __init__(self, table: Any) -> None:
        self._table = table

    def __getitem__(self, name: str) -> Column:
        if name not in self._table._layout.names:
            from ._errors import KeyNotFound, _Message

            names = ", ".join(self._table._layout.names)
            raise KeyNotFound(_Message(f"no field '{name}'; the fields are {names}"))
        return Column(self._table, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table._layout.names)

    def __len__(self) -> int:
        return len(self._table._layout.names)

    def __contains__(self, name: object) -> bool:
        return name in self._table._layout.names

    def __repr__(self) -> str:
        return f"<columns {', '.join(self._table._layout.names)}>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._table._layout.names)


class Column:
    """A field of all rows of a table: sums and ends, an array, values by number."""

    __slots__ = ("_table", "name")

    def __init__(self, table: Any, name: str) -> None:
        self._table = table
        self.name = name

    def _fold(self, what: str) -> Any:
        if isinstance(self._table, core.ListTable):
            return self._table._fold(self.name, what)
        return None

    def sum(self) -> Any:
        """The sum, without nulls; None where there is no value."""
        folded = self._fold("sum")
        if folded is not None:
            count, value = folded
            return value if count else None
        return Selection(self._table).sum(self.name)

    def min(self) -> Any:
        """The least value."""
        folded = self._fold("min")
        return folded[1] if folded is not None else Selection(self._table).min(self.name)

    def max(self) -> Any:
        """The greatest value."""
        folded = self._fold("max")
        return folded[1] if folded is not None else Selection(self._table).max(self.name)

    def mean(self) -> Any:
        """The mean, as a float."""
        folded = self._fold("sum")
        if folded is not None:
            count, value = folded
            return value / count if count else None
        return Selection(self._table).mean(self.name)

    def count(self) -> int:
        """How many values are not null."""
        folded = self._fold("count")
        return int(folded[0] if folded is not None else Selection(self._table)._value(f"count({self.name})"))

    def count_distinct(self) -> int:
        """How many different values there are."""
        return Selection(self._table).count_distinct(self.name)

    def __len__(self) -> int:
        return len(self._table)

    def _no_operator(self, other: object) -> Any:
        """What users of arrays write. As a column reads its table, it cannot be an array of
        numbers."""
        raise WrongType(
            f"a column does not calculate or compare; write t.where(\"{self.name} > 5\") to pick rows, or "
            f"np.asarray(t.{self.name}) for an array"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _no_operator
    __lt__ = __le__ = __gt__ = __ge__ = _no_operator

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Column):
            return self._table is other._table and self.name == other.name
        return bool(self._no_operator(other))

    def __hash__(self) -> int:
        return hash((id(self._table), self.name))

    def __setitem__(self, at: Any, value: Any) -> None:
        raise WrongType(f"a column is only read; assign the field of a row: t[{at!r}].{self.name} = {value!r}")

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return self.to_list()[at]
        if isinstance(self._table, core.ListTable):
            return self._table._value(at, self.name)
        if isinstance(self._table, core.Handle):
            return self._table._now().value(at, self.name)
        return self._table.rows[at][self.name]

    def __iter__(self) -> Iterator[Any]:
        return (row[self.name] for row in self._rows())

    def _rows(self) -> Any:
        rows = self._table.rows
        return rows

    def to_list(self) -> list[Any]:
        """The values as a list of plain objects."""
        if isinstance(self._table, core.ListTable):
            return list(self._table._column(self.name))
        return list(self)

    def to_numpy(self) -> Any:
        """The values as an array of NumPy: a view where that is possible, masked where there are
        nulls."""
        from ._frames import column_to_numpy

        return column_to_numpy(self._table, self.name)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        from ._frames import column_as_array

        return column_as_array(self._table, self.name, dtype, copy)

    @property
    def type(self) -> str:
        """The type as the schema writes it."""
        for name, type, nullable, *_ in self._table._layout.described():
            if name == self.name:
                return f"{type}?" if nullable else str(type)
        return ""

    def __repr__(self) -> str:
        shown = [repr(self[at]) for at in range(min(6, len(self)))]
        more = ", …" if len(self) > 6 else ""
        return f"<column {self.name}: {self.type}, {len(self):,} rows: {', '.join(shown)}{more}>"
