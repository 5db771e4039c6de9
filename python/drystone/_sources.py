"""What records are loaded from."""

from __future__ import annotations

import os
import sys
from itertools import repeat
from typing import Any, Iterator

from . import _drystone as core
from ._errors import BadValue, Overflow, WrongType

_TEXT_ENDINGS = (".csv", ".tsv", ".txt")


def _is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def _is_text(path: str) -> bool:
    """Whether a path names comma-separated values, compressed with zstd or gzip or not."""
    return path.lower().removesuffix(".zst").removesuffix(".gz").endswith(_TEXT_ENDINGS)


def _text_of(path: str) -> Any:
    if path.lower().endswith(".gz"):
        import gzip

        return gzip.open(path)
    return path


def _is_array(source: Any) -> bool:
    return type(source).__module__.split(".")[0] == "numpy" and hasattr(source, "dtype") and hasattr(source, "shape")


def _is_pandas(source: Any) -> bool:
    return type(source).__module__.split(".")[0] == "pandas" and type(source).__name__ == "DataFrame"


def _csv_options(path: str, options: dict[str, Any]) -> dict[str, Any]:
    """Takes the options of a CSV out of others."""
    delimiter = options.pop("delimiter", "\t" if ".tsv" in path.lower()[-8:] else ",")
    null = options.pop("null", ())
    unit = options.pop("timestamp_unit", None)
    if not isinstance(delimiter, str) or len(delimiter.encode()) != 1 and delimiter != "blanks":
        raise BadValue(f"delimiter={delimiter!r}: it is one character of ASCII, or \"blanks\"")
    if unit not in (None, "s", "ms", "us", "ns"):
        raise BadValue(f"timestamp_unit={unit!r}: it is \"s\", \"ms\", \"us\" or \"ns\"")
    return {
        "delimiter": delimiter,
        "null": [null] if isinstance(null, str) else list(null),
        "ignore_unknown": bool(options.pop("ignore_unknown", False)),
        "header": bool(options.pop("header", True)),
        "comment": options.pop("comment", None),
        "skip_lines": int(options.pop("skip_lines", 0)),
        "decimal_comma": bool(options.pop("decimal_comma", False)),
        "trim": bool(options.pop("trim", False)),
        "rename": list(dict(options.pop("rename", {})).items()),
        "timestamp_unit": unit,
        "round": bool(options.pop("round", False)),
    }


def _no_more(options: dict[str, Any]) -> None:
    if options:
        raise WrongType(f"load: unknown options {', '.join(options)}")


def _open_file(path: str) -> Any:
    """What is in a file that is not text: an array, or something with an Arrow stream."""
    ending = os.path.splitext(path)[1].lower()
    if ending == ".npy":
        import numpy

        return numpy.load(path, mmap_mode="r", allow_pickle=False)
    if ending in (".parquet", ".pq"):
        try:
            import pyarrow.parquet as parquet
        except ImportError:
            raise ImportError("a Parquet file is read with pyarrow, which is not installed: pip install pyarrow") from None
        return parquet.read_table(path)
    if ending in (".arrow", ".feather", ".ipc", ".arrows"):
        import pyarrow

        with pyarrow.OSFile(path) as file:
            opened = pyarrow.ipc.open_stream(file) if ending == ".arrows" else pyarrow.ipc.open_file(file)
            return opened.read_all()
    raise BadValue(
        f"{path!r}: the ending does not tell what it is; .csv .tsv .txt (.zst, .gz) .parquet .arrow .arrows .feather .npy are known"
    )


def load_table(
    table: Any,
    source: Any,
    on_duplicate: str,
    replace: bool,
    progress: bool,
    on_progress: Any,
    options: dict[str, Any],
) -> int:
    with _Progress(progress, on_progress) as tell:
        how = (on_duplicate, replace, tell)
        if _is_path(source):
            path = os.fspath(source)
            if _is_text(path):
                csv = _csv_options(path, options)
                _no_more(options)
                return int(table._load_csv(_text_of(path), csv, how)[0])
            source = _open_file(path)
        if hasattr(source, "read") and not hasattr(source, "__arrow_c_stream__"):
            csv = _csv_options(str(getattr(source, "name", "")), options)
            _no_more(options)
            return int(table._load_csv(source, csv, how)[0])
        ignore_unknown = bool(options.pop("ignore_unknown", False))
        rounds = bool(options.pop("round", False))
        _no_more(options)
        layout = table._layout
        if isinstance(source, core.ListTable) and _same_bytes(source._layout, layout):
            return int(table._load_bytes(source._bytes(0, len(source)), how)[0])
        if _is_array(source):
            packed = packed_array(table.record_class, source, ignore_unknown)
            if packed is not None:
                return int(table._load_bytes(packed, how)[0])
            return int(table._load_records(_array_rows(table.record_class, source, ignore_unknown), how)[0])
        if hasattr(source, "__arrow_c_stream__"):
            return int(table._load_stream(_stream_for(source, layout), (ignore_unknown, rounds), how)[0])
        return int(table._load_records(_rows_of(source, table.record_class, ignore_unknown), how)[0])


