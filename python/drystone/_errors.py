"""The errors: each is one of Python's own and a `drystone.Error` with a `kind`."""

from __future__ import annotations

from typing import Any


class Error(Exception):
    """What every error of this package is, beside the built-in that it extends.

    `kind` is a word for programs, such as ``"key_not_found"`` or ``"corrupt"``. `table`, `field`
    and `line` name what the error is about, where that is known.
    """

    kind: str = "error"
    table: str | None = None
    field: str | None = None
    line: int | None = None


class KeyNotFound(Error, KeyError):
    """There is no row with this key, or no table or field of this name."""

    kind = "key_not_found"

    def __str__(self) -> str:
        if len(self.args) == 1 and isinstance(self.args[0], _Message):
            return self.args[0]
        return KeyError.__str__(self)


class _Message(str):
    """A text that `KeyError` shows as it is, without quotes."""


class OutOfRange(Error, IndexError):
    """A row number lies outside the table."""

    kind = "out_of_range"


class WrongType(Error, TypeError):
    """A value has a type that the field or the call does not take."""

    kind = "type"


class BadValue(Error, ValueError):
    """A value, a text or an input cannot be used as it is."""

    kind = "value"


class Overflow(Error, OverflowError):
    """A number lies outside the range of its field."""

    kind = "value"


class BadText(Error, UnicodeEncodeError):
    """A text cannot be written as UTF-8."""

    kind = "value"
    _about: str = ""

    def __str__(self) -> str:
        return self._about + UnicodeEncodeError.__str__(self)


class UsageError(Error, RuntimeError):
    """The call is not valid in the present state."""

    kind = "usage"


class BufferInUse(Error, BufferError):
    """The table cannot change its size while arrays show its memory."""

    kind = "buffer"


class Busy(Error, TimeoutError):
    """Another transaction was writing for all of the time that the call could wait."""

    kind = "busy"


class WouldBlock(Error, BlockingIOError):
    """Another transaction is writing, and the call was not to wait."""

    kind = "busy"


class NoAttribute(Error, AttributeError):
    """There is no such field, or it cannot be assigned."""

    kind = "attribute"


class SystemFailed(Error, OSError):
    """The operating system refused: a full disk, a failing device."""

    kind = "io"


class FileMissing(Error, FileNotFoundError):
    """The file, or a folder on the way to it, does not exist."""

    kind = "file_not_found"


class Exists(Error, FileExistsError):
    """A table, an index, a file or a row of this key exists already."""

    kind = "already_exists"


class KeyExists(Error, ValueError):
    """There is a row with this key already, or with the same values in a unique index."""

    kind = "key_exists"


class Denied(Error, PermissionError):
    """Rights are missing, or the database was opened to read."""

    kind = "read_only"


class Damaged(Error):
    """Bytes in the file are not what was written."""

    kind = "corrupt"


def _make(
    name: str,
    message: str,
    kind: str = "",
    table: str | None = None,
    field: str | None = None,
    line: int | None = None,
    code: int | None = None,
) -> Error:
    cls: type[Error] = globals()[name]
    error: Any
    if issubclass(cls, OSError):
        error = cls(code, message) if code is not None else cls(message)
    elif issubclass(cls, KeyError):
        error = cls(_Message(message))
    else:
        error = cls(message)
    if kind:
        error.kind = kind
    if table is not None:
        error.table = table
    if field is not None:
        error.field = field
    if line is not None:
        error.line = line
    return error  # type: ignore[no-any-return]


def _missing_key(key: object) -> KeyNotFound:
    return KeyNotFound(key)


def _bad_text(about: str, cause: UnicodeEncodeError) -> BadText:
    error = BadText(cause.encoding, cause.object, cause.start, cause.end, cause.reason)
    error._about = about
    return error


def _at_record(place: str, error: BaseException) -> BaseException:
    """The same error, naming the record of an iterable that it is about."""
    if isinstance(error, BadText):
        error._about = place + error._about
    elif isinstance(error, Error) and len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (type(error.args[0])(place + error.args[0]),)
    return error
