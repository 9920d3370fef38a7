"""One exchange's way: which keys and channels are tried, in which order, and where it ends."""

from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.core.config import Affinity, AttemptLimits, Channel, KeyLimits, Policy
from ccx_addons.core.exchange import Seat
from ccx_addons.core.verdict import FAILED, LIMITS, Attempt, Outcome, attempts
from ccx_addons.scheduler import Pick, Search, State
from tests.scheduler.values import (
    NOW,
    OK,
    Told,
    broken,
    channel,
    entered,
    key,
    limits,
    names,
    patterns,
    pick,
    run,
    snapshot,
    status,
)

A = channel("a", key("a1"), key("a2"))
B = channel("b", key("b1"), key("b2"), priority=2)
C = channel("c", priority=3)
NO_MODEL = status(404, "The model `m` does not exist", code="model_not_found")
TOO_LONG = status(400, "prompt is too long: 250000 tokens > 200000 maximum", type="invalid_request_error")


def tried(
    outcomes: list[Outcome], *channels: Channel, state: State | None = None, asked: Pick | None = None
) -> list[str]:
    search = Search(asked or pick(), snapshot(*channels), state or State(), lambda: NOW)
    return names(run(search, outcomes))


@pytest.mark.parametrize(
    ("outcomes", "found"),
    [
        pytest.param([OK], ["a/a1"], id="answered"),
        pytest.param([status(500), OK], ["a/a1", "a/a2"], id="next key"),
        pytest.param([status(500)] * 2 + [OK], ["a/a1", "a/a2", "b/b1"], id="then the next channel"),
        pytest.param([status(429)] * 5, ["a/a1", "a/a2", "b/b1", "b/b2", "c/c1"], id="everything once"),
        pytest.param([status(529), OK], ["a/a1", "b/b1"], id="overloaded: next channel"),
        pytest.param([status(302), OK], ["a/a1", "b/b1"], id="redirect: next channel"),
        pytest.param([status(404, "Not Found"), OK], ["a/a1", "b/b1"], id="no such path: next channel"),
        pytest.param([status(400, "messages: field required"), OK], ["a/a1"], id="the client's fault: stop"),
        pytest.param([Outcome("empty", elapsed=1), OK], ["a/a1", "a/a1"], id="quickly empty: once more"),
        pytest.param([Outcome("empty", elapsed=1)] * 2 + [OK], ["a/a1", "a/a1", "a/a2"], id="empty twice: next key"),
        pytest.param([Outcome("reset", reused=True), OK], ["a/a1", "a/a1"], id="stale connection"),
        pytest.param([Outcome("rate_wait"), OK], ["a/a1", "b/b1"], id="no place: next channel"),
        pytest.param([Outcome("probe_wait"), OK], ["a/a1", "a/a2"], id="another worker tries it: next key"),
        pytest.param([Outcome("key_wait"), OK], ["a/a1", "a/a2"], id="no place on this key: next key"),
        pytest.param([Outcome("client_left"), OK], ["a/a1"], id="client left"),
        pytest.param([Outcome("total_timeout"), OK], ["a/a1"], id="time is over"),
        pytest.param([Outcome("late_error", committed=True), OK], ["a/a1"], id="after the commit"),
        pytest.param([Outcome("refused_loss"), OK], ["a/a1", "b/b1"], id="a channel that refuses losses"),
    ],
)
def test_the_way(outcomes: list[Outcome], found: list[str]) -> None:
    assert tried(outcomes, A, B, C) == found


def test_a_pin_never_leaves_its_channel() -> None:
    assert tried([status(500)] * 9, A, B, C, asked=pick(pin="b")) == ["b/b1", "b/b2"]


# ---- models ----------------------------------------------------------------------------------------------------------
LISTS = [
    pytest.param({"models": {"m": "x"}}, True, id="mapped"),
    pytest.param({"models": {"m*": "x"}}, True, id="mapped by a pattern"),
    pytest.param({"models": {"*": "x"}}, False, id="mapped with everything"),
    pytest.param({"allow": patterns("m", "n")}, True, id="listed"),
    pytest.param({"allow": patterns("*")}, False, id="everything allowed"),
    pytest.param({}, False, id="nothing said"),
]


