"""What upstreams refused of requests, so that the next request need not find out again.

Only what was cured is remembered: a request that went through once it was left out. It holds for one model of one
channel, for a day; then the whole request is tried again. It is forgotten when the channel is edited, and when a
request without it is refused all the same.
"""

from dataclasses import dataclass, field
from typing import Final

from ccx_addons.core.config import Channel
from ccx_addons.core.refusals import OF_ONE_CONVERSATION
from ccx_addons.core.verdict import Attempt, Outcome, Verdict

DAY: Final = 86_400.0
MOST: Final = 1000
"""Models of channels; the one that was learnt first goes first."""
REFUSES: Final = frozenset({400, 422})
NOTHING: Final[frozenset[str]] = frozenset()

type Place = tuple[str, str, str]
"""Kind, channel id, the upstream's name of the model."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """``until``: Unix seconds; ``reason``: the upstream's words."""

    until: float
    reason: str


@dataclass(slots=True)
class Known:
    channel: Channel
    refusals: dict[str, Refusal] = field(default_factory=dict)
    """What is left out (core/refusals.py) -> why."""


class Refusals:
    def __init__(self) -> None:
        self.places: dict[Place, Known] = {}
        self._words: dict[tuple[Place, str], str] = {}
        """Why something was left out, until it is known whether that helps."""

    def of(self, kind: str, channel: Channel, model: str, now: float) -> frozenset[str]:
        """What to leave out in advance."""
        if not self.places or (known := self.places.get((kind, channel.id, model))) is None:
            return NOTHING
        if known.channel is not channel and known.channel != channel:
            del self.places[(kind, channel.id, model)]
            return NOTHING
        return frozenset(name for name, refusal in known.refusals.items() if refusal.until > now)

    def learn(self, kind: str, attempt: Attempt, outcome: Outcome, verdict: Verdict, now: float, words: str) -> None:
        """``words``: what the upstream said, masked."""
        if not (attempt.drop or verdict.drop):
            return
        place = (kind, attempt.channel.id, attempt.model)
        if verdict.drop:
            if len(self._words) >= MOST:
                self._words.clear()
            self._words |= {(place, name): words for name in verdict.drop - OF_ONE_CONVERSATION}
        elif outcome.kind == "ok":
            self._remember(place, attempt, now)
        elif outcome.kind == "status" and outcome.status in REFUSES:
            self.places.pop(place, None)

    def _remember(self, place: Place, attempt: Attempt, now: float) -> None:
        known = self.places.setdefault(place, Known(attempt.channel))
        for name in attempt.drop:
            reason = self._words.pop((place, name), None)
            if reason is not None:
                known.refusals[name] = Refusal(now + DAY, reason)
        if len(self.places) > MOST:
            del self.places[next(iter(self.places))]
