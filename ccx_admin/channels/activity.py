"""How the attempts of each channel went in the last day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ccx_admin.panel import Panel
from ccx_admin.usage import stats

DAY: Final = 86_400_000
PARTS: Final = 48
FRESH: Final = 10_000
"""Milliseconds that a count is good for."""
JUDGED: Final = 50
"""So many of the latest attempts say how a channel is; fewer than ``LEAST`` say nothing."""
LEAST: Final = 10
GOOD: Final = 0.8
"""Part of attempts that a channel which is well answers."""
LOST: Final = "outcome NOT IN ('ok', 'client_left')"
"""An attempt that did not give an answer: also those that were made good by another channel."""


@dataclass(frozen=True, slots=True)
class Activity:
    """A channel's attempts of the last day, tests left out. ``strip``: [all, bad] for each half hour."""

    strip: tuple[tuple[int, int], ...] = ((0, 0),) * PARTS

    @property
    def attempts(self) -> int:
        return sum(all for all, _bad in self.strip)

    @property
    def success(self) -> float | None:
        bad = sum(bad for _all, bad in self.strip)
        return (self.attempts - bad) / self.attempts if self.attempts else None

    @property
    def trouble(self) -> str:
        """What the latest attempts say against the channel; empty: nothing."""
        asked = lost = 0
        for all, bad in reversed(self.strip):
            asked, lost = asked + all, lost + bad
            if asked >= JUDGED:
                break
        if asked < LEAST or (asked - lost) / asked >= GOOD:
            return ""
        return f"{lost} of the last {asked} attempts failed"


def since_id(ms: int) -> str:
    """The smallest request id of a moment: ids begin with their time."""
    text = f"{ms:012x}"
    return f"{text[:8]}-{text[8:]}"


def activity(current: Panel) -> Mapping[str, Activity]:
    """Channel id -> its attempts of the last day."""
    now = current.now_ms()
    known: tuple[int, dict[str, Activity]] | None = current.activity
    if known is None or not 0 <= now - known[0] < FRESH:
        current.activity = known = (now, _read(current, now))
    return known[1]


def _read(current: Panel, now: int) -> dict[str, Activity]:
    return {id: Activity(tuple(parts)) for id, parts in stats.strip(current.db, now, PARTS).items()}
