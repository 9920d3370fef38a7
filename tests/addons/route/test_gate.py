"""Waiting for a place: in the order of arrival, for a while, and never in the event loop's way."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from ccx_addons.core.config import Channel, ChannelLimits, Client, ClientLimits, KeyLimits, ModelLimit, Patterns
from ccx_addons.core.verdict import Attempt, Outcome, Verdict, classify
from ccx_addons.io.meeting import Alone, Answer
from ccx_addons.route import gate as gates
from ccx_addons.route.gate import Gate
from ccx_addons.scheduler import State
from ccx_addons.scheduler.budgets import Estimate
from ccx_addons.scheduler.index import entry_of
from ccx_addons.scheduler.limits import Ask, Cost, Limits, Refusal, Refused, cost_of
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
        assert await gate.enter_by(exchanges[n], attempt(of), time.monotonic() + 20) == ""
        order.append(exchanges[n].id)
        await asyncio.sleep(0)
        gate.leave(exchanges[n])

    async def main() -> None:
        assert gate.open_for(attempt(of)) and gate.enter(exchanges[0], attempt(of)) is None
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

    async def main() -> str:
        gate.enter(exchange("chat", of, id="first"), attempt(of))
        return await gate.enter_by(exchange("chat", of), attempt(of), time.monotonic() + patience)

    assert asyncio.run(main()) == "rate_wait" and not gate.waiting


def test_who_gives_up_wakes_the_next() -> None:
    gate, of = Gate(State()), limited(concurrency=1)
    first, second, third = (exchange("chat", of, id=f"x{n}") for n in range(3))

    async def main() -> str:
        gate.enter(first, attempt(of))
        gone = asyncio.create_task(gate.enter_by(second, attempt(of), time.monotonic() + 20))
        waiting = asyncio.create_task(gate.enter_by(third, attempt(of), time.monotonic() + 20))
        await asyncio.sleep(0)
        gone.cancel()
        gate.leave(first)
        return await waiting

    assert asyncio.run(main()) == ""


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


class Elsewhere:
    """A meeting place in which others have all of one name."""

    poll, trouble, shared = 0.01, "", True

    def __init__(self, name: str) -> None:
        self.name, self.asked, self.left = name, list[str](), list[str]()

    async def start(self) -> None: ...

    def stop(self) -> None: ...

    async def enter(self, ask: Ask) -> Answer:
        await asyncio.sleep(0)
        self.asked.append(ask.slot)
        full = self.name in [scope.name for scope in ask.scopes]
        return Refused(self.name, "concurrency", float("inf")) if full else None

    def leave(self, slot: str) -> None:
        self.left.append(slot)

    def spend(self, cost: Cost) -> None: ...

    def tell(self, topic: str, *words: str) -> None: ...

    def listen(self, topic: str, hear: Callable[..., None]) -> None: ...


def test_where_others_have_a_key_the_next_one_is_taken_at_once() -> None:
    one, two = (replace(channel("a").keys[0], id=f"k_{n}", limits=KeyLimits(concurrency=1)) for n in (1, 2))
    of = replace(channel("a"), keys=(one, two))
    x, gate = exchange("chat", of), Gate(State(), Elsewhere(f"key:{of.id}/k_1"))
    free = {"k_2": True}
    x.other_key = lambda tried: free["k_2"]

    async def main() -> None:
        assert (
            await gate.enter_by(x, Attempt(of, one, of.base_urls[0], 1, model="m"), time.monotonic() + 20) == "key_wait"
        )
        assert await gate.enter_by(x, Attempt(of, two, of.base_urls[0], 1, model="m"), time.monotonic() + 20) == ""
        free["k_2"] = False
        assert await gate.enter_by(x, Attempt(of, one, of.base_urls[0], 1, model="m"), time.monotonic()) == "rate_wait"

    asyncio.run(main())
    meeting = gate.meeting
    assert isinstance(meeting, Elsewhere) and len(set(meeting.asked)) == 3
    gate.dismiss(x)
    assert meeting.left == meeting.asked[1:2] and not gate.places


def test_a_client_of_several_workers_is_admitted_by_all() -> None:
    x = exchange()
    for name, limits in (("alice", ClientLimits(concurrency=1)), ("bob", ClientLimits(rpm=1))):
        x.client = Client(name, "", limits=limits)
        gate = Gate(State(), Elsewhere("client:alice"))
        admission = gate.admit(x)
        assert inspect.isawaitable(admission)

        async def main(admission: Awaitable[Refusal | None] = admission) -> Refusal | None:
            return await admission

        refusal = asyncio.run(main())
        assert (refusal is None) == (name == "bob") == (x.id in gate.clients)


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
        waiting = [asyncio.create_task(gate.probe(exchange("chat", of), attempt(of, waits=True))) for _ in range(2)]
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
    asyncio.run(Gate(state).probe(exchange("chat", of), attempt(of, waits=True)))
    assert state.of("chat", of.id).breakers


def two_workers(of: Channel) -> tuple[list[State], list[Gate]]:
    """They meet, and each has found by itself that the channel's breaker is open."""
    states, place = [State(), State()], Limits()

    class Shared(Alone):
        shared = True

    for state in states:
        probed(state, of)
    return states, [Gate(state, Shared(place)) for state in states]


