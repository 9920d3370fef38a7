"""Responses over WebSocket: frames in, events out, with a scripted chain behind."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mitmproxy import http
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionType
from wsproto.events import CloseConnection, TextMessage

from ccx_addons.core import sse
from ccx_addons.proxy import websocket
from ccx_addons.proxy.budget import Budget
from ccx_addons.proxy.hooks import WaitHook
from ccx_addons.proxy.terms import Limits
from ccx_addons.proxy.websocket import MAX_WAITING, REMEMBERED, _is_kept, accept
from tests.patience import SOON
from tests.proxy.harness import FAST, Gateway, Handler, gateway, read_request
from tests.proxy.upstreams import LAST, SSE, answers, chunk, json_answer, then_silence

HANDSHAKE = {"upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
END = chunk(b"data: END\n\n") + LAST


def event(kind: str, **more: Any) -> bytes:
    return b"data: " + json.dumps({"type": kind, **more}).encode() + b"\n\n"


def completed(id: str) -> bytes:
    output = [{"type": "message", "role": "assistant", "content": id}]
    return event("response.completed", response={"id": id, "output": output})


class Upstream:
    """Answers each request with a stream, and keeps the bodies and heads it got."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_request(reader)
            self.heads.append(head)
            self.bodies.append(json.loads(body))
            id = f"resp_{len(self.bodies)}"
            writer.write(SSE + chunk(event("response.created")) + chunk(completed(id)) + END)
            await writer.drain()


@contextlib.asynccontextmanager
async def talking(handler: Handler, **options: Any) -> AsyncIterator[tuple[ClientConnection, Gateway]]:
    """A client connected to the gateway, whose requests go to ``handler``."""
    async with gateway({"v1/responses": handler}, **options) as g:
        admit = g.script.requestheaders

        def requestheaders(flow: http.HTTPFlow) -> None:
            admit(flow)
            if flow.request.method == "GET":
                flow.response = accept(flow.request)

        g.script.requestheaders = requestheaders  # type: ignore[method-assign]  # the addon under test accepts
        async with connect(f"ws://127.0.0.1:{g.port}/v1/responses", additional_headers={"x-a": "1"}) as socket:
            yield socket, g


async def ask(socket: ClientConnection, **body: Any) -> list[dict[str, Any]]:
    await socket.send(json.dumps({"type": "response.create", "model": "m", **body}))
    return await answer(socket)


async def answer(socket: ClientConnection) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] not in ("response.completed", "error"):
        found.append(json.loads(await asyncio.wait_for(socket.recv(), SOON)))
    return found


# ---- the handshake ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "accepted"),
    [
        ({}, True),
        ({"upgrade": "WebSocket"}, True),
        ({"upgrade": "h2c"}, False),
        ({"sec-websocket-version": "8"}, False),
        ({"sec-websocket-key": ""}, False),
    ],
)
def test_accept(more: dict[str, str], accepted: bool) -> None:
    found = accept(http.Request.make("GET", "http://a/v1/responses", b"", handshake({**HANDSHAKE, **more})))
    assert (found is not None) is accepted
    if found:
        assert found.status_code == 101 and found.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert "content-length" not in found.headers


def handshake(headers: dict[str, str]) -> http.Headers:
    return http.Headers([(name.encode(), value.encode()) for name, value in headers.items()])


def test_the_first_subprotocol_is_taken() -> None:
    headers = handshake({**HANDSHAKE, "sec-websocket-protocol": "realtime, openai-insecure-api-key.k"})
    found = accept(http.Request.make("GET", "http://a/", b"", headers))
    assert found and found.headers["sec-websocket-protocol"] == "realtime"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"Authorization", True),
        (b"user-agent", True),
        (b"sec-websocket-protocol", True),
        (b"Sec-WebSocket-Key", False),
        (b"sec-websocket-extensions", False),
        (b"Upgrade", False),
        (b"connection", False),
        (b"content-length", False),
    ],
)
def test_headers_of_the_requests(name: bytes, kept: bool) -> None:
    assert _is_kept(name) is kept


