"""Tables as arrays and frames. NumPy, pandas and polars are imported when they are asked for."""

from __future__ import annotations

from typing import Any

from . import _drystone as core
from ._errors import WrongType

# How a type is laid out in NumPy; sized ones and arrays are made below.
_PLAIN = {
    "bool": "?",
    "u8": "u1",
    "i8": "i1",
    "u16": "<u2",
    "i16": "<i2",
    "u32": "<u4",
    "i32": "<i4",
    "u64": "<u8",
    "i64": "<i8",
    "f32": "<f4",
    "f64": "<f8",
    "date": "<i4",
    "timestamp": "<M8[us]",
    "uuid": "V16",
    "u128": "V16",
    "i128": "V16",
}


def _layout_of(type: str) -> Any:
    """NumPy's form of the stored bytes of a type."""
    if type in _PLAIN:
        return _PLAIN[type]
    base, _, length = type.rstrip("]").partition("[")
    if base == "str":
        return f"S{length}"
    if base == "bytes":
        return f"V{length}"
    if base == "enum":
        return None
    return (_PLAIN[base], (int(length),))


def raw_dtype(layout: Any) -> Any:
    """The dtype of packed records, as they are stored."""
    import numpy

    fields = []
    for name, type, nullable, _, _, width in layout.described():
        form = _layout_of(type)
        if form is None:
            form = "u1" if width == 1 else "<u2"
        if type == "bool" and nullable:
            form = "u1"
        fields.append((name, *form) if isinstance(form, tuple) else (name, form))
    return numpy.dtype(fields)


class _Memory:
    """What NumPy takes for an array: it holds the memory as long as the array lives."""

    __slots__ = ("_export", "__array_interface__")

    def __init__(self, export: Any, rows: int, width: int, read_only: bool) -> None:
        self._export = export
        self.__array_interface__ = {
            "version": 3,
            "shape": (rows,),
            "typestr": f"|V{width}",
            "data": (export.address, read_only),
        }


def _raw(table: Any) -> Any:
    """The packed records as a structured array, without a copy where that is possible."""
    import numpy

    layout = table._layout
    dtype = raw_dtype(layout)
    if isinstance(table, core.ListTable):
        if len(table) == 0:
            return numpy.zeros(0, dtype)
        return numpy.asarray(_Memory(core.Export(table), len(table), layout.width, layout.frozen)).view(dtype)
    if isinstance(table, core.Handle):
        now = table._now()
        if len(now) == 0:
            return numpy.zeros(0, dtype)
        try:
            export = core.Export(now)
        except BufferError:
            return numpy.frombuffer(now.bytes(0, len(now)), dtype)
        return numpy.asarray(_Memory(export, len(now), layout.width, True)).view(dtype)
    return numpy.frombuffer(table._packed(), dtype)


def _is_viewable(type: str, nullable: bool) -> bool:
    """Whether the stored bytes mean the same to NumPy."""
    if type == "date" or type.startswith("enum["):
        return False
    return not nullable or type in ("f32", "f64", "timestamp")


def _mask(raw: Any, layout: Any, name: str) -> Any:
    import numpy

    null = layout.null(name)
    if null is None:
        return None
    if dict((field[0], field[1]) for field in layout.described())[name].startswith("str["):
        first = numpy.ascontiguousarray(raw).view("u1").reshape(len(raw), -1)[:, 0] if len(raw) else raw == b""
        return first == 0xFF
    if raw.ndim > 1:
        pattern = numpy.frombuffer(null, raw.dtype)
        return (raw == pattern).all(axis=1)
    if raw.dtype.kind == "V":
        return numpy.array([bytes(one) == null for one in raw], dtype=bool)
    if raw.dtype.kind == "f":
        bits = f"<u{raw.dtype.itemsize}"
        return numpy.ascontiguousarray(raw).view(bits) == numpy.frombuffer(null, bits)[0]
    if raw.dtype.kind == "M":
        return numpy.isnat(raw)
    return raw == numpy.frombuffer(null, raw.dtype)[0]


def _converted(raw: Any, layout: Any, name: str, type: str, nullable: bool) -> tuple[Any, Any]:
    """A column as NumPy has such values, and the mask of its nulls (None where there can be
    none)."""
    import numpy

    mask = _mask(raw, layout, name) if nullable else None
    if type == "date":
        days = raw.astype("<i8")
        if mask is not None:
            days[mask] = numpy.iinfo("<i8").min
        return days.view("<M8[D]"), mask
    if type.startswith("enum["):
        names = numpy.array(layout.enum_names(name))
        codes = raw.astype("<i8")
        if mask is not None:
            codes[mask] = 0
        return names[codes], mask
    if type == "bool" and nullable:
        return (raw == 1), mask
    if type.startswith("str[") and mask is not None:
        raw = raw.copy()
        raw[mask] = b""
    return raw, mask