@pytest.mark.parametrize("well", [True, False], ids=["somebody else is well", "nobody else is"])
def test_one_of_all_workers_probes(monkeypatch: pytest.MonkeyPatch, well: bool) -> None:
    monkeypatch.setattr(gates, "PROBE_POLL", 0.001)
    of, (first, second) = channel("a"), (exchange("chat", id=f"x{n}") for n in (1, 2))
    first.other_way = second.other_way = lambda: well
    states, (one, two) = two_workers(of)

    async def main() -> None:
        assert one.probes(first, attempt(of)) and await one.probe(first, attempt(of)) == ""
        waiting = asyncio.create_task(two.probe(second, attempt(of)))
        await asyncio.sleep(0.02)
        assert waiting.done() == well
        assert not states[1].standing("chat", entry_of(of, "m"), time.time()).ready
        one.probed(first)
        if not well:
            states[1].reset("chat", of.id, time.time())
        assert await waiting == ("probe_wait" if well else "")
        states[1].begin("chat", attempt(of), time.time())
        assert await two.probe(second, attempt(of)) == "", "the first one is over"
        two.dismiss(second)

    asyncio.run(main())
    assert not one.claims and not two.claims


def test_limits_on_some_models_and_tokens_a_minute() -> None:
    state = State()
    gate, of = Gate(state), channel("free")
    some = (
        ModelLimit(models=Patterns(("*opus*",)), rpm=1),
        ModelLimit(models=Patterns(("*gpt*",)), tokens_per_minute=100),
    )
    client = Client("ann", "", model_limits=some)

    def ask(id: str, model: str) -> Refusal | None:
        x = exchange("chat", of, id=id, model=model)
        x.client = client
        found = gate.admit(x)
        assert not inspect.isawaitable(found)
        gate.dismiss(x)
        return found

    assert ask("1", "claude-opus-4-7") is None
    refused = ask("2", "claude-opus-4-7")
    assert refused and refused.words == "the key 'ann' may ask 1 times a minute of *opus*"
    assert ask("3", "claude-haiku-4-5") is None
    state.limits.pay(cost_of(client, "gpt-5", "3", Estimate(100), time.time()), time.time())
    refused = ask("4", "gpt-5")
    assert refused and refused.words == "the key 'ann' may use 100 tokens a minute on *gpt*"
    assert 50 < refused.retry_after <= 60 and ask("5", "claude-haiku-4-5") is None
    assert all(not minute.flying for minute in state.limits.minutes.values()), "nothing is held for ever"
