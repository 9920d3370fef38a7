"""The HTTP layer of one client connection: many attempts behind each of its streams.

Every attempt has a stream id of its own towards the upstream. When an attempt is abandoned its id is forgotten, so late
events of it find no stream and vanish. One timer serves all deadlines of the connection.
"""

import itertools
import time
from typing import Any, Final

from mitmproxy import http
from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events, layer, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpLayer,
    HTTPMode,
    RegisterHttpConnection,
    SendHttp,
)

from ccx_addons.core.exchange import Upstream
from ccx_addons.proxy.hooks import DeadlineReached, DirectHooks, OpenUpstream
from ccx_addons.proxy.http1 import ClientHttp1, Limits, UpstreamHttp1
from ccx_addons.proxy.socks import HttpTunnel, Socks5Tunnel
from ccx_addons.proxy.stream import AttemptStream
from ccx_addons.proxy.websocket import ClientWebSocket

attempt_ids: Final = itertools.count(1 << 32)
"""Above every id a client can choose (HTTP/2 has 31 bits)."""

UPSTREAMS: Final[dict[str, Upstream]] = {}
"""Server connection id -> what it was opened for, while its TLS and time limits matter (proxy/tls.py, listener.py)."""


class AttemptLayer(HttpLayer):
    """mitmproxy's HTTP layer with our streams, our HTTP/1 ends, our connection reuse and our timer."""

    def __init__(self, context: Context, limits: Limits, direct: DirectHooks | None = None) -> None:
        super().__init__(context, HTTPMode.transparent)
        self.limits = limits
        self.direct = direct
        self.deadlines: dict[layer.Layer, float] = {}
        self._timer_at = float("inf")
        self._timers: set[commands.RequestWakeup] = set()
        if context.client.alpn != b"h2":
            self.connections[context.client] = ClientHttp1(
                context.fork(), self, limits.client_timeout, limits.keepalive_timeout
            )

    # ---- deadlines --------------------------------------------------------------------------------------------------
    def set_deadline(self, child: layer.Layer, seconds: float) -> layer.CommandGenerator[None]:
        """Give ``child`` a DeadlineReached event in ``seconds``, instead of any earlier wish of it."""
        at = time.monotonic() + seconds
        self.deadlines[child] = at
        if at < self._timer_at:
            self._timer_at = at
            wakeup = commands.RequestWakeup(seconds)
            self._timers.add(wakeup)
            yield wakeup

    def move_deadline(self, child: layer.Layer, seconds: float) -> None:
        """Put an existing deadline off. Costs nothing: the timer looks again when it fires."""
        self.deadlines[child] = time.monotonic() + seconds

    def clear_deadline(self, child: layer.Layer) -> None:
        self.deadlines.pop(child, None)

    def _on_wakeup(self, wakeup: commands.Command) -> layer.CommandGenerator[None]:
        self._timers.discard(wakeup)
        self.command_sources.pop(wakeup, None)
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
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Wakeup) and event.command in self._timers:
            yield from self._on_wakeup(event.command)
        else:
            yield from super()._handle_event(event)

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        stream = AttemptStream(_fork(self.context), stream_id, self, self.limits)
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())

    def event_to_child(self, child: Any, event: events.Event) -> layer.CommandGenerator[None]:
        """As the stock layer, but what went away is not an error."""
        if not isinstance(child, AttemptStream):
            yield from super().event_to_child(child, event)
            return
        child.depth += 1
        for command in child.handle_event(event):
            if command.blocking:
                self.command_sources[command] = child
            if isinstance(command, SendHttp):
                if end := self.connections.get(command.connection):
                    yield from self.event_to_child(end, command.event)
            elif isinstance(command, DropStream):
                self.drop(child)
            elif isinstance(command, GetHttpConnection):
                yield from self.get_connection(command)
            else:
                yield command
        child.depth -= 1
        if child.depth == 0 and child.stream_id not in self.streams:
            child.release()

    def drop(self, stream: AttemptStream) -> None:
        """Forget a stream that is done."""
        self.streams.pop(stream.stream_id, None)
        self.streams.pop(stream.attempt_id, None)
        self.clear_deadline(stream)

    def new_attempt(self, stream: AttemptStream) -> None:
        """A new id for the stream's upstream half; whatever the old attempt still sends finds nobody."""
        self.streams.pop(stream.attempt_id, None)
        stream.attempt_id = next(attempt_ids)
        self.streams[stream.attempt_id] = stream

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
        """An idle connection to the same place under the same terms, or a new one."""
        if not isinstance(event, OpenUpstream) or event.upstream is None:
            yield from super().get_connection(event, reuse=reuse)
            return
        self._forget_closed()
        upstream = event.upstream
        idle = None if upstream.fresh else self._idle_connection(upstream)
        if idle:
            event.reused = True
            stream = self.command_sources.pop(event)
            yield from self.event_to_child(stream, GetHttpConnectionCompleted(event, (idle, None)))
            return
        context = self.context.fork()
        server = Server(address=(upstream.host, upstream.port))
        context.server = server
        UPSTREAMS[server.id] = upstream
        stack = _stack(context, upstream) / UpstreamClient(context)
        self.connections[server] = stack[0]
        self.waiting_for_establishment[server].append(event)
        yield from self.event_to_child(stack[0], events.Start())

    def _idle_connection(self, upstream: Upstream) -> Server | None:
        for connection, child in self.connections.items():
            if not isinstance(connection, Server) or connection.state is not ConnectionState.OPEN:
                continue
            opened = UPSTREAMS.get(connection.id)
            if opened is None or _place(opened) != _place(upstream) or connection in self.waiting_for_establishment:
                continue
            client = child.context.layers[-1]
            if isinstance(client, UpstreamHttp1) and client.idle:
                return connection
        return None

    def _forget_closed(self) -> None:
        """mitmproxy keeps closed connections for ever; a client that stays for days would collect them."""
        closed = [c for c in self.connections if isinstance(c, Server) and _is_over(c)]
        for connection in closed:
            if connection not in self.waiting_for_establishment:
                del self.connections[connection]
                UPSTREAMS.pop(connection.id, None)


