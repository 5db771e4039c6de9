"""What `keys()`, `values()` and `items()` of a keyed table return: views as those of a dict."""

from __future__ import annotations

from collections.abc import ItemsView, KeysView, ValuesView
from typing import Any, Iterable, Iterator

from ._errors import UsageError


class _Views:
    """What the views share: sets that are made of them are plain sets, as with a dict."""

    __slots__ = ()

    _mapping: Any

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> set[Any]:
        return set(it)

    def __len__(self) -> int:
        return len(self._mapping)


# ---- of a table that changes ---------------------------------------------------------------------


class _Live(_Views):
    """A view of a table of a transaction, or in memory: it shows later changes too."""

    __slots__ = ()

    def _at(self, at: int) -> Any:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        table, rows = self._mapping, len(self._mapping)
        for at in range(rows):
            if len(table) != rows:
                raise UsageError("the table changed its size while it was iterated over")
            yield self._at(at)

    def __reversed__(self) -> Iterator[Any]:
        return reversed(list(self))

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} of {self._mapping._title()}>"


class Keys(_Live, KeysView):  # type: ignore[type-arg]
    """The keys of a table that changes, in order."""

    __slots__ = ()

    def _at(self, at: int) -> Any:
        return self._mapping._key_at(at)

    def __contains__(self, key: object) -> bool:
        return key in self._mapping


class Values(_Live, ValuesView):  # type: ignore[type-arg]
    """The rows of a table that changes, in the order of their keys."""

    __slots__ = ()

    def _at(self, at: int) -> Any:
        return self._mapping._at(at)

    def __contains__(self, row: object) -> bool:
        return any(one == row for one in self)


class Items(_Live, ItemsView):  # type: ignore[type-arg]
    """Pairs of keys and rows of a table that changes."""

    __slots__ = ()

    def _at(self, at: int) -> Any:
        return self._mapping._key_at(at), self._mapping._at(at)

    def __contains__(self, pair: object) -> bool:
        if not isinstance(pair, tuple) or len(pair) != 2:
            return False
        row = self._mapping.get(pair[0])
        return row is not None and bool(row == pair[1])


# ---- of a table of a database --------------------------------------------------------------------


class _Fixed(_Views):
    """A view of the state that a table of a database had when it was asked for. It is a sequence
    too: `cities.keys()[0]`, `cities.items()[10:20]`."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._mapping)

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self._mapping)

    def __getitem__(self, place: Any) -> Any:
        return self._mapping[place]

    def __repr__(self) -> str:
        shown = [repr(one) for one in self._mapping[:6]]
        more = ", …" if len(self) > 6 else ""
        return f"<{len(self):,} {type(self).__name__.removeprefix('Db').lower()}: {', '.join(shown)}{more}>"


class DbKeys(_Fixed, KeysView):  # type: ignore[type-arg]
    """The keys of a table of a database, in order."""

    __slots__ = ()

    def __contains__(self, key: object) -> bool:
        return key in self._mapping


class DbValues(_Fixed, ValuesView):  # type: ignore[type-arg]
    """The rows of a table of a database, in the order of their keys."""

    __slots__ = ()

    def __contains__(self, row: object) -> bool:
        return row in self._mapping


class DbItems(_Fixed, ItemsView):  # type: ignore[type-arg]
    """Pairs of keys and rows of a table of a database."""

    __slots__ = ()

    def __contains__(self, pair: object) -> bool:
        if not isinstance(pair, tuple) or len(pair) != 2:
            return False
        still = self._mapping._still
        try:
            at, end = still.between(pair[0], pair[0], True)
        except (TypeError, ValueError, OverflowError):
            return False
        # The first fields of a key stand for a range of keys, so the key is compared as well.
        return bool(at < end and self._mapping[at] == pair)
