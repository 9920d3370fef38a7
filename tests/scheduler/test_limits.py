"""Requests per minute, at the same time, and what is told of them to others and to clients."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import Channel, Client, ClientLimits, Key, KeyLimits
from ccx_addons.scheduler.budgets import Budget, Estimate, Sums
from ccx_addons.scheduler.limits import (
    Ask,
    Held,
    Limits,
    Part,
    Refusal,
    Refused,
    Scope,
    ask_of,
    is_limited,
    refusal_of,
    scopes_of,
)
from tests.scheduler.values import NOW, channel, key, limits

NUMBERS = itertools.count()


def client(**more: float) -> Client:
    return Client("alice", "", limits=ClientLimits(**more))  # type: ignore[arg-type]


def enter(found: Limits, of: Channel, now: float, key: Key | None = None, slot: str = "") -> float:
    """Seconds to wait; 0: taken."""
    scopes = scopes_of(of, key or of.keys[0])
    refused = found.take(Ask(slot or f"slot {next(NUMBERS)}", scopes), now) if scopes else None
    return refused.wait if refused else 0


def admit(found: Limits, of: Client, now: float, slot: str = "") -> Refusal | None:
    refused = found.take(ask_of(of, slot or f"slot {next(NUMBERS)}"), now)
    return refusal_of(of, refused, now) if refused else None


@pytest.mark.parametrize(
    ("seconds", "waits"),
    [
        pytest.param([0, 1, 2], [0, 0, 58], id="the third has to wait for the first's minute to end"),
        pytest.param([0, 30, 60, 61], [0, 0, 0, 29], id="a sliding minute"),
        pytest.param([0, 0, 59.5], [0, 0, 0.5], id="half a second"),
        pytest.param([0, 1, -9000, -8999, -8998], [0, 0, 0, 0, 58], id="the clock was set back"),
    ],
)
def test_requests_per_minute(seconds: list[float], waits: list[float]) -> None:
    found, of = Limits(), channel("a", limits=limits(rpm=2))
    assert [enter(found, of, NOW + second) for second in seconds] == pytest.approx(waits)


def test_requests_at_the_same_time() -> None:
    found, of = Limits(), channel("a", limits=limits(concurrency=2))
    assert [enter(found, of, NOW, slot=slot) for slot in "abc"] == [0, 0, float("inf")]
    assert found.pressed(of, of.keys, NOW)
    assert found.leave("a") and not found.leave("a"), "once"
    assert not found.pressed(of, of.keys, NOW) and enter(found, of, NOW) == 0


def test_a_channel_without_limits_costs_nothing() -> None:
    found, of = Limits(), channel("a")
    assert scopes_of(of, of.keys[0]) == () and not found.pressed(of, of.keys, NOW)
    assert not is_limited(client()) and is_limited(client(rpm=1))


def test_keys_have_limits_of_their_own() -> None:
    one, two = key("a1", limits=KeyLimits(concurrency=1)), key("a2", limits=KeyLimits(rpm=1))
    found, of = Limits(), channel("a", one, two)
    assert enter(found, of, NOW, one, "a") == 0 and enter(found, of, NOW, one) == float("inf")
    assert not found.pressed(of, of.keys, NOW), "the other key is free"
    assert enter(found, of, NOW, two) == 0 and enter(found, of, NOW + 20, two) == 40
    assert found.pressed(of, of.keys, NOW)
    found.leave("a")
    assert not found.pressed(of, of.keys, NOW) and enter(found, of, NOW, one) == 0


def test_a_place_in_every_scope_or_in_none() -> None:
    found = Limits()
    ask = (Scope("a", 0, 5), Scope("b", 5, 0), Scope("c", 0, 1))
    assert found.take(Ask("1", ask), NOW) is None
    assert found.take(Ask("2", ask), NOW) == Refused("c", "concurrency", float("inf"))
    assert found.meters["a"].flying == {"1"} and len(found.meters["b"].starts) == 1


def test_who_counts_for_himself_has_his_share() -> None:
    found, scopes = Limits(), (Scope("a", 10, 0),)
    taken = [found.take(Ask(str(n), scopes), NOW, share=4) for n in range(5)]
    assert taken[:3] == [None] * 3 and all(taken[3:]), "a quarter, rounded up"
    assert found.take(Ask("x", (Scope("b", 1, 1),)), NOW, share=64) is None, "one at least"


def test_what_others_have_used_up_is_a_hint() -> None:
    found, of = Limits(), channel("a", limits=limits(rpm=2))
    found.hint(Refused("channel:ch_a", "rpm", 30.0), NOW)
    assert found.pressed(of, of.keys, NOW + 29) and not found.pressed(of, of.keys, NOW + 31)
    found.hint(Refused("channel:ch_a", "concurrency", float("inf")), NOW)
    assert found.pressed(of, of.keys, NOW + 0.4) and not found.pressed(of, of.keys, NOW + 0.6)
    assert enter(found, of, NOW) == 0, "who decides is asked"


# ---- parts -----------------------------------------------------------------------------------------------------------
def test_a_part_that_is_told_twice_counts_once() -> None:
    one, whole = Limits(), Limits()
    for n, at in enumerate((NOW - 70, NOW - 30, NOW - 10)):
        budget = Budget("client:alice", Sums(tokens_per_day=100))
        one.take(Ask(str(n), (Scope("a", 9, 9),), (budget,), (), Estimate(10)), at)
    one.leave("1")
    whole.take(Ask("other", (Scope("a", 9, 9),)), NOW - 20)
    for _ in range(2):
        whole.put(one.part(NOW), NOW)
        whole.put(one.part_of("2"), NOW)
    assert [slot for _, slot in whole.meters["a"].starts] == ["1", "other", "2"]
    assert whole.meters["a"].flying == {"0", "2", "other"} and whole.ledger.reserved == {"client:alice": [2, 20, 0.0]}
    whole.leave("0")
    whole.leave("2")
    assert not whole.ledger.reserved


def test_what_was_never_used_is_undone() -> None:
    found, scopes = Limits(), (Scope("a", 1, 1),)
    assert found.take(Ask("1", scopes), NOW) is None and found.take(Ask("2", scopes), NOW)
    found.undo("1")
    found.undo("1")
    assert found.take(Ask("2", scopes), NOW) is None and found.part(NOW).slots.keys() == {"2"}
    assert found.part(NOW + 61) == Part({}, {"2": Held(("a",))})


# ---- clients ---------------------------------------------------------------------------------------------------------
def test_a_clients_minute() -> None:
    found, alice = Limits(), client(rpm=1)
    assert admit(found, alice, NOW) is None
    refusal = admit(found, alice, NOW + 20)
    assert refusal and refusal.retry_after == 40 and refusal.words == "the key 'alice' may ask 1 times a minute"
    assert admit(found, Client("bob", "", limits=ClientLimits(rpm=1)), NOW) is None


def test_a_clients_requests_at_the_same_time() -> None:
    found, alice = Limits(), client(concurrency=1)
    assert admit(found, alice, NOW, slot="a") is None
    refusal = admit(found, alice, NOW)
    assert refusal and "at the same time" in refusal.words and refusal.retry_after == 1
    found.leave("a")
    assert admit(found, alice, NOW) is None


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=80))
def test_never_more_than_the_limit_in_any_minute_and_the_wait_is_enough(rpm: int, pauses: list[float]) -> None:
    found, of, now, begun = Limits(), channel("a", limits=limits(rpm=rpm)), NOW, list[float]()
    for pause in pauses:
        now += pause
        wait = enter(found, of, now)
        if wait:
            now += wait + 0.001
            assert enter(found, of, now) == 0
        begun.append(now)
        assert sum(start > now - 60 for start in begun) <= rpm
