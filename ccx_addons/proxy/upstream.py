"""The upstream side of one client connection: connections come from the worker's pool and go back to it."""

import asyncio
import ssl
import time
from collections.abc import Iterator
from typing import Protocol

from cryptography import x509
from mitmproxy.certs import Cert
from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.server import ConnectionIO
from mitmproxy.proxy.server_hooks import (
    ServerConnectedHook,
    ServerConnectErrorHook,
    ServerConnectHook,
    ServerConnectionHookData,
    ServerDisconnectedHook,
)

from ccx_addons.core.exchange import Upstream
from ccx_addons.io.outward import tls_words
from ccx_addons.proxy.dial import DialError, Failure, Place, Wire
from ccx_addons.proxy.pace import READS, PacedConnections
from ccx_addons.proxy.pool import Pool, Reading


class Takes(Protocol):
    """Where the pieces of an answer go without the layers (shortcut.py)."""

    def carry(self, connection: Connection, data: bytes) -> Iterator[events.Event]: ...


class UpstreamConnection(Server):
    """mitmproxy's server connection, which knows what it was opened for and over which wire it goes.

    What is added here is not stored with a flow.
    """

    terms: Upstream
    place: Place
    __hash__ = object.__hash__  # nobody looks one up by a copy; mitmproxy hashes the id anew each time
    wire: Wire | None = None
    reused: bool = False
    """The wire served another request before."""
    failure: Failure | None = None
    refused: str = ""
    """Why the upstream ended TLS itself after the handshake, as it does without a certificate that it wants."""
    shortcut: "Takes | None" = None
    """The short way of the answer under way, where it has one."""

    @classmethod
    def to(cls, upstream: Upstream) -> "UpstreamConnection":
        connection = cls(address=(upstream.host, upstream.port))
        connection.terms, connection.place = upstream, Place.of(upstream)
        return connection

    @property
    def usable(self) -> bool:
        return self.state is ConnectionState.OPEN and self.wire is not None and self.wire.usable

    def attach(self, wire: Wire, reused: bool) -> None:
        """It is open. Fills in what mitmweb shows of a connection."""
        self.wire, self.reused = wire, reused
        self.state = ConnectionState.OPEN
        self.peername = wire.writer.get_extra_info("peername")
        self.sockname = wire.writer.get_extra_info("sockname")
        self.timestamp_start, self.timestamp_tcp_setup = wire.began, wire.connected
        if tls := wire.writer.get_extra_info("ssl_object"):
            self.tls = True
            self.timestamp_tls_setup = wire.secured
            self.sni = self.terms.host
            self.tls_version = tls.version()
            self.cipher = tls.cipher()[0]
            self.alpn = (tls.selected_alpn_protocol() or "").encode()
            if der := tls.getpeercert(binary_form=True):
                self.certificate_list = [Cert(x509.load_der_x509_certificate(der))]


class UpstreamConnections(PacedConnections):
    """A client connection's handler whose upstream connections are the pool's."""

    pool: Pool

    async def open_connection(self, command: commands.OpenConnection) -> None:
        connection = command.connection
        assert isinstance(connection, UpstreamConnection)
        await asyncio.sleep(0)  # an eager task: mitmproxy notes it only after it first waits
        data = ServerConnectionHookData(client=self.client, server=connection)
        await self.handle_hook(ServerConnectHook(data))
        place, terms = connection.place, connection.terms
        try:
            if connection.error:
                raise DialError("connect", connection.error)
            wire, reused = await self.pool.get(place, terms.timeouts.connect, fresh=terms.fresh)
        except DialError as error:
            connection.failure = error.kind
            await self._not_open(command, data, str(error))
        except asyncio.CancelledError:
            await self._not_open(command, data, "the connection was cancelled")
            raise
        else:
            await self._use(command, data, connection, wire, reused)

    async def _not_open(self, command: commands.OpenConnection, data: ServerConnectionHookData, words: str) -> None:
        data.server.error = words
        self.transports.pop(data.server, None)
        await self.handle_hook(ServerConnectErrorHook(data))
        await self.server_event(events.OpenConnectionCompleted(command, words))

    async def _use(
        self,
        command: commands.OpenConnection,
        data: ServerConnectionHookData,
        connection: UpstreamConnection,
        wire: Wire,
        reused: bool,
    ) -> None:
        connection.attach(wire, reused)
        self.transports[connection] = ConnectionIO(asyncio.current_task(), wire.reader, wire.writer)
        self.pool.hold(connection.place, connection, self)
        told = False
        try:
            await self.handle_hook(ServerConnectedHook(data))
            await self.server_event(events.OpenConnectionCompleted(command, None))
            told = True
            await self._listen(connection, wire)
            await self._over(connection, wire)
        except asyncio.CancelledError:
            if connection.wire is None:
                return  # it was given away
            if self.layer.is_idle(connection):
                self._part_with(connection)
                self.pool.put_back(connection.place, wire)
            else:
                await self._over(connection, wire)
                if not told:
                    await self.server_event(events.OpenConnectionCompleted(command, "the connection was cancelled"))
            raise
        finally:
            connection.timestamp_end = time.time()
            await self.handle_hook(ServerDisconnectedHook(data))

    async def _listen(self, connection: UpstreamConnection, wire: Wire) -> None:
        """Until the upstream closes. Only while it waits for bytes an idle connection can change hands."""
        READS.set(connection)
        while True:
            try:
                data = await wire.reader.read(65535)
            except OSError as error:
                if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
                    connection.refused = tls_words(error)
                return
            if not data:
                return
            if connection.shortcut:
                try:
                    for event in connection.shortcut.carry(connection, data):
                        await self.server_event(event)
                except Exception:
                    self.failed()
            else:
                await self.server_event(events.DataReceived(connection, data))
            await self.drain_writers()

    async def _over(self, connection: UpstreamConnection, wire: Wire) -> None:
        """The connection ends here, for whatever reason."""
        connection.state = ConnectionState.CLOSED
        try:
            await self.server_event(events.ConnectionClosed(connection))
        finally:
            self._part_with(connection)
            self.pool.close(connection.place, wire)

    def _part_with(self, connection: UpstreamConnection) -> None:
        self.pool.let_go(connection.place, connection)
        self.transports.pop(connection, None)
        self.layer.forget(connection)
        connection.wire = connection.shortcut = None
        connection.state = ConnectionState.CLOSED

    def give_away(self, connection: Connection) -> tuple[Wire, Reading] | None:
        assert isinstance(connection, UpstreamConnection)
        wire = connection.wire
        io = self.transports.get(connection)
        if wire is None or io is None or io.handler is None or not self.layer.is_idle(connection):
            return None
        self._part_with(connection)
        io.handler.cancel("another client takes the connection over")
        return wire, io.handler