def _same_bytes(one: Any, other: Any) -> bool:
    def plain(layout: Any) -> Any:
        fields = layout.described()
        return [(name, type, nullable) for name, type, nullable, *_ in fields]

    return bool(plain(one) == plain(other))


def extend_list(table: Any, source: Any, progress: bool, on_progress: Any, options: dict[str, Any]) -> None:
    """Appends to a list in memory."""
    layout = table._layout
    if (
        _is_path(source)
        or hasattr(source, "read")
        or hasattr(source, "__arrow_c_stream__")
        and not isinstance(source, core.ListTable)
        and not _is_array(source)
    ):
        table._extend_bytes(_by_table(table.record_class, source, progress, on_progress, options))
        return
    ignore_unknown = bool(options.pop("ignore_unknown", False))
    _no_more(options)
    if isinstance(source, core.ListTable) and _same_bytes(source._layout, layout):
        table._extend_bytes(source._bytes(0, len(source)))
        return
    if _is_array(source):
        packed = packed_array(table.record_class, source, ignore_unknown)
        if packed is not None:
            table._extend_bytes(packed)
            return
        source = _array_rows(table.record_class, source, ignore_unknown)
    table._extend_records(_rows_of(source, table.record_class, ignore_unknown))


def _by_table(kind: Any, source: Any, progress: bool, on_progress: Any, options: dict[str, Any]) -> Any:
    """The packed records of a source that the library reads, by way of a table in memory."""
    from ._tables import TxTable, _without_key

    transaction = core.memory_transaction()
    kind = _without_key(kind)
    transaction._create("records", kind, None)
    table = TxTable._open(transaction, "records", kind)
    load_table(table, source, "error", False, progress, on_progress, options)
    return table._bytes(0, len(table))


def _rows_of(source: Any, kind: Any, ignore_unknown: bool = False) -> Any:
    """An iterable of records, of a dict of columns or of records by their keys too."""
    layout = kind.__layout__
    if isinstance(source, dict) or (hasattr(source, "keys") and not hasattr(source, "__layout__") and not hasattr(source, "_layout")):
        if layout.is_keyed and _is_by_key(source, layout):
            return _rows_by_key(source, kind)
        return _rows_of_columns(source, layout, ignore_unknown)
    if hasattr(source, "values") and hasattr(source, "_layout"):
        return source.values() if source._layout.is_keyed else iter(source)
    if ignore_unknown:
        names = set(layout.names)
        return (
            {name: value for name, value in one.items() if name in names} if isinstance(one, dict) else one for one in source
        )
    return source


def _rows_of_columns(source: Any, layout: Any, ignore_unknown: bool) -> Iterator[tuple[Any, ...]]:
    unknown = [name for name in source.keys() if name not in layout.names]
    if unknown and not ignore_unknown:
        raise BadValue(
            f"no field for column {unknown[0]!r}; the columns are {', '.join(map(str, source.keys()))}, the fields are "
            f"{', '.join(layout.names)}; add fields, remove the columns, or give ignore_unknown=True to have such "
            "columns ignored"
        )
    columns: dict[str, Any] = {}
    for name in layout.names:
        if name not in source:
            continue
        column = source[name]
        if hasattr(column, "tolist"):
            column = column.tolist()
        if isinstance(column, (str, bytes)) or not hasattr(column, "__len__") or not hasattr(column, "__iter__"):
            raise WrongType(
                f"column '{name}' is {column!r}: a dict that is loaded has columns, which are sequences, as in "
                f"{{{name!r}: [...]}}; for one record, give a list with the dict in it"
            )
        columns[name] = column
    if len({len(column) for column in columns.values()}) > 1:
        lengths = ", ".join(f"'{name}' has {len(column)}" for name, column in columns.items())
        raise BadValue(f"the columns have different lengths: {lengths}")
    if not columns:
        return iter(())
    rows = len(next(iter(columns.values())))
    return zip(*(columns[name] if name in columns else _default_column(layout, name, rows) for name in layout.names))


