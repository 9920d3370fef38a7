"""The rules of selection, each as a table; and their order."""

from collections.abc import Callable
from typing import Any

import pytest

from ccx_addons.core.config import Affinity, Channel, Client, Embedding, KeyLimits, Policy
from ccx_addons.core.exchange import Seat
from ccx_addons.scheduler import Pick, State, rank
from ccx_addons.scheduler.index import entry_of
from ccx_addons.scheduler.rules import BALANCED, FIXED, LIVE, RARE, USUAL
from ccx_addons.scheduler.state import Override
from tests.scheduler.values import (
    NOW,
    attempt,
    broken,
    channel,
    entered,
    key,
    learn,
    limits,
    patterns,
    pick,
    snapshot,
    status,
)

A, B, C = (channel(name, priority=n) for n, name in enumerate("abc", 1))


def order(asked: Pick, *channels: Channel, state: State | None = None, now: float = NOW, **policy: Any) -> str:
    """First letters of the channels, in the order they would be tried."""
    ranking = rank(asked, snapshot(*channels, policy=Policy(**policy)), state or State(), now)
    return "".join(found.name[0] for found in ranking.channels)


def why(asked: Pick, *channels: Channel, state: State | None = None) -> dict[str, tuple[str, str]]:
    """Channel -> (rule, reason)."""
    ranking = rank(asked, snapshot(*channels), state or State(), NOW)
    return {decision.channel_name: (decision.rule, decision.reason) for decision in ranking.decisions}


# ---- filters ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "other", "rule"),
    [
        pytest.param({}, {"status": "suspended"}, "is_active", id="suspended"),
        pytest.param({}, {"status": "disabled"}, "is_active", id="standby"),
        pytest.param({}, {"allow": patterns("gpt-*")}, "allows_model", id="model not offered"),
        pytest.param({}, {"allow": patterns("!m")}, "allows_model", id="model excluded"),
        pytest.param({}, {"route_prefix": "kimi"}, "has_prefix", id="another prefix"),
        pytest.param({"images": True}, {"no_vision": True}, "sees_images", id="no images"),
        pytest.param({"prompt_tokens": 9000}, {"limits": limits(context_window=8000)}, "has_window", id="window"),
        pytest.param({"output_tokens": 9000}, {"limits": limits(max_output_tokens=8000)}, "has_output", id="output"),
        pytest.param({"pin": "good"}, {}, "is_pinned", id="pinned elsewhere"),
        pytest.param({"home": Seat("ch_good", "", NOW), "only_home": True}, {}, "is_home", id="made elsewhere"),
        pytest.param({"vectors": True}, {"models": {"m": "other"}}, "same_space", id="another vector space"),
    ],
)
def test_a_filter_drops_and_says_so(asked: dict[str, Any], other: dict[str, Any], rule: str) -> None:
    good, bad = channel("good"), channel("other", priority=2, **other)
    assert order(pick(**asked), good, bad) == "g"
    dropped, reason = why(pick(**asked), good, bad)["other"]
    assert dropped == rule and reason


def test_another_kind_is_not_even_mentioned() -> None:
    assert why(pick(), A, channel("other", serves=frozenset({"messages"}))).keys() == {"a"}


def test_a_prefix_reaches_only_its_own_channels() -> None:
    kimi = channel("kimi", route_prefix="kimi")
    assert order(pick(route_prefix="kimi"), A, kimi) == "k" and order(pick(), A, kimi) == "a"


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (Client("c", "", kinds=frozenset({"messages"})), "the client c may not use chat"),
        (Client("c", "", models=patterns("claude-*")), "the client c may not use m"),
    ],
)
def test_a_client_gets_nothing_it_may_not_use(client: Client, words: str) -> None:
    assert order(pick(client=client), A, B) == ""
    assert why(pick(client=client), A)["a"] == ("client_may", words)


