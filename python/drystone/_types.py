"""The types of fields, for annotations."""

from __future__ import annotations

from typing import Annotated, Any


class Mark:
    """What an annotation says of the stored type, in the text form of schemas."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mark) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


class Width:
    """The greatest length of a text in UTF-8 bytes, or the length of bytes."""

    __slots__ = ("bytes",)

    def __init__(self, bytes: int) -> None:
        if not isinstance(bytes, int) or not 1 <= bytes <= 65535:
            raise ValueError(f"width({bytes!r}): a width is a number of bytes from 1 to 65535")
        self.bytes = bytes

    def __repr__(self) -> str:
        return f"width({self.bytes})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Width) and self.bytes == other.bytes

    def __hash__(self) -> int:
        return hash(("width", self.bytes))


def width(bytes: int) -> Width:
    """The width of a text or of bytes, for `Annotated[str, ds.width(40)]`.

    A text may have at most so many bytes as UTF-8; bytes have exactly so many.
    """
    return Width(bytes)


u8 = Annotated[int, Mark("u8")]
u16 = Annotated[int, Mark("u16")]
u32 = Annotated[int, Mark("u32")]
u64 = Annotated[int, Mark("u64")]
u128 = Annotated[int, Mark("u128")]
i8 = Annotated[int, Mark("i8")]
i16 = Annotated[int, Mark("i16")]
i32 = Annotated[int, Mark("i32")]
i64 = Annotated[int, Mark("i64")]
i128 = Annotated[int, Mark("i128")]
f32 = Annotated[float, Mark("f32")]
f64 = Annotated[float, Mark("f64")]


class _StrOf:
    """`ds.Str[40]`: a text of at most 40 bytes as UTF-8. In the annotations of a class, type
    checkers want `Annotated[str, ds.width(40)]`, which means the same."""

    __slots__ = ()

    def __getitem__(self, bytes: int) -> Any:
        return Annotated[str, Width(bytes)]

    def __repr__(self) -> str:
        return "drystone.Str"


class _BytesOf:
    """`ds.Bytes[4]`: exactly four bytes."""

    __slots__ = ()

    def __getitem__(self, length: int) -> Any:
        return Annotated[bytes, Width(length)]

    def __repr__(self) -> str:
        return "drystone.Bytes"


def array(of: Any, length: int) -> Mark:
    """Numbers side by side, for `Annotated[Sequence[float], ds.array(ds.f32, 2)]`.

    A field takes any sequence of that length, also a NumPy array, and a row gives it as a tuple.
    Type checkers see what stands first in the annotation: `Sequence[float]`, or
    `tuple[float, float]` if only tuples are to be given.
    """
    marks = [mark for mark in getattr(of, "__metadata__", ()) if isinstance(mark, Mark)]
    if not marks or marks[0].text.endswith("]"):
        raise TypeError(f"array({of!r}, {length!r}): the elements are numbers, as in ds.array(ds.f32, 2)")
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise TypeError(f"array({of!r}, {length!r}): the length is a whole number above 0")
    return Mark(f"{marks[0].text}[{length}]")


class _ArrayOf:
    """`ds.Array[ds.f32, 2]`: two numbers side by side. A row gives them as a tuple. In the
    annotations of a class, type checkers want `Annotated[Sequence[float], ds.array(ds.f32, 2)]`,
    which means the same."""

    __slots__ = ()

    def __getitem__(self, of: tuple[Any, int]) -> Any:
        if not isinstance(of, tuple) or len(of) != 2:
            raise TypeError("an array has a type and a length, as in ds.Array[ds.f32, 2]")
        element, length = of
        mark = array(element, length)
        of_element: Any = tuple.__class_getitem__((element.__origin__, ...))
        return Annotated[of_element, mark]

    def __repr__(self) -> str:
        return "drystone.Array"


# Objects and not classes: type checkers take `Str[4]` of a class for a type with arguments, also
# where it is a value.
Str = _StrOf()
Bytes = _BytesOf()
Array = _ArrayOf()
