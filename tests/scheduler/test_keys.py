"""Keys: the order they are used in, how long they rest, which base URL comes first."""

import pytest

from ccx_addons.core.config import Key, Rotate
from ccx_addons.core.verdict import REFUSED
from ccx_addons.scheduler.keys import (
    TRIAL_EVERY,
    KeyState,
    Rest,
    UrlState,
    in_turn,
    limit_group,
    longest_ago,
    ranked_urls,
    rest_after,
)
from ccx_addons.scheduler.turns import Changed, Line
from tests.scheduler.values import NOW, key

A, B, C = key("a"), key("b"), key("c")
HEAVY = key("heavy", weight=2)


def first_key(keys: list[Key], states: dict[str, KeyState], rotate: Rotate) -> Key:
    return next(iter(in_turn(Line(keys, [each.id for each in keys]), states, Changed(), rotate)))


def take_turn(key: Key, states: dict[str, KeyState], turn: float) -> float:
    return states.setdefault(key.id, KeyState()).take_turn(key.weight, turn)


def turns(rotate: Rotate, keys: list[str], count: int) -> str:
    """Names of the keys that are used one after the other, each attempt ended before the next."""
    made = {"a": A, "b": B, "h": HEAVY}
    ready, states, used, turn = [made[name] for name in keys], dict[str, KeyState](), "", 0.0
    for _ in range(count):
        chosen = first_key(ready, states, rotate)
        turn = take_turn(chosen, states, turn)
        states[chosen.id].flying -= 1
        used += chosen.name[0]
    return used


@pytest.mark.parametrize(
    ("rotate", "keys", "used"),
    [
        pytest.param("fill_first", ["a", "b"], "aaaa", id="fill first"),
        pytest.param("round_robin", ["a", "b"], "abab", id="round robin"),
        pytest.param("round_robin", ["h", "a"], "hahhah", id="a heavy key twice as often"),
        pytest.param("least_used", ["a", "b"], "abab", id="least used"),
        pytest.param("least_used", ["h", "a"], "hahhah", id="least used for its weight"),
    ],
)
def test_rotation(rotate: Rotate, keys: list[str], used: str) -> None:
    assert turns(rotate, keys, len(used)) == used


def test_a_key_that_was_away_does_not_catch_up() -> None:
    states: dict[str, KeyState] = {}
    turn = 0.0
    for _ in range(100):
        turn = take_turn(A, states, turn)
    used = ""
    for _ in range(6):
        chosen = first_key([A, B], states, "round_robin")
        turn = take_turn(chosen, states, turn)
        used += chosen.name
    assert used == "bababa"


def test_least_used_looks_at_what_is_under_way_first() -> None:
    states = {A.id: KeyState(uses=1, flying=1), B.id: KeyState(uses=50)}
    assert first_key([A, B], states, "least_used") is B


@pytest.mark.parametrize(
    ("rests", "wait", "seconds"),
    [
        pytest.param(0, None, 60, id="once"),
        pytest.param(1, None, 300, id="twice"),
        pytest.param(2, None, 900, id="three times in a row"),
        pytest.param(3, None, 3600, id="four times"),
        pytest.param(9, None, 3600, id="more"),
        pytest.param(0, 7.0, 7, id="as the upstream says"),
        pytest.param(3, 0.0, 0, id="at once, says the upstream"),
    ],
)
def test_each_refusal_in_a_row_rests_longer(rests: int, wait: float | None, seconds: float) -> None:
    before, now = None, NOW
    for _ in range(rests):
        count, until = rest_after(before, REFUSED, None, now)
        before, now = Rest(until, count=count), until + 1
    assert rest_after(before, REFUSED, wait, now) == (rests + 1, now + seconds)


def test_a_refusal_while_it_rests_makes_it_no_longer() -> None:
    before = Rest(NOW + 60)
    assert rest_after(before, REFUSED, None, NOW + 5) == (1, NOW + 60)
    assert rest_after(before, REFUSED, 600.0, NOW + 5) == (1, NOW + 605), "the upstream says so"
    assert rest_after(before, REFUSED, 5.0, NOW + 5) == (1, NOW + 10), "or says that it is shorter"