def test_a_prompt_that_surely_does_not_fit_goes_where_the_model_has_a_larger_window() -> None:
    small, large = channel("small", models={"m": "glm-4.6"}), channel("large", priority=2, models={"m": "gemini-3-pro"})
    assert order(pick(prompt_tokens=300_000), small, large) == "sl"  # an estimate may be as wrong as that
    assert order(pick(prompt_tokens=500_000), small, large) == "l"
    words = "glm-4.6's context window of 200000 tokens is too small for about 500000"
    assert why(pick(prompt_tokens=500_000), small, large)["small"] == ("has_window", words)


def test_a_prompt_that_fits_nowhere_goes_to_the_largest_window() -> None:
    small, large = channel("small", models={"m": "glm-4.6"}), channel("large", priority=2, models={"m": "gemini-3-pro"})
    asked = pick(prompt_tokens=3_000_000)
    assert order(asked, small, large) == "ls"
    rule, reason = why(asked, small, large)["large"]
    assert rule == "has_largest_window" and "no context window is large enough" in reason


@pytest.mark.parametrize("bound", ["context_window", "max_output_tokens"])
def test_an_estimate_never_drops_the_last_ones(bound: str) -> None:
    small = [channel(name, limits=limits(**{bound: 10})) for name in "ab"]
    assert order(pick(prompt_tokens=100, output_tokens=100), *small) == "ab"


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        pytest.param(channel("x", key("off", enabled=False)), "has no key for this model", id="switched off"),
        pytest.param(channel("x", key("o", models=patterns("gpt-*"))), "has no key for this model", id="for others"),
    ],
)
def test_a_channel_without_a_key_for_the_model(of: Channel, reason: str) -> None:
    assert why(pick(), of, A)["x"] == ("has_key", reason)


def test_keys_are_asked_about_the_upstreams_model() -> None:
    of = channel("x", key("o", models=patterns("gpt-*")), models={"m": "gpt-5"})
    assert order(pick(), of) == "x" and order(pick("other"), of) == ""


def test_keys_that_rest_are_tried_last_and_then_only_now_and_then() -> None:
    state, two, backup = State(), channel("x", key("x1"), key("x2")), channel("z", priority=9)
    learn(state, attempt(two, 0), status(401, "invalid x-api-key"), NOW)
    assert order(pick(), two, backup, state=state) == "xz"
    learn(state, attempt(two, 1), status(500), NOW)
    assert order(pick(), two, backup, state=state) == "zx"
    learn(state, attempt(two, 1), status(402, "Insufficient Balance", 90.0), NOW)
    assert order(pick(), two, backup, state=state) == "zx", "nothing else left, it is tried"
    for _ in range(6):
        state.begin("chat", attempt(two, 0), NOW)
        state.begin("chat", attempt(two, 1), NOW)
    assert order(pick(), two, backup, state=state) == "z" and order(pick(), two, state=state) == ""
    rule, reason = why(pick(), two, state=state)["x"]
    assert rule == "has_key" and reason == "key sk-s…f-x1 (x1) is blocked: the key is refused (401), 60 s more"
    found = rank(pick(), snapshot(two), state, NOW).soonest
    assert found and (found.until, found.status) == (NOW + 60, 401)
    assert order(pick(), two, backup, state=state, now=NOW + 60) == "xz", "its time is over"


@pytest.mark.parametrize("pin", ["b", "ch_b"])
def test_a_pin_leaves_one_channel(pin: str) -> None:
    assert order(pick(pin=pin), A, B, C) == "b" and order(pick(pin="nobody"), A, B) == ""


SPACES = [
    pytest.param(Embedding(), Embedding(), "ab", id="the same model"),
    pytest.param(Embedding("s", 8), Embedding("s", 8), "ab", id="the same space"),
    pytest.param(Embedding("s", 8), Embedding("s"), "ab", id="length unknown"),
    pytest.param(Embedding("s", 8), Embedding("s", 16), "a", id="another length"),
    pytest.param(Embedding("s"), Embedding("t"), "a", id="another space"),
    pytest.param(Embedding("s"), Embedding(), "a", id="a space and a model"),
]


@pytest.mark.parametrize(("one", "other", "left"), SPACES)
def test_vectors_stay_in_their_space(one: Embedding, other: Embedding, left: str) -> None:
    two = channel("a", embedding=one), channel("b", priority=2, embedding=other)
    assert order(pick(vectors=True), *two) == left and order(pick(), *two) == "ab"


