"""Who does not take what he asked for, or sends what nobody can use yet, waits, and nobody's memory fills."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import h2.connection
import h2.events
import pytest

from ccx_addons.proxy.budget import Budget
from ccx_addons.proxy.http1 import ClientHttp1
from ccx_addons.proxy.layer import MAX_EARLY, MAX_UNREAD
from ccx_addons.proxy.listener import server_tls
from ccx_addons.proxy.stream import AttemptStream
from ccx_addons.proxy.terms import Limits
from tests.patience import SOON
from tests.proxy.certificates import issue
from tests.proxy.harness import FAST, Gateway, gateway, read_answer, read_request
from tests.proxy.upstreams import ALL, SSE, answers, chunk, json_answer

HEAD = b"POST /%s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"


async def test_what_comes_ahead_of_its_turn_stays_with_the_client() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(HEAD % (b"toolpause", 0))
        writer.write((HEAD % (b"json", 1 << 20) + b"x" * (1 << 20)) * 30)
        most = 0
        answer = asyncio.ensure_future(read_answer(reader))
        while not answer.done():
            for handler in g.listener.handlers:
                end = handler.layer.connections[handler.client]
                assert isinstance(end, ClientHttp1)
                most = max(most, end.early)
            await asyncio.sleep(0.01)
        assert (await answer)[0] == 200
        assert 0 < most <= MAX_EARLY + (64 << 10)
        for _ in range(30):
            assert await asyncio.wait_for(read_answer(reader), SOON) == (200, b'{"ok":1}')
        writer.close()


@pytest.mark.parametrize(
    ("path", "step"),
    [(b"json", "_attempt"), (b"json", "_judge"), (b"json", "_send"), (b"good", "_commit"), (b"good", "state_stream")],
)
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "as mitmproxy calls it"])
async def test_a_bug_of_a_layer_ends_the_connection_and_the_exchange(
    path: bytes, step: str, direct: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(AttemptStream, step, bug)
    async with gateway(ALL, direct=direct) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(HEAD % (path, 0))
        await asyncio.wait_for(reader.read(), SOON)
        async with asyncio.timeout(SOON):
            while g.listener.handlers:
                await asyncio.sleep(0.01)
        assert g.script.ends == ["error"] and "a bug" in caplog.text
        writer.close()


SENT = [0]
"""Bytes that the upstream ``endless`` got rid of."""


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(SSE)
    event = chunk(b"data: " + b"x" * 60_000 + b"\n\n")
    while SENT[0] < 200 << 20:
        writer.write(event)
        await writer.drain()
        SENT[0] += len(event)


LARGE = b"x" * (20 << 20)
SLOW = {"endless": endless, "large": answers(json_answer(LARGE))}


@pytest.fixture(autouse=True)
def nothing_sent() -> None:
    SENT[0] = 0


async def stands_still() -> int:
    """What the upstream got rid of before it had to wait."""
    seen = -1
    while seen != SENT[0]:
        seen = SENT[0]
        await asyncio.sleep(0.3)
    return seen


async def ask(g: Gateway, path: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", g.port, limit=1 << 25)
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # a client that does not read
    writer.write(HEAD % (path, 0))
    return reader, writer


async def ended(g: Gateway, budget: Budget) -> None:
    for _ in range(300):
        if not g.listener.handlers and budget.used == 0:
            return
        await asyncio.sleep(0.02)
    assert not g.listener.handlers and budget.used == 0


async def test_a_client_that_takes_nothing_of_a_stream_is_left_not_the_upstream_blamed() -> None:
    limits = Limits()
    async with gateway(SLOW, limits=limits, direct=True, timeouts=FAST) as g:
        _, writer = await ask(g, b"endless")
        assert 0 < await stands_still() < 100 << 20
        await ended(g, limits.budget)
        assert g.script.exchanges[0].stream_end == "client left"
        writer.close()


async def test_a_large_answer_waits_for_a_slow_client_and_counts_meanwhile() -> None:
    limits = Limits()
    async with gateway(SLOW, limits=limits, direct=True) as g:
        reader, writer = await ask(g, b"large")
        await asyncio.sleep(1)
        assert limits.budget.used == len(LARGE)
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, LARGE)
        writer.close()
        await ended(g, limits.budget)


async def test_a_client_that_takes_nothing_of_an_answer_is_left() -> None:
    limits = Limits(client_timeout=0.3)
    async with gateway(SLOW, limits=limits, direct=True) as g:
        _, writer = await ask(g, b"large")
        await ended(g, limits.budget)
        writer.close()


async def test_an_http2_client_without_room_keeps_the_upstream_waiting(tmp_path: Path) -> None:
    """The window that it gives is its buffer; what is beyond is not read."""
    issue(tmp_path, "127.0.0.1")
    tls = server_tls(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    trust.set_alpn_protocols(["h2"])
    timeouts = replace(FAST, idle=30)
    async with gateway(SLOW, tls=tls, direct=True, timeouts=timeouts) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port, ssl=trust)
        client = h2.connection.H2Connection()
        client.initiate_connection()
        fields = [(":method", "POST"), (":path", "/endless"), (":scheme", "https"), (":authority", "x")]
        client.send_headers(1, fields, end_stream=True)
        writer.write(client.data_to_send())
        got = 0
        while got < 65_535:
            for event in client.receive_data(await asyncio.wait_for(reader.read(65_536), SOON)):
                got += len(event.data) if isinstance(event, h2.events.DataReceived) else 0
            writer.write(client.data_to_send())
        assert 0 < await stands_still() < 100 << 20
        (handler,) = g.listener.handlers
        (stream,) = {*handler.layer.streams.values()}
        assert 0 < handler.layer.unread(stream) <= MAX_UNREAD + (1 << 17)
        client.increment_flow_control_window(1 << 22)
        client.increment_flow_control_window(1 << 22, 1)
        writer.write(client.data_to_send())
        while got < 4 << 20:
            for event in client.receive_data(await asyncio.wait_for(reader.read(65_536), SOON)):
                got += len(event.data) if isinstance(event, h2.events.DataReceived) else 0
        writer.close()
