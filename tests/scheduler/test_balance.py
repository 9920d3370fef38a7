"""Load among channels of one priority."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.core.config import Channel, Policy
from ccx_addons.core.verdict import Outcome
from ccx_addons.scheduler import Pick, Search, State
from ccx_addons.scheduler.balance import MAX_SPEEDS, RECENT
from ccx_addons.scheduler.explain import explain
from tests.scheduler.values import NOW, OK, attempt, channel, names, pick, run, snapshot, status

Z, A, LATER = channel("z", weight=3), channel("a"), channel("later", priority=2)


class World:
    def __init__(self, balance: Any, *channels: Channel) -> None:
        self.snapshot = snapshot(*channels, policy=Policy(balance=balance))
        self.state, self.now = State(), NOW

    def ask(self, asked: Pick | None = None, *outcomes: Outcome) -> list[str]:
        search = Search(asked or pick(), self.snapshot, self.state, lambda: self.now)
        return names(run(search, list(outcomes or [OK])))

    def count(self, times: int, asked: Pick | None = None) -> Counter[str]:
        return Counter(name[0] for _ in range(times) for name in self.ask(asked))


def test_equals_come_in_the_order_of_the_file() -> None:
    assert World("order", LATER, Z, A).count(5) == {"z": 5}
    assert World("order", LATER, A, Z).ask(None, status(500), status(500), OK) == ["a/a1", "z/z1", "later/later1"]


def test_weight_spreads_inside_one_priority() -> None:
    world = World("weight", LATER, Z, A)
    assert world.count(40) == {"z": 30, "a": 10}
    world.ask(None, status(529), OK)
    assert set(world.count(3)) <= {"a", "z"}, "the next priority only where nobody is left"


def test_who_was_away_does_not_catch_up() -> None:
    world = World("weight", Z, A)
    world.snapshot = replace(world.snapshot, channels=(Z,))
    world.count(100)
    world.snapshot = replace(world.snapshot, channels=(Z, A))
    assert world.count(40)["a"] in (10, 11)


def test_a_conversation_stays() -> None:
    choices: tuple[Any, ...] = ("weight", "latency")
    for balance in choices:
        world = World(balance, Z, A)
        world.count(1)
        assert len(world.count(9, pick(trace="t"))) == 1
        assert world.count(1, pick(trace="t")) == world.count(1, pick(trace="t"))


def answered(world: World, of: Channel, seconds: float) -> None:
    world.state.balance.answered("chat", attempt(of), seconds, world.now)


def test_latency_prefers_who_began_to_answer_soonest() -> None:
    world = World("latency", Z, A, LATER)
    answered(world, Z, 0.9)
    assert world.count(3) == {"a": 3}, "who is unknown is asked first"
    answered(world, A, 1.5)
    answered(world, LATER, 0.1)
    assert world.count(3) == {"z": 3}
    for _ in range(9):
        answered(world, A, 0.2)
    assert world.count(3) == {"a": 3}
    world.now += RECENT
    assert world.count(3) == {"z": 3}, "what was long ago says nothing: the order of the file"


def test_a_streams_first_event_is_what_counts() -> None:
    world = World("latency", Z)
    world.ask(None, Outcome("ok", 200, first_event=0.5, elapsed=9.0))
    assert world.state.balance.speed("chat", "ch_z", "m", NOW) == 0.5
    world.ask(None, Outcome("ok", 200, elapsed=9.0))
    assert world.state.balance.speed("chat", "ch_z", "m", NOW) == 0.5


def test_the_oldest_speeds_are_forgotten() -> None:
    world = World("latency", Z)
    for n in range(MAX_SPEEDS + 1):
        world.state.balance.answered("chat", attempt(Z, model=f"m{n}"), 1.0, NOW)
    assert world.state.balance.speed("chat", "ch_z", "m0", NOW) == 0 and len(world.state.balance.speeds) == MAX_SPEEDS


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        ("order", "place 1: next by priority"),
        ("weight", "place 1: next by priority and weight"),
        ("latency", "place 1: next by priority and time to the first token"),
    ],
)
def test_the_dry_run_says_so(balance: Any, words: str) -> None:
    world = World(balance, Z, A)
    found = explain(world.snapshot, world.state, pick(), NOW)
    assert found.places[0].reason == words
