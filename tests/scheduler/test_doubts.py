"""Refusals in words that nobody knows: what others answer tells whose fault it is."""

from collections import deque

import pytest

from ccx_addons.core.verdict import Outcome
from ccx_addons.scheduler import Search, State
from ccx_addons.scheduler.doubts import ENOUGH, MOST
from ccx_addons.scheduler.index import entry_of
from tests.scheduler.values import NOW, OK, Told, channel, names, pick, run, snapshot, status

A, B = channel("a"), channel("b", priority=2)
WRONG = status(400, "this plan needs to be looked at by somebody of the sales department", type="invalid_request_error")
FORBIDDEN = status(403, "not with this plan")


def told(one: State, other: State) -> None:
    """What other workers hear."""
    while one.news:
        topic, kind, channel_id, key_id, *gist = one.news.popleft()
        assert topic == "doubt"
        other.doubts.heard((kind, channel_id, key_id), tuple(gist) or None)  # type: ignore[arg-type]


def asked(state: State, body: str, *outcomes: Outcome) -> list[str]:
    search = Search(pick(), snapshot(A, B), state, lambda: NOW, Told(body))
    return names(run(search, list(outcomes)))


def rests(state: State) -> bool:
    return not state.standing("chat", entry_of(A, "m"), NOW).ready


def test_a_channel_that_finds_every_request_wrong_is_not_believed() -> None:
    state = State()
    assert [asked(state, str(n), WRONG, OK) for n in range(ENOUGH)] == [["a/a1"]] * ENOUGH
    assert [asked(state, f"next {n}", WRONG, OK) for n in range(ENOUGH)] == [["a/a1", "b/b1"]] * ENOUGH
    assert rests(state) and asked(state, "later", OK) == ["b/b1"], "and after so many its key rests"
    assert any("it is refused what others answer" in event.message for event in state.changes.events)


def test_workers_count_together() -> None:
    states = [State(), State(), State()]
    for n in range(2 * ENOUGH):
        state = states[n % 3]
        assert asked(state, str(n), WRONG, OK) == ["a/a1", "b/b1"][: 1 + (n >= ENOUGH)]
        for other in states:
            if other is not state:
                told_of = list(state.news)
                told(state, other)
                state.news.extend(told_of)
        state.news.clear()
    assert [rests(state) for state in states] == [False, False, True], "whoever comes last; the key's rest is shared"
    assert not any(key for state in states for _, _, key in state.doubts.known), "and it begins anew"


def test_what_is_doubted_is_bounded() -> None:
    """So is what the others hear of it."""
    state = State()
    known, state.news = state.doubts, deque()
    known.news = state.news
    for n in range(MOST + 5):
        for body in range(2 * ENOUGH):
            known.stopped("chat", f"ch_{n}", ("chat", "m", str(body)))
    assert len(known.known) == MOST and {len(gists) for gists in known.known.values()} == {ENOUGH + 1}
    assert len(state.news) == (MOST + 5) * (ENOUGH + 1)


@pytest.mark.parametrize(
    "bodies", [pytest.param("1231", id="one was answered"), pytest.param("1111", id="the same again and again")]
)
def test_what_is_wrong_stays_wrong(bodies: str) -> None:
    state = State()
    for n, body in enumerate(bodies):
        assert asked(state, body, WRONG) == ["a/a1"]
        if n == 1 and len(set(bodies)) > 1:
            asked(state, "well", OK)
    assert asked(state, "another", WRONG, OK) == ["a/a1"]


def test_what_everybody_refuses_is_nobodys_fault() -> None:
    state = State()
    for n in range(3 * ENOUGH):
        asked(state, str(n), FORBIDDEN, FORBIDDEN)
    assert not rests(state)


def test_a_key_that_is_forbidden_what_others_do_rests() -> None:
    state = State()
    assert [asked(state, str(n), FORBIDDEN, OK) for n in range(ENOUGH)] == [["a/a1", "b/b1"]] * ENOUGH
    assert rests(state)


def test_the_same_key_in_another_channel_is_another_one() -> None:
    state, channels = State(), snapshot(A, channel("b", A.keys[0], priority=2))
    for n in range(ENOUGH):
        run(Search(pick(trace=f"conversation {n}"), channels, state, lambda: NOW), [FORBIDDEN, OK])
    assert rests(state)


def test_one_conversation_alone_says_nothing() -> None:
    state = State()
    for _ in range(3 * ENOUGH):
        asked(state, "the same", FORBIDDEN, OK)
    assert not rests(state)


def test_a_success_in_between_shows_that_the_key_is_well() -> None:
    state = State()
    for n in range(3 * ENOUGH):
        asked(state, str(n), *([OK] if n % ENOUGH == 0 else [FORBIDDEN, OK]))
    assert not rests(state)
