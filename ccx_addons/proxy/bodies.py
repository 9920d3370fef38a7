"""The body of an upstream's answer as it comes: unpacked in pieces, and where it is needed whole, collected."""

from collections.abc import Iterator
from typing import Final

from ccx_addons.core.exchange import Exchange
from ccx_addons.core.patient_json import BIG
from ccx_addons.proxy.encoding import AMPLE, BadEncoding, Inflater

MAX_ERROR_BODY: Final = 1 << 20
MAX_ANSWER: Final = 256 << 20
MAX_AT_ONCE: Final = 16 << 10
"""Bytes of a stream between two turns of the event loop: the smallest events take 10 ms, and whoever comes anew needs
several turns."""
BLANK_LINES: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")


class AnswerBody:
    """``error``: its status says what happened; only the beginning matters, and what can be read of it. Others raise
    BadEncoding as Inflater does."""

    def __init__(self, encoding: str = "", error: bool = False) -> None:
        self.error = error
        self.unreadable = False
        try:
            self.inflater = Inflater.make(encoding) if encoding else None
        except BadEncoding:
            if not error:
                raise
            self.inflater, self.unreadable = None, True
        self.limit = MAX_ERROR_BODY if error else MAX_ANSWER
        self.data = bytearray()
        self.pending = 0
        """Bytes of the event under way, or more."""

    @property
    def is_plain(self) -> bool:
        """Whether its bytes are the body."""
        return self.inflater is None and not self.unreadable

    def collect(self, data: bytes) -> bool:
        """True: it is larger than its limit, and what is beyond is not there; of an error also: no more can be read."""
        if self.unreadable:
            return True
        try:
            for piece in self.inflater.answer(data, MAX_ANSWER) if self.inflater else (data,):
                self.data += piece
                if len(self.data) > self.limit:
                    del self.data[self.limit :]
                    return True
        except BadEncoding:
            if not self.error:
                raise
            return True
        return False

    def parts(self, data: bytes, x: Exchange) -> Iterator[bytes]:
        """What came of a stream, for the watcher, and nothing after its error event. What comes at once may be a bomb,
        a long stream is none."""
        assert x.watcher
        for inflated in self.inflater.pieces(data, AMPLE) if self.inflater else (data,):
            for piece in at_once(inflated):
                if x.tap:
                    x.tap.from_upstream(piece)
                yield piece
                if x.watcher.fault:
                    return

    @property
    def is_large(self) -> bool:
        """Whether the event under way may be large."""
        return self.pending >= BIG

    def ends_large(self, piece: bytes) -> bool:
        """Whether an event of many bytes may end in this piece, so that reading it takes long."""
        large = self.is_large and (b"\n" in piece or b"\r" in piece)
        if piece.endswith(BLANK_LINES):
            self.pending = 0
        elif (end := max(map(piece.rfind, BLANK_LINES))) >= 0:
            self.pending = len(piece) - end
        else:
            self.pending += len(piece)
        return large


def at_once(data: bytes) -> Iterator[bytes]:
    """The data in parts that may be read between two turns of the event loop, whole events where there are any."""
    at = 0
    while len(data) - at > MAX_AT_ONCE:
        cut = data.rfind(b"\n\n", at, at + MAX_AT_ONCE)
        end = cut + 2 if cut >= 0 else at + MAX_AT_ONCE
        yield data[at:end]
        at = end
    if at < len(data):
        yield data[at:] if at else data
