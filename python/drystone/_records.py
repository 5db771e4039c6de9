"""Record classes: from annotations, from names and types, from other kinds of classes."""

from __future__ import annotations

import sys
from typing import Any, Callable, Iterable, Iterator

from . import _drystone as core
from ._errors import BadValue, WrongType
from ._types import Mark, Width

MISSING: Any = type("MISSING", (), {"__repr__": lambda self: "<missing>"})()


class FieldOptions:
    """What `ds.key()` and `ds.field()` say of a field."""

    __slots__ = ("default", "default_factory", "key")

    def __init__(self, default: Any, default_factory: Any, key: bool) -> None:
        self.default = default
        self.default_factory = default_factory
        self.key = key


def key(*, default: Any = MISSING, default_factory: Any = MISSING) -> Any:
    """Says that a field belongs to the key: `id: ds.u32 = ds.key()`.

    The fields of the key come first in a class. Rows of a table are found by their key, which is
    unique.
    """
    return FieldOptions(default, default_factory, True)


def field(*, default: Any = MISSING, default_factory: Any = MISSING, key: bool = False) -> Any:
    """Options of a field: a default, or a function that makes one for each record."""
    return FieldOptions(default, default_factory, key)


class _Spec:
    """A field on the way into a class."""

    __slots__ = ("name", "type", "nullable", "key", "default", "factory", "enum")

    def __init__(
        self,
        name: str,
        type: str,
        nullable: bool = False,
        key: bool = False,
        default: Any = MISSING,
        factory: Any = MISSING,
        enum: tuple[list[str], Any, list[Any]] | None = None,
    ) -> None:
        self.name = name
        self.type = type
        self.nullable = nullable
        self.key = key
        self.default = default
        self.factory = factory
        self.enum = enum

    def declared(self) -> tuple[Any, ...]:
        return (
            self.name,
            self.type,
            self.nullable,
            self.key,
            None if self.default is MISSING else (self.default,),
            None if self.factory is MISSING else self.factory,
            self.enum,
        )


def _enum_spec(cls: Any) -> tuple[list[str], Any, list[Any]]:
    members = list(cls)
    values = [member.value for member in members]
    names = values if all(isinstance(value, str) for value in values) else [member.name for member in members]
    return names, cls, members


def _is_enum(kind: Any) -> bool:
    if "enum" not in sys.modules or not isinstance(kind, type):
        return False
    from enum import Enum

    return issubclass(kind, Enum)


def _type_of(name: str, annotation: Any, loose: bool = False) -> _Spec:
    """The field that an annotation describes. `loose` takes `int` and `float` too, as 64 bits."""
    nullable = False
    origin = getattr(annotation, "__origin__", None)
    # X | None, Optional[X]
    args = getattr(annotation, "__args__", ())
    if type(None) in args and not hasattr(annotation, "__metadata__"):
        rest = [arg for arg in args if arg is not type(None)]
        if len(rest) != 1:
            raise WrongType(f"field '{name}': {annotation!r} is more than one type")
        nullable, annotation = True, rest[0]
        origin = getattr(annotation, "__origin__", None)
    widths: list[int] = []
    for mark in getattr(annotation, "__metadata__", ()):
        if isinstance(mark, Mark):
            return _Spec(name, mark.text, nullable)
        if isinstance(mark, Width):
            widths.append(mark.bytes)
        # msgspec.Meta(max_length=40) and the like
        length = getattr(mark, "max_length", None)
        if isinstance(length, int):
            widths.append(length)
    if hasattr(annotation, "__metadata__"):
        annotation = origin
    if isinstance(annotation, str):
        return _Spec(name, annotation.strip().removesuffix("?"), nullable or annotation.strip().endswith("?"))
    if annotation is bool:
        return _Spec(name, "bool", nullable)
    if annotation in (str, bytes):
        if widths:
            return _Spec(name, f"{annotation.__name__}[{widths[0]}]", nullable)
        raise WrongType(
            f"field '{name}': {annotation.__name__} needs a width in bytes, because records have a fixed one: "
            f"write Annotated[{annotation.__name__}, ds.width(40)]"
        )
    if _is_enum(annotation):
        return _Spec(name, "", nullable, enum=_enum_spec(annotation))
    kind = (getattr(annotation, "__module__", ""), getattr(annotation, "__name__", ""))
    if kind == ("datetime", "date"):
        return _Spec(name, "date", nullable)
    if kind == ("datetime", "datetime"):
        return _Spec(name, "timestamp", nullable)
    if kind == ("uuid", "UUID"):
        return _Spec(name, "uuid", nullable)
    if annotation is int:
        if loose:
            return _Spec(name, "i64", nullable)
        raise WrongType(f"field '{name}': int has no width; choose one of ds.i8 to ds.i128, or ds.u8 to ds.u128")
    if annotation is float:
        if loose:
            return _Spec(name, "f64", nullable)
        raise WrongType(f"field '{name}': float has no width; choose ds.f32 or ds.f64")
    raise WrongType(
        f"field '{name}': {annotation!r} is not a type that a record can hold; see the list in the documentation "
        "of drystone.Record"
    )


