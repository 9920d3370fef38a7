"""A mirror's way: one channel, and nobody learns of it."""

from dataclasses import replace

from ccx_addons.core.neutral import Fault
from ccx_addons.core.verdict import Outcome, Verdict, attempts
from ccx_addons.scheduler.index import entry_of
from ccx_addons.scheduler.keys import Rest
from ccx_addons.scheduler.single import MOST, Entries, Single, target_of
from ccx_addons.scheduler.state import State
from tests.scheduler.values import channel, key


def test_the_key_that_would_come_first_and_none_that_rests() -> None:
    state, two = State(), channel("a", key("one"), key("two"))
    found = target_of(two, entry_of(two, "m"), "chat", state, 100.0)
    assert found and found.key is two.keys[0]
    state.of("chat", two.id).key(two.keys[0].id).begin_rest("", Rest(500.0), 100.0)
    found = target_of(two, entry_of(two, "m"), "chat", state, 101.0)
    assert found and found.key is two.keys[1]
    state.of("chat", two.id).key(two.keys[1].id).begin_rest("", Rest(500.0), 100.0)
    assert target_of(two, entry_of(two, "m"), "chat", state, 102.0) is None
    state.changes.clear()


def test_a_channel_is_looked_at_once_for_each_model() -> None:
    entries, one = Entries(), channel("a", key("one"))
    first = entries.of(one, "m")
    assert entries.of(one, "m") is first and (first.channel, first.model) == (one, "m")
    assert entries.of(one, "n") is not first and entries.of(replace(one), "m") is not first
    for n in range(2 * MOST):
        entries.of(one, f"{n}")
    assert entries.of(one, "m") is not first, "and not for all that clients may name"


def test_one_attempt_whatever_comes_of_it() -> None:
    state, told = State(), list[Verdict]()
    where = channel("a", key("one"), key("two"))
    target = target_of(where, entry_of(where, "m"), "chat", state, 100.0)
    assert target
    way = attempts(Single(target, told.append), lambda: 0.0, 60.0, lambda: 100.0)
    assert next(way).key is where.keys[0]
    assert (
        next((again for again in [_sent(way, Outcome("status", 401, Fault("authentication", "no")))] if again), None)
        is None
    )
    assert [verdict.action for verdict in told] == ["stop"]
    assert not state.changes and state.of("chat", where.id).keys == {}


def test_a_field_that_is_refused_is_left_out_on_the_same_key() -> None:
    told = list[Verdict]()
    where = channel("a", key("one"))
    target = target_of(where, entry_of(where, "m"), "chat", State(), 100.0)
    assert target
    way = attempts(Single(target, told.append), lambda: 0.0, 60.0, lambda: 100.0)
    next(way)
    fault = Fault("invalid_request", "Unsupported parameter: 'top_k'", 400, "unsupported_parameter", param="top_k")
    again = way.send(Outcome("status", 400, fault, fields=frozenset({"top_k"})))
    assert again.drop == {"top_k"} and told[0].action == "same_key"


def _sent(way: object, outcome: Outcome) -> object:
    try:
        return way.send(outcome)  # type: ignore[attr-defined]
    except StopIteration:
        return None
