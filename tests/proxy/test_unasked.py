"""Exchanges of the gateway's own over real sockets: the answer is let go, the time is kept. The whole: wire/test_mirrors."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from mitmproxy import http
from mitmproxy.options import Options

from ccx_addons.core.config import Timeouts
from ccx_addons.core.exchange import Exchange, Upstream
from ccx_addons.proxy.budget import Budget
from ccx_addons.proxy.guard import attach, guarded
from ccx_addons.proxy.hooks import DirectHooks
from ccx_addons.proxy.pool import Pool
from ccx_addons.proxy.terms import Limits
from ccx_addons.proxy.unasked import Unasked, request_of
from tests.addons.values import attempted, channel, exchange

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Heard:
    """The only addon: sends the request on as it is."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.hooks: list[str] = []

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> None:
        attempted(x, channel("main"), None)
        x.upstream = Upstream("127.0.0.1", self.port, False, Timeouts())
        flow.request.data.authority, flow.request.data.path = b"", b"/"
        flow.request.headers = http.Headers([(b"host", b"127.0.0.1"), (b"content-length", b"8")])

    @guarded
    def upstream_outcome(self, flow: http.HTTPFlow, x: Exchange) -> None:
        x.decision = "commit"

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.hooks.append("response")

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.hooks.append("error")


def ask(serve: Serve, seconds: float) -> tuple[Heard, http.HTTPFlow, Limits, int]:
    """``int``: connections that are open afterwards."""

    async def run() -> tuple[Heard, http.HTTPFlow, Limits, int]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        heard, limits, pool = Heard(server.sockets[0].getsockname()[1]), Limits(budget=Budget(1 << 20)), Pool()
        options = Options()
        options.add_option("tcp_timeout", int, 600, "")
        flow = request_of("POST", "/v1/chat/completions", (), b'{"a": 1}')
        x = exchange("chat", channel("main"))
        x.clock = time.monotonic()
        attach(flow, x)
        try:
            await Unasked(options, limits, pool).send(flow, DirectHooks([heard]), seconds)
            return heard, flow, limits, sum(pool.open.values())
        finally:
            pool.stop()
            server.close()

    return asyncio.run(run())


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b'{"a": 1}')
    writer.write(ANSWER)
    await reader.read()
    writer.close()


async def is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def test_it_is_answered_and_the_connection_is_kept_for_others() -> None:
    heard, flow, limits, connections = ask(answers, 30)
    assert heard.hooks == ["response"] and flow.response and flow.response.raw_content == b"{}"
    assert limits.budget.used == 0 and connections == 1


def test_its_time_is_over() -> None:
    heard, flow, limits, connections = ask(is_silent, 0.2)
    assert heard.hooks == ["error"] and flow.response is None
    assert limits.budget.used == 0 and connections == 0


def test_room_is_half_of_what_bodies_may_take() -> None:
    unasked = Unasked(Options(), Limits(budget=Budget(100)), Pool())
    unasked.limits.budget.used = 49
    assert unasked.has_room
    unasked.limits.budget.used = 50
    assert not unasked.has_room
