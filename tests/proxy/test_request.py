"""What the gateway keeps of requests, and for how long."""

import asyncio
import json
import random

import pytest

from ccx_addons.proxy.budget import Budget
from ccx_addons.proxy.terms import Limits
from tests.patience import SOON
from tests.proxy.harness import Gateway, gateway, read_answer
from tests.proxy.upstreams import ALL, GOOD_TEXT, answers, json_answer

HEAD = b"POST /%s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
OK = b'{"ok":1}'
BIG = {**ALL, "big": answers(json_answer(b"x" * 90_000))}


async def begin(g: Gateway, path: bytes, size: int, sent: int) -> asyncio.StreamWriter:
    """A request of which ``sent`` bytes of the body's ``size`` have come."""
    _, writer = await asyncio.open_connection("127.0.0.1", g.port)
    writer.write(HEAD % (path, size) + b"x" * sent)
    await writer.drain()
    return writer


async def kept(budget: Budget, size: int) -> None:
    """Wait until the worker keeps ``size`` bytes."""
    for _ in range(200):
        if budget.used == size:
            return
        await asyncio.sleep(0.02)
    assert budget.used == size


@pytest.mark.parametrize(
    ("who", "size", "status"),
    [
        pytest.param("client", (8 << 20) + 1, 200, id="a client"),
        pytest.param("panel", 8 << 20, 200, id="the panel"),
        pytest.param("panel", (8 << 20) + 1, 413, id="too much for the panel"),
        pytest.param("nobody", 64 << 10, 500, id="nobody known"),
        pytest.param("nobody", (64 << 10) + 1, 413, id="too much of somebody unknown"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_how_much_is_read_depends_on_who_sends_it(who: str, size: int, status: int, chunked: bool) -> None:
    async with gateway(ALL, who=who) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        if chunked:
            writer.write(b"POST /json HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n" % size)
            writer.write(b"x" * size + b"\r\n0\r\n\r\n")
        else:
            writer.write(HEAD % (b"json", size) + b"x" * size)
        assert (await asyncio.wait_for(read_answer(reader), SOON))[0] == status
        writer.close()


async def test_a_body_has_its_time() -> None:
    """However it drips in: the caller is told in its own words, and the connection is closed."""
    async with gateway(ALL, limits=Limits(client_timeout=5, body_timeout=0.4)) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(HEAD % (b"json", 1000))
        answer = asyncio.ensure_future(read_answer(reader))
        while not answer.done():
            writer.write(b"x")
            await asyncio.sleep(0.05)
        status, body = await answer
        assert status == 408 and "did not arrive in time" in json.loads(body)["error"]["message"]
        assert await asyncio.wait_for(reader.read(), SOON) == b""


async def test_new_bodies_wait_for_room_and_are_refused_when_there_is_none() -> None:
    budget = Budget(400_000, patience=0.3)
    async with gateway(ALL, limits=Limits(budget=budget)) as g:
        first = await begin(g, b"json", 320_000, 319_000)
        await kept(budget, 319_000)
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(HEAD % (b"json", 10) + b"x" * 10)
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)).lower()
        assert head.startswith(b"http/1.1 503 ") and b"\r\nretry-after: 5\r\n" in head
        writer.close()
        await kept(budget, 319_000)
        budget.patience = 30
        late = asyncio.ensure_future(g.ask("json", b"x" * 10))
        await kept(budget, 319_010)
        first.write(b"x" * 1000)
        assert await late == (200, OK)
        first.close()
        await kept(budget, 0)


async def test_strangers_take_no_room_from_clients() -> None:
    budget = Budget(400_000, patience=0.3)
    async with gateway(ALL, limits=Limits(budget=budget), who="panel") as g:
        writers = [await begin(g, b"json", 30_000, 29_000) for _ in range(2)]
        await kept(budget.strangers, 2 * 29_000)
        assert (await g.ask("json", b"x" * 30_000))[0] == 503
        g.script.who = "client"
        assert await g.ask("json", b"x" * 90_000) == (200, OK)
        for writer in writers:
            writer.close()
        await kept(budget.strangers, 0)
        assert budget.used == 0


async def test_an_answer_that_does_not_fit_is_not_collected() -> None:
    budget = Budget(50_000, patience=0.2)
    async with gateway(BIG, limits=Limits(budget=budget)) as g:
        assert (await g.ask("big"))[1] == b'["no_room"]'
        assert await g.ask("json") == (200, OK)
        await kept(budget, 0)


async def test_nothing_stays_counted_however_exchanges_end() -> None:
    """Clients that leave at any moment, upstreams that fail in every way, bodies that are refused."""
    chance, budget = random.Random(5), Budget(400_000, patience=0.3)
    paths = ["good", "json", "big", "429,json", "cut", "bug,json", "stall,good", "midstall", "refused,big", "bomb,good"]

    async def client(g: Gateway) -> None:
        size, path = chance.choice([0, 10, 30_000, 90_000, 200_000]), chance.choice(paths)
        await asyncio.sleep(chance.random() / 2)
        sent = chance.choice([size, size // 2])
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(HEAD % (path.encode(), size) + b"x" * sent)
        if sent == size and chance.random() < 0.6:
            await asyncio.wait_for(read_answer(reader), SOON)
        else:
            await asyncio.sleep(chance.random() / 2)
        if chance.random() < 0.5:
            writer.transport.abort()
        writer.close()

    async with gateway(BIG, limits=Limits(max_body=150_000, budget=budget), direct=True) as g:
        await asyncio.gather(*(client(g) for _ in range(120)))
        await kept(budget, 0)
        assert await g.ask("good") == (200, GOOD_TEXT)
