"""The gateway's own listener: one socket, our connection handler, a stop that lets running streams finish."""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from socket import socket
from typing import Any, Final

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import ConnectionState
from mitmproxy.master import Master
from mitmproxy.proxy import commands, mode_specs
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server import TimeoutWatchdog

from ccx_addons.proxy.dial import keep_alive
from ccx_addons.proxy.hooks import DirectHooks, WaitHook
from ccx_addons.proxy.http1 import ClientHttp1
from ccx_addons.proxy.layer import AttemptLayer
from ccx_addons.proxy.master import NEVER
from ccx_addons.proxy.pool import Pool
from ccx_addons.proxy.reader import AT_ONCE, Reader
from ccx_addons.proxy.terms import Limits
from ccx_addons.proxy.upstream import UpstreamConnections

log: Final = logging.getLogger("ccx")

NOWHERE: Final = mode_specs.ProxyMode.parse("reverse:http://ccx.invalid:1")
"""mitmproxy wants a target for reverse mode. Nothing listens there: a request that slipped through would go nowhere."""

IDLE_CHECK: Final = 0.05
"""Seconds between two looks for idle connections while stopping."""
LINGER: Final = 0.3
"""Seconds that an idle connection is kept while stopping."""
HANDSHAKE: Final = 1.0
"""Seconds that a TLS connection may take which was accepted before the stop."""


async def _nobody() -> None:
    """Whom the time limit that nobody watches would tell."""


class Unwatched(TimeoutWatchdog):
    """mitmproxy's own time limit would be one more task for each client: ours are the layer's deadlines."""

    async def watch(self) -> None:
        pass


class GatewayConnection(UpstreamConnections, ProxyConnectionHandler):
    """One client connection."""

    layer: AttemptLayer

    def __init__(
        self, master: Master, reader: Any, writer: Any, limits: Limits, pool: Pool, direct: DirectHooks | None = None
    ) -> None:
        super().__init__(master, reader, writer, master.options, NOWHERE)  # type: ignore[no-untyped-call]
        self.pool = pool
        self.direct = direct
        self.timeout_watchdog = Unwatched(NEVER, _nobody)
        tls = writer.get_extra_info("ssl_object")
        if tls:
            self.client.tls = True
            self.client.timestamp_tls_setup = time.time()
            self.client.alpn = (tls.selected_alpn_protocol() or "http/1.1").encode()
        self.layer = AttemptLayer(self.layer.context, limits, direct)
        self.layer.pace = self

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """In a chain that is known its addons alone are told what happens to connections, as to flows."""
        if self.direct is None or isinstance(hook, WaitHook):
            await super().handle_hook(hook)
        elif rest := self.direct.run(hook.name, *hook.args()):
            await rest

    async def hook_task(self, hook: commands.StartHook) -> None:
        """What a stream still waits for when its client is gone."""
        await super().hook_task(hook)
        self.layer.let_go()

    @property
    def idle(self) -> bool:
        """Nothing is going on: it can be closed without anybody losing anything."""
        end = self.layer.connections.get(self.client)
        if isinstance(end, ClientHttp1):
            if end.state == end.passthrough:
                return True  # a live page of the panel: it connects again
            return end.state == end.read_headers and not end.buf and not self.layer.streams
        return not self.layer.streams

    def close(self) -> None:
        if self.client.state is not ConnectionState.CLOSED and (io := self.transports.get(self.client)) and io.handler:
            io.handler.cancel("the gateway stops")


class Listener:
    """Accepts on ``sock``; keeps the connections so that ``stop`` can wait for them.

    ``direct``: the addons whose HTTP hooks are called without mitmproxy's detour; None: other addons take part.
    """

    def __init__(
        self,
        master: Master,
        sock: socket,
        limits: Limits,
        pool: Pool,
        tls: ssl.SSLContext | None = None,
        direct: DirectHooks | None = None,
    ) -> None:
        self.direct = direct
        self.master = master
        self.sock = sock
        self.limits = limits
        self.pool = pool
        self.tls = tls
        self.handlers: set[GatewayConnection] = set()
        self.server: asyncio.Server | None = None
        self.until = 0.0
        """Monotonic time at which a stop cuts what still runs."""

    async def start(self) -> None:
        keep_alive(self.sock)  # accepted connections inherit it
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(self._accepts, sock=self.sock, ssl=self.tls, backlog=1024)

    def _accepts(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(Reader(AT_ONCE), self._serve)

    def hurry(self, grace: float) -> None:
        """A stop that is under way ends within ``grace`` seconds."""
        self.until = min(self.until, time.monotonic() + grace)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = GatewayConnection(self.master, reader, writer, self.limits, self.pool, self.direct)
        self.handlers.add(handler)
        proxyserver: Proxyserver | None = self.master.addons.get("proxyserver")
        try:
            if proxyserver is None:
                await handler.handle_client()
            else:
                with proxyserver.register_connection(handler.client.id, handler):
                    await handler.handle_client()
        finally:
            self.handlers.discard(handler)
            handler.layer.release()

    async def stop(self, grace: float) -> int:
        """Stop accepting, let running requests finish for ``grace`` seconds, then cut. Returns how many were cut.

        A connection is closed behind its answer, or once it was idle for a moment: its next request may be on its way.
        """
        if self.server:
            await self._no_more(self.server)
            self.server = None
        self.until = time.monotonic() + grace
        settled = time.monotonic() + min(grace, HANDSHAKE if self.tls else LINGER)
        idle_since: dict[GatewayConnection, float] = {}
        while (self.handlers or time.monotonic() < settled) and time.monotonic() < self.until:
            now = time.monotonic()
            for handler in list(self.handlers):
                handler.layer.leaving = True
                if not handler.idle:
                    idle_since.pop(handler, None)
                elif now - idle_since.setdefault(handler, now) >= LINGER:
                    handler.close()
            await asyncio.sleep(IDLE_CHECK)
        cut = len(self.handlers)
        for handler in list(self.handlers):
            handler.close()
        for _ in range(40):
            if not self.handlers:
                break
            await asyncio.sleep(IDLE_CHECK)
        self.pool.stop()
        return cut

    async def _no_more(self, server: asyncio.Server) -> None:
        """Who is already connected is still served: the last process that closes the socket resets who waits there."""
        waiting = self.sock.dup()
        server.close()
        found = list(_accepted(waiting))
        waiting.close()
        for sock in found:
            await self._take(sock)

    async def _take(self, sock: socket) -> None:
        with contextlib.suppress(OSError):  # gone again, or no TLS
            await asyncio.get_running_loop().connect_accepted_socket(self._accepts, sock, ssl=self.tls)


def _accepted(sock: socket) -> Iterator[socket]:
    sock.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            yield sock.accept()[0]


def server_tls(cert_file: str, key_file: str) -> ssl.SSLContext:
    """TLS for the public port, offering HTTP/2. Raises OSError or ssl.SSLError when the files are not usable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(Path(cert_file), Path(key_file) if key_file else None, password="")
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
