"""A clock that was set back: what was noted before lies in a future that nobody should wait for all over again."""

from collections import deque
from operator import attrgetter
from typing import Final

from ccx_addons.scheduler.breaker import Breaker, Sample
from ccx_addons.scheduler.keys import KeyState
from ccx_addons.scheduler.state import State

STEP: Final = 2.0
"""Seconds from which a difference is no slow correction."""
_of: Final = attrgetter("at", "ok", "model")


def set_back(state: State, seconds: float) -> None:
    """What rests, and what is remembered of failures, moves as far as the clock did (Unix seconds), and is written
    down. Requests that were suspects are none any more; limits find out for themselves."""
    for (kind, channel_id), known in state.channels.items():
        known.standings.clear()
        for url in known.urls.values():
            url.failed_at = _earlier(url.failed_at, seconds)
        for place, breaker in known.breakers.items():
            _move_breaker(breaker, seconds)
            state.changes.breakers.add((kind, channel_id, place))
        for key_id, key in known.keys.items():
            _move_key(key, seconds)
            state.changes.keys |= {(kind, channel_id, key_id, model) for model in key.resting_names()}
    state.suspects.forget()
    state.restore_at = _earlier(state.restore_at, seconds)


def _move_breaker(breaker: Breaker, seconds: float) -> None:
    for name in ("opened_at", "until", "pause_until", "probe_until", "changed_at"):
        setattr(breaker, name, _earlier(getattr(breaker, name), seconds))
    breaker.samples = deque(Sample(at - seconds, ok, model) for at, ok, model in map(_of, breaker.samples))


def _move_key(key: KeyState, seconds: float) -> None:
    key.failed_at, key.changed_at = _earlier(key.failed_at, seconds), _earlier(key.changed_at, seconds)
    for rest in filter(None, (key.rest, *key.models.values())):
        rest.until, rest.trial_at = _earlier(rest.until, seconds), _earlier(rest.trial_at, seconds)


def _earlier(moment: float, seconds: float) -> float:
    """0 is no moment, and infinity never comes."""
    return moment - seconds if moment > 0 else moment
