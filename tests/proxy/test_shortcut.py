"""The short way of a stream's pieces: what the client gets is what it gets through the layers, wherever pieces end."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from mitmproxy.proxy import events

from ccx_addons.core.config import Timeouts
from ccx_addons.core.patient_json import BIG
from ccx_addons.proxy.layer import AttemptLayer
from ccx_addons.proxy.listener import GatewayConnection
from tests.patience import SOON
from tests.proxy.harness import Handler, gateway, read_answer, read_request
from tests.proxy.upstreams import GOOD, LAST, SSE, chunk

PATIENT = Timeouts(total=8, idle=6, tool_idle=6)
"""Nothing here waits for one: a slow machine must not decide."""
FIRST = SSE + chunk(b"data: 0\n\n")
REST = {
    "events": b"".join(chunk(b"data: %d\n\n" % n) for n in range(1, 30)) + chunk(b"data: END\n\n") + LAST,
    "halves of events": b"".join(chunk(b"da") + chunk(b"ta: %d\n" % n) + chunk(b"\n") for n in range(9))
    + chunk(b"data: END\n\n")
    + LAST,
    "an error event, and more behind it": chunk(b"data: 1\n\n") + chunk(b"data: ERROR\n\n") + chunk(b"data: 2\n\n") * 5,
    "what the converter cannot take": chunk(b"data: 1\n\n") + chunk(b"data: BUG\n\n") + chunk(b"data: 2\n\n") * 5,
    "a malformed chunk": chunk(b"data: 1\n\n") + b"zz\r\n" + chunk(b"data: 2\n\n"),
    "no end event": chunk(b"data: 1\n\n") + LAST,
    "trailers": chunk(b"data: 1\n\n") + chunk(b"data: END\n\n") + b"0\r\nx-checksum: 1\r\n\r\n",
    "a large event, and small ones behind it": chunk(b"data: " + b"x" * BIG)
    + chunk(b"\n\n")
    + b"".join(chunk(b"data: %d\n\n" % n) for n in range(9))
    + chunk(b"data: END\n\n")
    + LAST,
}


def in_pieces(rest: bytes, cuts: list[int]) -> Handler:
    """A stream that is committed, then the rest of it in pieces."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(FIRST)
            at = 0
            for cut in [*sorted(cuts), len(rest)]:
                await asyncio.sleep(0.003)
                writer.write(rest[at:cut])
                at = max(at, cut)

    return handler


def places(rest: bytes, seed: int) -> list[int]:
    chance = random.Random(seed)
    return [chance.randrange(len(rest)) for _ in range(chance.randrange(24))]


async def told(handler: Handler, direct: bool) -> object:
    """What the client and the addons see, and whether the same connection serves another request."""
    async with gateway({"stream": handler, "good": GOOD}, direct=direct, timeouts=PATIENT) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        answers = []
        for path in ("stream", "good", "stream"):
            writer.write(f"POST /{path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx".encode())
            answers.append(await asyncio.wait_for(read_answer(reader), SOON))
        writer.close()
        ends = [(x.stream_end, x.fault and x.fault.message, x.bytes_out) for x in g.script.exchanges]
        return answers, ends, g.script.log, g.script.ends


@pytest.fixture
def long_way(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as patch:
        patch.setattr(AttemptLayer, "shorten", lambda *_: None)
        yield patch


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", REST)
async def test_it_gives_what_the_layers_give(name: str, seed: int, long_way: pytest.MonkeyPatch) -> None:
    handler = in_pieces(REST[name], places(REST[name], seed))
    through_layers = await told(handler, direct=seed % 2 == 0)
    long_way.undo()
    assert await told(handler, direct=seed % 2 == 0) == through_layers


async def test_a_piece_costs_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mitmproxy's machinery sees the head, and the end."""
    seen: list[events.Event] = []
    stock = GatewayConnection.server_event

    async def noted(self: GatewayConnection, event: events.Event) -> None:
        seen.append(event)
        await stock(self, event)

    piece = chunk(b"data: 1\n\n")
    rest = piece * 60 + chunk(b"data: END\n\n") + LAST
    monkeypatch.setattr(GatewayConnection, "server_event", noted)
    async with gateway({"stream": in_pieces(rest, [len(piece) * n for n in range(1, 61)])}) as g:
        _, body = await g.ask("stream")
    assert body.count(b"data: 1\n\n") == 60
    assert sum(isinstance(event, events.DataReceived) for event in seen) < 12


async def test_a_client_that_leaves_is_noticed() -> None:
    rest = b"".join(chunk(b"data: 1\n\n") for _ in range(500))
    async with gateway({"stream": in_pieces(rest, list(range(0, len(rest), 14)))}) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(b"POST /stream HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx")
        await reader.readuntil(b"data: 1\n\n")
        writer.transport.abort()
        async with asyncio.timeout(SOON):
            while not g.script.ends:
                await asyncio.sleep(0.01)
        assert g.script.ends == ["error"] and g.script.exchanges[0].stream_end == "client left"
