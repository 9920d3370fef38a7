"""What a ranking looks at: who is asked for, and never all of many."""

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import pytest

from ccx_addons.core.config import Channel, Policy, Rotate
from ccx_addons.core.verdict import Outcome
from ccx_addons.scheduler import Pick, Search, State, rank
from ccx_addons.scheduler.ranking import NOTED
from ccx_addons.scheduler.state import Override
from tests.scheduler.values import (
    NOW,
    attempt,
    channel,
    entered,
    key,
    learn,
    limits,
    names,
    patterns,
    pick,
    run,
    snapshot,
    status,
)

ANSWERED: Final = Outcome("ok", 200, first_event=0.5)
TOOL: Final = 4
"""Of sys.monitoring; debuggers, coverage and profilers have 0 to 2, and 5."""


def many(count: int, **more: Any) -> list[Channel]:
    return [channel(f"{n:04}", **more) for n in range(count)]


@pytest.fixture
def work() -> Iterator[Callable[[Callable[[], object]], int]]:
    """Counts the interpreter's instructions."""
    done, monitoring = [0], sys.monitoring
    monitoring.use_tool_id(TOOL, "work")

    def count(code: object, offset: int) -> None:
        done[0] += 1

    def of(act: Callable[[], object]) -> int:
        done[0] = 0
        monitoring.set_events(TOOL, monitoring.events.INSTRUCTION)
        act()
        monitoring.set_events(TOOL, 0)
        return done[0]

    monitoring.register_callback(TOOL, monitoring.events.INSTRUCTION, count)
    yield of
    monitoring.set_events(TOOL, 0)
    monitoring.free_tool_id(TOOL)


type Cost = Callable[[Callable[[], object]], int]


def request(state: State, asked: Pick, *channels: Channel, **policy: Any) -> Callable[[], object]:
    """One request from the choice to the answer, as often as it is called."""
    config = snapshot(*channels, policy=Policy(**policy))

    def one() -> None:
        search = Search(asked, config, state, lambda: NOW)
        assert search.ranking and search.ranking.noted() and len(run(search, [ANSWERED])) == 1
        state.changes.clear()

    return one


def among_many(work: Cost, make: Callable[[int], Callable[[], object]]) -> tuple[int, int]:
    """What 20 requests cost among 10 and among 1,000, after as many that all were asked."""
    found = []
    for count in (10, 1000):
        one = make(count)
        for _ in range(3 * count):
            one()
        found.append(work(lambda one=one: [one() for _ in range(20)]))  # type: ignore[misc]
    return found[0], found[1]


ASKED = [
    pytest.param(pick(), {}, id="plainly"),
    pytest.param(pick(trace="t"), {}, id="in a conversation"),
    pytest.param(pick(images=True, output_tokens=90), {}, id="with pictures"),
    pytest.param(pick(prompt_tokens=50), {"limits": limits(context_window=100)}, id="with a bound"),
    pytest.param(pick(prompt_tokens=500), {"limits": limits(context_window=100)}, id="too long for all"),
    pytest.param(pick(pin="ch_0007"), {}, id="pinned"),
    pytest.param(pick(vectors=True), {}, id="for vectors"),
    pytest.param(pick(login=True), {"credential": "client"}, id="with the client's login"),
    pytest.param(pick(), {"promoted_until": NOW + 9}, id="promoted"),
    pytest.param(pick(), {"limits": limits(rpm=10**6)}, id="limited"),
]


@pytest.mark.parametrize("balance", ["order", "weight", "latency"])
@pytest.mark.parametrize(("asked", "more"), ASKED)
def test_a_request_costs_the_same_among_many_channels(work: Cost, balance: Any, asked: Pick, more: Any) -> None:
    few, all = among_many(work, lambda count: request(State(), asked, *many(count, **more), balance=balance))
    assert all <= 1.2 * few


@pytest.mark.parametrize("rotate", ["fill_first", "round_robin", "least_used"])
@pytest.mark.parametrize("trace", ["", "t"])
def test_a_request_costs_the_same_among_many_keys(work: Cost, rotate: Rotate, trace: str) -> None:
    def make(count: int) -> Callable[[], object]:
        return request(State(), pick(trace=trace), channel("a", *(key(f"{n}") for n in range(count)), rotate=rotate))

    few, all = among_many(work, make)
    assert all <= 1.2 * few


@pytest.mark.parametrize("balance", ["order", "weight", "latency"])
def test_a_failed_attempt_costs_the_same_among_many(work: Cost, balance: Any) -> None:
    found = []
    for count in (10, 1000):
        config, state = snapshot(*many(count), policy=Policy(balance=balance)), State()

        def one(config: Any = config, state: State = state) -> None:
            run(Search(pick(), config, state, lambda: NOW), [status(529), ANSWERED])
            state.reset("chat", "ch_0000", NOW)
            state.changes.clear()

        one()
        found.append(work(one))
    assert found[1] <= 1.1 * found[0]


def test_only_who_is_asked_for_is_looked_at() -> None:
    ranking = rank(pick(), snapshot(*many(9)), State(), NOW)
    assert ranking and list(ranking.view.standings) == ["ch_0000"]
    assert [entry.channel.name for entry in islice(ranking, 2)] == ["0000", "0001"] and len(ranking.view.standings) == 2
    assert [found.name for found in ranking.channels] == [f"000{n}" for n in range(9)]
    assert [found.name for found in ranking.channels] == [f"000{n}" for n in range(9)], "again"


