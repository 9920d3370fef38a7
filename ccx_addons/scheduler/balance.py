"""Which of several channels of one priority comes first, where no conversation decides: by weight, or by speed."""

from dataclasses import dataclass, field
from typing import Final

from ccx_addons.core.config import Channel
from ccx_addons.core.verdict import Attempt
from ccx_addons.scheduler.turns import Changed

RECENT: Final = 300.0
"""Seconds a time to the first token tells something; who has none is asked first, so that it gets one."""
NEWS: Final = 0.3
"""Part that a new time has in the average."""
MAX_SPEEDS: Final = 1000


@dataclass(slots=True)
class Balance:
    """``places``: a channel's own time in the rotation, which goes on by the share of its weight with each attempt."""

    places: dict[tuple[str, str], float] = field(default_factory=dict)
    """(kind, channel id)."""
    turns: dict[tuple[str, int], float] = field(default_factory=dict)
    """(kind, priority) -> the place of whoever was taken last: one that was away for long does not catch up."""
    speeds: dict[tuple[str, str, str], tuple[float, float]] = field(default_factory=dict)
    """(kind, channel id, model) -> seconds to the first token, when (Unix seconds); the latest last."""
    taken: Changed = field(default_factory=Changed)
    told: Changed = field(default_factory=Changed)
    """Whose places, and whose speeds, are others than before."""

    def take(self, kind: str, channel: Channel) -> None:
        place = (kind, channel.id)
        turn = max(self.places.get(place, 0.0), self.turns.get((kind, channel.priority), 0.0))
        self.turns[kind, channel.priority] = turn
        self.places[place] = turn + 1 / channel.weight
        self.taken.tell(place)

    def answered(self, kind: str, attempt: Attempt, seconds: float, now: float) -> None:
        """An attempt's first token came after so many seconds."""
        name = (kind, attempt.channel.id, attempt.model)
        before = self.speed(*name, now)
        self.speeds.pop(name, None)
        self.speeds[name] = (before + NEWS * (seconds - before) if before else seconds, now)
        self.told.tell(name)
        if len(self.speeds) > MAX_SPEEDS:
            self._forget(next(iter(self.speeds)))

    def place_of(self, kind: str, channel_id: str) -> float:
        return self.places.get((kind, channel_id), 0.0)

    def speed(self, kind: str, channel_id: str, model: str, now: float) -> float:
        """Seconds to the first token lately; 0: unknown."""
        seconds, at = self.speeds.get((kind, channel_id, model), (0.0, 0.0))
        return seconds if now - at < RECENT else 0.0

    def forget_old(self, now: float) -> None:
        """What was long ago tells nothing."""
        while self.speeds and now - self.speeds[name := next(iter(self.speeds))][1] >= RECENT:
            self._forget(name)

    def _forget(self, name: tuple[str, str, str]) -> None:
        del self.speeds[name]
        self.told.tell(name)
