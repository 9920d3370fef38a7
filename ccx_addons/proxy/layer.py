"""The HTTP layer of one client connection: many attempts behind each of its streams.

Every attempt has a stream id of its own towards the upstream. When an attempt is abandoned its id is forgotten, so late
events of it find no stream and vanish. One timer serves all deadlines of the connection.
"""

import itertools
import time
from collections.abc import Iterable
from typing import Any, Final

from mitmproxy import http
from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    GetHttpConnection,
    HttpLayer,
    HTTPMode,
    HttpStream,
    RegisterHttpConnection,
    RequestHeaders,
    SendHttp,
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._http2 import Http2Connection

from ccx_addons.core.exchange import Upstream
from ccx_addons.proxy.dial import Place
from ccx_addons.proxy.hooks import DeadlineReached, DirectHooks, GoOn, OpenUpstream
from ccx_addons.proxy.http1 import ClientHttp1, UpstreamHttp1
from ccx_addons.proxy.http2 import ClientHttp2
from ccx_addons.proxy.pace import PacedConnections
from ccx_addons.proxy.request import MAX_QUEUED
from ccx_addons.proxy.shortcut import Shortcut
from ccx_addons.proxy.stream import AttemptStream
from ccx_addons.proxy.terms import Limits
from ccx_addons.proxy.upstream import UpstreamConnection
from ccx_addons.proxy.websocket import ClientWebSocket

attempt_ids: Final = itertools.count(1 << 32)
"""Above every id a client can choose (HTTP/2 has 31 bits)."""

MAX_EARLY: Final = 64 << 10
"""Bytes a client may send ahead of its turn."""
MAX_UNREAD: Final = 256 << 10
"""Bytes kept for an HTTP/2 client that does not take them."""


class Unlisted(list[layer.Layer]):
    """mitmproxy lists in each context which layers have it. Nobody asks for that here, and by their lists the layers
    would keep themselves in memory until the garbage collector comes."""

    def append(self, _: layer.Layer) -> None:
        pass


UNLISTED: Final = Unlisted()


