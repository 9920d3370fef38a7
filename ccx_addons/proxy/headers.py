"""HTTP headers that are found quickly: an exchange looks up about thirty of them."""

from collections.abc import Iterable
from typing import Any, Final, Self

from mitmproxy import http

_MISSING: Final[Any] = object()
_NONE: Final[list[bytes]] = []


class Headers(http.Headers):
    """mitmproxy's headers whose fields are looked through once, not once for each name."""

    _index: dict[bytes, list[bytes]]
    _indexed: tuple[tuple[bytes, bytes], ...] | None = None
    """The fields that the index is of: every change makes new ones."""

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

    def _values(self, name: str | bytes) -> list[bytes]:
        fields = self.fields
        if self._indexed is not fields:
            index: dict[bytes, list[bytes]] = {}
            for key, value in fields:
                index.setdefault(key.lower(), []).append(value)
            self._index, self._indexed = index, fields
        wanted = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
        return self._index.get(wanted.lower(), _NONE)