def _default_column(layout: Any, name: str, rows: int) -> Iterator[Any]:
    """What a column that is missing holds: the default of its field, or nulls."""
    at = layout.names.index(name)
    has_default, default, factory = layout.defaults()[at]
    if factory is not None:
        return (factory() for _ in range(rows))
    if not has_default and not layout.described()[at][2]:
        raise WrongType(f"there is no column '{name}' in what is loaded, and the field has no default and is not nullable")
    return repeat(default if has_default else None, rows)


def _is_by_key(source: Any, layout: Any) -> bool:
    """Whether a mapping has records by their keys, and not columns by the names of fields."""
    for key, record in source.items():
        if not isinstance(key, str) or isinstance(record, (core.Row, dict)):
            return True
        is_column = hasattr(record, "__len__") and not hasattr(record, "_fields")
        return not is_column and all(hasattr(record, name) for name in layout.names)
    return False


def _rows_by_key(source: Any, kind: Any) -> Iterator[Any]:
    from ._tables import ListTable

    keys = sum(field[3] for field in kind.__layout__.described())
    for key, record in source.items():
        if not isinstance(record, core.Row):
            # One of the class, however the record is given.
            one = ListTable._make(kind)
            one.append(record)
            record = one[0]
        own = record[0] if keys == 1 else record[:keys]
        if own != key:
            raise BadValue(f"the record has the key {own!r}, not {key!r}")
        yield record


def _stream_for(source: Any, layout: Any) -> Any:
    return source.__arrow_c_stream__()


class _Progress:
    """Tells how far a load is: by tqdm where it is installed, and by a function."""

    def __init__(self, progress: bool, on_progress: Any) -> None:
        self._bar: Any = None
        self._on_progress = on_progress
        if progress:
            try:
                from tqdm.auto import tqdm

                self._bar = tqdm(unit=" rows", unit_scale=True)
            except ImportError:
                pass

    def _tell(self, read: int) -> None:
        if self._bar is not None:
            self._bar.update(read - self._bar.n)
        if self._on_progress is not None:
            self._on_progress(read)

    def __enter__(self) -> Any:
        return self._tell if self._bar is not None or self._on_progress is not None else None

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()


# ---- arrays of NumPy -----------------------------------------------------------------------------


def _array_columns(kind: Any, array: Any, ignore_unknown: bool) -> dict[str, Any]:
    """The columns that an array has. Those of fields with a default, and of nullable ones, may be
    missing."""
    layout = kind.__layout__
    if array.dtype.names is not None:
        array = array.reshape(-1)
        given = [name for name in layout.names if name in array.dtype.names]
        unknown = [name for name in array.dtype.names if name not in layout.names]
        if not given or unknown and not ignore_unknown:
            raise WrongType(
                f"the array has the fields {', '.join(array.dtype.names)}, and {kind.__name__} has "
                f"{', '.join(layout.names)}; ignore_unknown=True ignores fields of the array that are too many"
            )
        return {name: array[name] for name in given}
    if array.ndim == 1 and len(layout.names) == 1:
        return {layout.names[0]: array}
    if array.ndim == 2 and array.shape[1] == len(layout.names):
        return {name: array[:, at] for at, name in enumerate(layout.names)}
    raise WrongType(
        f"an array of shape {array.shape} does not hold records of the {len(layout.names)} fields of {kind.__name__}"
    )


def _array_rows(kind: Any, array: Any, ignore_unknown: bool) -> Iterator[tuple[Any, ...]]:
    # Times stay those of NumPy: as objects of Python they would have no time zone.
    columns = {
        name: list(column) if column.dtype.kind == "M" else column
        for name, column in _array_columns(kind, array, ignore_unknown).items()
    }
    return _rows_of_columns(columns, kind.__layout__, False)


