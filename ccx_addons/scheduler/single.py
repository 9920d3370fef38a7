"""One exchange's way to one channel, which teaches nobody anything: what a mirror asks (core/verdict.py)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ccx_addons.core.config import Channel, Kind
from ccx_addons.core.verdict import Attempt, Outcome, Target, Verdict
from ccx_addons.scheduler.index import Entry, entry_of
from ccx_addons.scheduler.state import State

MOST: Final = 128
"""Channels and models that are remembered."""


class Entries:
    """Channels that no plan has, as single models see them. A channel is known by its identity."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], Entry] = {}

    def of(self, channel: Channel, model: str) -> Entry:
        found = self._known.get((id(channel), model))
        if found is None:
            if len(self._known) >= MOST:
                self._known.clear()
            found = self._known[id(channel), model] = entry_of(channel, model)
        return found


def target_of(channel: Channel, entry: Entry, kind: Kind, state: State, now: float) -> Target | None:
    """The key that would come first; None: all rest, or none is for this model. ``entry``: of the channel with what
    this exchange wants otherwise."""
    target = state.of(kind, channel.id).target(entry, frozenset(), now, state.limits, wake=False)
    if target is None:
        return None
    return replace(target, drop=state.refusals.of(kind, channel, target.model, now))


class Single:
    """``told`` hears every verdict. What the upstream refuses of the request may be left out, on the same key."""

    def __init__(self, target: Target, told: Callable[[Verdict], None]) -> None:
        self.target: Target | None = target
        self.told = told

    def find(self) -> Target | None:
        found, self.target = self.target, None
        return found

    def begin(self, attempt: Attempt) -> None:
        """Nobody counts it."""

    def settle(self, attempt: Attempt, verdict: Verdict) -> Verdict:
        return verdict if verdict.action == "same_key" else replace(verdict, action="stop")

    def learn(self, attempt: Attempt, outcome: Outcome, verdict: Verdict) -> None:
        self.told(verdict)