def test_a_broken_first_channel_does_not_change_the_space() -> None:
    state, one, other = State(), channel("a", embedding=Embedding("s")), channel("b", priority=2)
    learn(state, attempt(one), status(401, "invalid x-api-key"), NOW)
    for _ in range(3):
        assert order(pick(vectors=True), one, other, state=state) == "a"
        state.begin("chat", attempt(one), NOW)
    assert order(pick(vectors=True), one, other, state=state) == ""
    assert order(pick(vectors=True, pin="b"), one, other, state=state) == "b"


# ---- preferences -----------------------------------------------------------------------------------------------------
def sick(of: Channel, count: int = 1) -> Callable[[State], None]:
    def make(state: State) -> None:
        for _ in range(count):
            learn(state, attempt(of), broken(), NOW)

    return make


def at_home(name: str) -> Callable[[State], None]:
    return lambda state: state.traces.put("chat", "t", Seat(f"ch_{name}", "", NOW + 60))


def ordered(*channels: str, avoid: tuple[str, ...] = (), until: float = NOW + 60) -> Callable[[State], None]:
    override = Override(tuple(f"ch_{c}" for c in channels), frozenset(f"ch_{c}" for c in avoid), until)
    return lambda state: state.overrides.update({("chat", "t"): override})


PROMOTED = channel("c", priority=3, promoted_until=NOW + 60)
FLAT = [channel(name) for name in "abc"]
"""All of the same priority: their ids decide."""


@pytest.mark.parametrize(
    ("channels", "made", "found"),
    [
        pytest.param([C, B, A], [], "abc", id="priority"),
        pytest.param(FLAT, [], "abc", id="id where priorities are equal"),
        pytest.param([A, B, C], [sick(A)], "bca", id="a cooling channel last"),
        pytest.param([A, B, C], [sick(A, 3), sick(B)], "cab", id="last resort by failure rate, then priority"),
        pytest.param([A, B, PROMOTED], [], "cab", id="promotion"),
        pytest.param([A, B, PROMOTED], [sick(PROMOTED, 6)], "cab", id="promotion of a doubtful channel"),
        pytest.param([A, B, channel("c", priority=3, promoted_until=NOW)], [], "abc", id="promotion is over"),
        pytest.param(FLAT, [at_home("b")], "bac", id="affinity"),
        pytest.param([A, B, C], [at_home("b")], "abc", id="a healthy channel of smaller priority comes first"),
        pytest.param([A, B, C], [at_home("b"), sick(A)], "bca", id="a sick one of smaller priority does not"),
        pytest.param(FLAT, [at_home("b"), sick(FLAT[1])], "acb", id="a sick home"),
        pytest.param(FLAT, [at_home("x")], "abc", id="a home that is gone"),
        pytest.param([A, B, PROMOTED], [at_home("a")], "cab", id="promotion before affinity"),
        pytest.param([A, B, C], [ordered("c", "b")], "cba", id="override"),
        pytest.param([A, B, PROMOTED], [ordered("b")], "bca", id="override before promotion"),
        pytest.param([A, B, C], [ordered("c", "b"), sick(C)], "bac", id="override of a sick channel"),
        pytest.param([A, B, C], [ordered(avoid=("a",))], "bc", id="avoid"),
        pytest.param([A, B, C], [ordered("c", avoid=("a",), until=NOW)], "abc", id="override is over"),
    ],
)
def test_order(channels: list[Channel], made: list[Callable[[State], None]], found: str) -> None:
    state = State()
    for make in made:
        make(state)
    assert order(pick(trace="t"), *channels, state=state) == found


def test_pictures_and_policy_switch_affinity_off() -> None:
    state = State()
    at_home("b")(state)
    assert order(pick(trace="t", images=True), *FLAT, state=state) == "abc"
    assert order(pick(trace="t"), *FLAT, state=state, affinity=Affinity(enabled=False)) == "abc"
    assert order(pick(trace="u"), *FLAT, state=state) == "abc"
    assert order(pick(home=Seat("ch_c", "", NOW + 60)), *FLAT, state=state) == "cab", (
        "what continues an answer goes where it was made"
    )


