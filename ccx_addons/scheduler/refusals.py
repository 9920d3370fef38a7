"""What upstreams refused of requests, so that the next request need not find out again.

Only what was cured is remembered: a request that went through once it was left out. It holds for one model of one
channel, for a day; then the whole request is tried again. It is forgotten when the channel is edited, and when a
request without it is refused all the same.
"""

import hashlib
from dataclasses import dataclass, field, fields
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
    """``since``, ``until``: Unix seconds; ``reason``: the upstream's words."""

    until: float
    reason: str
    since: float = 0.0


@dataclass(slots=True)
class Known:
    """``channel``: as it was when it was learnt; None: another worker or run learnt it, of a channel with this mark."""

    channel: Channel | None
    mark: str = ""
    refusals: dict[str, Refusal] = field(default_factory=dict)
    """What is left out (core/refusals.py) -> why."""


class Refusals:
    def __init__(self) -> None:
        self.places: dict[Place, Known] = {}
        self._words: dict[tuple[Place, str], str] = {}
        """Why something was left out, until it is known whether that helps."""
        self.changes: set[tuple[Place, str]] = set()
        """What has to be written down."""

    def of(self, kind: str, channel: Channel, model: str, now: float) -> frozenset[str]:
        """What to leave out in advance."""
        if not self.places or (known := self.places.get((kind, channel.id, model))) is None:
            return NOTHING
        if known.channel is not channel and known.channel != channel:
            if known.channel is not None or known.mark != mark_of(channel):
                self._forget((kind, channel.id, model))
                return NOTHING
            known.channel = channel
        return frozenset(name for name, refusal in known.refusals.items() if refusal.until > now)

    def learn(self, kind: str, attempt: Attempt, outcome: Outcome, verdict: Verdict, now: float, words: str) -> None:
        """Of an attempt that left something out, or has to. ``words``: what the upstream said, masked."""
        place = (kind, attempt.channel.id, attempt.model)
        if verdict.drop:
            if len(self._words) >= MOST:
                self._words.clear()
            self._words |= {(place, name): words for name in verdict.drop - OF_ONE_CONVERSATION}
        elif outcome.kind == "ok":
            self._remember(place, attempt, now)
        elif outcome.kind == "status" and outcome.status in REFUSES:
            self._forget(place)

    def take(self, place: Place, name: str, refusal: Refusal | None, mark: str) -> None:
        """What another worker or an earlier run learnt, or (None) forgot."""
        if refusal is None:
            if known := self.places.get(place):
                known.refusals.pop(name, None)
            return
        known = self.places.setdefault(place, Known(None, mark))
        known.refusals[name] = refusal

    def forget(self, channel_id: str, model: str = "", name: str = "") -> int:
        """By hand: one, those of a model, or all of a channel; how many."""
        places = [place for place in self.places if place[1] == channel_id and model in ("", place[2])]
        return sum(self._forget(place, name) for place in places)

    def _forget(self, place: Place, name: str = "") -> int:
        if (known := self.places.get(place)) is None:
            return 0
        gone = [each for each in known.refusals if name in ("", each)]
        self.changes |= {(place, each) for each in gone}
        for each in gone:
            del known.refusals[each]
        if not known.refusals:
            del self.places[place]
        return len(gone)

    def _remember(self, place: Place, attempt: Attempt, now: float) -> None:
        known = self.places.setdefault(place, Known(attempt.channel, mark_of(attempt.channel)))
        for name in attempt.drop:
            reason = self._words.pop((place, name), None)
            if reason is not None:
                known.refusals[name] = Refusal(now + DAY, reason, now)
                self.changes.add((place, name))
        if not known.refusals:
            del self.places[place]
        if len(self.places) > MOST:
            del self.places[next(iter(self.places))]


def mark_of(channel: Channel) -> str:
    """Differs when the channel was edited; the same in every process."""
    values = [getattr(channel, member.name) for member in fields(channel)]
    text = repr([sorted(value) if isinstance(value, frozenset) else value for value in values])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
