"""Upstream connections shared by a worker: few for many clients, none for two at once, none left open."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ccx_addons.core.config import Timeouts
from ccx_addons.proxy import pool as pools
from ccx_addons.proxy.dial import DialError, Place, Wire
from ccx_addons.proxy.pool import Pool
from tests.patience import SOON, until
from tests.proxy.harness import gateway, read_answer, read_request

HERE = "127.0.0.1"
REQUEST = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"


class Echo:
    """Answers with the request's body, in pieces; counts its connections. ``closes``: after each answer."""

    def __init__(self, closes: bool = False, head: bytes = b"", pause: Callable[[], float] = lambda: 0) -> None:
        self.closes, self.head, self.pause = closes, head, pause
        self.opened = self.open = self.served = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open += 1
        try:
            while True:
                _, body = await read_request(reader)
                self.served += 1
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n"
                    % (self.head, len(body))
                )
                for at in range(0, len(body), 7):
                    if pause := self.pause():
                        await asyncio.sleep(pause)
                    writer.write(body[at : at + 7])
                if self.closes:
                    return
        finally:
            self.open -= 1


# ---- many clients ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("direct", [True, False], ids=["as the program", "as mitmweb"])
async def test_a_thousand_clients_of_one_request_each(direct: bool) -> None:
    echo = Echo()
    async with gateway({"echo": echo}, direct=direct) as g:
        for _ in range(100):
            got = await asyncio.gather(*(g.ask("echo", b"a%d" % n) for n in range(10)))
            assert got == [(200, b"a%d" % n) for n in range(10)]
        assert echo.served == 1000 and echo.opened < 20


async def test_a_client_takes_over_what_another_does_not_use() -> None:
    echo = Echo()
    async with gateway({"echo": echo}, direct=True) as g:
        clients = [await asyncio.open_connection(HERE, g.port) for _ in range(2)]
        for _ in range(3):
            for reader, writer in clients:
                writer.write(REQUEST % (1, b"a"))
                assert await read_answer(reader) == (200, b"a")
        assert echo.opened == 1
        for _, writer in clients:
            writer.close()


async def test_what_is_in_use_is_nobody_elses() -> None:
    echo = Echo(pause=lambda: 0.05)
    async with gateway({"echo": echo}, direct=True, timeouts=Timeouts()) as g:
        bodies = [b"%d" % n * 20 for n in range(9)]
        assert await asyncio.gather(*(g.ask("echo", body) for body in bodies)) == [(200, body) for body in bodies]
        assert echo.opened == 9


@pytest.mark.parametrize("closes", [True, False])
async def test_an_upstream_that_closes_after_each_answer(closes: bool) -> None:
    echo = Echo(closes=closes)
    async with gateway({"echo": echo}, direct=True) as g:
        for n in range(5):
            assert await g.ask("echo", b"%d" % n) == (200, b"%d" % n)
            await asyncio.sleep(0.02)
        assert echo.opened == (5 if closes else 1) and g.script.log == ["ok"] * 5


async def test_a_kept_connection_that_the_upstream_closed_meanwhile() -> None:
    """It says how long it keeps one (less than a second more than it does): nobody sends a request into that."""
    echo = Echo(head=b"keep-alive: timeout=1\r\n")
    async with gateway({"echo": echo}, direct=True) as g:
        assert await g.ask("echo") == (200, b"abc") == await g.ask("echo")
        assert echo.opened == 2


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_of_an_exchange_reaches_another(seed: int) -> None:
    """Random interleavings; clients leave in the middle, keep their connection, or come anew."""
    chance = random.Random(seed)
    echo = Echo(pause=lambda: chance.choice((0, 0, 0, 0.001)))
    number = iter(range(1_000_000))

    async def one() -> None:
        reader, writer = await asyncio.open_connection(HERE, g.port)
        try:
            for _ in range(chance.randrange(1, 4)):
                body = b"<%d>" % next(number) * chance.randrange(1, 12)
                writer.write(REQUEST % (len(body), body))
                if chance.random() < 0.3:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(100), chance.random() * 0.01)
                    return
                assert await asyncio.wait_for(read_answer(reader), SOON) == (200, body)
                await asyncio.sleep(chance.choice((0, 0.002)))
        finally:
            writer.close()

    async with gateway({"echo": echo}, direct=seed % 2 == 0, timeouts=Timeouts()) as g:
        for _ in range(12):
            await asyncio.gather(*(one() for _ in range(12)))
        await until(lambda: not g.listener.handlers)
        assert sum(g.listener.pool.open.values()) == echo.open
    await until(lambda: echo.open == 0)
    assert not g.listener.pool.open, "everything is closed when the gateway stops"