def _fork(context: Context) -> Context:
    """As ``Context.fork``, which makes a server connection first, only to throw it away."""
    forked = Context.__new__(Context)
    forked.__dict__.update(context.__dict__, layers=context.layers.copy())
    return forked


def _is_over(connection: Connection) -> bool:
    ended = connection.timestamp_end is not None or connection.error is not None
    return connection.state is ConnectionState.CLOSED and ended


def _place(upstream: Upstream) -> tuple[Any, ...]:
    """What two attempts must share to share a connection."""
    return (upstream.host, upstream.port, upstream.tls, upstream.verify_tls, upstream.ca_file, upstream.proxy)


def _stack(context: Context, upstream: Upstream) -> tunnel.LayerStack:
    """The layers between the wire and HTTP: the channel's proxy, then TLS."""
    stack = tunnel.LayerStack()
    if upstream.proxy and upstream.proxy.startswith("socks5"):
        stack /= Socks5Tunnel.make(context, upstream.proxy)
    elif upstream.proxy:
        stack /= HttpTunnel.stack(context, upstream.proxy)
    if upstream.tls:
        context.server.sni = upstream.host
        stack /= tls.ServerTLSLayer(context)
    return stack


class UpstreamClient(layer.Layer):
    """Opens the connection, then speaks HTTP/1.1, the only version we offer to upstreams."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if not isinstance(event, events.Start):
            return
        err = yield commands.OpenConnection(self.context.server)
        if not err:
            child = UpstreamHttp1(self.context)
            self._handle_event = child.handle_event  # type: ignore[method-assign]  # as mitmproxy's own HttpClient
            yield from child.handle_event(event)
        yield RegisterHttpConnection(self.context.server, err)
