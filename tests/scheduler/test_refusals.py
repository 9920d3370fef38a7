"""What is remembered of refusals, for whom and for how long."""

from dataclasses import replace

from ccx_addons.core.neutral import Fault
from ccx_addons.core.verdict import Attempt, Outcome, Verdict
from ccx_addons.scheduler.refusals import DAY, MOST, Refusal, Refusals, mark_of
from tests.scheduler.values import channel

CHANNEL = channel("a")
FIRST = Attempt(CHANNEL, CHANNEL.keys[0], CHANNEL.base_urls[0], 1, model="m")
REFUSED = Outcome("status", 400, Fault("invalid_request", "Unsupported parameter: 'stop'", 400))
AGAIN = Verdict("same_key", "", drop=frozenset({"stop"}))
STOP = Verdict("stop", "")
DONE = Verdict("commit", "")


def taught(refusals: Refusals, attempt: Attempt = FIRST, now: float = 0.0) -> None:
    """A refusal, and that leaving it out helped."""
    refusals.learn("chat", attempt, REFUSED, AGAIN, now, "no stop here")
    refusals.learn("chat", replace(attempt, drop=attempt.drop | {"stop"}), Outcome("ok", 200), DONE, now, "")


def test_what_helped_is_left_out_in_advance() -> None:
    refusals = Refusals()
    taught(refusals)
    assert refusals.of("chat", CHANNEL, "m", 1) == {"stop"}
    assert refusals.of("chat", CHANNEL, "other", 1) == refusals.of("messages", CHANNEL, "m", 1) == set()
    assert refusals.places["chat", CHANNEL.id, "m"].refusals["stop"].reason == "no stop here"


def test_what_did_not_help_is_not_remembered() -> None:
    refusals = Refusals()
    refusals.learn("chat", FIRST, REFUSED, AGAIN, 0, "no stop here")
    refusals.learn("chat", replace(FIRST, drop=frozenset({"stop"})), REFUSED, STOP, 0, "")
    assert refusals.of("chat", CHANNEL, "m", 1) == set()


def test_it_is_tried_again_after_a_day_however_often_it_was_left_out() -> None:
    refusals = Refusals()
    taught(refusals)
    refusals.learn("chat", replace(FIRST, drop=frozenset({"stop"})), Outcome("ok", 200), DONE, DAY - 1, "")
    assert refusals.of("chat", CHANNEL, "m", DAY - 1) == {"stop"}
    assert refusals.of("chat", CHANNEL, "m", DAY + 1) == set()


def test_a_refusal_without_it_forgets_it() -> None:
    refusals = Refusals()
    taught(refusals)
    refusals.learn("chat", replace(FIRST, drop=frozenset({"stop"})), REFUSED, STOP, 1, "something else")
    assert refusals.of("chat", CHANNEL, "m", 2) == set()


def test_an_overloaded_upstream_forgets_nothing() -> None:
    refusals = Refusals()
    taught(refusals)
    refusals.learn("chat", replace(FIRST, drop=frozenset({"stop"})), Outcome("status", 529), STOP, 1, "")
    assert refusals.of("chat", CHANNEL, "m", 2) == {"stop"}


def test_an_edit_of_the_channel_forgets_it() -> None:
    refusals = Refusals()
    taught(refusals)
    assert refusals.of("chat", replace(CHANNEL), "m", 1) == {"stop"}  # the same channel, read again
    assert refusals.of("chat", replace(CHANNEL, base_urls=("https://other.example.com",)), "m", 1) == set()
    assert refusals.places == {}


def test_memory_is_bounded() -> None:
    refusals = Refusals()
    for n in range(MOST + 5):
        taught(refusals, replace(FIRST, model=f"m{n}"))
    assert len(refusals.places) == MOST and refusals.of("chat", CHANNEL, "m0", 1) == set()
    assert refusals.of("chat", CHANNEL, f"m{MOST}", 1) == {"stop"}


def test_what_only_one_conversation_needs_is_not_remembered() -> None:
    refusals, foreign = Refusals(), frozenset({"foreign_thoughts"})
    refusals.learn("chat", FIRST, REFUSED, Verdict("same_key", "", drop=foreign), 0, "could not be verified")
    refusals.learn("chat", replace(FIRST, drop=foreign), Outcome("ok", 200), DONE, 0, "")
    assert refusals.of("chat", CHANNEL, "m", 1) == set()


def test_it_is_forgotten_by_hand() -> None:
    refusals, other = Refusals(), replace(FIRST, model="n")
    for each in (FIRST, other):
        taught(refusals, each)
    refusals.changes.clear()
    assert refusals.forget("ch_b") == refusals.forget(CHANNEL.id, "m", "top_p") == 0
    assert refusals.forget(CHANNEL.id, "m", "stop") == 1 and refusals.of("chat", CHANNEL, "m", 1) == set()
    assert refusals.changes == {(("chat", CHANNEL.id, "m"), "stop")}
    assert refusals.forget(CHANNEL.id) == 1 and not refusals.places


def test_what_another_worker_learnt_holds_for_the_channel_as_it_was() -> None:
    refusals, place = Refusals(), ("chat", CHANNEL.id, "m")
    refusals.take(place, "stop", Refusal(100, "no"), mark_of(CHANNEL))
    assert refusals.of("chat", CHANNEL, "m", 1) == {"stop"}
    refusals.take(place, "stop", None, "")
    assert refusals.of("chat", CHANNEL, "m", 1) == set()
    refusals.take(place, "stop", Refusal(100, "no"), mark_of(CHANNEL))
    assert refusals.of("chat", replace(CHANNEL, note="edited"), "m", 1) == set() and not refusals.places


def test_a_mark_is_the_same_whatever_the_order_of_sets() -> None:
    one, two = (replace(CHANNEL, quirks=frozenset(names)) for names in (("a", "b"), ("b", "a")))
    assert mark_of(one) == mark_of(two) != mark_of(CHANNEL)