def noted(asked: Pick, *channels: Channel, state: State | None = None) -> list[tuple[str, str]]:
    ranking = rank(asked, snapshot(*channels), state or State(), NOW)
    return [(decision.channel_name, decision.reason) for decision in ranking.noted()]


def test_the_log_tells_of_those_that_come_first_and_counts_the_others() -> None:
    a, b = channel("a"), channel("b", priority=2)
    assert noted(pick(), a) == [("a", "place 1: next by priority")]
    assert [name for name, _ in noted(pick(), a, b)] == ["a", "b"]
    closed = channel("closed", status="suspended")
    blind = channel("blind", no_vision=True)
    assert noted(pick(images=True), *many(5), blind, closed) == [
        *((f"000{n}", f"place {n + 1}: next by priority") for n in range(3)),
        ("all others", "2 more would come after these, 2 can not take this request"),
    ]


def keyless(n: int, **more: Any) -> Channel:
    return channel(f"{n:04}", key("none", models=patterns("another")), **more)


SETUPS: Final = [
    many(1),
    many(5),
    [channel("b", priority=3), channel("a"), keyless(7, priority=2), channel("c", priority=3)],
    [keyless(n) for n in range(2)],
    many(4, limits=limits(rpm=1)),
    many(2, promoted_until=NOW + 9),
    [channel("a"), channel("b", credential="client")],
    many(2, limits=limits(context_window=10)),
]


def busy(
    channels: list[Channel], *, first: Outcome | None = None, last: Outcome | None = None, over: str = ""
) -> State:
    """What was learnt of the first and the last channel; of a conversation that the last one has, or was given to."""
    state = State()
    for of, outcome in ((channels[0], first), (channels[-1], last)):
        if outcome and of.keys:
            learn(state, attempt(of), outcome, NOW)
            state.keep("chat", "t", attempt(of), 60, NOW)
            entered(state, of, of.keys[0])
    if over:
        state.overrides["chat", "t"] = Override((channels[-1].id,) if over == "to" else (), frozenset({channels[0].id}))
    return state


@pytest.mark.parametrize("balance", ["order", "weight", "latency"])
@pytest.mark.parametrize(
    "known",
    [
        {},
        {"first": ANSWERED},
        {"last": ANSWERED},
        {"first": status(529)},
        {"last": status(401)},
        {"over": "to"},
        {"over": "not"},
    ],
    ids=str,
)
def test_what_is_usual_is_what_the_rules_say(balance: Any, known: Any) -> None:
    """As long as nothing is known of the first ones the rules are not asked again."""
    for channels in SETUPS:
        config, state = snapshot(*channels, policy=Policy(balance=balance)), busy(channels, **known)
        rank(pick(), config, state, NOW).noted()
        for asked in (pick(), pick(trace="t"), pick(prompt_tokens=99), pick(login=True), pick(pin=channels[0].name)):
            ranking, by_rules = (rank(asked, config, state, NOW) for _ in "12")
            assert ranking.noted() == by_rules.walked()
            assert ranking.channels == by_rules.channels and ranking.decisions == by_rules.decisions


def test_the_log_tells_of_those_that_were_passed_over() -> None:
    state, first, *others = State(), *many(3)
    learn(state, attempt(first), status(401, "invalid x-api-key"), NOW)
    for _ in range(3):
        state.begin("chat", attempt(first), NOW)
    found = noted(pick(), first, *others, state=state)
    assert [name for name, _ in found] == ["0000", "0001", "0002"] and "is blocked" in found[0][1]
    assert noted(pick(pin="0000"), first, *others, state=state)[-1][1].startswith("key sk-s…0001 (00001) is blocked")


def test_nobody_is_left_and_the_log_says_why() -> None:
    found = noted(pick("x"), *many(NOTED + 1, status="suspended"))
    assert found[-1] == ("0050", "is suspended") and len(found) == NOTED


def test_a_clients_login_goes_to_one_channel() -> None:
    own = {"credential": "client"}
    channels = channel("a"), channel("b", **own), channel("c", **own)
    ranking = rank(pick(login=True), snapshot(*channels), State(), NOW)
    assert [(d.channel_name, d.rule) for d in ranking.decisions] == [
        ("a", "one_login"), ("c", "one_login"), ("b", "by_priority"),
    ]  # fmt: skip
    assert [found.name for found in ranking.channels] == ["b"]
    assert [found.name for found in rank(pick(), snapshot(*channels), State(), NOW).channels] == ["a"]


def test_requests_of_one_sort_share_what_was_computed() -> None:
    state, config = State(), snapshot(*many(3, limits=limits(context_window=100, max_output_tokens=50)))

    def selection(**asked: Any) -> object:
        return rank(pick(**asked), config, state, NOW).view.selection

    usual = selection()
    assert usual is selection(prompt_tokens=100, output_tokens=50, trace="t", client=pick().client)
    for other in ({"prompt_tokens": 101}, {"output_tokens": 51}, {"images": True}, {"native": True}, {"pin": "x"}):
        assert selection(**other) is not usual
    assert selection(pin="x") is selection(pin="y"), "names that nobody has fill no memory"
    assert names(run(Search(pick(prompt_tokens=101), config, state, lambda: NOW), [ANSWERED])) == ["0000/00001"]
