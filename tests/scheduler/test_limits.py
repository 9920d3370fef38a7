"""Requests per minute, at the same time, tokens a day, dollars a month."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import Client, ClientLimits, KeyLimits
from ccx_addons.scheduler.limits import MOST, Estimate, Limits, end_of_month, start_of_month
from tests.scheduler.values import NOW, channel, key, limits

NONE = Limits()


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def client(**more: float) -> Client:
    return Client("alice", "", limits=ClientLimits(**more))  # type: ignore[arg-type]


def enter(found: Limits, of: object, now: float) -> float:
    return found.enter(of, of.keys[0], now)  # type: ignore[attr-defined, arg-type]


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
    assert [enter(found, of, NOW) for _ in range(3)] == [0, 0, float("inf")]
    assert found.pressed(of, of.keys, NOW)
    found.leave(of, of.keys[0])
    assert not found.pressed(of, of.keys, NOW) and enter(found, of, NOW) == 0


def test_a_channel_without_limits_costs_nothing() -> None:
    found, of = Limits(), channel("a")
    assert enter(found, of, NOW) == 0 and not found.pressed(of, of.keys, NOW) and not found.meters
    found.leave(of, of.keys[0])


def test_keys_have_limits_of_their_own() -> None:
    one, two = key("a1", limits=KeyLimits(concurrency=1)), key("a2", limits=KeyLimits(rpm=1))
    found, of = Limits(), channel("a", one, two)
    assert found.enter(of, one, NOW) == 0 and found.enter(of, one, NOW) == float("inf")
    assert not found.pressed(of, of.keys, NOW), "the other key is free"
    assert found.enter(of, two, NOW) == 0 and found.enter(of, two, NOW + 20) == 40
    assert found.pressed(of, of.keys, NOW)
    found.leave(of, one)
    assert not found.pressed(of, of.keys, NOW) and found.enter(of, one, NOW) == 0


def test_what_other_workers_do_counts() -> None:
    found, of = Limits(), channel("a", limits=limits(rpm=10, concurrency=3))
    found.elsewhere = {("channel", "ch_a"): (2, 2)}
    assert enter(found, of, NOW) == 0 and enter(found, of, NOW) == float("inf")
    found.elsewhere = {("channel", "ch_a"): (10, 0)}
    assert 0 < enter(found, of, NOW) < 60


# ---- clients ---------------------------------------------------------------------------------------------------------
def test_a_clients_minute() -> None:
    found, alice = Limits(), client(rpm=1)
    assert found.admit(alice, NOW) is None
    refusal = found.admit(alice, NOW + 20)
    assert refusal and refusal.retry_after == 40 and refusal.words == "the key 'alice' may ask 1 times a minute"
    assert found.admit(Client("bob", "", limits=ClientLimits(rpm=1)), NOW) is None


def test_a_clients_requests_at_the_same_time() -> None:
    found, alice = Limits(), client(concurrency=1)
    assert found.admit(alice, NOW) is None
    refusal = found.admit(alice, NOW)
    assert refusal and "at the same time" in refusal.words and refusal.retry_after == 1
    found.dismiss(alice)
    assert found.admit(alice, NOW) is None


def test_tokens_of_a_day() -> None:
    found, alice, noon = Limits(), client(tokens_per_day=1000), at("2026-03-31T12:00:00")
    found.spend("alice", 999, 0, noon)
    assert found.admit(alice, noon) is None
    found.spend("alice", 1, 0, noon)
    refusal = found.admit(alice, noon)
    assert refusal and refusal.retry_after == 12 * 3600 and "1000 tokens of this day" in refusal.words
    assert found.admit(alice, noon + 12 * 3600) is None and found.spent("alice", noon + 12 * 3600)[0] == 0


def test_dollars_of_a_month() -> None:
    found, alice, evening = Limits(), client(usd_per_month=2.5), at("2026-02-28T18:00:00")
    found.spend("alice", 0, 2.5, evening - 20 * 86400, evening - 20 * 86400)
    refusal = found.admit(alice, evening)
    assert refusal and refusal.retry_after == 6 * 3600 and "2.5 dollars" in refusal.words
    assert found.admit(alice, evening + 6 * 3600) is None


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
    admitted = [found.admit(of, NOW, each) is None for _ in range(10)]
    assert admitted == [True] * 3 + [False] * 7, "the third passes the limit, nobody after it"
    refusal = found.admit(of, NOW, each)
    assert refusal and refusal.retry_after == 1 and "under way" in refusal.words
    found.spend("alice", 10, 0.1, NOW)
    found.dismiss(of, each)
    assert found.admit(of, NOW, each) is None, "what was reserved and not used is free again"
    for _ in range(3):
        found.dismiss(of, each)
    assert found.admit(of, NOW) is None and not found._reserved


def test_a_single_request_may_be_larger_than_what_is_left() -> None:
    found, of = Limits(), client(tokens_per_day=100)
    assert found.admit(of, NOW, Estimate(10_000)) is None


def test_no_single_request_uses_up_more_than_requests_can() -> None:
    found = Limits()
    found.spend("alice", 10**30, 1e300, NOW)
    assert found.spent("alice", NOW) == MOST