@pytest.mark.parametrize(("more", "first"), LISTS)
def test_an_unknown_model_goes_first_where_it_is_listed(more: dict[str, object], first: bool) -> None:
    other = channel("other", priority=5, **more)
    state = State()
    found = tried([NO_MODEL] * 2 + [OK], A, B, other, state=state)
    assert found == ["a/a1", "a/a2", "other/other1" if first else "b/b1"]
    assert state.of("chat", "ch_a").key("k_a1").resting("m", NOW), "it is remembered for this model"
    assert not state.of("chat", "ch_a").key("k_a1").resting("n", NOW)


@pytest.mark.parametrize(
    "answer",
    [
        status(404, "The model `m` does not exist or you do not have access to it", code="model_not_found"),
        status(403, "Project `p` does not have access to model `m`", type="invalid_request_error"),
        status(400, "The requested model is not supported"),
        status(401, "Authentication failed (401): Model m is not supported", type="authentication_error"),
    ],
)
def test_the_next_key_may_have_the_model_and_is_asked_at_once_next_time(answer: Outcome) -> None:
    state = State()
    assert tried([answer, OK], A, B, state=state) == ["a/a1", "a/a2"]
    assert tried([OK], A, B, state=state) == ["a/a2"] and tried([OK], A, state=state, asked=pick("n")) == ["a/a1"]


def test_a_typo_is_asked_everywhere_once_and_harms_no_other_model() -> None:
    state, asked = State(), pick("clade-opus")
    assert tried([NO_MODEL] * 9, A, B, C, state=state, asked=asked) == ["a/a1", "a/a2", "b/b1", "b/b2", "c/c1"]
    assert len(tried([NO_MODEL] * 9, A, B, C, state=state, asked=asked)) == 3, "then once in a channel, now and then"
    assert not any(key.rest for known in state.channels.values() for key in known.keys.values())
    assert tried([OK], A, B, C, state=state) == ["a/a1"]


# ---- what only this request is at fault for --------------------------------------------------------------------------
FORBIDDEN = status(
    403, "You do not have permission to access the File other or it may not exist.", code="PERMISSION_DENIED"
)
ITS_OWN_FAULT = [
    pytest.param(FORBIDDEN, ["a/a1", "a/a2", "b/b1", "b/b2", "c/c1"], id="somebody else's file"),
    pytest.param(status(403, "Your organization does not have access to the container API.", type="permission_error"), ["a/a1", "a/a2", "b/b1", "b/b2", "c/c1"], id="a feature"),
    pytest.param(status(403, "Attention Required! | Cloudflare"), ["a/a1", "a/a2", "b/b1", "b/b2", "c/c1"], id="a firewall"),
    pytest.param(status(413, "Request too large for model `x` on tokens per minute (TPM): Limit 1, Requested 2", code="rate_limit_exceeded"), ["a/a1", "a/a2", "b/b1", "b/b2", "c/c1"], id="more than the limit"),
    pytest.param(status(402, "You requested up to 65536 tokens, but can only afford 1666."), ["a/a1", "a/a2", "b/b1", "b/b2", "c/c1"], id="more than the credit"),
    pytest.param(status(429, "Extra usage is required for long context requests.", type="rate_limit_error"), ["a/a1", "a/a2", "b/b1", "b/b2", "c/c1"], id="a feature of a plan"),
    pytest.param(status(413, "Request Entity Too Large"), ["a/a1", "b/b1", "c/c1"], id="too many bytes"),
    pytest.param(status(403, "Your input was flagged for violence"), ["a/a1"], id="moderation"),
    pytest.param(status(400, "messages: field required"), ["a/a1"], id="a fault of form"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "asked"), ITS_OWN_FAULT)
def test_a_clients_own_request_changes_nobody_elses_luck(answer: Outcome, asked: list[str]) -> None:
    state = State()
    for _ in range(20):
        assert tried([answer] * 9, A, B, C, state=state) == asked
    assert tried([OK], A, B, C, state=state) == ["a/a1"]
    assert not any(key.rest or key.models for known in state.channels.values() for key in known.keys.values())
    assert not any(found.failed for known in state.channels.values() for found in known.breakers.values())


def test_a_second_key_that_says_the_same_is_enough() -> None:
    many = channel("many", *(key(f"m{n}") for n in range(9)))
    assert tried([FORBIDDEN, FORBIDDEN, OK], many, B) == ["many/m0", "many/m1", "b/b1"]


