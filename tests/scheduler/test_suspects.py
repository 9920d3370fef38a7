"""Requests that nobody answers: who is blamed, and who is asked."""

from collections import deque

import pytest

from ccx_addons.core.exchange import Seat
from ccx_addons.core.verdict import Outcome
from ccx_addons.scheduler import Search, State
from ccx_addons.scheduler.suspects import EDGE, MOST, WINDOW, Suspects, body_print
from tests.scheduler.values import NOW, OK, Told, broken, channel, key, names, pick, run, snapshot, status

A = channel("a", key("a1"), key("a2"))
B = channel("b", priority=2)
C = channel("c", priority=3)
BODY = "its body"
GIST = ("chat", "m", "its conversation")


def ask(state: State, outcomes: list[Outcome], body: str = BODY, after: float = 0.0, home: Seat | None = None) -> str:
    asked = pick(home=home) if home else pick()
    search = Search(asked, snapshot(A, B, C), state, lambda: NOW + after, Told(body))
    return " ".join(names(run(search, outcomes, NOW + after)))


def failed(state: State) -> set[str]:
    """Keys that have a failure at their address."""
    return {
        place[1]
        for known in state.channels.values()
        for place, found in known.breakers.items()
        if found.failed and place[0] and place[1]
    }


def test_a_request_that_nobody_answers_counts_once() -> None:
    state = State()
    for _ in range(9):
        ask(state, [status(500)] * 4)
    assert failed(state) == {"k_a1"}
    ask(state, [status(500)] * 4, "another body")
    assert len(failed(state)) == 2


def test_who_failed_where_another_answers_is_at_fault() -> None:
    state = State()
    ask(state, [status(500), status(500), status(500), OK])
    assert failed(state) == {"k_a1", "k_a2", "k_b1"} and not state.suspects


@pytest.mark.parametrize(
    "outcome",
    [broken("connect"), broken("tls"), broken("connect_timeout"), status(503, "back soon", 30.0)],
    ids=["connect", "tls", "connect timeout", "it says when it is back"],
)
def test_what_says_nothing_about_the_request_counts_at_once(outcome: Outcome) -> None:
    state = State()
    ask(state, [outcome] * 4)
    assert len(state.channels) == 3 and not state.suspects
    assert all(any(found.failed for found in known.breakers.values()) for known in state.channels.values())


def test_a_suspect_goes_first_where_it_did_not_fail_yet() -> None:
    state = State()
    late = Outcome("late_error", committed=True)
    assert ask(state, [late]) == "a/a1"
    assert ask(state, [late], after=9) == "b/b1" and ask(state, [late], after=9) == "c/c1"
    assert ask(state, [late], after=9) == "a/a1", "everywhere: the usual order"
    assert ask(state, [OK], "another body", after=9) == "a/a1"
    assert ask(state, [OK], after=9) == "a/a1" and not state.suspects


def test_a_suspect_does_not_prefer_who_is_broken() -> None:
    state = State()
    unreached = [broken("connect")] * 2
    assert ask(state, [*unreached, Outcome("late_error", committed=True)]).endswith("c/c1")
    for after in (2.5, 7.0, 16.0):
        assert ask(state, [*unreached, OK], "another body", after=after) == "a/a1 b/b1 c/c1"
    assert ask(state, [OK], after=20) == "c/c1", "the others pause"


def test_what_continues_an_answer_stays_with_who_made_it() -> None:
    state, home = State(), Seat("ch_a", "k_a1", NOW + 9999)
    assert ask(state, [Outcome("late_error", committed=True)], home=home) == "a/a1"
    assert ask(state, [OK], after=9, home=home) == "a/a1"


def test_it_is_no_suspect_for_ever() -> None:
    known = Suspects(deque())
    known.add(("chat", "m", "x"), "ch_a", NOW)
    assert known.failed_at(("chat", "m", "x"), NOW + WINDOW - 1) == {"ch_a"}
    assert not known.failed_at(("chat", "m", "x"), NOW + WINDOW) and not known.failed_at(("chat", "n", "x"), NOW)
    known.add(("chat", "m", "y"), "ch_a", NOW + WINDOW)
    assert len(known) == 1


def test_it_remembers_so_many() -> None:
    known = Suspects(deque())
    for n in range(MOST + 50):
        known.add(("chat", "m", str(n)), "ch_a", NOW)
    assert len(known) == MOST and known.failed_at(("chat", "m", str(MOST)), NOW)
    known.add(("chat", "m", ""), "ch_a", NOW)
    assert not known.failed_at(("chat", "m", ""), NOW), "nothing tells it from others"


def test_bodies_are_told_apart_by_both_ends_and_their_length() -> None:
    body = b"a" * EDGE + b"b" * 99 + b"c" * EDGE
    prints = {body_print(each) for each in (body, b"x" + body[1:], body[:-1] + b"x", body + b"c", b"", b"x")}
    assert len(prints) == 6 and body_print(bytes(bytearray(body))) == body_print(body)


def test_what_others_should_hear() -> None:
    one, other = Suspects(deque()), Suspects(deque())
    one.clear(GIST)
    one.add(GIST, "a", NOW)
    one.clear(GIST)
    assert list(one.news) == [("suspect", *GIST, "a"), ("suspect", *GIST, "")]
    for *_, channel_id in one.news:
        other.heard(GIST, channel_id, NOW)
        assert other.failed_at(GIST, NOW) == ({channel_id} if channel_id else set())
    assert not other.news
