"""`scan(table)`: a table as a `polars.LazyFrame`, which reads only what a query needs."""

from __future__ import annotations

from typing import Any, Iterator

import polars as pl
from polars.io.plugins import register_io_source

from ._errors import Error
from ._queries import Selection


def scan(table: Any) -> pl.LazyFrame:
    """A table, or a selection, as a lazy frame.

    What a query of polars needs is asked of the table: the columns that it uses, the rows for which
    its filters can be true, and at most as many rows as it takes. Filters that go into the query
    are comparisons of columns with values, `is_between`, `is_null`, `is_not_null`,
    `str.starts_with`, and `&`, `|` and `~` of these. Of a filter with other parts, those that are
    joined by `&` go, and polars looks at the rest. The rows are those of the state when the query
    runs.
    """
    schema = pl.DataFrame(table[:0] if hasattr(table, "_empty") else table.where().limit(0)).schema

    def read(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        # Filters of a selection with a limit or other fields would be asked before these.
        is_plain = not isinstance(table, Selection) or table._is_plain
        source = table if is_plain else table.rows()
        picked = source.where()
        text, is_whole = None, predicate is None
        if predicate is not None:
            text, is_whole = _pushed(predicate, _types_of(source))
            if text is not None:
                picked, is_whole = _filtered(picked, text, is_whole)
        if columns is not None:
            wanted = list(columns)
            if predicate is not None:
                wanted += [name for name in predicate.meta.root_names() if name not in wanted]
            picked = picked.select(*wanted)
        if rows is not None and is_whole:
            picked = picked.limit(rows)
        frame = pl.DataFrame(picked)
        if predicate is not None:
            # Also where all of it was asked of the table: it costs little, and polars decides.
            frame = frame.filter(predicate)
        if columns is not None:
            frame = frame.select(columns)
        yield frame if rows is None else frame.head(rows)

    return register_io_source(read, schema=schema)


def _types_of(source: Any) -> dict[str, str]:
    """The types of the fields, as the schema writes them."""
    table = source._table if isinstance(source, Selection) else source
    return {name: type for name, type, *_ in table._layout.described()}


def _filtered(picked: Any, text: str, is_whole: bool) -> tuple[Any, bool]:
    """The rows that a filter keeps; all of them where the query language refuses it, such as a
    comparison of a number with a text, which polars then reports in its own words."""
    filtered = picked.where(text)
    try:
        filtered.limit(0).rows()
    except Error:
        return picked, False
    return filtered, is_whole


def _pushed(predicate: pl.Expr, types: dict[str, str]) -> tuple[str | None, bool]:
    """A filter in the query language that is true for every row for which the predicate is, and
    whether it is the whole predicate. No filter where there is nothing to ask of the table."""
    import json

    try:
        tree = json.loads(predicate.meta.serialize(format="json"))
    except Exception:
        return None, False
    parts = [_text(part, types) for part in _conjunction(tree)]
    known = [part for part in parts if part is not None]
    return (" and ".join(f"({part})" for part in known) or None), len(known) == len(parts)


def _conjunction(node: Any) -> Iterator[Any]:
    """The parts of a predicate that must all be true."""
    binary = node.get("BinaryExpr") if isinstance(node, dict) else None
    if binary is not None and binary["op"] in ("And", "LogicalAnd"):
        yield from _conjunction(binary["left"])
        yield from _conjunction(binary["right"])
    else:
        yield node


_OPERATORS = {"Eq": "=", "NotEq": "!=", "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">="}
_TURNED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ENDS = {"Both": (">=", "<="), "Left": (">=", "<"), "Right": (">", "<="), "None": (">", "<")}


def _text(node: Any, types: dict[str, str]) -> str | None:
    """A predicate in the query language; None where it has no words for it."""
    if not isinstance(node, dict):
        return None
    name = _column(node, types)
    if name is not None:
        return f"{name} = true" if types[name] == "bool" else None
    if "BinaryExpr" in node:
        return _comparison(node["BinaryExpr"], types)
    function = node.get("Function")
    if not isinstance(function, dict):
        return None
    inputs, what = function["input"], function["function"]
    kind = what.get("Boolean") if isinstance(what, dict) else None
    if kind in ("Not", "And", "Or"):
        parts = [_text(one, types) for one in inputs]
        if None in parts:
            return None
        if kind == "Not":
            return f"not ({parts[0]})"
        return f" {kind.lower()} ".join(f"({part})" for part in parts)
    name = _column(inputs[0], types)
    if name is None:
        return None
    if kind in ("IsNull", "IsNotNull"):
        return f"{name} is null" if kind == "IsNull" else f"{name} is not null"
    values = [_literal(one) for one in inputs[1:]]
    if None in values or types[name].startswith("enum["):
        return None
    if isinstance(kind, dict) and "IsBetween" in kind:
        low, high = _ENDS[kind["IsBetween"]["closed"]]
        return f"{name} {low} {values[0]} and {name} {high} {values[1]}"
    if what == {"StringExpr": "StartsWith"} and types[name].startswith("str["):
        return f"{name} starts with {values[0]}"
    return None


def _comparison(binary: Any, types: dict[str, str]) -> str | None:
    operator = binary["op"]
    if operator in ("And", "Or", "LogicalAnd", "LogicalOr"):
        left, right = _text(binary["left"], types), _text(binary["right"], types)
        word = "and" if operator.endswith("And") else "or"
        return None if left is None or right is None else f"({left}) {word} ({right})"
    if operator not in _OPERATORS:
        return None
    sign = _OPERATORS[operator]
    name, value = _column(binary["left"], types), _literal(binary["right"])
    if name is None:
        name, value, sign = _column(binary["right"], types), _literal(binary["left"]), _TURNED[sign]
    if name is None or value is None:
        return None
    # Enumerations have an order in polars, and none in the query language.
    if types[name].startswith("enum[") and sign not in ("=", "!="):
        return None
    return f"{name} {sign} {value}"


def _column(node: Any, types: dict[str, str]) -> str | None:
    found = node.get("Column") if isinstance(node, dict) else None
    return found if isinstance(found, str) and found in types else None


def _literal(node: Any) -> str | None:
    """A value as the query language writes it, from the one place in which polars has it."""
    import datetime

    if not isinstance(node, dict) or "Literal" not in node:
        return None
    kind = ""
    while isinstance(node, dict) and len(node) == 1:
        (kind, node), *_ = node.items()
    if kind in ("String", "StringOwned") and isinstance(node, str):
        return "'" + node.replace("'", "''") + "'"
    if kind == "Boolean" and isinstance(node, bool):
        return "true" if node else "false"
    try:
        if kind == "Date":
            return f"'{datetime.date(1970, 1, 1) + datetime.timedelta(days=node)}'"
        if kind == "Datetime" and node[1] == "Microseconds" and node[2] is not None:
            at = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=node[0])
            return f"'{at.isoformat()}Z'"
    except (OverflowError, TypeError, IndexError):
        return None
    if isinstance(node, bool) or not isinstance(node, (int, float)):
        return None
    return repr(node) if abs(node) < float("inf") else None
