"""`scan(table)`: a table as a `polars.LazyFrame`, which reads only what a query needs."""

from __future__ import annotations

from typing import Any, Iterator

import polars as pl
from polars.io.plugins import register_io_source


def scan(table: Any) -> pl.LazyFrame:
    """A table, or a selection, as a lazy frame. The columns that a query uses, and the number of
    rows that it takes, are asked of the table; the rows are those of the state when the query runs.
    """
    schema = pl.DataFrame(table[:0] if hasattr(table, "_empty") else table.where().limit(0)).schema

    def read(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        picked = table.where()
        text = None if predicate is None else _filter_text(predicate, set(schema.names()))
        if text is not None:
            picked = picked.where(text)
        if columns is not None:
            wanted = list(columns)
            if predicate is not None and text is None:
                wanted += [name for name in predicate.meta.root_names() if name not in wanted]
            picked = picked.select(*wanted)
        if rows is not None and (predicate is None or text is not None):
            picked = picked.limit(rows)
        frame = pl.DataFrame(picked)
        if predicate is not None and text is None:
            frame = frame.filter(predicate)
        if columns is not None:
            frame = frame.select(columns)
        yield frame if rows is None else frame.head(rows)

    return register_io_source(read, schema=schema)


_OPERATORS = {"Eq": "=", "NotEq": "!=", "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">="}


def _filter_text(predicate: pl.Expr, names: set[str]) -> str | None:
    """A filter in the query language, where the predicate is made of comparisons of columns with
    numbers and texts; None where polars has to look itself."""
    import json

    try:
        tree = json.loads(predicate.meta.serialize(format="json"))
    except Exception:
        return None

    def text(node: Any) -> str | None:
        if not isinstance(node, dict):
            return None
        binary = node.get("BinaryExpr")
        if binary is None:
            return None
        operator = binary["op"]
        if operator in ("And", "Or", "LogicalAnd", "LogicalOr"):
            left, right = text(binary["left"]), text(binary["right"])
            word = "and" if operator.endswith("And") else "or"
            return None if left is None or right is None else f"({left}) {word} ({right})"
        name, value = _column(binary["left"]), _literal(binary["right"])
        if operator not in _OPERATORS or name not in names or value is None:
            return None
        return f"{name} {_OPERATORS[operator]} {value}"

    return text(tree)


def _column(node: Any) -> str | None:
    found = node.get("Column") if isinstance(node, dict) else None
    return found if isinstance(found, str) else None


def _literal(node: Any) -> str | None:
    """A number or a text, from the one place in which polars writes it."""
    while isinstance(node, dict) and len(node) == 1:
        (kind, node), *_ = node.items()
        if kind in ("String", "StringOwned") and isinstance(node, str):
            return "'" + node.replace("'", "''") + "'"
    if isinstance(node, bool) or not isinstance(node, (int, float)):
        return None
    return repr(node)