def packed_array(kind: Any, array: Any, ignore_unknown: bool) -> Any:
    """The packed records of an array, or None where each value has to be looked at in Python."""
    import numpy

    from ._frames import raw_dtype

    layout = kind.__layout__
    dtype = raw_dtype(layout)
    masks = None
    if isinstance(array, numpy.ma.MaskedArray):
        masks, array = numpy.ma.getmaskarray(array), array.data
    described = layout.described()
    is_exact = array.dtype == dtype and masks is None and array.ndim == 1
    if is_exact and not any(_must_look(type, nullable) for _, type, nullable, *_ in described):
        return numpy.ascontiguousarray(array).view("u1")
    columns = _array_columns(kind, array, ignore_unknown)
    if len(columns) < len(described):
        # Defaults are filled in row by row.
        return None
    rows = len(next(iter(columns.values())))
    made = numpy.zeros(rows, dtype)
    for name, type, nullable, *_ in described:
        column = columns[name]
        mask = masks[name] if masks is not None and masks.dtype.names else None
        if not _fill(made[name], column, layout, name, type, nullable, mask):
            return None
    return made.view("u1")


def _must_look(type: str, nullable: bool) -> bool:
    """Whether bytes of the right form may still mean something else: a null where data was
    meant."""
    return (nullable and type not in ("f32", "f64", "timestamp")) or type.startswith("enum[")


def _fill(out: Any, column: Any, layout: Any, name: str, type: str, nullable: bool, mask: Any) -> bool:
    """Fills a column in; False where this cannot be done as a whole."""
    import numpy

    null = layout.null(name)
    if type[0] in "iu" and out.dtype.kind in "iu":
        if column.dtype.kind == "f":
            if not (column == numpy.floor(column)).all():
                return False
        elif column.dtype.kind not in "iub":
            return False
        bounds = numpy.iinfo(out.dtype)
        low, high = int(bounds.min), int(bounds.max)
        if nullable:
            low, high = (low + 1, high) if out.dtype.kind == "i" else (low, high - 1)
        present = column if mask is None else column[~mask]
        if present.size:
            least, greatest = int(present.min()), int(present.max())
            if least < low or greatest > high:
                bad = least if least < low else greatest
                raise Overflow(f"field '{name}': {bad} does not fit {type}; its range is {low} to {high}")
        out[...] = column
    elif type in ("f32", "f64"):
        if column.dtype.kind not in "iuf":
            return False
        if type == "f32" and column.dtype.itemsize > 4:
            with numpy.errstate(over="ignore"):
                narrow = column.astype("<f4")
            lost = numpy.isinf(narrow) & ~numpy.isinf(column)
            if lost.any():
                raise Overflow(f"field '{name}': {column[lost][0]} does not fit f32")
            out[...] = narrow
        else:
            out[...] = column
    elif type == "bool":
        if column.dtype.kind != "b":
            return False
        out[...] = column
    elif type.startswith("str["):
        if column.dtype.kind == "U":
            column = numpy.char.encode(column, "utf-8")
        if column.dtype.kind != "S":
            return False
        if column.dtype.itemsize > out.dtype.itemsize:
            lengths = numpy.char.str_len(column)
            if lengths.size and int(lengths.max()) > out.dtype.itemsize:
                at = int(lengths.argmax())
                raise BadValue(f"field '{name}': {column[at]!r} takes {lengths[at]} bytes, and {type} holds {out.dtype.itemsize}")
        out[...] = column
    elif type == "timestamp" and column.dtype.kind == "M":
        micros = column.astype("<M8[us]")
        nat = numpy.isnat(column)
        if (micros.astype(column.dtype)[~nat] != column[~nat]).any():
            raise BadValue(f"field '{name}': there are nanoseconds, which timestamp (microseconds) would lose")
        if nat.any() and not nullable:
            raise BadValue(f"field '{name}': NaT where the type timestamp is not nullable")
        out[...] = micros
    elif type == "date" and column.dtype.kind == "M":
        days = column.astype("<M8[D]")
        nat = numpy.isnat(column)
        if (days[~nat] != column[~nat]).any():
            raise BadValue(f"field '{name}': there are times of day, which date would lose")
        if nat.any() and not nullable:
            raise BadValue(f"field '{name}': NaT where the type date is not nullable")
        out[...] = numpy.where(nat, numpy.iinfo("<i4").min, days.astype("<i8")).astype("<i4")
    elif type.startswith("bytes[") and column.dtype.kind in "V" and column.dtype.itemsize == out.dtype.itemsize:
        out[...] = column
    elif out.ndim > 1 and column.ndim > 1 and column.shape == out.shape and numpy.can_cast(column.dtype, out.dtype):
        out[...] = column
    else:
        return False
    if mask is not None and mask.any():
        if null is None:
            raise BadValue(f"field '{name}': masked values where the type {type} is not nullable")
        out[mask] = numpy.frombuffer(null, out.dtype)[0]
    return True