# ---- whose limit it is -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "other"), [("gemini-3-pro", "gemini-3-flash"), ("claude-opus-4-5", "claude-sonnet-4-5")]
)
def test_one_models_limit_leaves_the_others_alone(model: str, other: str) -> None:
    state = State()
    assert tried([status(429, retry_after=60.0), OK], A, B, state=state, asked=pick(model)) == ["a/a1", "a/a2"]
    assert tried([OK], A, B, state=state, asked=pick(model)) == ["a/a2"]
    assert tried([OK], A, B, state=state, asked=pick(other)) == ["a/a1"]


def test_an_overloaded_model_leaves_the_others_alone() -> None:
    state, crowded = State(), status(503, "The model is overloaded. Please try again later.")
    assert tried([crowded, OK], A, B, state=state, asked=pick("gemini-3-pro")) == ["a/a1", "b/b1"]
    assert tried([OK], A, B, state=state, asked=pick("gemini-3-pro")) == ["b/b1"]
    assert tried([OK], A, B, state=state, asked=pick("gemini-3-flash")) == ["a/a1"]


# ---- context ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("first", "second", "tokens", "goes_on"),
    [
        pytest.param(100, 200, 0, True, id="larger"),
        pytest.param(200, 200, 0, False, id="the same"),
        pytest.param(200, 100, 0, False, id="smaller"),
        pytest.param(100, 0, 0, True, id="unknown"),
        pytest.param(0, 200, 0, True, id="the first one's is unknown"),
        pytest.param(0, 200, 150, True, id="fits by the estimate"),
    ],
)
def test_a_long_prompt_goes_only_to_a_larger_window(first: int, second: int, tokens: int, goes_on: bool) -> None:
    one, other = (
        channel(name, priority=n, limits=limits(context_window=window))
        for n, (name, window) in enumerate([("a", first), ("b", second)])
    )
    found = tried([TOO_LONG, OK], one, other, asked=pick(prompt_tokens=tokens))
    assert found == (["a/a1", "b/b1"] if goes_on else ["a/a1"])


@pytest.mark.parametrize(
    ("first", "second", "tokens", "goes_on"),
    [
        pytest.param("glm-4.6", "gemini-3-pro", 0, True, id="larger"),
        pytest.param("gemini-3-pro", "glm-4.6", 0, False, id="smaller"),
        pytest.param("glm-4.6", "gpt-5.1", 390_000, True, id="an estimate refuses nothing"),
        pytest.param("glm-4.6", "some-model", 0, True, id="unknown"),
    ],
)
def test_windows_of_known_models_count_like_those_that_were_said(
    first: str, second: str, tokens: int, goes_on: bool
) -> None:
    one, other = (
        channel(name, priority=n, models={"m": model}) for n, (name, model) in enumerate([("a", first), ("b", second)])
    )
    found = tried([TOO_LONG, OK], one, other, asked=pick(prompt_tokens=tokens))
    assert found == (["a/a1", "b/b1"] if goes_on else ["a/a1"])


def test_channels_of_unknown_windows_come_after_those_known_to_be_larger() -> None:
    windows = [
        channel(name, priority=n, limits=limits(context_window=size))
        for n, (name, size) in enumerate([("a", 100), ("b", 0), ("c", 50), ("d", 200)])
    ]
    assert tried([TOO_LONG] * 9, *windows) == ["a/a1", "d/d1", "b/b1"]


def test_a_prompt_that_is_too_long_everywhere_ends_with_the_last_word() -> None:
    windows = [channel(name, priority=n, limits=limits(context_window=n)) for n, name in enumerate("abc", 1)]
    assert tried([TOO_LONG] * 3, *windows) == ["a/a1", "b/b1", "c/c1"]


# ---- bounds ----------------------------------------------------------------------------------------------------------
MANY = [channel(f"n{n:03}", priority=n) for n in range(200)]
GONE = Outcome("connect", elapsed=0.1)
AT_ONCE = [
    pytest.param(GONE, id="a refused connection"),
    pytest.param(status(401), id="a wrong key"),
    pytest.param(status(403, "This organization has been disabled"), id="an account that is shut out"),
    pytest.param(status(402), id="no balance"),
    pytest.param(status(429), id="rate limited"),
    pytest.param(Outcome("refused_loss"), id="nothing was sent"),
]


def test_twelve_attempts_at_most() -> None:
    assert len(tried([status(500)] * 99, *MANY)) == LIMITS.max == 12