def _options(spec: _Spec, value: Any) -> None:
    """Takes what stands behind the equals sign of a field."""
    if isinstance(value, FieldOptions):
        spec.key = value.key
        spec.default, spec.factory = value.default, value.default_factory
    elif type(value).__name__ == "Field" and hasattr(value, "default_factory"):
        dataclasses = sys.modules["dataclasses"]
        spec.default = MISSING if value.default is dataclasses.MISSING else value.default
        spec.factory = MISSING if value.default_factory is dataclasses.MISSING else value.default_factory
    else:
        spec.default = value
    if isinstance(spec.default, (list, dict, set, bytearray)):
        raise BadValue(
            f"field '{spec.name}': the default {spec.default!r} can change; use ds.field(default_factory=...), or a tuple"
        )


class _LazyDataclassFields:
    """What makes records known to `dataclasses`, without importing it before it is asked for."""

    def __get__(self, instance: object, owner: Any) -> dict[str, Any]:
        found: dict[str, Any] | None = owner.__dict__.get("_dataclass_fields")
        if found is not None:
            return found
        if not hasattr(owner, "__layout__"):
            raise AttributeError("__dataclass_fields__")
        import dataclasses

        made: dict[str, Any] = {}
        for (name, *_), (has, default, factory) in zip(owner.__layout__.described(), owner.__layout__.defaults()):
            if factory is not None:
                one: Any = dataclasses.field(default_factory=factory)
            elif has:
                one = dataclasses.field(default=default)
            else:
                one = dataclasses.field()
            one.name = name
            one.type = owner._annotated.get(name, Any)
            one._field_type = dataclasses._FIELD  # type: ignore[attr-defined]
            made[name] = one
        type.__setattr__(owner, "_dataclass_fields", made)
        return made


class _LazyDefaults:
    """The defaults by the names of their fields, as a namedtuple has them."""

    def __get__(self, instance: object, owner: Any) -> dict[str, Any]:
        if not hasattr(owner, "__layout__"):
            return {}
        named = zip(owner.__layout__.names, owner.__layout__.defaults())
        return {name: default for name, (has, default, _) in named if has}


class _LazySignature:
    def __get__(self, instance: object, owner: Any) -> Any:
        import inspect

        parameters = []
        for name, (has, default, factory) in zip(owner.__layout__.names, owner.__layout__.defaults()):
            given = default if has else factory() if factory is not None else inspect.Parameter.empty
            annotation = owner._annotated.get(name, inspect.Parameter.empty)
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
            parameters.append(inspect.Parameter(name, kind, default=given, annotation=annotation))
        return inspect.Signature(parameters)


def _annotations(namespace: dict[str, Any]) -> dict[str, Any]:
    if "__annotations__" in namespace:
        return dict(namespace["__annotations__"])
    # Python 3.14 reads annotations lazily.
    annotate = namespace.get("__annotate_func__") or namespace.get("__annotate__")
    if annotate is None:
        return {}
    import annotationlib  # type: ignore[import-not-found,unused-ignore]

    return dict(annotationlib.call_annotate_function(annotate, annotationlib.Format.VALUE))