def column_to_numpy(table: Any, name: str) -> Any:
    raw = _raw(table)[name]
    type, nullable = next((t, n) for field, t, n, *_ in table._layout.described() if field == name)
    if _is_viewable(type, nullable):
        return raw
    values, mask = _converted(raw, table._layout, name, type, nullable)
    if mask is None or type == "date":
        return values
    import numpy

    return numpy.ma.MaskedArray(values, mask)


def column_as_array(table: Any, name: str, dtype: Any, copy: bool | None) -> Any:
    type, nullable = next((t, n) for field, t, n, *_ in table._layout.described() if field == name)
    if nullable and type not in ("f32", "f64", "timestamp", "date"):
        import numpy

        masked = column_to_numpy(table, name)
        if masked.mask.any():
            raise WrongType(
                f"column '{name}' has nulls, which NumPy cannot show; use .to_numpy() for a masked array, or to_pandas()"
            )
        return numpy.asarray(masked.data, dtype)
    values = column_to_numpy(table, name)
    return _as(values, dtype, copy)


def _as(array: Any, dtype: Any, copy: bool | None) -> Any:
    if dtype is not None and array.dtype != dtype:
        return array.astype(dtype)
    return array.copy() if copy else array


def as_array(table: Any, dtype: Any, copy: bool | None) -> Any:
    """What `numpy.asarray(table)` gives: it never shows the value that means null as data."""
    import numpy

    array = to_numpy(table)
    if isinstance(array, numpy.ma.MaskedArray):
        if numpy.ma.getmaskarray(array)[list(array.dtype.names)].view("?").any():
            raise WrongType(
                "the table has nulls, which an array of NumPy cannot show; use .to_numpy() for a masked array, or to_pandas()"
            )
        array = numpy.asarray(array.data)
    return _as(array, dtype, copy)


def to_numpy(table: Any) -> Any:
    import numpy

    described = table._layout.described()
    raw = _raw(table)
    if all(_is_viewable(type, nullable) for _, type, nullable, *_ in described):
        return raw
    columns, masks, dtype = [], [], []
    for name, type, nullable, *_ in described:
        values, mask = _converted(raw[name], table._layout, name, type, nullable)
        columns.append(values)
        masks.append(mask)
        shape = values.shape[1:]
        dtype.append((name, values.dtype, shape) if shape else (name, values.dtype))
    made = numpy.empty(len(raw), dtype)
    for (name, *_), values in zip(described, columns):
        made[name] = values
    if not any(nullable and type not in ("date", "f32", "f64", "timestamp") for _, type, nullable, *_ in described):
        return made
    masked: Any = numpy.ma.MaskedArray(made)
    for (name, type, *_), mask in zip(described, masks):
        if mask is not None and type not in ("f32", "f64"):
            masked.mask[name] = mask if made[name].ndim == 1 else mask[:, None]
    return masked


def to_polars(table: Any) -> Any:
    import polars

    frame = polars.DataFrame(table)
    casts = []
    for name, type, *_ in table._layout.described():
        if type.startswith("enum["):
            casts.append(polars.col(name).cast(polars.Enum(table._layout.enum_names(name))))
    return frame.with_columns(casts) if casts else frame


def to_pandas(table: Any) -> Any:
    import numpy
    import pandas

    raw = _raw(table)
    columns: dict[str, Any] = {}
    for name, type, nullable, *_ in table._layout.described():
        mask: Any
        values, mask = (
            (raw[name], _mask(raw[name], table._layout, name) if nullable else None)
            if type.startswith("enum[")
            else _converted(raw[name], table._layout, name, type, nullable)
        )
        has_null = mask is not None and type not in ("f32", "f64", "date", "timestamp")
        if type.startswith("enum["):
            codes = values.astype("<i8")
            if mask is not None:
                codes[mask] = -1
            columns[name] = pandas.Categorical.from_codes(codes, categories=table._layout.enum_names(name), ordered=False)
        elif values.ndim > 1:
            columns[name] = pandas.Series(
                [None if has_null and mask[at] else one.tolist() for at, one in enumerate(values)], dtype=object
            )
        elif type.startswith("str["):
            texts = [None if has_null and mask[at] else one.decode() for at, one in enumerate(values.tolist())]
            columns[name] = pandas.array(texts, dtype="str" if int(pandas.__version__.split(".")[0]) >= 3 else "string")
        elif type == "timestamp":
            columns[name] = pandas.Series(numpy.ascontiguousarray(values)).dt.tz_localize("UTC")
        elif type == "date":
            columns[name] = values.astype("<M8[s]")
        elif type == "bool":
            columns[name] = pandas.arrays.BooleanArray(values.copy(), mask) if has_null else values.copy()
        elif values.dtype.kind in "iu":
            whole = numpy.ascontiguousarray(values)
            if has_null:
                columns[name] = pandas.arrays.IntegerArray(whole.copy(), mask)
            else:
                columns[name] = whole
        elif values.dtype.kind == "f":
            real = numpy.array(values)
            columns[name] = real
        else:
            layout = table._layout
            decoded = [layout.decode(name, bytes(one)) for one in values]
            columns[name] = pandas.Series(decoded, dtype=object)
    return pandas.DataFrame(columns)


