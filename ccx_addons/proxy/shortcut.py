"""The short way of a stream's pieces: what comes from the upstream goes to the client without the layers in between.

Most of what a committed stream does is to pass small pieces on, and mitmproxy's layers (four of them, an event and a
command for each step) cost more than a piece's own work. Here the stream's own generator runs, the same as behind the
layers, and what it sends is written at once. Whatever else it wants (a hook, a pause, the end) is carried out by the
layers, who are given the generator where it stands.
"""

from collections.abc import Iterator
from typing import Any

from mitmproxy.connection import Connection
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import ResponseData, SendHttp

from ccx_addons.proxy.hooks import GoOn
from ccx_addons.proxy.http1 import ClientHttp1, UpstreamHttp1
from ccx_addons.proxy.pace import PacedConnections


class Shortcut:
    """For one attempt's answer between two ends that speak HTTP/1."""

    __slots__ = ("_attempt", "_chunked", "_client", "_handler", "_source", "_streams")

    def __init__(
        self,
        attempt: int,
        streams: dict[int, Any],
        source: UpstreamHttp1,
        client: ClientHttp1,
        handler: PacedConnections,
    ) -> None:
        assert client.response
        self._attempt, self._streams = attempt, streams
        self._source, self._client, self._handler = source, client, handler
        self._chunked = "chunked" in client.response.headers.get("transfer-encoding", "")

    def carry(self, connection: Connection, data: bytes) -> Iterator[events.Event]:
        """Passes on what the upstream sent. Gives what is left for the layers."""
        stream = self._streams.get(self._attempt)
        if stream is None or not self._is_free(stream):
            yield events.DataReceived(connection, data)
            return
        if content := self._source.content(data):
            yield from self._pass_on(stream, content)
        if self._source.is_told:
            yield events.DataReceived(connection, b"")

    def _is_free(self, stream: Any) -> bool:
        """Whether it waits for nothing but its next piece."""
        return (
            stream._paused is None
            and not stream._paused_event_queue
            and stream.server_state == stream.state_stream
            and not self._client._head
            and not self._handler.busy
        )

    def _pass_on(self, stream: Any, content: bytes) -> Iterator[events.Event]:
        client = self._client.conn
        steps = stream.state_stream(ResponseData(self._attempt, content))
        for command in steps:
            if isinstance(command, SendHttp) and command.connection is client and type(command.event) is ResponseData:
                self._write(command.event.data)
            else:
                yield GoOn(stream, command, steps)
                return

    def _write(self, data: bytes) -> None:
        self._handler.write(self._client.conn, b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
