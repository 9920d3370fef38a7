"""Keys: the order they are used in, how long they rest, which base URL comes first."""

import pytest

from ccx_addons.core.config import Rotate
from ccx_addons.scheduler.keys import (
    KeyState,
    ModelBlock,
    UrlState,
    first_key,
    longest_ago,
    ranked_urls,
    take_turn,
)
from tests.scheduler.values import NOW, key

A, B, C = key("a"), key("b"), key("c")
HEAVY = key("heavy", weight=2)


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
    ("failures", "rest", "seconds"),
    [
        pytest.param(1, None, 300, id="once"),
        pytest.param(2, None, 300, id="twice"),
        pytest.param(3, None, 600, id="three times in a row"),
        pytest.param(9, None, 600, id="more"),
        pytest.param(1, 7.0, 7, id="as the upstream says"),
        pytest.param(3, 0.0, 0, id="at once, says the upstream"),
    ],
)
def test_cooldown(failures: int, rest: float | None, seconds: float) -> None:
    state = KeyState()
    for _ in range(failures):
        state.fail("rate limited", "slow down", rest, NOW)
    assert state.cool_until == NOW + seconds
    assert state.cooling(NOW) == (seconds > 0) and not state.cooling(NOW + seconds)


def test_a_success_ends_the_row() -> None:
    state = KeyState()
    for _ in range(2):
        state.fail("503", "", None, NOW)
    assert state.succeed(NOW) and not state.succeed(NOW)
    state.fail("503", "", None, NOW)
    assert (state.failures, state.cool_until) == (1, NOW + 300)


def test_blocks() -> None:
    state = KeyState()
    state.block("the key is refused", "invalid x-api-key", float("inf"), NOW)
    assert state.blocked(NOW + 1e9)
    state.unblock(NOW)
    assert not state.blocked(NOW) and not state.reason
    state.block_model("gpt-9", ModelBlock(NOW + 3600), NOW)
    assert state.lacks("gpt-9", NOW + 3599) and not state.lacks("gpt-9", NOW + 3600) and not state.lacks("gpt-4", NOW)


def test_models_a_key_does_not_have_are_not_remembered_without_bound() -> None:
    state = KeyState()
    for n in range(1000):
        state.block_model(f"m{n}", ModelBlock(NOW + 10), NOW)
    assert len(state.models) == 200 and state.lacks("m999", NOW) and not state.lacks("m0", NOW)


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
