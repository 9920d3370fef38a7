"""Moments after the clock was set back by three hours."""

import pytest

from ccx_addons.core.verdict import Outcome
from ccx_addons.scheduler import State
from ccx_addons.scheduler.index import entry_of
from ccx_addons.scheduler.set_back import set_back
from tests.scheduler.values import NOW, attempt, broken, channel, learn, status

ONE = channel("one")
ENTRY = entry_of(ONE, "m")
HOURS = 3 * 3600.0


def is_ready(state: State, now: float) -> bool:
    return state.standing("chat", ENTRY, now).ready


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(status(401, "invalid api key"), id="a key that is blocked"),
        pytest.param(status(429, "slow down", 60.0), id="a limit of a model"),
        pytest.param(broken(), id="an address that pauses"),
        pytest.param(status(529, "Overloaded", 60.0), id="a model that is crowded"),
    ],
)
def test_what_rests_does_so_no_longer(outcome: Outcome) -> None:
    state = State()
    learn(state, attempt(ONE), outcome, NOW)
    until = state.standing("chat", ENTRY, NOW).until
    assert not is_ready(state, NOW)
    state.changes.clear()
    set_back(state, HOURS)
    assert state.standing("chat", ENTRY, NOW - HOURS).until == until - HOURS
    assert not is_ready(state, NOW - HOURS)
    state.restore(until - HOURS + 0.1)
    assert is_ready(state, until - HOURS + 0.1)
    assert state.changes.keys or state.changes.breakers, "the other workers and the panel hear of it"


def test_what_was_suspected_is_well() -> None:
    state = State()
    state.suspects.add(("chat", "m", "body"), "ch_one", NOW)
    set_back(state, HOURS)
    assert not state.suspects.failed_at(("chat", "m", "body"), NOW - HOURS)