def test_after_a_long_time_it_begins_anew() -> None:
    assert rest_after(Rest(NOW - 7 * 3600, count=4), REFUSED, None, NOW) == (1, NOW + 60)


def test_rests() -> None:
    state = KeyState()
    state.begin_rest("", Rest(NOW + 60, blocked=True), NOW)
    assert state.resting("m", NOW + 59) is state.rest and state.blocked(NOW) and not state.blocked(NOW + 60)
    assert state.lift("", NOW) and not state.lift("", NOW) and not state.resting("m", NOW)
    state.begin_rest("gpt-9", Rest(NOW + 3600), NOW)
    assert state.resting("gpt-9", NOW + 3599) and not state.resting("gpt-9", NOW + 3600)
    assert not state.resting("gpt-4", NOW)


@pytest.mark.parametrize(
    ("limited", "other", "together"),
    [
        ("claude-opus-4-1-20250805", "claude-opus-4-5", True),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-20250514", True),
        ("claude-opus-4-5", "claude-sonnet-4-5", False),
        ("claude-3-5-sonnet-20241022", "claude-3-7-sonnet-20250219", False),
        ("gpt-4o-2024-08-06", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gemini-3-pro", "gemini-3-flash", False),
    ],
)
def test_limits_that_are_counted_together(limited: str, other: str, together: bool) -> None:
    state = KeyState()
    state.begin_rest(limit_group(limited), Rest(NOW + 60), NOW)
    assert state.resting(limited, NOW) and bool(state.resting(other, NOW)) == together


def test_a_success_forgets_the_key_and_its_model() -> None:
    state = KeyState()
    for name in ("", "gpt-4o", "gpt-4o-2024-08-06", "o3"):
        state.begin_rest(name, Rest(NOW + 60), NOW)
    assert set(state.succeed("gpt-4o-2024-08-06", NOW)) == {"", "gpt-4o", "gpt-4o-2024-08-06"}
    assert list(state.models) == ["o3"] and not state.succeed("gpt-4o", NOW)


def test_trials_are_some_at_once_and_then_one_now_and_then() -> None:
    rest, tried = Rest(NOW + 3600), []
    for second in range(120):
        if rest.next_trial() <= NOW + second:
            rest.try_it(NOW + second)
            tried.append(second)
    assert tried[:3] == [0, 1, 2] and len(tried) == 3 + 5 and tried[-1] - tried[-2] == TRIAL_EVERY
    state = KeyState()
    state.begin_rest("", rest, NOW)
    state.begin_rest("", Rest(NOW + 7200), NOW)
    assert state.rest and state.rest.trial_at == rest.trial_at, "a trial that fails gives no new ones"


def test_models_are_not_remembered_without_bound() -> None:
    state = KeyState()
    for n in range(1000):
        state.begin_rest(f"m{n}", Rest(NOW + 10), NOW)
    assert len(state.models) == 200 and state.resting("m999", NOW) and not state.resting("m0", NOW)


def test_the_one_that_failed_longest_ago() -> None:
    states = {A.id: KeyState(failed_at=NOW), B.id: KeyState(failed_at=NOW - 9), C.id: KeyState(failed_at=NOW - 5)}
    assert longest_ago([A, B, C], states) is B


@pytest.mark.parametrize(
    ("failed", "order"),
    [
        pytest.param({}, "abc", id="as configured"),
        pytest.param({"a": (1, 5)}, "bca", id="a pausing one last"),
        pytest.param({"a": (1, 31)}, "bca", id="never failed before one whose pause is over"),
        pytest.param({"a": (3, 40), "b": (1, 90)}, "cba", id="fewest failures first"),
        pytest.param({"a": (1, 10), "b": (5, 40), "c": (1, 20)}, "bca", id="then who still pauses, shortest first"),
    ],
)
def test_base_urls(failed: dict[str, tuple[int, float]], order: str) -> None:
    states = {url: UrlState(count, NOW - ago) for url, (count, ago) in failed.items()}
    assert "".join(ranked_urls("abc", states, NOW)) == order
