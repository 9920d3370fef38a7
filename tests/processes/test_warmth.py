import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.core.config import Channel, Timeouts
from ccx_addons.core.verdict import Outcome, Verdict, classify
from ccx_addons.processes import warmth as module
from ccx_addons.processes.runtime import Runtime
from ccx_addons.processes.warmth import Warmth, place_of
from ccx_addons.proxy.dial import DialError, Place, Wire, dial
from ccx_addons.proxy.pool import Pool
from tests.patience import until
from tests.proxy import certificates
from tests.scheduler.values import attempt, broken, channel, snapshot, status


class Peer:
    """A server with TLS whose connections the test holds; a connection counts when its handshake is complete."""

    def __init__(self, folder: Path) -> None:
        self.issued = certificates.issue(folder, "127.0.0.1")
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self, **more: Any) -> Channel:
        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.writers.append(writer)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=self.issued.server)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        return channel("main", base_urls=(url,), ca_file=self.issued.ca_file, **{"warm": 1, **more})


async def looked(warmth: Warmth) -> None:
    """One round, and what it began."""
    warmth.look()
    await asyncio.gather(*warmth.opening.values())


@pytest.fixture
def peer(tmp_path: Path) -> Peer:
    return Peer(tmp_path)


@pytest.mark.parametrize("count", [1, 3])
async def test_so_many_connections_stand_and_no_more(runtime: Runtime, peer: Peer, count: int) -> None:
    of = await peer.start(warm=count)
    runtime.snapshot, pool = snapshot(of, replace(of, id="other", warm=1)), Pool()
    warmth = Warmth(runtime, pool)
    for _ in range(3):
        await looked(warmth)
    assert pool.ready(place_of(of), 1) == len(peer.writers) == count
    pool.stop()


async def test_what_was_taken_grew_old_or_was_closed_is_replaced(runtime: Runtime, peer: Peer) -> None:
    of = await peer.start()
    runtime.snapshot, pool = snapshot(of), Pool()
    warmth, place = Warmth(runtime, pool), place_of(of)
    await looked(warmth)
    wire, reused = await pool.get(place, 5)
    assert reused and len(peer.writers) == 1, "stale or not: who gets it knows that it is not fresh"
    await looked(warmth)
    assert len(peer.writers) == 2
    (other,) = pool._parked[place]
    other.idle_since -= pool.idle_limit - module.AHEAD + 0.1
    await looked(warmth)
    assert len(peer.writers) == 3 and other.usable, "a new one stands before the old one goes"
    peer.writers[2].close()
    await until(lambda: not pool.ready(place, module.AHEAD))
    await looked(warmth)
    assert len(peer.writers) == 4
    pool.close(place, wire)
    pool.stop()
    assert not pool.open


@pytest.mark.parametrize(
    ("more", "failures"),
    [
        pytest.param({"warm": 0}, [], id="not asked for"),
        pytest.param({"status": "suspended"}, [], id="suspended"),
        pytest.param({"status": "disabled"}, [], id="on standby"),
        pytest.param({}, [status(401, "invalid x-api-key")], id="its key rests"),
        pytest.param({}, [broken()], id="its address pauses"),
        pytest.param({}, [broken()] * 9, id="its breaker is open"),
    ],
)
async def test_only_where_requests_can_go(
    runtime: Runtime, peer: Peer, more: dict[str, Any], failures: list[Outcome]
) -> None:
    of = await peer.start()
    runtime.snapshot, pool = snapshot(of), Pool()
    warmth = Warmth(runtime, pool)
    await looked(warmth)
    assert pool.open
    changed = replace(of, **more)
    runtime.snapshot = snapshot(changed)
    for outcome in failures:
        verdict: Verdict = classify(outcome, 2, time.time())
        runtime.state.begin("chat", attempt(changed), time.time())
        runtime.state.learn("chat", attempt(changed), outcome, verdict, time.time(), "")
    await looked(warmth)
    assert not pool.open and not warmth.kept, "what stood there is closed"


async def test_what_a_client_has_used_is_not_closed_with_the_rest(runtime: Runtime, peer: Peer) -> None:
    of = await peer.start()
    runtime.snapshot, pool = snapshot(of), Pool()
    warmth, place = Warmth(runtime, pool), place_of(of)
    await looked(warmth)
    wire, _ = await pool.get(place, 5)
    await looked(warmth)
    pool.put_back(place, wire)
    runtime.snapshot = snapshot()
    await looked(warmth)
    assert pool.open == {place: 1} and await pool.get(place, 5) == (wire, True)
    pool.close(place, wire)


async def test_a_place_that_is_not_reached_is_nobodys_fault_and_tried_ever_more_seldom(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Place] = []
    down = True

    async def connect(place: Place, seconds: float) -> Wire:
        tried.append(place)
        if down:
            raise DialError("connect", "refused")
        return await dial(place, seconds)

    of = channel("main", warm=2)
    runtime.snapshot, pool, clock = snapshot(of), Pool(connect=connect), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    warmth, counts = Warmth(runtime, pool), []
    for _ in range(4):
        before = len(tried)
        for _ in range(60):
            clock[0] += 1
            await looked(warmth)
        counts.append(len(tried) - before)
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1]
    assert not runtime.state.channels and not runtime.state.changes and not pool.open
    assert runtime.state.is_well(of, time.time())


async def test_it_ends_with_the_worker(runtime: Runtime) -> None:
    started = asyncio.Event()

    async def connect(place: Place, seconds: float) -> Wire:
        started.set()
        return await asyncio.Event().wait()  # type: ignore[return-value]

    runtime.snapshot, pool = snapshot(channel("main", warm=1)), Pool(connect=connect)
    warmth = Warmth(runtime, pool)
    warmth.running()
    await started.wait()
    tasks = list(warmth.opening.values())
    warmth.done()
    await asyncio.wait(tasks)
    assert not pool.open and not warmth.opening and tasks[0].cancelled()


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"base_urls": ("https://a.test/v1#", "https://b.test")}, Place("a.test", 443, True, True, None, None)),
        ({"base_urls": ("http://a.test:81",), "proxy": "http://p:1"}, Place("a.test", 81, False, True, None, "http://p:1")),
        ({"base_urls": ("https://a.test",), "proxy": "none", "verify_tls": False, "ca_file": "c", "timeouts": Timeouts()},
         Place("a.test", 443, True, False, "c", None)),
    ],
)  # fmt: skip
def test_the_place_is_the_one_of_the_channels_requests(more: dict[str, Any], place: Place) -> None:
    assert place_of(channel("main", **more)) == place
