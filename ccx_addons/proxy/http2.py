"""HTTP/2 towards clients: a few requests are read in one step, however many came at once.

A head takes 30 bytes and its refusal a millisecond: what one read of a client may bring would be seconds of work.
"""

from typing import Any, Final

import h2.events
import h2.exceptions
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http._http2 import CATCH_HYPER_H2_ERRORS, Http2Server

from ccx_addons.proxy.hooks import DeadlineReached
from ccx_addons.proxy.terms import ClientConnection

SLICE: Final = 512
"""Bytes that are looked at between two looks at what was done."""
MOST: Final = 256
"""Events in one step; the rest waits until others had their turn."""
REQUEST: Final = 16
"""How many events a request counts for."""


class ClientHttp2(Http2Server):
    """The client's HTTP/2 connection."""

    def __init__(self, context: Any, parent: ClientConnection) -> None:
        super().__init__(context)
        self.parent = parent
        self.early = bytearray()
        """What came and is not read yet."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            waits = bool(self.early)
            self.early += event.data
            if not waits:
                yield from self._turn()
        elif isinstance(event, DeadlineReached):
            yield from self._turn()
        else:
            if isinstance(event, events.ConnectionClosed):
                self.early.clear()
            yield from super()._handle_event(event)

    def _turn(self) -> layer.CommandGenerator[None]:
        done = 0
        while self.early and done < MOST:
            piece = bytes(self.early[:SLICE])
            del self.early[:SLICE]
            for found in self._events(piece):
                done += REQUEST if isinstance(found, h2.events.RequestReceived) else 1
                if (yield from self.handle_h2_event(found)):  # the connection is over
                    self.early.clear()
                    return
        if data := self.h2_conn.data_to_send():
            yield commands.SendData(self.conn, data)
        if self.early:
            yield from self.parent.set_deadline(self, 0)

    def _events(self, data: bytes) -> list[Any]:
        """What the bytes say; the last may be an error."""
        try:
            return list(self.h2_conn.receive_data(data))
        except h2.exceptions.ProtocolError as error:
            return [error]
        except CATCH_HYPER_H2_ERRORS as error:
            return [h2.exceptions.ProtocolError(f"uncaught hyper-h2 error: {error}")]
