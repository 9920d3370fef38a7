"""The body of an upstream's answer as it comes: unpacked in pieces, and where it is needed whole, collected."""

from collections.abc import Iterator
from typing import Final

from ccx_addons.core.exchange import Exchange
from ccx_addons.proxy.encoding import AMPLE, Inflater

MAX_ERROR_BODY: Final = 1 << 20
MAX_ANSWER: Final = 256 << 20


class AnswerBody:
    """``error``: only the beginning matters, the rest is cut off. Raises BadEncoding as Inflater does."""

    def __init__(self, encoding: str = "", error: bool = False) -> None:
        self.inflater = Inflater.make(encoding)
        self.limit = MAX_ERROR_BODY if error else MAX_ANSWER
        self.data = bytearray()

    def collect(self, data: bytes) -> bool:
        """True: it is larger than its limit, and what is beyond is not there."""
        for piece in self.inflater.answer(data, MAX_ANSWER) if self.inflater else (data,):
            self.data += piece
            if len(self.data) > self.limit:
                del self.data[self.limit :]
                return True
        return False

    def watched(self, data: bytes, x: Exchange) -> Iterator[list[bytes]]:
        """What came of a stream, through the watcher, and nothing after its error event. What comes at once may be a
        bomb, a long stream is none. Raises whatever is wrong with either."""
        assert x.watcher
        for piece in self.inflater.pieces(data, AMPLE) if self.inflater else (data,):
            if x.tap:
                x.tap.from_upstream(piece)
            yield x.watcher.feed(piece)
            if x.watcher.fault:
                return
