"""Requests, tokens and dollars of a day and a month, of all models and of some."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from ccx_addons.core.config import Client, ClientLimits, ModelLimit, Patterns
from ccx_addons.scheduler.budgets import (
    FREE,
    MOST,
    MOST_MODELS,
    Budget,
    Estimate,
    Known,
    Sums,
    budgeted,
    end_of_month,
    start_of_month,
)
from ccx_addons.scheduler.limits import Ask, Limits, Part, Refusal, ask_of, cost_of, is_limited, refusal_of
from tests.scheduler.values import NOW

NUMBERS = itertools.count()
ALL = Patterns()


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def client(**more: float) -> Client:
    return Client("alice", "", limits=ClientLimits(**more))  # type: ignore[arg-type]


def on(**more: float) -> Client:
    """One with limits on some models alone."""
    models = Patterns(("*opus*",), ("*mini",))
    return Client("alice", "", model_limits=(ModelLimit(models=models, **more),))  # type: ignore[arg-type]


def admit(
    found: Limits, of: Client, now: float, estimate: Estimate = FREE, slot: str = "", model: str = "m"
) -> Refusal | None:
    def knows(name: str, models: Patterns) -> Sums:
        return found.known.of(name, models, now)

    refused = found.take(ask_of(of, slot or f"slot {next(NUMBERS)}", estimate, model, knows), now)
    return refusal_of(of, refused, now) if refused else None


def use(
    found: Limits, of: Client, tokens: int, usd: float, now: float, begun: float | None = None, model: str = "m"
) -> None:
    cost = cost_of(of, model, f"slot {next(NUMBERS)}", Estimate(tokens, usd), now if begun is None else begun)
    found.serve(cost, now)


def test_whoever_knows_of_more_is_believed() -> None:
    found, of = Limits(), client(tokens_per_day=1000)
    use(found, of, 50, 0.5, NOW)
    found.put(Part({}, {}, {"client:alice": Sums(tokens_per_day=20, usd_per_month=0.2)}), NOW)
    most = Sums(tokens_per_day=100)
    for known, over in ((40, False), (100, True), (40, True)):
        ask = Ask("1", (), (Budget("client:alice", most, Sums(tokens_per_day=known)),))
        assert bool(found.take(ask, NOW)) is over
        found.leave("1")
    assert found.ledger.of("client:alice").sums(NOW) == Sums(1, 50, 0.5, 1, 100, 0.5)


def test_tokens_of_a_day() -> None:
    found, alice, noon = Limits(), client(tokens_per_day=1000), at("2026-03-31T12:00:00")
    use(found, alice, 999, 0, noon)
    assert admit(found, alice, noon) is None
    use(found, alice, 1, 0, noon)
    refusal = admit(found, alice, noon)
    assert refusal and refusal.retry_after == 12 * 3600
    assert (
        refusal.words == "the key 'alice' has used its 1000 tokens of this day; there is more from 2026-04-01 00:00 UTC"
    )
    assert admit(found, alice, noon + 12 * 3600) is None and found.known.of("alice", ALL, noon + 12 * 3600) == Sums()


def test_dollars_of_a_month() -> None:
    found, alice, evening = Limits(), client(usd_per_month=2.5), at("2026-02-28T18:00:00")
    use(found, alice, 0, 2.5, evening - 20 * 86400)
    refusal = admit(found, alice, evening)
    assert refusal and refusal.retry_after == 6 * 3600 and "2.5 dollars of this month" in refusal.words
    assert admit(found, alice, evening + 6 * 3600) is None


@pytest.mark.parametrize("limit", Sums._fields)
@pytest.mark.parametrize("made", [client, on], ids=["all", "some models"])
def test_each_sum_is_kept_and_says_when_there_is_more(limit: str, made: Any) -> None:
    """Of four requests with 10 tokens and 0.5 dollars each, the limit lets two through, wherever they were counted."""
    what, _, span = limit.split("_")
    most = {"requests": 2, "tokens": 20, "usd": 1.0}[what]
    of, noon = made(**{limit: most}), at("2026-03-30T12:00:00")
    alone, later = Limits(), Limits()
    for n in range(4):
        refusal = admit(alone, of, noon, slot=str(n), model="claude-opus-4-7")
        assert (refusal is None) == (n < 2), n
        if alone.leave(str(n)):
            use(alone, of, 10, 0.5, noon, model="claude-opus-4-7")
        use(alone, of, 10**6, 100.0, noon, noon - 90 * 86_400, model="claude-opus-4-7")
        later.known.add("alice", "claude-opus-4-7", 1, 10, 0.5, noon, noon)
    again = {"day": "2026-03-31 00:00", "month": "2026-04-01 00:00"}[span]
    assert is_limited(of) and refusal and f"of this {span}" in refusal.words and f"from {again} UTC" in refusal.words
    assert noon + refusal.retry_after == at(again)
    assert admit(later, of, noon, model="claude-opus-4-7"), "what the log tells counts at once"
    if of.model_limits:
        assert " on *opus*, !*mini;" in refusal.words
        assert admit(alone, of, noon, model="claude-opus-mini") is None


def test_the_later_date_is_told() -> None:
    found, noon = Limits(), at("2026-03-10T12:00:00")
    of = client(requests_per_day=1, tokens_per_month=5)
    use(found, of, 5, 0, noon)
    refusal = admit(found, of, noon)
    assert refusal and "2026-04-01 00:00" in refusal.words


def test_limits_on_the_same_models_twice_count_once_each() -> None:
    twice = tuple(ModelLimit(models=Patterns(("a",)), **{name: 1}) for name in ("rpm", "requests_per_day"))
    found, of = Limits(), Client("alice", "", model_limits=twice)
    ask = ask_of(of, "x", model="a")
    assert (ask.scopes[0].name, ask.budgets[0].name) == ("client:alice\na", "client:alice\na+")
    assert admit(found, of, NOW, model="a") is None and admit(found, of, NOW, model="b") is None
    assert [(words, any(most)) for words, _, most in budgeted(of)] == [("", False), ("a", False), ("a", True)]


def test_a_budget_that_comes_later_counts_what_was_before() -> None:
    found = Limits()
    use(found, client(), 10, 0.5, NOW, model="gpt-5")
    use(found, client(), 10, 0.5, NOW, model="claude-opus-4-7")
    assert admit(found, on(tokens_per_day=10), NOW, model="claude-opus-4-7")
    assert admit(found, on(tokens_per_day=11), NOW, model="claude-opus-4-7") is None


def test_what_began_yesterday_is_yesterdays() -> None:
    found, of, midnight = Limits(), client(), at("2026-04-01T00:00:10")
    use(found, of, 100, 1.0, midnight, midnight - 20)
    assert found.known.of("alice", ALL, midnight) == Sums()
    use(found, of, 100, 1.0, midnight, midnight - 5)
    assert found.known.of("alice", ALL, midnight) == Sums(1, 100, 1.0, 1, 100, 1.0)
    assert found.known.of("bob", ALL, midnight) == Sums()


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


@pytest.mark.parametrize("budget", [{"tokens_per_day": 100}, {"usd_per_month": 1.0}, {"requests_per_month": 3}])
def test_requests_side_by_side_overrun_a_budget_by_one_at_most(budget: dict[str, float]) -> None:
    found, of, each = Limits(), client(**budget), Estimate(40, 0.4)
    admitted = [admit(found, of, NOW, each, str(n)) is None for n in range(10)]
    assert admitted == [True] * 3 + [False] * 7, "the third passes the limit, nobody after it"
    refusal = admit(found, of, NOW, each)
    assert refusal and refusal.retry_after == 1 and "under way" in refusal.words
    found.leave("0")
    assert admit(found, of, NOW, each, "10") is None, "what was reserved and not used is free again"
    for slot in ("1", "2", "10"):
        found.leave(slot)
    assert admit(found, of, NOW, slot="last") is None and len(found.ledger.reserved) == 1
    found.leave("last")
    assert not found.ledger.reserved


def test_a_single_request_may_be_larger_than_what_is_left() -> None:
    found, of = Limits(), client(tokens_per_day=100)
    assert admit(found, of, NOW, Estimate(10_000)) is None


def test_no_single_request_uses_up_more_than_requests_can() -> None:
    found = Limits()
    use(found, client(), 10**30, 1e300, NOW)
    assert found.known.of("alice", ALL, NOW) == Sums(1, *MOST, 1, *MOST)


def test_made_up_names_of_models_are_not_kept_for_ever() -> None:
    known = Known()
    for n in range(2 * MOST_MODELS):
        known.add("alice", f"failed {n}", 0, 0, 0.0, NOW, NOW)
        known.add("alice", f"m{n}", 1, 2, 0.5, NOW, NOW)
    assert known.of("alice", ALL, NOW).requests_per_day == 2 * MOST_MODELS
    assert len(known.clients["alice"]) == MOST_MODELS + 1