@pytest.mark.parametrize("outcome", AT_ONCE)
def test_what_is_refused_at_once_does_not_count(outcome: Outcome) -> None:
    assert tried([outcome] * 99 + [OK], *MANY)[-1] == "n099/n0991"
    assert len(tried([outcome] * 199, *MANY)) == LIMITS.refused + LIMITS.max == 112
    mixed = [outcome, status(500)] * 100
    assert len(tried(mixed, *MANY)) == 2 * LIMITS.max


@pytest.mark.parametrize(
    "outcome",
    [replace(GONE, elapsed=20.0), replace(status(401), elapsed=20.0), Outcome("connect_timeout"), Outcome("reset")],
)
def test_what_took_an_upstreams_time_counts(outcome: Outcome) -> None:
    assert len(tried([outcome] * 99, *MANY)) == LIMITS.max


def test_the_limits_are_settings() -> None:
    policy = Policy(attempts=AttemptLimits(max=3, refused=1, per_key=3))
    for outcome, most in ((status(500), 3), (GONE, 4), (Outcome("empty", elapsed=1.0), 3)):
        search = Search(pick(), snapshot(*MANY, policy=policy), State(), lambda: NOW)
        made = run(search, [outcome] * 9)
        assert len(made) == most
    assert [one.channel.name for one in made] == ["n000"] * 3


def test_one_live_key_behind_a_pool_of_limited_ones() -> None:
    pool = channel("pool", *(key(f"{n:02}") for n in range(20)))
    assert tried([status(429, retry_after=60)] * 15 + [OK], pool)[-1] == "pool/15"


def test_many_keys_of_broken_channels_do_not_use_up_the_attempts() -> None:
    broken_ones = [channel(f"n{n}", *(key(f"{n}-{k}") for k in range(5)), priority=n) for n in range(7)]
    found = tried([status(500)] * 11 + [OK], *broken_ones, channel("good", priority=99))
    assert [name.split("/")[0] for name in found].count("n0") == 5 and found[-1] == "good/good1"


def test_the_deadline_ends_it() -> None:
    search = Search(pick(), snapshot(A, B), State(), lambda: NOW)
    assert list(attempts(search, lambda: 601.0, 600.0, lambda: NOW)) == []


def test_what_is_told_and_kept() -> None:
    told, state = Told(said="masked"), State()
    search = Search(pick(trace="t"), snapshot(A, B), state, lambda: NOW, told)
    run(search, [status(402, "my secret"), OK])
    assert told.heard == [(1, "status", "next_key"), (2, "ok", "commit")]
    rest = state.of("chat", "ch_a").key("k_a1").rest
    assert rest and rest.message == "masked"
    assert state.traces.seat("chat", "t", NOW + 1799)[:2] == ("ch_a", "k_a2")


def test_what_belongs_to_no_conversation_is_not_kept() -> None:
    state = State()
    tried([OK], A, state=state, asked=pick())
    assert not state.changes.traces


POOL = [key("a1"), key("a2"), key("a3", weight=2)]


@pytest.mark.parametrize("rotate", ["fill_first", "round_robin", "least_used"])
@pytest.mark.parametrize("images", [False, True], ids=["", "with pictures"])
def test_a_conversation_keeps_its_key(rotate: Any, images: bool) -> None:
    state, pool = State(), channel("a", *POOL, rotate=rotate)
    for n in range(4):
        tried([OK], pool, state=state, asked=pick(trace=f"other {n}"))
    first = tried([OK], pool, state=state, asked=pick(trace="t"))
    found = {name for n in range(5) for name in tried([OK], pool, state=state, asked=pick(trace="t", images=images))}
    assert found == set(first)


@pytest.mark.parametrize("asked", [pick(), pick(trace="u")], ids=["no conversation", "another one"])
def test_what_is_not_of_a_conversation_takes_its_turn(asked: Pick) -> None:
    state, pool = State(), channel("a", *POOL, rotate="round_robin")
    tried([OK], pool, state=state, asked=pick(trace="t"))
    without = replace(asked, trace="")
    assert {name for _ in range(4) for name in tried([OK], pool, state=state, asked=without)} == {
        "a/a1", "a/a2", "a/a3",
    }  # fmt: skip