def _evaluated(text: str, namespace: dict[str, Any], depth: int) -> Any:
    """The value of an annotation that is a text, as the class statement sees names."""
    frame = sys._getframe(depth)
    try:
        return eval(text, frame.f_globals, {**frame.f_locals, **namespace})
    except NameError:
        module = sys.modules.get(namespace.get("__module__", ""))
        return eval(text, vars(module) if module else {}, namespace)


class RecordMeta(type):
    """The class of record classes: turns annotations into fields."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        frozen: bool = False,
        _specs: list[_Spec] | None = None,
        _annotated: dict[str, Any] | None = None,
        **named: Any,
    ) -> Any:
        specs: dict[str, _Spec] = {}
        annotated: dict[str, Any] = {}
        for base in reversed(bases):
            specs.update({spec.name: spec for spec in getattr(base, "_specs", ())})
            annotated.update(getattr(base, "_annotated", {}))
            frozen = frozen or getattr(getattr(base, "__layout__", None), "frozen", False)
        own: dict[str, _Spec] = {}
        if _specs is not None:
            own = {spec.name: spec for spec in _specs}
            annotated.update(_annotated or {})
        else:
            for field_name, annotation in _annotations(namespace).items():
                text = annotation if isinstance(annotation, str) else ""
                if text.startswith(("ClassVar", "typing.ClassVar")) or "ClassVar" in repr(
                    getattr(annotation, "__origin__", annotation)
                ):
                    continue
                if isinstance(annotation, str):
                    annotation = _evaluated(annotation, namespace, 2)
                spec = _type_of(field_name, annotation)
                annotated[field_name] = annotation
                if field_name in namespace:
                    _options(spec, namespace.pop(field_name))
                own[field_name] = spec
        specs.update(own)
        if not specs:
            namespace.setdefault("__slots__", ())
            return super().__new__(mcls, name, bases, namespace, **named)
        if not own and "__slots__" not in namespace and "__post_init__" not in namespace:
            # A subclass with methods only has the same fields, as descriptors of its own.
            pass
        fields = list(specs.values())
        _check(name, fields)
        has_post_init = "__post_init__" in namespace or any(hasattr(base, "__post_init__") for base in bases)
        layout = core.Layout([spec.declared() for spec in fields], frozen, has_post_init)
        namespace.setdefault("__slots__", ())
        namespace["__layout__"] = layout
        namespace["_fields"] = layout.names
        namespace["_specs"] = tuple(fields)
        namespace["_annotated"] = annotated
        namespace.setdefault("__match_args__", layout.names)
        namespace["__signature__"] = _LazySignature()
        descriptors = [core.descriptor(core.Field(layout, at)) for at in range(len(fields))]
        for spec, descriptor in zip(fields, descriptors):
            namespace[spec.name] = descriptor
        made = super().__new__(mcls, name, bases, namespace, **named)
        for descriptor in descriptors:
            core.bind_descriptor(descriptor, made)
        return made

    def __init__(cls, name: str, bases: Any, namespace: Any, **named: Any) -> None:
        super().__init__(name, bases, namespace)

    def __setattr__(cls, name: str, value: Any) -> None:
        layout = cls.__dict__.get("__layout__")
        if layout is not None and (name in ("__layout__", "_specs") or name in layout.names):
            raise AttributeError(f"the fields of {cls.__name__} cannot be changed; make another class")
        if name in ("__dataclass_params__", "__dataclass_fields__"):
            # Its methods would replace those of the record. And orjson, which looks for the second
            # of these in the class itself, would use values of fields that it has let go of.
            raise WrongType(
                f"{cls.__name__} is a record already, with all that @dataclass makes; leave the decorator out"
            )
        super().__setattr__(name, value)

    def __delattr__(cls, name: str) -> None:
        layout = cls.__dict__.get("__layout__")
        if layout is not None and (name in ("__layout__", "_specs") or name in layout.names):
            raise AttributeError(f"the fields of {cls.__name__} cannot be deleted; make another class")
        super().__delattr__(name)


def _check(name: str, fields: list[_Spec]) -> None:
    seen_default = ""
    seen_plain = ""
    for spec in fields:
        if spec.name.startswith("_"):
            raise BadValue(f"{name}: a field cannot begin with an underscore, as '{spec.name}' does: those are verbs")
        if spec.key and seen_plain:
            raise WrongType(f"{name}: key field '{spec.name}' comes after '{seen_plain}'; the fields of the key come first")
        if not spec.key:
            seen_plain = spec.name
        has_default = spec.default is not MISSING or spec.factory is not MISSING
        if has_default:
            seen_default = spec.name
        elif seen_default:
            raise WrongType(f"{name}: field '{spec.name}' has no default and comes after '{seen_default}', which has one")


class Record(core.Row, metaclass=RecordMeta):
    """The base of record classes. Declare fields as annotations:

    >>> import drystone as ds
    >>> class Point(ds.Record):
    ...     x: ds.i32
    ...     y: ds.i32 = 0
    >>> p = Point(1)
    >>> p
    Point(x=1, y=0)
    >>> p.x, p[1], p["y"]
    (1, 0, 0)
    >>> x, y = p
    >>> ds.asdict(p)
    {'x': 1, 'y': 0}

    Types: `ds.u8` to `ds.u128`, `ds.i8` to `ds.i128`, `ds.f32`, `ds.f64`, `bool`, `Annotated[str,
    ds.width(40)]` (or `ds.Str[40]`), `Annotated[bytes, ds.width(4)]` (or `ds.Bytes[4]`),
    `datetime.date`, `datetime.datetime` (aware, microseconds), `uuid.UUID`, an `enum.Enum` (one
    byte), `ds.Array[ds.f32, 2]`. `| None` makes a field nullable, at no cost: one value of the type
    means null.

    `class City(ds.Record, frozen=True)` makes records that cannot be changed and have a hash.
    """

    __slots__ = ()
    # Here and not in each class. orjson looks for it in the class of a value alone. For classes
    # that have it, orjson expects that the object itself keeps the value of each field alive, and
    # uses values that it holds no reference to. A row makes them as they are read, so that would
    # read freed memory. As it is, orjson sees no dataclass, and takes `default=ds.asdict`.
    __dataclass_fields__ = _LazyDataclassFields()
    _field_defaults = _LazyDefaults()

    def _asdict(self) -> dict[str, Any]:
        """The values by the names of the fields."""
        return core.asdict(self)

    def _replace(self, /, **changes: Any) -> Any:
        """A copy in which some fields have other values."""
        return core.replaced(self, changes)

    __replace__ = _replace

    @classmethod
    def _make(cls, values: Iterable[Any]) -> Any:
        """A record of the values of an iterable."""
        return cls(*values)

    def __reversed__(self) -> Iterator[Any]:
        return reversed(core.astuple(self))

    def __copy__(self) -> Any:
        return core.copy_of(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return core.copy_of(self)

    def __reduce__(self) -> Any:
        cls = type(self)
        if "_described" in cls.__dict__:
            return _unpickle_described, (cls.__name__, cls._described, core.record_bytes(self), core.is_frozen(self))
        return _unpickle, (cls, core.astuple(self), core.is_frozen(self))

    def __sizeof__(self) -> int:
        size: int = object.__sizeof__(self)
        return size + (self.__layout__.width if core.is_value(self) else 0)

    def __dir__(self) -> list[str]:
        return sorted({*self._fields, *object.__dir__(self)})


def _unpickle(cls: Any, values: tuple[Any, ...], frozen: bool) -> Any:
    made = cls(*values)
    return core.from_bytes(cls, core.record_bytes(made), True) if frozen else made


def _unpickle_described(name: str, described: Any, stored: bytes, frozen: bool) -> Any:
    return core.from_bytes(class_of_fields(name, described), stored, frozen)


_classes: dict[Any, Any] = {}


def class_of_fields(name: str, described: Iterable[Any]) -> Any:
    """The class for the fields of a schema that the library describes. One class for one schema."""
    described = tuple(
        (field, type, nullable, key, default, None if names is None else tuple(names))
        for field, type, nullable, key, default, names in described
    )
    found = _classes.get((name, described))
    if found is not None:
        return found
    bare: list[Any] = [
        (field, type, nullable, key, None, None, None if names is None else (list(names), None, []))
        for field, type, nullable, key, _, names in described
    ]
    plain = core.Layout(bare, False, False)
    specs = []
    for field, type, nullable, key, default, names in described:
        enum: Any = None if names is None else (list(names), None, [])
        value = MISSING if default is None else plain.decode(field, default)
        specs.append(_Spec(field, type, nullable, key, value, MISSING, enum))
    # Python wants defaults last: a default that is followed by a field without one is left to the
    # file.
    for at in range(len(specs) - 1):
        if any(later.default is MISSING for later in specs[at + 1 :]):
            specs[at].default = MISSING
    made = RecordMeta(name, (Record,), {"_described": described, "__module__": "drystone"}, _specs=specs)
    _classes[name, described] = made
    return made


def _class_name(table: str) -> str:
    """A class name for the rows of a table: `flight_legs` gives `FlightLegs`."""
    words = [word for word in "".join(c if c.isalnum() else " " for c in table).split() if word]
    name = "".join(word[0].upper() + word[1:] for word in words) or "Row"
    return name if name.isidentifier() else f"Row{name}"


def _specs_of_text(text: str) -> list[_Spec]:
    made = class_of_fields("Row", core.parse_schema(text))
    return list(made._specs)


def make_record(
    typename: str,
    fields: Any,
    types: Any = None,
    *,
    defaults: Iterable[Any] | None = None,
    frozen: bool = False,
    module: str | None = None,
    namespace: dict[str, Any] | None = None,
) -> Any:
    """Makes a record class from names and types, as `namedtuple` and `make_dataclass` do.

    >>> import drystone as ds
    >>> Point = ds.make_record("Point", "x y z", ds.i32)
    >>> Point(1, 2, 3)
    Point(x=1, y=2, z=3)
    >>> Pair = ds.make_record("Pair", {"name": ds.Str[8], "n": ds.u16})
    >>> Trip = ds.make_record("Trip", "id: u64 key, delay: i16? = null")

    `fields` is a text of names, a list of names, pairs `(name, type)` or triples `(name, type,
    default)`, a dict of names to types, or a schema in its text form. `types` is the type of all of
    them, or a list. `defaults` are those of the last fields.
    """
    specs: list[_Spec]
    annotated: dict[str, Any] = {}
    if isinstance(fields, str) and ":" in fields:
        specs = _specs_of_text(fields)
    else:
        if isinstance(fields, str):
            fields = fields.replace(",", " ").split()
        pairs: list[tuple[Any, ...]] = []
        if hasattr(fields, "items"):
            pairs = list(fields.items())
        else:
            for at, one in enumerate(fields):
                if isinstance(one, str):
                    if types is None:
                        raise WrongType(f"make_record: field '{one}' has no type; give one for all, or one for each")
                    kind = types[at] if isinstance(types, (list, tuple)) else types
                    pairs.append((one, kind))
                else:
                    pairs.append(tuple(one))
        specs = []
        for name, kind, *default in pairs:
            spec = _type_of(name, kind)
            annotated[name] = kind
            if default:
                _options(spec, default[0])
            specs.append(spec)
    if defaults is not None:
        given = list(defaults)
        if len(given) > len(specs):
            raise WrongType("make_record: there are more defaults than fields")
        for spec, value in zip(specs[len(specs) - len(given) :], given):
            spec.default = value
    names = [spec.name for spec in specs]
    for name in names:
        if not name.isidentifier():
            raise BadValue(f"make_record: {name!r} is not a name that Python can write behind a dot")
        if names.count(name) > 1:
            raise BadValue(f"make_record: there are two fields '{name}'")
    if module is None:
        module = sys._getframe(1).f_globals.get("__name__", "__main__")
    body = {**(namespace or {}), "__module__": module}
    return RecordMeta(typename, (Record,), body, frozen=frozen, _specs=specs, _annotated=annotated)


def record_class(
    source: Any,
    name: str | None = None,
    *,
    key: str | Iterable[str] = (),
    types: dict[str, Any] | None = None,
) -> Any:
    """The record class for a dataclass, a NamedTuple, an attrs or msgspec class, a NumPy dtype, an
    Arrow schema, or a schema in its text form. A record class is returned as it is.

    `key` names the fields of the key, which come first then. `types` gives the types of fields that
    their annotations do not tell, such as the width of a `str`. `int` and `float` become 64 bits
    wide.

    >>> import drystone as ds
    >>> from typing import NamedTuple
    >>> class P(NamedTuple):
    ...     x: int
    ...     y: float = 0.0
    >>> ds.record_class(P, types={"x": ds.i32})(7)
    P(x=7, y=0.0)
    """
    if isinstance(source, RecordMeta):
        return source
    types = types or {}
    keys = [key] if isinstance(key, str) else list(key)
    specs: list[_Spec] = []
    annotated: dict[str, Any] = {}
    one: Any

    def add(field: str, annotation: Any, default: Any = MISSING, factory: Any = MISSING) -> None:
        spec = _type_of(field, types.get(field, annotation), loose=True)
        annotated[field] = annotation
        spec.default, spec.factory = default, factory
        specs.append(spec)

    if isinstance(source, str):
        if not keys and not types:
            return class_of_fields(name or "Row", core.parse_schema(source))
        specs, name = _specs_of_text(source), name or "Row"
    elif type(source).__module__.startswith("numpy") and getattr(source, "names", None):
        specs, name = _specs_of_dtype(source), name or "Row"
    elif hasattr(source, "__arrow_c_schema__") and not isinstance(source, type):
        specs, name = _specs_of_arrow(source, types), name or "Row"
    elif isinstance(source, type):
        from typing import cast, get_type_hints

        source = cast(Any, source)

        hints = get_type_hints(source, include_extras=True)
        if hasattr(source, "__dataclass_fields__"):
            import dataclasses

            for one in dataclasses.fields(source):
                default = MISSING if one.default is dataclasses.MISSING else one.default
                factory = MISSING if one.default_factory is dataclasses.MISSING else one.default_factory
                add(one.name, hints[one.name], default, factory)
        elif hasattr(source, "__attrs_attrs__"):
            for one in source.__attrs_attrs__:
                nothing = type(one.default).__name__ == "_Nothing" or "NOTHING" in repr(one.default)
                factory = getattr(one.default, "factory", MISSING)
                default = MISSING if nothing or factory is not MISSING else one.default
                add(one.name, hints.get(one.name, one.type), default, factory)
        elif hasattr(source, "__struct_fields__"):
            defaults = (*(MISSING,) * (len(source.__struct_fields__) - len(source.__struct_defaults__)),) + tuple(
                source.__struct_defaults__
            )
            for one, default in zip(source.__struct_fields__, defaults):
                if type(default).__name__ in ("NODEFAULT", "NoDefault", "_NoDefault") or "NODEFAULT" in repr(default):
                    default = MISSING
                factory = getattr(default, "factory", MISSING)
                add(one, hints[one], MISSING if factory is not MISSING else default, factory)
        elif hasattr(source, "_fields"):
            for one in source._fields:
                add(one, hints.get(one, Any), getattr(source, "_field_defaults", {}).get(one, MISSING))
        else:
            for one, hint in hints.items():
                add(one, hint, getattr(source, one, MISSING))
        if not specs:
            raise WrongType(f"{source.__name__} has no annotated fields")
        name = name or source.__name__
    else:
        raise WrongType(
            f"{source!r} does not describe a record: give a ds.Record class, a dataclass, a NamedTuple, a NumPy dtype, "
            "an Arrow schema or a text such as 'x: i32, y: i32'"
        )
    for one in keys:
        if one not in [spec.name for spec in specs]:
            raise WrongType(f"there is no field '{one}' for the key")
    if keys:
        first = [spec for one in keys for spec in specs if spec.name == one]
        for spec in first:
            spec.key = True
        specs = first + [spec for spec in specs if spec.name not in keys]
        for at in range(len(specs) - 1):
            if any(later.default is MISSING and later.factory is MISSING for later in specs[at + 1 :]):
                specs[at].default = specs[at].factory = MISSING
    module = getattr(source, "__module__", "drystone") if isinstance(source, type) else "drystone"
    body = {"__module__": module}
    return RecordMeta(name or "Row", (Record,), body, _specs=specs, _annotated=annotated)


def _specs_of_dtype(dtype: Any) -> list[_Spec]:
    specs = []
    for name in dtype.names:
        base = dtype.fields[name][0]
        count = 1
        if base.subdtype is not None:
            base, shape = base.subdtype
            for length in shape:
                count *= length
        if base.kind == "b":
            text = "bool"
        elif base.kind in "iu":
            text = f"{base.kind}{8 * base.itemsize}"
        elif base.kind == "f" and base.itemsize in (4, 8):
            text = f"f{8 * base.itemsize}"
        elif base.kind == "S":
            text = f"str[{base.itemsize}]"
        elif base.kind == "U":
            text = f"str[{base.itemsize}]"
        elif base.kind == "V" and base.names is None:
            text = f"bytes[{base.itemsize}]"
        elif base.kind == "M":
            text = "date" if base.str.endswith("[D]") else "timestamp"
        else:
            raise WrongType(f"field '{name}': NumPy's {base} has no type here")
        specs.append(_Spec(name, text if base is dtype.fields[name][0] else f"{text}[{count}]"))
    return specs


def _specs_of_arrow(schema: Any, types: dict[str, Any]) -> list[_Spec]:
    import pyarrow

    empty = pyarrow.schema(schema).empty_table()
    specs = []
    for field in empty.schema:
        if field.name in types:
            specs.append(_type_of(field.name, types[field.name], loose=True))
            continue
        kind = field.type
        text = str(kind)
        names = {"int": "i", "uint": "u"}
        if pyarrow.types.is_integer(kind):
            text = names["uint" if text.startswith("uint") else "int"] + str(kind.bit_width)
        elif pyarrow.types.is_float32(kind) or pyarrow.types.is_float64(kind):
            text = f"f{kind.bit_width}"
        elif pyarrow.types.is_boolean(kind):
            text = "bool"
        elif pyarrow.types.is_date(kind):
            text = "date"
        elif pyarrow.types.is_timestamp(kind):
            text = "timestamp"
        elif pyarrow.types.is_fixed_size_binary(kind):
            text = f"bytes[{kind.byte_width}]"
        elif pyarrow.types.is_fixed_size_list(kind):
            element = kind.value_type
            prefix = "f" if pyarrow.types.is_floating(element) else "u" if str(element).startswith("u") else "i"
            text = f"{prefix}{element.bit_width}[{kind.list_size}]"
        else:
            raise WrongType(f"field '{field.name}': Arrow's {kind} has no width; give its type in types={{...}}")
        specs.append(_Spec(field.name, text, field.nullable))
    return specs


def asdict(record: Any) -> dict[str, Any]:
    """The values of a record by the names of its fields, as plain objects of Python."""
    return core.asdict(record)


def astuple(record: Any) -> tuple[Any, ...]:
    """The values of a record in the order of its fields."""
    return core.astuple(record)


def replace(record: Any, /, **changes: Any) -> Any:
    """A copy of a record in which some fields have other values, as `dataclasses.replace` makes
    one."""
    return core.replaced(record, changes)


_Factory = Callable[[], Any]