# ---- messages --------------------------------------------------------------------------------------------------------
async def test_each_message_is_a_request(caplog: pytest.LogCaptureFixture) -> None:
    upstream = Upstream()
    async with talking(upstream) as (socket, g):
        for text in ("one", "two"):
            events = await ask(socket, input=text, background=False, generate=True)
            assert [e["type"] for e in events] == ["response.created", "response.completed"]
        assert upstream.bodies == [{"model": "m", "input": text, "stream": True} for text in ("one", "two")]
        assert upstream.heads[0].startswith(b"POST /v1/responses HTTP/1.1\r\n") and b"x-a: 1" in upstream.heads[0]
        assert b"sec-websocket" not in upstream.heads[0].lower() and b"upgrade" not in upstream.heads[0].lower()
        assert g.script.log == ["ok", "ok"] and "crashed" not in caplog.text


async def test_one_at_a_time_in_their_order() -> None:
    upstream = Upstream()
    async with talking(upstream) as (socket, _):
        for n in range(5):
            await socket.send(json.dumps({"type": "response.create", "input": str(n)}))
        ids = [(await answer(socket))[-1]["response"]["id"] for _ in range(5)]
        assert ids == [f"resp_{n}" for n in range(1, 6)]
        assert [body["input"] for body in upstream.bodies] == [str(n) for n in range(5)]


async def test_too_many_that_wait() -> None:
    async with talking(then_silence(SSE + chunk(event("response.created"))), timeouts=FAST) as (socket, _):
        for n in range(MAX_WAITING + 2):
            await socket.send(json.dumps({"type": "response.create", "input": str(n)}))
        events = await answer(socket)
        assert events[-1]["status"] == 429 and events[-1]["error"]["code"] == "too_many_waiting"


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"type": "session.update"}', '"response.create"'])
async def test_messages_that_are_none(text: str) -> None:
    upstream = Upstream()
    async with talking(upstream) as (socket, _):
        await socket.send(text)
        (found,) = await answer(socket)
        assert (found["status"], found["error"]["code"]) == (400, "bad_message")
        assert (await ask(socket, input="still here"))[-1]["type"] == "response.completed"


async def test_an_answer_is_continued_from_memory() -> None:
    upstream = Upstream()
    async with talking(upstream) as (socket, _):
        await ask(socket, input="one")
        await ask(socket, input=[{"role": "user", "content": "two"}], previous_response_id="resp_1")
        await ask(socket, input="three", previous_response_id="resp_2")
    assert "previous_response_id" not in upstream.bodies[2]
    assert [item["content"] for item in upstream.bodies[2]["input"]] == ["one", "resp_1", "two", "resp_2", "three"]


async def test_memory_is_short() -> None:
    upstream = Upstream()
    async with talking(upstream) as (socket, _):
        for n in range(REMEMBERED + 1):
            await ask(socket, input=str(n))
        await ask(socket, input="x", previous_response_id="resp_1")
    assert upstream.bodies[-1]["previous_response_id"] == "resp_1", "the upstream may know it"


async def test_a_warm_up_is_answered_here() -> None:
    upstream = Upstream()
    async with talking(upstream) as (socket, _):
        created, done = await ask(socket, input="the prompt", generate=False, tools=[{"type": "x"}])
        assert (created["type"], done["type"], upstream.bodies) == ("response.created", "response.completed", [])
        assert done["response"]["tools"] == [{"type": "x"}]
        await ask(socket, input="go", previous_response_id=done["response"]["id"])
    assert [item["content"] for item in upstream.bodies[0]["input"]] == ["the prompt", "go"]


# ---- faults ----------------------------------------------------------------------------------------------------------
async def test_an_error_answer_is_an_error_event() -> None:
    async with talking(answers(json_answer(b"{}", 429))) as (socket, g):
        (found,) = await ask(socket, input="x")
        assert found["type"] == "error" and found["status"] == 502 and g.script.log == [429]
        (again,) = await ask(socket, input="y")
        assert again["type"] == "error", "the connection goes on"


async def test_binary_messages_are_not_understood() -> None:
    async with talking(Upstream()) as (socket, _):
        await socket.send(b"\0")
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(socket.recv(), SOON)
        assert caught.value.rcvd and caught.value.rcvd.code == 1003


