"""How exchanges end: once, whole, and in words that the client understands; on real sockets."""

import asyncio
from typing import Any

import pytest
from mitmproxy import http

from ccx_addons.core.config import Timeouts
from ccx_addons.proxy.ending import SLICE
from tests.patience import SOON
from tests.proxy import upstreams
from tests.proxy.harness import Script, gateway, read_answer
from tests.proxy.upstreams import ALL, SSE, chunk


@pytest.mark.parametrize(
    ("path", "last", "end"),
    [
        pytest.param("cut", b"ABORT the upstream broke the stream off", "cut", id="cut"),
        pytest.param("midstall", b"ABORT the upstream stopped sending", "idle", id="idle"),
        pytest.param("bug", b"ABORT ValueError: boom", "converter error", id="converter"),
        pytest.param("errorlate", b"data: ERROR", "error event", id="upstream's own error event"),
        pytest.param("noend", b"ABORT no end", "cut", id="end of body without end event"),
    ],
)
async def test_a_committed_stream_that_breaks_says_so(path: str, last: bytes, end: str) -> None:
    async with gateway(ALL) as g:
        status, body = await g.ask(f"{path},good")
        assert status == 200
        assert body.startswith(b"data: 1\n\n") and body.rstrip().split(b"\n\n")[-1].removeprefix(b"data: ").startswith(
            last.removeprefix(b"data: ")
        )
        assert g.script.exchanges[0].stream_end == end
        assert g.script.ends == ["response"]


async def test_all_failed_is_the_addons_answer() -> None:
    async with gateway(ALL) as g:
        assert await g.ask("429,refused") == (502, b'[429, "connect"]')


def answers_itself(script: Script, body: bytes) -> None:
    """The addons answer, and no upstream is asked."""

    def request(flow: http.HTTPFlow) -> None:
        flow.response = http.Response.make(200, body, {"content-type": "text/plain"})

    script.request = request  # type: ignore[method-assign]


@pytest.mark.parametrize("size", [0, 1, SLICE, SLICE + 1, 5 * SLICE])
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "mitmproxy's hooks"])
async def test_a_whole_answer_arrives_whole_whatever_its_size(direct: bool, size: int) -> None:
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    async with gateway({}, direct=direct) as g:
        answers_itself(g.script, body)
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port, limit=8 * SLICE)
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na")
            assert await asyncio.wait_for(read_answer(reader), SOON) == (200, body)
        writer.close()
        assert g.script.ends == ["response", "response"]
        assert [x.bytes_out for x in g.script.exchanges] == [size, size]


async def test_an_answer_to_head_has_no_body() -> None:
    async with gateway({}) as g:
        answers_itself(g.script, b"four")
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        heads = (await asyncio.wait_for(reader.read(-1), SOON)).split(b"\r\n\r\n")
        writer.close()
        assert heads[0].startswith(b"HTTP/1.1 200") and heads[1].startswith(b"HTTP/1.1 200") and heads[2] == b"four"


async def test_an_exchange_that_somebody_kills_is_hung_up_on_and_ends_once() -> None:
    async with gateway(ALL) as g:

        def request(flow: http.HTTPFlow) -> None:
            flow.kill()

        g.script.request = request  # type: ignore[method-assign]
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(b"POST /good HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na")
        assert await asyncio.wait_for(reader.read(-1), SOON) == b""
        writer.close()
        assert g.script.ends == ["error"] and g.script.log == []


@pytest.mark.parametrize(
    ("handler", "first"),
    [
        pytest.param(upstreams.then_silence(), b"", id="waiting for the head"),
        pytest.param(upstreams.then_silence(SSE), b"", id="in preflight"),
        pytest.param(upstreams.then_silence(SSE + chunk(b"data: 1\n\n")), b"data: 1", id="streaming"),
    ],
)
async def test_client_leaves_upstream_is_cancelled(handler: Any, first: bytes) -> None:
    left, asked = asyncio.Event(), asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = asyncio.ensure_future(handler(reader, writer))
        await asyncio.sleep(0.05)
        asked.set()
        await inner
        left.set()

    async with gateway({"slow": upstream}, timeouts=Timeouts(first_byte=600, first_event=600, idle=600)) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na")
        await asked.wait()
        if first:
            await reader.readuntil(first)
        writer.close()
        await asyncio.wait_for(left.wait(), SOON)
        async with asyncio.timeout(SOON):
            while not g.script.ends:
                await asyncio.sleep(0.01)
        assert g.script.ends == ["error"]
