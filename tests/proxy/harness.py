"""A real mitmproxy master with our listener and stream, a scripted chain instead of ours, and raw misbehaving upstreams."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from mitmproxy import http, options
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master

from ccx_addons.core.config import Client, Snapshot, Timeouts
from ccx_addons.core.exchange import Exchange, Upstream
from ccx_addons.core.neutral import Fault
from ccx_addons.proxy import framing
from ccx_addons.proxy.guard import attach, exchange_of
from ccx_addons.proxy.hooks import DirectHooks
from ccx_addons.proxy.listener import Listener
from ccx_addons.proxy.pool import Pool
from ccx_addons.proxy.terms import Limits
from tests.patience import SOON

PATIENT = Timeouts(total=SOON, connect=SOON, first_byte=SOON, first_event=SOON, first_event_alive=SOON, idle=SOON)
FAST = Timeouts(total=5, connect=0.3, first_byte=0.4, first_event=0.4, first_event_alive=1, idle=0.4, tool_idle=0.8)
SILENT = {"stall", "drip", "ssestall", "pingonly", "pingfirst", "midstall", "toolpause", "stallerror"}
"""Upstreams (tests/proxy/upstreams.py) that are about such limits."""

type Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


class Watcher:
    """Events are split at blank lines; ERROR fails, BUG raises, TOOL opens a tool call, a comment means nothing."""

    def __init__(self) -> None:
        self.meaningful = False
        self.patient = False
        self.fault: Fault | None = None
        self.buffer = bytearray()
        self.ended = False

    def feed(self, data: bytes) -> list[bytes]:
        unseen = max(0, len(self.buffer) - 1)
        self.buffer += data
        out = []
        while (end := self.buffer.find(b"\n\n", unseen)) >= 0:
            event, unseen = bytes(self.buffer[:end]), 0
            del self.buffer[: end + 2]
            if event == b"data: ERROR":
                self.fault = Fault("server", "error event")
            elif event == b"data: BUG":
                raise ValueError("boom")
            elif event == b"data: END":
                self.ended = True
            elif event == b"data: TOOL":
                self.patient = self.meaningful = True
            elif not event.startswith(b":"):
                self.meaningful = True
            out.append(event + b"\n\n")
        return out

    def finish(self) -> list[bytes]:
        return [] if self.ended else self.abort(Fault("server", "no end"))

    def abort(self, fault: Fault) -> list[bytes]:
        self.fault = self.fault or fault
        return [b"data: ABORT " + fault.message.encode() + b"\n\n"]


@dataclass
class Script:
    """The chain under test: takes upstreams from the path (``/a,b,c``) in order and retries until one commits."""

    ports: dict[str, int]
    timeouts: Timeouts | None = None
    """Where nothing is said: short for whom an end by time belongs to, long for all others, on a busy machine."""
    upstream: dict[str, Any] = field(default_factory=dict)
    log: list[Any] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    raise_in: str = ""
    forget: bool = False
    who: str = "client"
    """Or ``panel``: the request is for the panel; or ``nobody``."""

    def _maybe_raise(self, hook: str) -> None:
        if self.raise_in == hook:
            raise RuntimeError(f"bug in {hook}")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        snapshot = Snapshot("r", 0)
        clock = asyncio.get_running_loop().time()
        x = Exchange("id", 0, clock, snapshot, flow.request.method, flow.request.path, "", ())
        attach(flow, x)
        self.exchanges.append(x)
        self._maybe_raise("requestheaders")
        if self.who == "client":
            x.client = Client("tester", "")
        elif self.who == "panel":
            x.forward = ("127.0.0.1", 1)

    def request(self, flow: http.HTTPFlow) -> None:
        self._maybe_raise("request")
        flow.metadata["order"] = flow.request.path.strip("/").split(",")

    def upstream_attempt(self, flow: http.HTTPFlow) -> None:
        self._maybe_raise("upstream_attempt")
        x = exchange_of(flow)
        assert x
        if self.forget:
            return
        order = flow.metadata["order"]
        if not order:
            flow.response = http.Response.make(502, json.dumps(self.log), {"content-type": "application/json"})
            return
        name = order.pop(0)
        framing.reframe(flow.request)
        flow.request.headers["host"] = "upstream"
        x.expects_stream = True
        x.watcher = Watcher()
        timeouts = self.timeouts or (FAST if name in SILENT else PATIENT)
        x.upstream = Upstream("127.0.0.1", self.ports[name], timeouts=timeouts, **{"tls": False, **self.upstream})

    def upstream_outcome(self, flow: http.HTTPFlow) -> None:
        self._maybe_raise("upstream_outcome")
        x = exchange_of(flow)
        assert x
        assert x.ended
        failed = x.ended.kind != "ok"
        self.log.append(x.ended.kind if x.ended.kind != "status" else flow.response.status_code if flow.response else 0)
        x.decision = "retry" if failed and not x.committed else "commit"

    def response(self, flow: http.HTTPFlow) -> None:
        self.ends.append("response")

    def error(self, flow: http.HTTPFlow) -> None:
        self.ends.append("error")


@dataclass
class Gateway:
    port: int
    script: Script
    listener: Listener
    seen: dict[str, list[Any]]

    async def ask(self, path: str, body: bytes = b"abc", head: str = "") -> tuple[int, bytes]:
        """One POST on a fresh connection; status and whole body (chunked or by length)."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(
                f"POST /{path} HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body
            )
            return await asyncio.wait_for(read_answer(reader), SOON)
        finally:
            writer.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split()[1])
    lower = head.lower()
    body = b""
    if b"transfer-encoding: chunked" in lower:
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    elif b"content-length: " in lower:
        body = await reader.readexactly(int(lower.split(b"content-length: ")[1].split(b"\r\n")[0]))
    return status, body


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one request. Raises IncompleteReadError when the peer closed."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
    )
    return head, await reader.readexactly(length)


@contextlib.asynccontextmanager
async def gateway(
    handlers: dict[str, Handler],
    *,
    limits: Limits | None = None,
    tls: Any = None,
    upstream_tls: Any = None,
    direct: bool = False,
    pool: Pool | None = None,
    **script: Any,
) -> AsyncIterator[Gateway]:
    """The running gateway in front of one raw server per handler. ``refused`` is a port where nobody listens.

    ``direct``: hooks are called as the program does; otherwise by mitmproxy, as under mitmweb.
    """
    seen: dict[str, list[Any]] = {}
    servers = []
    ports = {}
    for name, handler in handlers.items():
        server = await asyncio.start_server(_wrap(handler), "127.0.0.1", 0, ssl=upstream_tls)
        servers.append(server)
        ports[name] = server.sockets[0].getsockname()[1]
    nobody = socket.socket()  # its port is taken, and nobody listens there
    nobody.bind(("127.0.0.1", 0))
    ports["refused"] = nobody.getsockname()[1]
    chain = Script(ports, **script)
    master = Master(options.Options())
    master.addons.add(Proxyserver(), chain)
    master.options.update(mode=[], connection_strategy="lazy")
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    listener = Listener(master, sock, limits or Limits(), pool or Pool(), tls, DirectHooks([chain]) if direct else None)
    running = asyncio.ensure_future(master.run())
    await asyncio.sleep(0.05)
    await listener.start()
    try:
        yield Gateway(sock.getsockname()[1], chain, listener, seen)
    finally:
        await listener.stop(0)
        master.shutdown()
        await running
        for server in servers:
            server.close()
        nobody.close()


def _wrap(handler: Handler) -> Handler:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handler(reader, writer)
        with contextlib.suppress(Exception):
            writer.close()

    return serve
