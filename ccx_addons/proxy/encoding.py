"""Content encodings, inflated with bounds: gzip, deflate, br, zstd (RFC 9110 section 8.4.1, RFC 8878, RFC 9659).

What comes out comes in pieces, so that nobody holds more of a bomb than one piece; the work grows with the bytes that
come in and go out, whatever they are made of.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STEP: Final = 1 << 16
"""Bytes taken in at once: what a decompressor leaves over is copied."""
PIECE: Final = 1 << 20
"""Bytes of one piece at most."""
MAX_LAYERS: Final = 2
"""Encodings of one body; ``gzip, gzip, gzip`` serves nobody."""
MAX_MEMBERS: Final = 1024
"""gzip members or zstd frames of one body; each costs as much as a kilobyte, also an empty one."""
AMPLE: Final = 8 << 20
"""Bytes that a body may inflate to whatever its ratio."""
MAX_RATIO: Final = 50
"""How many times its size an answer may inflate to beyond that; JSON reaches ten to twenty."""
ZSTD_OPTIONS: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 23}
"""A window of 8 MB, as RFC 9659 sets for HTTP; without a bound a frame of 20 bytes may ask for 128 MB."""


class BadEncoding(ValueError):
    """The bytes are not what content-encoding says, or inflate past the limit. ``too_large`` tells the two apart."""

    def __init__(self, message: str, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


class _Decoder(Protocol):
    """``finished``: the data so far is a complete body. ``pieces``: what ``data`` inflates to, none above PIECE."""

    @property
    def finished(self) -> bool: ...
    def pieces(self, data: bytes) -> Iterator[bytes]: ...


class _Members:
    """Counts what a body is made of."""

    members = 1

    def _next_member(self) -> None:
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise BadEncoding(f"a body of more than {MAX_MEMBERS} compressed members", too_large=True)


class _Zlib(_Members):
    """gzip, also of several members (RFC 1952 section 2.2), and deflate, with or without the zlib wrapper
    (RFC 9110 section 8.4.1.2)."""

    def __init__(self, wbits: int) -> None:
        self.wbits = wbits
        self.stream = zlib.decompressobj(wbits)
        self.fresh = True

    @property
    def finished(self) -> bool:
        return self.stream.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        more = True
        while data or more:
            if self.stream.eof:
                if self.wbits <= zlib.MAX_WBITS or not data:
                    return  # deflate has one stream; what follows is nothing
                self._next_member()
                self.stream = zlib.decompressobj(self.wbits)
            out = self._piece(data)
            more = len(out) == PIECE
            data = self.stream.unused_data if self.stream.eof else self.stream.unconsumed_tail
            if out:
                yield out

    def _piece(self, data: bytes) -> bytes:
        try:
            out = self.stream.decompress(data, PIECE)
        except zlib.error:
            if not (self.fresh and self.wbits == zlib.MAX_WBITS):
                raise
            self.wbits = -zlib.MAX_WBITS
            self.stream = zlib.decompressobj(self.wbits)
            out = self.stream.decompress(data, PIECE)
        self.fresh = False
        return out


class _Brotli:
    def __init__(self) -> None:
        self.stream = brotli.Decompressor()

    @property
    def finished(self) -> bool:
        return bool(self.stream.is_finished())

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The library's own limit is a wish: it gives up to twice as much."""
        while out := self.stream.process(data, output_buffer_limit=STEP):
            yield bytes(out)
            if self.finished:
                return
            data = b""


class _Zstd(_Members):
    """One or several frames (RFC 8878 section 3)."""

    def __init__(self) -> None:
        self.stream: Any = zstd.ZstdDecompressor(options=ZSTD_OPTIONS)

    @property
    def finished(self) -> bool:
        return bool(self.stream.eof)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self.stream.eof:
                if not data:
                    return
                self._next_member()
                self.stream = zstd.ZstdDecompressor(options=ZSTD_OPTIONS)
            out = self.stream.decompress(data, PIECE)
            data = self.stream.unused_data if self.stream.eof else b""
            if out:
                yield out
            if not self.stream.eof and self.stream.needs_input:
                return


DECODERS: Final[dict[str, Callable[[], _Decoder]]] = {
    "gzip": lambda: _Zlib(zlib.MAX_WBITS | 16),
    "x-gzip": lambda: _Zlib(zlib.MAX_WBITS | 16),
    "deflate": lambda: _Zlib(zlib.MAX_WBITS),
    "br": _Brotli,
    "zstd": _Zstd,
}


class Inflater:
    """Inflates one body as it comes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.decoder = DECODERS[name]()
        self.taken = self.given = 0

    @classmethod
    def make(cls, encoding: str) -> "Inflater | None":
        """None for identity. Raises BadEncoding for an encoding we do not know."""
        name = encoding.strip().lower()
        if name in ("", "identity"):
            return None
        if name not in DECODERS:
            raise BadEncoding(f"an unknown content-encoding {encoding[:40]!r}")
        return cls(name)

    def pieces(self, data: bytes, limit: int) -> Iterator[bytes]:
        """What ``data`` inflates to, piece by piece. Raises BadEncoding, before it gives more than ``limit`` bytes."""
        left = limit
        for at in range(0, len(data), STEP):
            try:
                for piece in self.decoder.pieces(data[at : at + STEP]):
                    left -= len(piece)
                    if left < 0:
                        raise BadEncoding(f"a {self.name} body that inflates past {limit} bytes", too_large=True)
                    yield piece
            except (zlib.error, brotli.error, zstd.ZstdError, EOFError) as error:
                raise BadEncoding(f"bytes that are not {self.name}: {error}") from None

    def answer(self, data: bytes, limit: int) -> Iterator[bytes]:
        """The same for a body that is collected, which must not be a bomb: it may grow MAX_RATIO times."""
        self.taken += len(data)
        fair = max(AMPLE, MAX_RATIO * self.taken) - self.given
        for piece in self.pieces(data, min(limit, fair)):
            self.given += len(piece)
            yield piece


def inflate(data: bytes, encoding: str, limit: int) -> bytes:
    """A whole body, at most ``limit`` bytes of it. Several encodings are undone in reverse order."""
    names = [part for part in encoding.split(",") if part.strip()]
    if len(names) > MAX_LAYERS:
        raise BadEncoding(f"more than {MAX_LAYERS} content-encodings")
    for name in reversed(names):
        inflater = Inflater.make(name)
        if inflater and data:
            data = b"".join(inflater.pieces(data, limit))
            if not inflater.decoder.finished:
                raise BadEncoding(f"a {inflater.name} body that is cut off")
    return data