# ---- the pool alone --------------------------------------------------------------------------------------------------
class Peer:
    """A server whose connections the test holds in its hand."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self) -> Place:
        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.writers.append(writer)

        self.server = await asyncio.start_server(accept, HERE, 0)
        return Place(HERE, self.server.sockets[0].getsockname()[1], False, True, None, None)


async def test_a_parked_connection_is_used_again() -> None:
    place, pool = await Peer().start(), Pool()
    wire, reused = await pool.get(place, SOON)
    pool.put_back(place, wire)
    assert not reused and await pool.get(place, SOON) == (wire, True)
    pool.close(place, wire)
    assert not pool.open


async def test_a_fresh_one_is_a_fresh_one() -> None:
    place, pool = await Peer().start(), Pool()
    wire, _ = await pool.get(place, SOON)
    pool.put_back(place, wire)
    other, reused = await pool.get(place, 1, fresh=True)
    assert other is not wire and not reused and pool.open == {place: 2}
    pool.close(place, other)
    pool.stop()
    assert not pool.open


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda writer: writer.close(), id="closed by the upstream"),
        pytest.param(lambda writer: writer.write(b"HTTP/1.1 408 Timeout\r\n\r\n"), id="the upstream said something"),
        pytest.param(lambda writer: writer.transport.abort(), id="reset"),
    ],
)
async def test_a_parked_connection_that_is_not_usable(spoil: Callable[[asyncio.StreamWriter], None]) -> None:
    peer = Peer()
    place, pool = await peer.start(), Pool()
    wire, _ = await pool.get(place, SOON)
    pool.put_back(place, wire)
    await until(lambda: bool(peer.writers))
    spoil(peer.writers[0])
    await until(lambda: not wire.usable)
    other, reused = await pool.get(place, SOON)
    assert other is not wire and not reused and pool.open == {place: 1}
    pool.close(place, other)


async def test_an_old_connection_is_closed_by_itself() -> None:
    place, pool = await Peer().start(), Pool(idle_limit=0.04)
    wire, _ = await pool.get(place, SOON)
    wire.rest()
    pool.put_back(place, wire)
    await until(lambda: not pool.open)
    assert wire.writer.is_closing()


async def test_no_more_are_parked_than_a_burst_leaves() -> None:
    place, pool = await Peer().start(), Pool()
    wires = [(await pool.get(place, SOON))[0] for _ in range(pools.MOST_PARKED + 3)]
    for wire in wires:
        pool.put_back(place, wire)
    assert pool.open == {place: pools.MOST_PARKED}
    pool.stop()


async def test_the_cap_makes_requests_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST_OPEN", 1)
    place, pool = await Peer().start(), Pool()
    wire, _ = await pool.get(place, SOON)
    waiting = asyncio.ensure_future(pool.get(place, SOON))
    await asyncio.sleep(0.01)
    pool.put_back(place, wire)
    assert await waiting == (wire, True), "an idle one goes to who waits"
    waiting = asyncio.ensure_future(pool.get(place, SOON))
    await asyncio.sleep(0.01)
    pool.close(place, wire)
    other, reused = await waiting
    assert not reused and pool.open == {place: 1}, "a closed one makes room for a new one"
    with pytest.raises(DialError, match="in use") as caught:
        await pool.get(place, 0.02)
    assert caught.value.kind == "connect_timeout"
    pool.close(place, other)


async def test_who_waits_may_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST_OPEN", 1)
    place, pool = await Peer().start(), Pool()
    wire, _ = await pool.get(place, SOON)
    waiting = asyncio.ensure_future(pool.get(place, SOON))
    await asyncio.sleep(0.01)
    pool.put_back(place, wire)
    waiting.cancel()  # with the connection in its hand
    await asyncio.wait([waiting])
    assert await pool.get(place, SOON) == (wire, True) and pool.open == {place: 1}
    pool.close(place, wire)


async def test_a_connection_that_cannot_be_opened_is_not_counted() -> None:
    async def refuse(place: Place, seconds: float) -> Wire:
        raise DialError("connect", "refused")

    pool = Pool(connect=refuse)
    with pytest.raises(DialError):
        await pool.get(Place(HERE, 1, False, True, None, None), 1)
    assert not pool.open


class Hand:
    """A client connection that holds one connection."""

    def __init__(self, wire: Wire | None, reading: Callable[[], Awaitable[Any]]) -> None:
        self.wire, self.reading, self.asked = wire, reading, 0

    def give_away(self, connection: Any) -> Any:
        self.asked += 1
        return (self.wire, asyncio.ensure_future(self.reading())) if self.wire else None


async def test_only_some_clients_are_asked_and_others_next_time() -> None:
    place, pool = await Peer().start(), Pool()
    hands = [Hand(None, lambda: asyncio.sleep(0)) for _ in range(3 * pools.LOOKS)]
    for n, hand in enumerate(hands):
        pool.hold(place, n, hand)  # type: ignore[arg-type]  # whatever names the connection
    for _ in range(3):
        wire, _ = await pool.get(place, SOON)
        pool.close(place, wire)
    assert [hand.asked for hand in hands] == [1] * len(hands)


async def test_who_takes_one_over_may_leave_meanwhile() -> None:
    place, pool = await Peer().start(), Pool()
    wire, _ = await pool.get(place, SOON)
    pool.hold(place, "a", Hand(wire, lambda: asyncio.sleep(0.05)))  # type: ignore[arg-type]
    taking = asyncio.ensure_future(pool.get(place, SOON))
    await asyncio.sleep(0.01)
    taking.cancel()
    await asyncio.wait([taking])
    assert wire.writer.is_closing() and not pool.open


# ---- before anybody needs them ---------------------------------------------------------------------------------------
async def test_a_connection_that_stands_ready() -> None:
    place, pool = await Peer().start(), Pool(idle_limit=10)
    await pool.warm_up(place, 1)
    assert pool.open == {place: 1} and (pool.ready(place, 9), pool.ready(place, 11)) == (1, 0)
    wire, reused = await pool.get(place, SOON)
    assert reused and not pool.ready(place, 0)
    await pool.warm_up(place, 1)
    pool.put_back(place, wire)
    assert pool.ready(place, 0) == 2
    pool.cool_down(place)
    assert pool.open == {place: 1} and pool.ready(place, 0) == 1, "only what nobody has used"
    pool.stop()
    await pool.warm_up(place, 1)
    assert not pool.open


async def test_none_stands_ready_above_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST_OPEN", 1)
    place, pool = await Peer().start(), Pool()
    wire, _ = await pool.get(place, SOON)
    await pool.warm_up(place, 1)
    assert pool.open == {place: 1}
    pool.close(place, wire)