def test_channels_at_their_limits_come_before_sick_ones() -> None:
    state, busy = State(), channel("a", limits=limits(concurrency=1))
    assert order(pick(), busy, B, C, state=state) == "abc"
    entered(state, busy, busy.keys[0], "one")
    sick(B)(state)
    assert order(pick(), busy, B, C, state=state) == "cab"
    assert why(pick(), busy, B, C, state=state)["a"] == (
        "under_pressure",
        "place 2: its limits are used up for the moment",
    )
    state.limits.leave("one")
    assert order(pick(), busy, B, C, state=state) == "acb"


def test_a_busy_home_is_left_for_the_next_channel() -> None:
    state, busy = State(), channel("b", limits=limits(rpm=1))
    at_home("b")(state)
    assert order(pick(trace="t"), FLAT[0], busy, state=state) == "ba"
    entered(state, busy, busy.keys[0])
    assert order(pick(trace="t"), FLAT[0], busy, state=state) == "ab"


def test_keys_at_their_limits_come_after_the_others_and_hold_back_a_channel_together() -> None:
    one, two = key("a1", limits=KeyLimits(concurrency=1)), key("a2", limits=KeyLimits(concurrency=1))
    state, of = State(), channel("a", one, two)
    known, entry = state.of("chat", "ch_a"), entry_of(of, "m")
    entered(state, of, one)
    target = known.target(entry, frozenset(), NOW, state.limits)
    assert target and target.key is two and order(pick(), of, B, state=state) == "ab"
    entered(state, of, two)
    assert order(pick(), of, B, state=state) == "ba"


def test_a_gateway_with_one_channel_never_refuses_because_of_its_breaker() -> None:
    state = State()
    sick(A, 40)(state)
    assert order(pick(), A, state=state) == "a"
    rule, reason = why(pick(), A, state=state)["a"]
    assert rule == "last_resort" and "the breaker pauses: could not connect, 2 s more" in reason


def test_a_half_open_channel_with_a_free_probe_is_healthy_and_without_one_is_not() -> None:
    state = State()
    for n in range(5):
        learn(state, attempt(A), status(500), NOW - 80 + 20 * n)
    assert order(pick(), A, B, state=state, now=NOW + 29) == "ba", "the model's breaker is open"
    assert order(pick(), A, B, state=state, now=NOW + 30) == "ab"
    state.begin("chat", attempt(A), NOW + 30)
    assert order(pick(), A, B, state=state, now=NOW + 30) == "ba"


def test_kinds_share_nothing() -> None:
    both = channel("a", serves=frozenset({"chat", "messages"})), channel("b", serves=frozenset({"chat", "messages"}))
    state = State()
    sick(both[0], 9)(state)
    assert order(pick(), *both, state=state) == "ba" and order(pick(kind="messages"), *both, state=state) == "ab"


def test_every_rule_says_something() -> None:
    assert all(preference.__doc__ for preference in (*RARE, *BALANCED.values(), *USUAL["order"]))
    filters = [*LIVE, *(rule for rule, _ in FIXED)]
    assert len({rule.__name__ for rule in filters}) == len(filters)


def test_every_channel_is_explained_once() -> None:
    state, channels = State(), [A, B, C, channel("d", status="suspended"), channel("e", no_vision=True)]
    sick(B)(state)
    ranking = rank(pick(images=True, trace="t"), snapshot(*channels), state, NOW)
    assert sorted(decision.channel_name for decision in ranking.decisions) == ["a", "b", "c", "d", "e"]
    assert [d.channel_name for d in ranking.decisions if d.kept] == [c.name for c in ranking.channels]


def test_a_new_snapshot_is_seen_at_once() -> None:
    state = State()
    before = snapshot(A, B)
    assert [c.name for c in rank(pick(), before, state, NOW).channels] == ["a", "b"]
    assert [c.name for c in rank(pick(), snapshot(B), state, NOW).channels] == ["b"]
    assert [c.name for c in rank(pick(), before, state, NOW).channels] == ["a", "b"]
