"""Chunked bodies (RFC 9112 section 7.1), read strictly and all that came at once as one piece."""

import re
from operator import eq
from typing import Any, Final

import h11

from ccx_addons.proxy import framing

SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
MAX_LINE: Final = 4096
TRAILER: Final = re.compile(rb"%b:%b" % (framing.TOKEN, framing.VALUE))
MAX_TRAILERS: Final = 64 << 10


class ChunkedBody:
    """A body reader as mitmproxy's HTTP/1 layers use them: called with the buffer, gives h11 events or None.

    Trailers are dropped: nobody passes them on. Raises h11.RemoteProtocolError for anything that two parsers could read
    differently.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0
        self._trailers = -1
        self._ended = False

    @property
    def ended(self) -> bool:
        return self._ended

    def __call__(self, buffer: Any) -> Any:
        if not self._ended and (data := buffer.maybe_extract_at_most(len(buffer))):
            pieces: list[bytes] = []
            at = self._chunks(self._rest + data if self._rest else bytes(data), pieces)
            if self._ended:
                buffer += at  # the next message on this connection
                self._rest = b""
            else:
                self._rest = at
            if pieces:
                return h11.Data(data=b"".join(pieces))
        return h11.EndOfMessage() if self._ended else None

    def read_eof(self) -> None:
        raise h11.RemoteProtocolError(
            "peer closed connection without sending complete message body (incomplete chunked read)"
        )

    def _chunks(self, data: bytes, pieces: list[bytes]) -> bytes:
        """Moves the content of every chunk, also of an incomplete one, into ``pieces``; what is not understood yet."""
        at, size, several = 0, len(data), True
        while self._trailers < 0:
            if self._left > 2:
                piece = data[at : at + self._left - 2]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
            if self._left:
                if size - at < self._left:
                    return data[at:]
                if self._left > 2 or data[at : at + 2] != b"\r\n":
                    raise h11.RemoteProtocolError("a chunk without its line break")
                at += 2
                self._left = 0
                if several and at < size:
                    several = False
                    at += _lines(data[at:], pieces)
            found = SIZE.match(data, at)
            if not found:
                if b"\n" in data[at:] or size - at > MAX_LINE:
                    raise h11.RemoteProtocolError("a malformed chunk size")
                return data[at:]
            at = found.end()
            length = int(found[1], 16)
            if length:
                self._left = length + 2
            else:
                self._trailers = 0
        return self._skip_trailers(data, at)

    def _skip_trailers(self, data: bytes, at: int) -> bytes:
        while (end := data.find(b"\r\n", at)) >= 0:
            if end == at:
                self._ended = True
                return data[at + 2 :]
            if not TRAILER.fullmatch(data, at, end):
                raise h11.RemoteProtocolError("a malformed trailer")
            self._trailers += end - at
            at = end + 2
        if self._trailers + len(data) - at > MAX_TRAILERS:
            raise h11.RemoteProtocolError("the trailers are larger than 64 KiB")
        return data[at:]


def _lines(data: bytes, pieces: list[bytes]) -> int:
    """Whole chunks without a line break inside, as those of a stream's pieces are, as many as there are one after the
    other; how many bytes they take."""
    lines = data.split(b"\r\n")[:-1]
    contents = lines[1::2]
    if b"" in contents:  # that is none, but the end
        del contents[contents.index(b"") :]
    sizes = map(b"%x".__mod__, map(len, contents))
    count = [*map(eq, lines[::2], sizes), False].index(False)
    pieces += contents[:count]
    return sum(map(len, lines[: 2 * count])) + 4 * count


class Broken:
    """The reader of a body that has broken the rules: says so whenever it is asked."""

    ended = True

    def __init__(self, error: h11.ProtocolError) -> None:
        self._error = error

    def __call__(self, buffer: Any) -> Any:
        raise self._error

    def read_eof(self) -> None:
        raise self._error
