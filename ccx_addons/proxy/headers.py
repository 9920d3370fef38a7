"""HTTP headers that are found quickly: an exchange looks up about thirty of them."""

from collections.abc import Iterable
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, Self

from mitmproxy import http

_MISSING: Final[Any] = object()
_NAME: Final = itemgetter(0)


@lru_cache(1024)
def _folded(name: str | bytes) -> bytes:
    return (name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")).lower()


class Headers(http.Headers):
    """mitmproxy's headers, whose names are written in lower case once, not once for each name that is looked for."""

    _names: list[bytes]
    _named: tuple[tuple[bytes, bytes], ...] | None = None
    """The fields that the names are of: every change makes new ones."""
    measured: tuple[tuple[tuple[bytes, bytes], ...], int | None] | None = None
    """(fields, the body's length as they say it)."""
    sound = False
    """They were read from a head that follows the rules strictly; nobody has to look at each of them again."""

    @classmethod
    def of(cls, fields: Iterable[tuple[bytes, bytes]]) -> Self:
        """From fields that are bytes already. mitmproxy's constructor looks at each of them twice."""
        headers = cls.__new__(cls)
        headers.fields = tuple(fields)
        return headers

    def without(self, names: frozenset[bytes]) -> Self:
        """These, where there is nothing to leave out."""
        known = self.names
        if names.isdisjoint(known):
            return self
        kept = self.of(field for name, field in zip(known, self.fields, strict=True) if name not in names)
        kept.sound = self.sound
        return kept

    def get_all(self, name: str | bytes) -> list[str]:
        return [value.decode("utf-8", "surrogateescape") for value in self._values(_folded(name))]

    def get(self, key: str | bytes, default: Any = None) -> Any:
        wanted, names = _folded(key), self.names
        if wanted not in names:
            return default
        once = names.count(wanted) == 1
        found = self.fields[names.index(wanted)][1] if once else b", ".join(self._values(wanted))
        return found.decode("utf-8", "surrogateescape")

    def __getitem__(self, key: str | bytes) -> str:
        value = self.get(key, _MISSING)
        if value is _MISSING:
            raise KeyError(key)
        return value  # type: ignore[no-any-return]

    def __setitem__(self, key: str | bytes, value: str | bytes) -> None:
        if key in self:
            super().__setitem__(key, value)
        else:
            added = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
            name = key if isinstance(key, bytes) else key.encode("utf-8", "surrogateescape")
            self.fields = (*self.fields, (name, added))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str | bytes) and _folded(name) in self.names

    def __bytes__(self) -> bytes:
        return b"\r\n".join([*map(b": ".join, self.fields), b""])

    @property
    def names(self) -> list[bytes]:
        """In lower case, one for each field."""
        fields = self.fields
        if self._named is not fields:
            self._names, self._named = [*map(bytes.lower, map(_NAME, fields))], fields
        return self._names

    def _values(self, wanted: bytes) -> list[bytes]:
        return [value for name, (_, value) in zip(self.names, self.fields, strict=True) if name == wanted]
