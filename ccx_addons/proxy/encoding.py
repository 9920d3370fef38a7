"""Content encodings, inflated with a bound: gzip, deflate, br, zstd (RFC 9110 section 8.4.1, RFC 8878)."""

import sys
import zlib
from typing import Any, Final, Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STEP: Final = 1 << 16


class BadEncoding(ValueError):
    """The bytes are not what content-encoding says, or inflate past the limit. ``too_large`` tells the two apart."""

    def __init__(self, message: str, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


class _Inflater(Protocol):
    """``finished``: the data so far is a complete body."""

    @property
    def finished(self) -> bool: ...
    def feed(self, data: bytes, limit: int) -> bytes: ...


class _Zlib:
    """gzip, also of several members (RFC 1952 section 2.2), and deflate, with or without the zlib wrapper
    (RFC 9110 section 8.4.1.2)."""

    def __init__(self, wbits: int) -> None:
        self.wbits = wbits
        self.stream = zlib.decompressobj(wbits)
        self.fresh = True

    @property
    def finished(self) -> bool:
        return self.stream.eof

    def feed(self, data: bytes, limit: int) -> bytes:
        out = b""
        while data and len(out) <= limit:
            if self.stream.eof:
                if self.wbits <= zlib.MAX_WBITS:
                    break  # deflate has one stream; what follows is nothing
                self.stream = zlib.decompressobj(self.wbits)
            out += self._piece(data, limit + 1 - len(out))
            data = self.stream.unused_data
        return out

    def _piece(self, data: bytes, limit: int) -> bytes:
        try:
            out = self.stream.decompress(data, limit)
        except zlib.error:
            if not (self.fresh and self.wbits == zlib.MAX_WBITS):
                raise
            self.wbits = -zlib.MAX_WBITS
            self.stream = zlib.decompressobj(self.wbits)
            out = self.stream.decompress(data, limit)
        self.fresh = False
        return out


class _Brotli:
    def __init__(self) -> None:
        self.stream = brotli.Decompressor()

    @property
    def finished(self) -> bool:
        return bool(self.stream.is_finished())

    def feed(self, data: bytes, limit: int) -> bytes:
        out = self.stream.process(data, output_buffer_limit=STEP)
        while not self.stream.can_accept_more_data() and len(out) <= limit:
            out += self.stream.process(b"", output_buffer_limit=STEP)
        return bytes(out)


class _Zstd:
    """One or several frames (RFC 8878 section 3)."""

    def __init__(self) -> None:
        self.stream: Any = zstd.ZstdDecompressor()

    @property
    def finished(self) -> bool:
        return bool(self.stream.eof)

    def feed(self, data: bytes, limit: int) -> bytes:
        out = b""
        while data and len(out) <= limit:
            if self.stream.eof:
                self.stream = zstd.ZstdDecompressor()
            out += self.stream.decompress(data, limit + 1 - len(out))
            data = self.stream.unused_data if self.stream.eof else b""
        return out


class ResponseInflater:
    """Inflates a body as it comes; ``limit`` bounds what one piece may become."""

    def __init__(self, name: str, inflater: _Inflater) -> None:
        self.name = name
        self.inflater = inflater

    @classmethod
    def make(cls, encoding: str) -> "ResponseInflater | None":
        """None for identity. Raises BadEncoding for an encoding we do not know."""
        name = encoding.strip().lower()
        match name:
            case "" | "identity":
                return None
            case "gzip" | "x-gzip":
                return cls(name, _Zlib(zlib.MAX_WBITS | 16))
            case "deflate":
                return cls(name, _Zlib(zlib.MAX_WBITS))
            case "br":
                return cls(name, _Brotli())
            case "zstd":
                return cls(name, _Zstd())
        raise BadEncoding(f"an unknown content-encoding {encoding[:40]!r}")

    def feed(self, data: bytes, limit: int) -> bytes:
        try:
            out = self.inflater.feed(data, limit)
        except (zlib.error, brotli.error, zstd.ZstdError, EOFError) as error:
            raise BadEncoding(f"bytes that are not {self.name}: {error}") from None
        if len(out) > limit:
            raise BadEncoding(f"a {self.name} body that inflates past {limit} bytes", too_large=True)
        return out


def inflate(data: bytes, encoding: str, limit: int) -> bytes:
    """A whole body, at most ``limit`` bytes of it. Several encodings are undone in reverse order."""
    for name in reversed([part for part in encoding.split(",") if part.strip()]):
        inflater = ResponseInflater.make(name)
        if inflater and data:
            data = inflater.feed(data, limit)
            if not inflater.inflater.finished:
                raise BadEncoding(f"a {inflater.name} body that is cut off")
    return data