async def test_large_messages_are_read_and_written_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "BIG", 0)
    upstream = Upstream()
    async with talking(upstream) as (socket, _):
        await socket.send("no JSON")
        assert (await answer(socket))[-1]["type"] == "error"
        for n in range(2):
            await socket.send(json.dumps({"type": "response.create", "model": "m", "input": f"{n}"}))
        for _ in range(2):
            assert (await answer(socket))[-1]["type"] == "response.completed"
    assert [body["input"] for body in upstream.bodies] == ["0", "1"]


async def test_messages_that_come_at_once_are_read_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have a turn in between."""
    turns: list[WaitHook] = []

    def turn(rest: Any) -> WaitHook:
        turns.append(WaitHook(rest))
        return turns[-1]

    monkeypatch.setattr(websocket, "WaitHook", turn)
    async with talking(Upstream()) as (socket, _):
        frames = Frames(ConnectionType.CLIENT)
        socket.transport.write(b"".join(frames.send(TextMessage("no JSON")) for _ in range(4000)))
        for _ in range(4000):
            assert json.loads(await asyncio.wait_for(socket.recv(), SOON))["type"] == "error"
    assert turns


async def test_a_message_is_bounded() -> None:
    async with talking(Upstream(), limits=Limits(max_body=1000)) as (socket, _):
        await socket.send("x" * 2000)
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(socket.recv(), SOON)
        assert caught.value.rcvd and caught.value.rcvd.code == 1009


async def test_what_a_socket_keeps_counts_until_it_is_closed() -> None:
    """Messages that come and wait, and the answers that can be continued."""
    limits = Limits(budget=Budget(300_000))
    async with talking(Upstream(), limits=limits) as (socket, _):
        for _ in range(3):
            await ask(socket, input="x" * 10_000)
        for _ in range(100):
            if 30_000 <= limits.budget.used < 40_000:
                break
            await asyncio.sleep(0.02)
        assert 30_000 <= limits.budget.used < 40_000
        await socket.send("x" * 290_000)
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(socket.recv(), SOON)
        assert caught.value.rcvd and caught.value.rcvd.code == 1013
    assert limits.budget.used == 0


async def test_an_event_that_is_too_large_closes_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 1000)
    long = SSE + chunk(event("response.created")) + chunk(b"data: " + b"x" * 2000 + b"\n\n") + END
    async with talking(answers(long)) as (socket, _):
        await socket.send(json.dumps({"type": "response.create", "model": "m", "input": "x"}))
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                await asyncio.wait_for(socket.recv(), SOON)
        assert caught.value.rcvd and caught.value.rcvd.code == 1009


async def test_nothing_is_read_behind_a_close(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    frames = Frames(ConnectionType.CLIENT)
    close = frames.send(CloseConnection(1000))
    monkeypatch.setattr(websocket, "SLICE", len(close))
    async with talking(Upstream()) as (socket, _):
        socket.transport.write(close + bytes(len(close)))
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(socket.recv(), SOON)
        assert caught.value.rcvd and caught.value.rcvd.code == 1000
    assert "crashed" not in caplog.text


async def test_a_ping_is_answered() -> None:
    async with talking(Upstream()) as (socket, _):
        await asyncio.wait_for(await socket.ping(), SOON)


async def test_an_idle_socket_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "IDLE", 0.2)
    async with talking(Upstream()) as (socket, _):
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(socket.recv(), SOON)
        assert caught.value.rcvd and caught.value.rcvd.code == 1001


async def test_a_client_that_leaves_cancels_its_request() -> None:
    left = asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(SSE + chunk(event("response.created")))
        await reader.read()
        left.set()

    async with talking(upstream) as (socket, g):
        await socket.send(json.dumps({"type": "response.create", "input": "x"}))
        await asyncio.wait_for(socket.recv(), SOON)
        await socket.close()
        await asyncio.wait_for(left.wait(), SOON)
        while "error" not in g.script.ends:
            await asyncio.sleep(0.01)


async def test_stopping_waits_for_the_answer_under_way_only() -> None:
    async with talking(Upstream()) as (socket, g):
        await ask(socket, input="x")
        assert await asyncio.wait_for(g.listener.stop(30), SOON) == 0
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), SOON)