# ---- keys ----------------------------------------------------------------------------------------


def packed_keys(layout: Any, keys: Any) -> Any:
    """Keys as packed stored bytes."""
    if _is_array(keys) and keys.dtype.kind in "iu" and keys.ndim == 1:
        fields = [field for field in layout.described() if field[3]]
        name, type, *_ = fields[0]
        if len(fields) == 1 and type in ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"):
            import numpy

            stored = numpy.dtype(f"<{type[0]}{int(type[1:]) // 8}")
            bounds = numpy.iinfo(stored)
            if not keys.size or (int(keys.min()) >= bounds.min and int(keys.max()) <= bounds.max):
                return numpy.ascontiguousarray(keys, dtype=stored).view("u1")
    return core.pack_keys(layout, keys.tolist() if hasattr(keys, "tolist") else keys)


# ---- inference -----------------------------------------------------------------------------------


def infer(name: str, source: Any, key: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    """The record class that holds what is to be loaded, and the source to load then."""
    from ._records import RecordMeta, Record, _Spec, record_class

    keys = [key] if isinstance(key, str) else list(key)
    enums = bool(options.pop("enums", False))
    if isinstance(source, core.ListTable):
        kind = source.record_class
        return (record_class(kind) if not keys else _with_key(kind, keys)), source
    if hasattr(source, "record_class") and not keys:
        return source.record_class, source
    if _is_path(source):
        path = os.fspath(source)
        if _is_text(path):
            csv = _csv_options(path, dict(options))
            fields = core.infer_csv(_text_of(path), csv, enums)
            specs = [_Spec(field, type, nullable) for field, type, nullable in fields]
            specs = _enums(specs)
            return _keyed(name, specs, keys), source
        source = _open_file(path)
    if _is_array(source):
        if source.dtype.names is None:
            raise WrongType("an array without field names does not tell the names of the fields; give a record class")
        return record_class(source.dtype, name, key=keys), source
    if hasattr(source, "__arrow_c_stream__"):
        if not hasattr(source, "shape") and not hasattr(source, "column_names"):
            import pyarrow

            # A stream can be read once only, and here it is read twice.
            source = pyarrow.table(source)
        fields = core.infer_stream(source.__arrow_c_stream__(), enums)
        return _keyed(name, _enums([_Spec(field, type, nullable) for field, type, nullable in fields]), keys), source
    if not hasattr(source, "keys"):
        source = list(source)
        if source and isinstance(source[0], core.Row):
            kind = type(source[0])
            return (_with_key(kind, keys) if keys else kind), [core.asdict(row) for row in source] if keys else source
    columns = _columns_of(source)
    return _keyed(name, [_spec_of(field, values) for field, values in columns.items()], keys), columns


def _columns_of(source: Any) -> dict[str, Any]:
    """The columns of what Python objects hold: of a dict of columns, of dicts, of objects with
    fields."""
    columns: dict[str, Any]
    if hasattr(source, "keys"):
        given = {name: source[name] for name in source.keys()}
        for name, column in given.items():
            if isinstance(column, (str, bytes)) or not hasattr(column, "__len__") or not hasattr(column, "__iter__"):
                raise WrongType(f"column {name!r} is {column!r}: a dict that is loaded has columns, which are sequences")
        if len({len(column) for column in given.values()}) > 1:
            raise BadValue("the columns have different lengths")
        for name, column in given.items():
            is_time = getattr(getattr(column, "dtype", None), "kind", "") == "M"
            given[name] = column.tolist() if hasattr(column, "tolist") and not is_time else list(column)
        columns = given
    else:
        columns = {}
        rows = 0
        for rows, one in enumerate(source, 1):
            fields = one if isinstance(one, dict) else {field: getattr(one, field) for field in _field_names(one, rows)}
            for name, value in fields.items():
                column = columns.setdefault(name, [])
                # Rows before this one that did not have the field.
                column += [None] * (rows - 1 - len(column))
                column.append(value)
        for column in columns.values():
            column += [None] * (rows - len(column))
    if not columns:
        raise WrongType("there are no rows to infer the fields from; give a record class")
    for name in columns:
        if not isinstance(name, str):
            raise WrongType(f"{name!r} is no name of a field; give a record class")
    return columns


def _field_names(one: Any, row: int) -> Any:
    names = getattr(one, "_fields", None) or getattr(one, "__dataclass_fields__", None) or getattr(one, "__struct_fields__", None)
    if names is None and hasattr(type(one), "__attrs_attrs__"):
        names = [field.name for field in type(one).__attrs_attrs__]
    if names is None:
        raise WrongType(
            f"record {row} is of type {type(one).__name__}, which does not tell the names of its fields; give a record class"
        )
    return names


_INTEGERS = (("i64", -(2**63), 2**63 - 1), ("u64", 0, 2**64 - 1), ("i128", -(2**127), 2**127 - 1), ("u128", 0, 2**128 - 1))


def _spec_of(name: str, values: list[Any]) -> Any:
    """The field that holds these values: numbers take 64 bits, a text is as wide as the longest
    one."""
    from ._records import _is_enum, _Spec, _type_of

    present = [value for value in values if value is not None and type(value).__name__ not in ("NAType", "NaTType")]
    nullable = len(present) < len(values)
    kinds = {type(value) for value in present}
    if not kinds:
        raise WrongType(f"field '{name}': there are no values, so its type cannot be told; give a record class")

    def all_are(*classes: Any) -> bool:
        return all(issubclass(kind, classes) for kind in kinds)

    text = ""
    if len(kinds) == 1 and _is_enum(next(iter(kinds))):
        spec = _type_of(name, next(iter(kinds)))
        spec.nullable = nullable
        return spec
    if all(kind.__name__ in ("bool", "bool_") for kind in kinds):
        text = "bool"
    elif all(hasattr(kind, "__index__") for kind in kinds):
        low, high = min(int(value) for value in present), max(int(value) for value in present)
        # One value of the type means null.
        fits = [type for type, least, most in _INTEGERS if least + nullable <= low and high <= most - nullable]
        if not fits:
            raise Overflow(f"field '{name}': {low} and {high} do not fit one type of integers")
        text = fits[0]
    elif all(hasattr(kind, "__index__") or hasattr(kind, "is_integer") and hasattr(kind, "hex") for kind in kinds):
        text = "f64"
    elif all_are(str):
        text = f"str[{max(1, max(len(value.encode('utf-8', 'surrogatepass')) for value in present))}]"
    elif all_are(bytes) and len({len(value) for value in present}) == 1 and present[0]:
        text = f"bytes[{len(present[0])}]"
    elif all_are(tuple, list) and len({len(value) for value in present}) == 1 and present[0]:
        element = _spec_of(name, [number for value in present for number in value])
        if element.type[0] in "iuf" and not element.nullable:
            text = f"{element.type}[{len(present[0])}]"
    elif "datetime" in sys.modules and all_are(sys.modules["datetime"].datetime):
        text = "timestamp"
    elif "datetime" in sys.modules and kinds == {sys.modules["datetime"].date}:
        text = "date"
    elif all(kind.__name__ == "datetime64" for kind in kinds):
        text = "timestamp"
    elif all((kind.__module__, kind.__name__) == ("uuid", "UUID") for kind in kinds):
        text = "uuid"
    if not text:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise WrongType(f"field '{name}': no type holds these values, which are of type {names}; give a record class")
    return _Spec(name, text, nullable)


def _enums(specs: Any) -> Any:
    for spec in specs:
        if spec.type.startswith("enum["):
            inner = core.parse_schema(f"x: {spec.type}")
            spec.enum = (list(inner[0][5]), None, [])
    return specs


def _keyed(name: str, specs: Any, keys: list[str]) -> Any:
    from ._records import Record, RecordMeta

    for one in keys:
        if one not in [spec.name for spec in specs]:
            raise WrongType(f"there is no field '{one}' for the key")
    for spec in specs:
        if spec.name in keys:
            spec.key, spec.nullable = True, False
    ordered = [spec for one in keys for spec in specs if spec.name == one]
    ordered += [spec for spec in specs if spec.name not in keys]
    return RecordMeta(name, (Record,), {"__module__": "drystone"}, _specs=ordered)


def _with_key(kind: Any, keys: list[str]) -> Any:
    from ._records import _Spec

    specs = [_Spec(s.name, s.type, s.nullable, False, s.default, s.factory, s.enum) for s in kind._specs]
    return _keyed(kind.__name__, specs, keys)
