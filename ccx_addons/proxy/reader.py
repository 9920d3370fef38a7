"""Where a connection's bytes wait until somebody reads them, and the short way of those that are waited for."""

import asyncio
from copy import copy
from typing import Final

AT_ONCE: Final = 256 << 10
"""Bytes of one read of a client at most: as many as asyncio and uvloop take from a socket. A piece costs the same
whatever its length."""
OF_UPSTREAM: Final = 64 << 10
"""The same of an upstream, whose pieces may have to wait for a client."""


class Reader(asyncio.StreamReader):
    """A read gives what is there, at most ``most`` bytes, whatever it asks for. What comes while somebody waits goes to
    him as it came; asyncio's own would copy it into its buffer and out again."""

    _buffer: bytearray
    _eof: bool
    _exception: Exception | None
    _loop: asyncio.AbstractEventLoop
    _paused: bool
    _taker: "asyncio.Future[bytes | None] | None" = None
    """Of who waits; None: it lies in the buffer."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    @property
    def quiet(self) -> bool:
        """Whether the peer neither said something that nobody has read yet, nor is gone."""
        if self._buffer or self._eof or self._exception:
            return False
        return self._taker is None or not self._taker.done()

    def feed_data(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[override]  # typeshed: iterables
        taker = self._taker
        if taker is None or taker.done():
            super().feed_data(data)
        elif len(data) <= self.most:
            taker.set_result(bytes(data))
        else:
            super().feed_data(data)
            taker.set_result(None)

    def feed_eof(self) -> None:
        super().feed_eof()
        if self._taker and not self._taker.done():
            self._taker.set_result(None)

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc.with_traceback(None))
        if self._taker and not self._taker.done():
            self._taker.set_result(None)

    async def read(self, n: int = -1) -> bytes:
        if self._exception:
            raise copy(self._exception)  # by its traceback the one that is kept would keep who reads
        if self._buffer or self._eof or self._paused:
            kept: bytes = await super().read(self.most)
            return kept
        taker: asyncio.Future[bytes | None] = self._loop.create_future()
        self._taker = taker
        try:
            data = await taker
        except asyncio.CancelledError:
            if taker.done() and not taker.cancelled() and (data := taker.result()):
                self._buffer[:0] = data  # it came, and nobody took it: it is the next reader's
            raise
        finally:
            self._taker = None
        return await self.read() if data is None else data
