"""Exchanges of the gateway's own: the same streams, ends and connections as a client's, and nobody at the other end."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final

from mitmproxy import http
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    HttpConnection,
    ReceiveHttp,
    RequestProtocolError,
    ResponseEndOfMessage,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._events import ErrorCode

from ccx_addons.proxy.hooks import DirectHooks, WaitHook, WholeRequest
from ccx_addons.proxy.layer import AttemptLayer
from ccx_addons.proxy.pool import Pool
from ccx_addons.proxy.terms import Limits
from ccx_addons.proxy.upstream import UpstreamConnections

STREAM: Final = 1
ENDS: Final = (ResponseEndOfMessage, ResponseProtocolError)
NOBODY: Final = ("127.0.0.1", 0)


class Nobody(HttpConnection):
    """In the client's place: says the request, and lets go of the answer. ``over``: it has ended."""

    def __init__(self, flow: http.HTTPFlow, context: Context, over: asyncio.Event) -> None:
        super().__init__(context, context.client)
        self.flow, self.over = flow, over

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            request = self.flow.request
            content = request.raw_content or b""
            whole = WholeRequest(STREAM, request, not content, self.flow, content=content)
            yield ReceiveHttp(whole)
        elif isinstance(event, events.ConnectionClosed):
            gone = RequestProtocolError(STREAM, "the time for it is over", ErrorCode.CLIENT_DISCONNECTED)
            yield ReceiveHttp(gone)
        elif isinstance(event, ENDS):
            self.over.set()


class UnaskedConnection(UpstreamConnections):
    """One exchange. ``flow`` has its request and its Exchange (guard.attach); ``direct`` are all who hear of it."""

    layer: AttemptLayer

    def __init__(self, flow: http.HTTPFlow, options: Options, limits: Limits, pool: Pool, direct: DirectHooks) -> None:
        context = Context(flow.client_conn, options)
        super().__init__(context)
        self.pool, self.direct = pool, direct
        self.over = asyncio.Event()
        self.layer = AttemptLayer(context, limits, direct)
        self.layer.connections[context.client] = Nobody(flow, context.fork(), self.over)

    async def handle_hook(self, hook: commands.StartHook) -> None:
        if isinstance(hook, WaitHook):
            await super().handle_hook(hook)
        elif rest := self.direct.run(hook.name, *hook.args()):
            await rest

    async def run(self, seconds: float) -> None:
        """Until the answer has ended, which the addons hear of, or the time is over: they hear of an error then."""
        try:
            await self.server_event(events.Start())
            async with asyncio.timeout(seconds):
                await self.over.wait()
        except TimeoutError:
            await self.leave()
        except asyncio.CancelledError:
            await self.leave()
            raise
        finally:
            await self.close()

    async def leave(self) -> None:
        await self.server_event(events.ConnectionClosed(self.client))

    async def close(self) -> None:
        for timer in self.wakeup_timer:
            timer.cancel()
        readers = [io.handler for io in self.transports.values() if io.handler]
        for reader in readers:
            reader.cancel()
        if readers:
            await asyncio.wait(readers)
        self.layer.release()


class Unasked:
    """How the gateway asks by itself."""

    def __init__(self, options: Options, limits: Limits, pool: Pool) -> None:
        self.options, self.limits, self.pool = options, limits, pool

    @property
    def has_room(self) -> bool:
        """Whether less than half of what bodies may take is taken."""
        budget = self.limits.budget
        return budget.used * 2 < budget.limit

    async def send(self, flow: http.HTTPFlow, direct: DirectHooks, seconds: float) -> None:
        await UnaskedConnection(flow, self.options, self.limits, self.pool, direct).run(seconds)


def request_of(method: str, path: str, headers: Iterable[tuple[bytes, bytes]], content: bytes) -> http.HTTPFlow:
    """A flow whose request nobody sent."""
    client = Client(peername=NOBODY, sockname=NOBODY, timestamp_start=time.time(), state=ConnectionState.OPEN)
    flow: Any = http.HTTPFlow(client, None, live=True)  # type: ignore[arg-type]  # there is no server yet
    fields = [*headers, (b"content-length", str(len(content)).encode())]
    flow.request = http.Request.make(method, f"http://ccx.invalid{path}", content, http.Headers(fields))
    made: http.HTTPFlow = flow
    return made