class AttemptLayer(HttpLayer):
    """mitmproxy's HTTP layer with our streams, our HTTP/1 ends, our connection reuse and our timer."""

    def __init__(self, context: Context, limits: Limits, direct: DirectHooks | None = None) -> None:
        context.layers = UNLISTED
        super().__init__(context, HTTPMode.transparent)
        self.limits = limits
        self.direct = direct
        self.leaving = False
        """The gateway stops: the next answer is the last one on this connection."""
        self.gone = False
        """The connection has ended."""
        self.pace: PacedConnections | None = None
        """Who knows what the client has taken; None: nobody, it takes everything at once."""
        self.deadlines: dict[layer.Layer, float] = {}
        self._timer_at = float("inf")
        self._timers: set[commands.RequestWakeup] = set()
        self.is_http2 = context.client.alpn == b"h2"
        if self.is_http2:
            self.connections[context.client] = ClientHttp2(_fork(context), self)
        else:
            self.connections[context.client] = ClientHttp1(
                _fork(context), self, limits.client_timeout, limits.keepalive_timeout
            )

    # ---- deadlines --------------------------------------------------------------------------------------------------
    def set_deadline(self, child: layer.Layer, seconds: float) -> Iterable[commands.Command]:
        """Give ``child`` a DeadlineReached event in ``seconds``, instead of any earlier wish of it."""
        self.deadlines[child] = at = time.monotonic() + seconds
        if at >= self._timer_at:
            return ()
        self._timer_at = at
        wakeup = commands.RequestWakeup(seconds)
        self._timers.add(wakeup)
        return (wakeup,)

    def clear_deadline(self, child: layer.Layer) -> None:
        self.deadlines.pop(child, None)

    def _on_wakeup(self, wakeup: commands.Command) -> layer.CommandGenerator[None]:
        self._timers.discard(wakeup)
        now = time.monotonic()
        if self._timer_at <= now + 0.001:
            self._timer_at = float("inf")
        for child in [child for child, at in self.deadlines.items() if at <= now + 0.001]:
            del self.deadlines[child]
            yield from self.event_to_child(child, DeadlineReached())
        if self.deadlines and self._timer_at == float("inf"):
            child, at = min(self.deadlines.items(), key=lambda item: item[1])
            yield from self.set_deadline(child, at - now)

    # ---- events -----------------------------------------------------------------------------------------------------
    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Its children may wait for something; it never does, so it has no pause to look after."""
        if isinstance(event, events.DataReceived):
            return self.event_to_child(self.connections[event.connection], event)
        return self._handle_event(event)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start) and not self.is_http2:
            # The stock layer makes an end of its own first, only to throw it away.
            yield from self._to_end(self.connections[self.context.client], event)
        elif isinstance(event, events.Wakeup) and event.command in self._timers:
            yield from self._on_wakeup(event.command)
        elif isinstance(event, GoOn):
            yield from self.event_to_child(event.stream, event)
        else:
            yield from super()._handle_event(event)

    def event_to_child(self, child: Any, event: events.Event) -> layer.CommandGenerator[None]:
        """As the stock layer, but what went away is not an error."""
        return self._to_stream(child, event) if isinstance(child, AttemptStream) else self._to_end(child, event)

    def _to_end(self, end: Any, event: events.Event) -> layer.CommandGenerator[None]:
        for command in end.handle_event(event):
            if isinstance(command, commands.SendData) and self.pace:
                self.pace.write(command.connection, command.data)
            elif isinstance(command, ReceiveHttp):
                received = command.event
                if isinstance(received, RequestHeaders):
                    self._make_stream(received.stream_id)
                if stream := self.streams.get(received.stream_id):
                    yield from self._to_stream(stream, received)
            else:
                yield from self._carry_out(command, end)

    def _to_stream(self, stream: Any, event: events.Event) -> layer.CommandGenerator[None]:
        stream.depth += 1
        for command in stream.handle_event(event):
            if isinstance(command, SendHttp):
                if end := self.connections.get(command.connection):
                    yield from self._to_end(end, command.event)
            else:
                yield from self._carry_out(command, stream)
        stream.depth -= 1
        if stream.depth == 0 and stream.stream_id not in self.streams:
            stream.release()

    def _carry_out(self, command: commands.Command, child: layer.Layer) -> layer.CommandGenerator[None]:
        """Who waits for a reply is noted, so that it finds him. Our own timer is nobody's in particular."""
        if command.blocking or (isinstance(command, commands.RequestWakeup) and command not in self._timers):
            self.command_sources[command] = child
        if isinstance(command, GetHttpConnection):
            yield from self.get_connection(command)
        elif isinstance(command, RegisterHttpConnection):
            yield from self.register_connection(command)
        else:
            yield command

    def _make_stream(self, stream_id: int) -> None:
        self.streams[stream_id] = AttemptStream(_fork(self.context), stream_id, self, self.limits)

    def drop(self, stream: AttemptStream) -> None:
        """Forget a stream that is done."""
        stream.lease.release()
        self.streams.pop(stream.stream_id, None)
        self.streams.pop(stream.attempt_id, None)
        self.clear_deadline(stream)

    def new_attempt(self, stream: AttemptStream) -> None:
        """A new id for the stream's upstream half; whatever the old attempt still sends finds nobody."""
        self.streams.pop(stream.attempt_id, None)
        stream.attempt_id = next(attempt_ids)
        self.streams[stream.attempt_id] = stream

    def shorten(self, stream: AttemptStream) -> None:
        """From here on the pieces of its answer may take the short way, where both ends speak HTTP/1."""
        server, client = stream.context.server, self.connections.get(self.context.client)
        end = self.connections.get(server)
        if not self.pace or not isinstance(end, UpstreamHttp1) or not end.in_chunks:
            return
        if isinstance(client, ClientHttp1) and client.response:
            assert isinstance(server, UpstreamConnection)
            server.shortcut = Shortcut(stream.attempt_id, self.streams, end, client, self.pace)

    @property
    def takes_whole(self) -> bool:
        return isinstance(self.connections.get(self.context.client), ClientHttp1)

    def release(self) -> None:
        """The connection is gone, and the memory that it still held is others'."""
        for holder in (*self.streams.values(), *self.connections.values()):
            if isinstance(holder, AttemptStream | ClientWebSocket | ClientHttp1):
                holder.lease.release()
        self.gone = True
        self.let_go()

    def let_go(self) -> None:
        """Of all that refers to it, once nobody has anything left to do: it would wait for the garbage collector."""
        if self.gone and not self.streams:
            client = self.connections.get(self.context.client)
            if isinstance(client, ClientHttp1):
                client.let_go()
            self.connections.clear()
            self.deadlines.clear()
            self.pace = None

    def may_read(self, connection: Connection) -> bool:
        """Whether what comes next from there can be used soon; what is not read waits in the peer's own memory."""
        end = self.connections.get(connection)
        if connection is self.context.client:
            if isinstance(end, ClientHttp1):
                if end.early > MAX_EARLY:
                    return False
            elif (isinstance(end, ClientHttp2) and end.early) or (
                isinstance(end, ClientWebSocket) and len(end._paused_event_queue) > MAX_QUEUED
            ):
                return False
            if not self.command_sources:
                return True  # nobody waits, so nothing piles up
            return not any(stream._paused_event_queue and _clogged(stream) for stream in self.streams.values())
        used = self.streams.get(end.stream_id or 0) if isinstance(end, UpstreamHttp1) else None
        if used is None:
            return True
        if used._paused_event_queue and (self.is_http2 or _clogged(used)):
            return False
        return not self.is_http2 or self.unread(used) <= MAX_UNREAD

    def backlog(self, stream: HttpStream) -> int:
        """Bytes for the client of this stream that it has not taken yet."""
        return self.pace.backlog(stream) if self.pace else 0

    def unread(self, stream: HttpStream) -> int:
        """Bytes that an HTTP/2 client has left no room for; HTTP/1 has no such place."""
        end = self.connections.get(self.context.client)
        waiting = end.h2_conn.stream_buffers.get(stream.stream_id) if isinstance(end, Http2Connection) else None
        return sum(len(part.data) for part in waiting) if waiting else 0

    def open_socket(self, handshake: http.Request, stream_id: int) -> layer.CommandGenerator[None]:
        """The client's connection speaks WebSocket from here on."""
        before = self.connections[self.context.client]
        assert isinstance(before, ClientHttp1)
        self.clear_deadline(before)
        socket = ClientWebSocket(before.context, self, handshake, stream_id + 2)
        self.connections[self.context.client] = socket
        yield from self.event_to_child(socket, events.Start())
        if early := bytes(before.buf):
            yield from self.event_to_child(socket, events.DataReceived(self.context.client, early))

    # ---- upstream connections ---------------------------------------------------------------------------------------
    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> layer.CommandGenerator[None]:
        """One of the worker's pool."""
        if not isinstance(event, OpenUpstream) or event.upstream is None:
            yield from super().get_connection(event, reuse=reuse)
            return
        self._forget_closed()
        context = _fork(self.context)
        context.server = connection = UpstreamConnection.to(event.upstream)
        client = self.connections[connection] = UpstreamClient(context, self.connections)
        self.waiting_for_establishment[connection].append(event)
        yield from self.event_to_child(client, events.Start())

    def register_connection(self, command: RegisterHttpConnection) -> layer.CommandGenerator[None]:
        """As the stock layer; the waiting attempt learns what kind of connection it got, or why none."""
        connection = command.connection
        assert isinstance(connection, UpstreamConnection)
        for waiting in self.waiting_for_establishment.get(connection, ()):
            assert isinstance(waiting, OpenUpstream)
            waiting.reused, waiting.failure = connection.reused, connection.failure
        yield from super().register_connection(command)

    def idle_connection(self, upstream: Upstream) -> UpstreamConnection | None:
        if upstream.fresh:
            return None
        place = Place.of(upstream)
        for connection, end in self.connections.items():
            if not isinstance(connection, UpstreamConnection) or not isinstance(end, UpstreamHttp1) or not end.idle:
                continue
            if connection.usable and connection.place == place:
                return connection
        return None

    def is_idle(self, connection: Connection) -> bool:
        """Whether nobody uses this upstream connection now, so that another client may."""
        end = self.connections.get(connection)
        return connection.state is ConnectionState.OPEN and isinstance(end, UpstreamHttp1) and end.idle

    def forget(self, connection: Connection) -> None:
        """It is another client's from here on, or nobody's."""
        end = self.connections.pop(connection, None)
        if isinstance(end, UpstreamHttp1):
            end.let_go()

    def _forget_closed(self) -> None:
        """mitmproxy keeps closed connections for ever; a client that stays for days would collect them."""
        closed = [c for c in self.connections if isinstance(c, Server) and _is_over(c)]
        for connection in closed:
            if connection not in self.waiting_for_establishment:
                del self.connections[connection]


def _fork(context: Context) -> Context:
    """As ``Context.fork``, which makes a server connection first, only to throw it away."""
    forked = Context.__new__(Context)
    forked.__dict__.update(context.__dict__)
    return forked


def _clogged(stream: HttpStream) -> bool:
    return isinstance(stream, AttemptStream) and stream.clogged


def _is_over(connection: Connection) -> bool:
    ended = connection.timestamp_end is not None or connection.error is not None
    return connection.state is ConnectionState.CLOSED and ended


class UpstreamClient(layer.Layer):
    """Opens the connection, then gives its place to HTTP/1.1, the only version we offer to upstreams."""

    def __init__(self, context: Context, connections: dict[Connection, layer.Layer]) -> None:
        super().__init__(context)
        self.connections = connections

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if not isinstance(event, events.Start):
            return
        err = yield commands.OpenConnection(self.context.server)
        if not err:
            self.connections[self.context.server] = end = UpstreamHttp1(self.context)
            yield from end.handle_event(event)
        yield RegisterHttpConnection(self.context.server, err)
