"""What changed in a worker's state: what has to be written down (io/state.py), and what the others should hear."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ccx_addons.scheduler.breaker import Place

MOST_NEWS: Final = 1000
"""That wait to be told; the oldest are forgotten first."""

type News = deque[tuple[str, ...]]
"""A topic with its words each."""


@dataclass(frozen=True, slots=True)
class Event:
    level: str
    kind: str
    message: str


@dataclass(slots=True)
class Changes:
    """What has to be written down: places in the state, by their keys in the tables of io/schema.py."""

    breakers: set[tuple[str, str, Place]] = field(default_factory=set)
    """(kind, channel id, place)."""
    keys: set[tuple[str, str, str, str]] = field(default_factory=set)
    """(kind, channel id, key id, model)."""
    traces: set[tuple[str, str]] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)

    def clear(self) -> None:
        self.breakers.clear()
        self.keys.clear()
        self.traces.clear()
        self.events.clear()

    def __bool__(self) -> bool:
        return bool(self.breakers or self.keys or self.traces or self.events)
