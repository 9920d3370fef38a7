"""Requests that failed and that nobody has answered since: the fault may be their own.

A body that crashes its upstream fails everywhere, and is sent again and again. So of the failures of one request only
the first counts; the others count once somebody else answers the same request, which shows that it is well. Until then
it is asked first where it did not fail yet.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from ccx_addons.scheduler.changes import News

MOST: Final = 1000
"""Requests that are remembered; the one that failed longest ago goes first."""
MOST_CHANNELS: Final = 100
WINDOW: Final = 600.0
"""Seconds after its last failure in which the same request is a suspect."""
EDGE: Final = 16_384
"""Bytes at both ends of a body that tell it from others: conversations begin alike and end differently."""

type Gist = tuple[str, str, str]
"""Kind, model, and the conversation or the body; where the last is empty, nothing tells it from others."""


@dataclass(slots=True)
class Suspect:
    until: float
    channels: dict[str, None] = field(default_factory=dict)


class Suspects:
    def __init__(self, news: News) -> None:
        self._known: OrderedDict[Gist, Suspect] = OrderedDict()
        self.news = news
        """``suspect``: the request, and the channel at which it failed; empty: it was answered."""

    def __bool__(self) -> bool:
        return bool(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def failed_at(self, gist: Gist, now: float) -> frozenset[str]:
        """Ids of channels at which this request failed lately; empty: it is no suspect."""
        found = self._known.get(gist)
        return frozenset(found.channels) if found and found.until > now else frozenset()

    def add(self, gist: Gist, channel_id: str, now: float) -> None:
        if gist[2]:
            self.news.append(("suspect", *gist, channel_id))
            self._add(gist, channel_id, now)

    def _add(self, gist: Gist, channel_id: str, now: float) -> None:
        found = self._known.pop(gist, None)
        if found is None or found.until <= now:
            found = Suspect(0.0)
        found.until = now + WINDOW
        if len(found.channels) < MOST_CHANNELS:
            found.channels[channel_id] = None
        self._known[gist] = found
        while len(self._known) > MOST or next(iter(self._known.values())).until <= now:
            self._known.popitem(last=False)

    def forget(self) -> None:
        """All of them."""
        self._known.clear()

    def clear(self, gist: Gist) -> None:
        """It was answered."""
        if self._known.pop(gist, None):
            self.news.append(("suspect", *gist, ""))

    def heard(self, gist: Gist, channel_id: str, now: float) -> None:
        """What another worker has found."""
        if channel_id:
            self._add(gist, channel_id, now)
        else:
            self._known.pop(gist, None)


def body_print(raw: bytes) -> str:
    """What tells a body from others, at a cost that does not grow with it."""
    edges = raw if len(raw) <= 2 * EDGE else raw[:EDGE] + raw[-EDGE:]
    return f"{len(raw)}:{hashlib.blake2b(edges, digest_size=16).hexdigest()}"
