"""HTTP headers that are found quickly: an exchange looks up about thirty of them."""

from collections.abc import Iterable
from typing import Any, Final, Self

from mitmproxy import http

_MISSING: Final[Any] = object()
_NONE: Final[list[bytes]] = []


class Headers(http.Headers):
    """mitmproxy's headers, whose names are written in lower case once, not once for each name that is looked for."""

    _names: list[bytes]
    _named: tuple[tuple[bytes, bytes], ...] | None = None
    """The fields that the names are of: every change makes new ones."""
    measured: tuple[tuple[tuple[bytes, bytes], ...], int | None] | None = None
    """(fields, the body's length as they say it)."""

    @classmethod
    def of(cls, fields: Iterable[tuple[bytes, bytes]]) -> Self:
        """From fields that are bytes already. mitmproxy's constructor looks at each of them twice."""
        headers = cls.__new__(cls)
        headers.fields = tuple(fields)
        return headers

    def get_all(self, name: str | bytes) -> list[str]:
        return [value.decode("utf-8", "surrogateescape") for value in self._values(name)]

    def get(self, key: str | bytes, default: Any = None) -> Any:
        found = self._values(key)
        return b", ".join(found).decode("utf-8", "surrogateescape") if found else default

    def __getitem__(self, key: str | bytes) -> str:
        value = self.get(key, _MISSING)
        if value is _MISSING:
            raise KeyError(key)
        return value  # type: ignore[no-any-return]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str | bytes) and bool(self._values(name))

    @property
    def names(self) -> list[bytes]:
        """In lower case, one for each field."""
        fields = self.fields
        if self._named is not fields:
            self._names, self._named = [name.lower() for name, _ in fields], fields
        return self._names

    def _values(self, name: str | bytes) -> list[bytes]:
        names = self.names
        wanted = (name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")).lower()
        if wanted not in names:
            return _NONE
        if names.count(wanted) == 1:
            return [self.fields[names.index(wanted)][1]]
        return [value for name, (_, value) in zip(names, self.fields, strict=True) if name == wanted]