def test_a_conversation_moves_when_its_key_rests_and_then_stays_there() -> None:
    state, pool = State(), channel("a", *POOL, rotate="round_robin")
    (first,) = tried([OK], pool, state=state, asked=pick(trace="t"))
    moved = tried([status(429, retry_after=9.0), OK], pool, state=state, asked=pick(trace="t"))
    assert moved[0] == first != moved[1]
    state.unblock("chat", "ch_a", f"k_{first[2:]}", "m", NOW)
    assert tried([OK], pool, state=state, asked=pick(trace="t")) == [moved[1]]


def test_a_key_at_its_own_limit_lets_the_conversation_go() -> None:
    state, pool = State(), channel("a", key("a1", limits=KeyLimits(concurrency=1)), key("a2"))
    assert tried([OK], pool, state=state, asked=pick(trace="t")) == ["a/a1"]
    entered(state, pool, pool.keys[0])
    assert tried([OK], pool, state=state, asked=pick(trace="t")) == ["a/a2"]


def test_another_key_that_has_a_place() -> None:
    one, two = (key(name, limits=KeyLimits(concurrency=1)) for name in ("a1", "a2"))
    state, pool = State(), channel("a", one, two)
    search = Search(pick(), snapshot(pool), state, lambda: NOW)
    first = Attempt(pool, one, pool.base_urls[0], 1, model="m")
    assert search.other_key(first)
    entered(state, pool, two)
    assert not search.other_key(first)
    state.limits.leave(two.id)
    sick = Search(pick(), snapshot(channel("a", one)), State(), lambda: NOW)
    assert not sick.other_key(first), "there is none"


def test_whether_somebody_is_well() -> None:
    state = State()
    search = Search(pick(), snapshot(channel("a"), channel("b")), state, lambda: NOW)
    for name, well in (("a", True), ("b", False)):
        of = channel(name)
        state.failed("chat", Attempt(of, of.keys[0], of.base_urls[0], 1, model="m"), FAILED, NOW)
        assert search.other_way() == well


@pytest.mark.parametrize("trace", ["", "t"])
def test_what_continues_an_answer_goes_to_the_key_that_made_it(trace: str) -> None:
    state, pool = State(), channel("a", *POOL, rotate="round_robin")
    for _ in range(4):
        asked = pick(trace=trace, home=Seat("ch_a", "k_a2", NOW + 60))
        assert tried([OK], pool, state=state, asked=asked) == ["a/a2"]


def test_without_affinity_keys_take_turns() -> None:
    state, pool = State(), channel("a", *POOL, rotate="round_robin")
    policy = Policy(affinity=Affinity(enabled=False))
    made = [names(run(Search(pick(trace="t"), snapshot(pool, policy=policy), state, lambda: NOW), [OK])) for _ in "123"]
    assert len({name for one in made for name in one}) == 3


def test_closing_it_early_is_the_clients_leaving() -> None:
    told = Told()
    run(Search(pick(), snapshot(A), State(), lambda: NOW, told), [])
    assert told.heard == [(1, "client_left", "stop")]


def test_refused_fields_are_left_out_on_the_same_key() -> None:
    refused = status(400, "Unsupported parameter: 'top_k' is not supported", code="unsupported_parameter")
    fields = Outcome("status", 400, refused.fault, fields=frozenset({"top_k", "model"}))
    search = Search(pick(), snapshot(A), State(), lambda: NOW)
    first, second = run(search, [fields, OK])
    assert (first.drop, second.drop, second.key.name) == (frozenset(), frozenset({"top_k"}), "a1")


def test_pictures_are_left_out_only_where_nobody_else_might_see_them() -> None:
    blind = status(400, "this model does not support image input")
    found = run(Search(pick(), snapshot(A, B), State(), lambda: NOW), [blind, blind, OK])
    assert names(found) == ["a/a1", "b/b1", "b/b1"]
    assert [attempt.drop for attempt in found] == [frozenset(), frozenset(), frozenset({"pictures_in_words"})]


def test_the_transport_fault_tries_the_other_base_url_first() -> None:
    two = channel("a", key("a1"), key("a2"), base_urls=("https://one.example", "https://two.example"))
    search = Search(pick(), snapshot(two), State(), lambda: NOW)
    made = run(search, [broken(), broken(), OK])
    assert [(one.key.name, one.base_url[8:11]) for one in made] == [("a1", "one"), ("a1", "two")]
