"""Requests per minute, at the same time, tokens a day, dollars a month."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import Channel, Client, ClientLimits, Key, KeyLimits
from ccx_addons.scheduler.limits import (
    FREE,
    MOST,
    Ask,
    Budget,
    Estimate,
    Held,
    Limits,
    Part,
    Refusal,
    Refused,
    Scope,
    ask_of,
    end_of_month,
    is_limited,
    refusal_of,
    scopes_of,
    start_of_month,
)
from tests.scheduler.values import NOW, channel, key, limits

NUMBERS = itertools.count()


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def client(**more: float) -> Client:
    return Client("alice", "", limits=ClientLimits(**more))  # type: ignore[arg-type]


def enter(found: Limits, of: Channel, now: float, key: Key | None = None, slot: str = "") -> float:
    """Seconds to wait; 0: taken."""
    scopes = scopes_of(of, key or of.keys[0])
    refused = found.take(Ask(slot or f"slot {next(NUMBERS)}", scopes), now) if scopes else None
    return refused.wait if refused else 0


def admit(found: Limits, of: Client, now: float, estimate: Estimate = FREE, slot: str = "") -> Refusal | None:
    refused = found.take(ask_of(of, slot or f"slot {next(NUMBERS)}", estimate), now)
    return refusal_of(of, refused) if refused else None


@pytest.mark.parametrize(
    ("seconds", "waits"),
    [
        pytest.param([0, 1, 2], [0, 0, 58], id="the third has to wait for the first's minute to end"),
        pytest.param([0, 30, 60, 61], [0, 0, 0, 29], id="a sliding minute"),
        pytest.param([0, 0, 59.5], [0, 0, 0.5], id="half a second"),
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
        one.take(Ask(str(n), (Scope("a", 9, 9),), Budget("alice", 100, 0, Estimate(10))), at)
    one.leave("1")
    whole.take(Ask("other", (Scope("a", 9, 9),)), NOW - 20)
    for _ in range(2):
        whole.put(one.part(NOW), NOW)
        whole.put(one.part_of("2"), NOW)
    assert [slot for _, slot in whole.meters["a"].starts] == ["1", "other", "2"]
    assert whole.meters["a"].flying == {"0", "2", "other"} and whole._reserved == {"alice": Estimate(20)}
    whole.leave("0")
    whole.leave("2")
    assert not whole._reserved


def test_what_was_never_used_is_undone() -> None:
    found, scopes = Limits(), (Scope("a", 1, 1),)
    assert found.take(Ask("1", scopes), NOW) is None and found.take(Ask("2", scopes), NOW)
    found.undo("1")
    found.undo("1")
    assert found.take(Ask("2", scopes), NOW) is None and found.part(NOW).slots.keys() == {"2"}
    assert found.part(NOW + 61) == Part({}, {"2": Held(("a",))})


def test_whoever_knows_of_more_spending_is_believed() -> None:
    found = Limits()
    found.spend("alice", 50, 0.5, NOW)
    found.put(Part({}, {}, {"alice": Estimate(20, 0.2)}), NOW)
    for known, over in ((Estimate(40, 0.1), False), (Estimate(100, 0.1), True), (Estimate(40, 0.1), True)):
        assert bool(found.take(Ask("1", (), Budget("alice", 100, 0, FREE, known)), NOW)) is over
        found.leave("1")
    assert found.spent("alice", NOW) == (100, 0.5)


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


def test_tokens_of_a_day() -> None:
    found, alice, noon = Limits(), client(tokens_per_day=1000), at("2026-03-31T12:00:00")
    found.spend("alice", 999, 0, noon)
    assert admit(found, alice, noon) is None
    found.spend("alice", 1, 0, noon)
    refusal = admit(found, alice, noon)
    assert refusal and refusal.retry_after == 12 * 3600 and "1000 tokens of this day" in refusal.words
    assert admit(found, alice, noon + 12 * 3600) is None and found.spent("alice", noon + 12 * 3600)[0] == 0


def test_dollars_of_a_month() -> None:
    found, alice, evening = Limits(), client(usd_per_month=2.5), at("2026-02-28T18:00:00")
    found.spend("alice", 0, 2.5, evening - 20 * 86400, evening - 20 * 86400)
    refusal = admit(found, alice, evening)
    assert refusal and refusal.retry_after == 6 * 3600 and "2.5 dollars" in refusal.words
    assert admit(found, alice, evening + 6 * 3600) is None


def test_what_began_yesterday_is_yesterdays() -> None:
    found, midnight = Limits(), at("2026-04-01T00:00:10")
    found.spend("alice", 100, 1.0, midnight, midnight - 20)
    assert found.spent("alice", midnight) == (0, 0.0)
    found.spend("alice", 100, 1.0, midnight, midnight - 5)
    assert found.spent("alice", midnight) == (100, 1.0) and found.spent("bob", midnight) == (0, 0.0)


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        ("2026-02-10T01:00:00", "2026-02-01T00:00:00", "2026-03-01T00:00:00"),
        ("2024-02-29T23:59:59", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("2026-12-31T12:00:00", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_months(moment: str, start: str, end: str) -> None:
    assert (start_of_month(at(moment)), end_of_month(at(moment))) == (at(start), at(end))


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


@pytest.mark.parametrize("budget", [{"tokens_per_day": 100}, {"usd_per_month": 1.0}])
def test_requests_side_by_side_overrun_a_budget_by_one_at_most(budget: dict[str, float]) -> None:
    found, of, each = Limits(), client(**budget), Estimate(40, 0.4)
    admitted = [admit(found, of, NOW, each, str(n)) is None for n in range(10)]
    assert admitted == [True] * 3 + [False] * 7, "the third passes the limit, nobody after it"
    refusal = admit(found, of, NOW, each)
    assert refusal and refusal.retry_after == 1 and "under way" in refusal.words
    found.spend("alice", 10, 0.1, NOW)
    found.leave("0")
    assert admit(found, of, NOW, each, "10") is None, "what was reserved and not used is free again"
    for slot in ("1", "2", "10"):
        found.leave(slot)
    assert admit(found, of, NOW) is None and not found._reserved


def test_a_single_request_may_be_larger_than_what_is_left() -> None:
    found, of = Limits(), client(tokens_per_day=100)
    assert admit(found, of, NOW, Estimate(10_000)) is None


def test_no_single_request_uses_up_more_than_requests_can() -> None:
    found = Limits()
    found.spend("alice", 10**30, 1e300, NOW)
    assert found.spent("alice", NOW) == MOST
