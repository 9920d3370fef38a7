"""Waiting for a place: in the order of arrival, for a while, and never in the event loop's way."""

import asyncio
import time
from dataclasses import replace

import pytest

from ccx_addons.core.config import Channel, ChannelLimits, Client, ClientLimits
from ccx_addons.core.verdict import Attempt, Outcome, Verdict, classify
from ccx_addons.route import gate as gates
from ccx_addons.route.gate import Gate
from ccx_addons.scheduler import State
from tests.addons.values import channel, exchange
from tests.scheduler.values import status


def limited(**limits: int) -> Channel:
    return replace(channel("busy"), limits=ChannelLimits(**limits))


def attempt(of: Channel, waits: bool = False) -> Attempt:
    return Attempt(of, of.keys[0], of.base_urls[0], 1, model="m", waits=waits)


def test_places_are_given_in_the_order_of_arrival() -> None:
    gate, of, order = Gate(State()), limited(concurrency=1), list[str]()
    exchanges = [exchange("chat", of, id=f"x{n}") for n in range(4)]

    async def wait(n: int) -> None:
        assert await gate.enter_by(exchanges[n], attempt(of), time.monotonic() + 20)
        order.append(exchanges[n].id)
        await asyncio.sleep(0)
        gate.leave(exchanges[n])

    async def main() -> None:
        assert gate.open_for(attempt(of)) and gate.enter(exchanges[0], attempt(of)) == 0
        waiting = [asyncio.create_task(wait(n)) for n in (1, 2, 3)]
        await asyncio.sleep(0)
        assert not gate.open_for(attempt(of)), "who comes now has to wait behind them"
        gate.leave(exchanges[0])
        await asyncio.gather(*waiting)

    asyncio.run(main())
    assert order == ["x1", "x2", "x3"] and not gate.waiting and not gate.places


@pytest.mark.parametrize(
    ("limits", "patience"),
    [
        pytest.param({"concurrency": 1}, 0.05, id="nobody leaves"),
        pytest.param({"rpm": 1}, 10.0, id="a minute is longer than anybody waits"),
    ],
)
def test_no_place(limits: dict[str, int], patience: float) -> None:
    gate, of = Gate(State()), limited(**limits)

    async def main() -> bool:
        gate.enter(exchange("chat", of, id="first"), attempt(of))
        return await gate.enter_by(exchange("chat", of), attempt(of), time.monotonic() + patience)

    assert asyncio.run(main()) is False and not gate.waiting


def test_who_gives_up_wakes_the_next() -> None:
    gate, of = Gate(State()), limited(concurrency=1)
    first, second, third = (exchange("chat", of, id=f"x{n}") for n in range(3))

    async def main() -> bool:
        gate.enter(first, attempt(of))
        gone = asyncio.create_task(gate.enter_by(second, attempt(of), time.monotonic() + 20))
        waiting = asyncio.create_task(gate.enter_by(third, attempt(of), time.monotonic() + 20))
        await asyncio.sleep(0)
        gone.cancel()
        gate.leave(first)
        return await waiting

    assert asyncio.run(main()) is True


def test_a_client_is_counted_until_its_exchange_is_over() -> None:
    gate, x = Gate(State()), exchange()
    x.client = Client("alice", "", limits=ClientLimits(concurrency=1))
    other = exchange(id="x2")
    other.client = x.client
    assert gate.admit(x) is None and gate.admit(other) is not None
    gate.dismiss(other)
    assert gate.admit(other) is not None, "what was refused gives nothing back"
    gate.dismiss(x)
    gate.dismiss(x)
    assert gate.admit(other) is None


# ---- probes ----------------------------------------------------------------------------------------------------------
def probed(state: State, of: Channel) -> None:
    """The channel's breaker is open, and somebody's forced probe is under way."""
    tried = attempt(of)
    now, verdict = time.time(), classify(status(500), 1, time.time())
    for n in range(5):
        state.begin("chat", tried, now)
        state.learn("chat", tried, status(500), verdict, now - 100 + 20 * n, "")
    state.begin("chat", tried, time.time())


def test_others_wait_for_a_probe_and_one_of_them_is_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "PROBE_POLL", 0.001)
    of, state = channel("a"), State()
    gate = Gate(state)
    probed(state, of)
    failed = Outcome("connect"), Verdict("next_key", "no", "model", "failure")

    async def main() -> list[bool]:
        waiting = [asyncio.create_task(gate.probe("chat", attempt(of, waits=True))) for _ in range(2)]
        await asyncio.sleep(0.01)
        before = [task.done() for task in waiting]
        state.learn("chat", attempt(of), *failed, time.time(), "")
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        after = [task.done() for task in waiting]
        for task in waiting:
            task.cancel()
        return [*before, *sorted(after)]

    assert asyncio.run(main()) == [False, False, False, True]


def test_nobody_waits_for_ever_for_a_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "PROBE_PATIENCE", 0.01)
    of, state = channel("a"), State()
    probed(state, of)
    asyncio.run(Gate(state).probe("chat", attempt(of, waits=True)))
    assert state.of("chat", of.id).breakers
