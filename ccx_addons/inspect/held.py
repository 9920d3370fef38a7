"""What mitmweb holds in memory: at most so many bytes of bodies and so many flows, the oldest go first."""

import weakref
from collections import deque
from collections.abc import Callable
from typing import Final

from mitmproxy import http

from ccx_addons.auth import original

MOST_FLOWS: Final = 20_000
GONE: Final = "its bodies were dropped to save memory"
UPSTREAM_KEY: Final = "ccx_upstream"


class Held:
    """``limit``: bytes. ``remove``: takes a flow out of the list. ``dropped``: told of a flow that lost its bodies."""

    def __init__(
        self,
        limit: int,
        remove: Callable[[http.HTTPFlow], None],
        dropped: Callable[[http.HTTPFlow], None] = lambda flow: None,
        most: int = MOST_FLOWS,
    ) -> None:
        self.limit, self.most = limit, most
        self.remove, self.dropped = remove, dropped
        self.full: deque[tuple[weakref.ref[http.HTTPFlow], int]] = deque()
        """Flows with bodies and how large they are, oldest first. Those that a person cleared are dead references."""
        self.flows: deque[weakref.ref[http.HTTPFlow]] = deque()
        self.bytes = 0

    def add(self, flow: http.HTTPFlow) -> None:
        """One that is over. What is too much goes at once."""
        size, place = size_of(flow), weakref.ref(flow)
        self.full.append((place, size))
        self.flows.append(place)
        self.bytes += size
        while self.bytes > self.limit and self.full:
            oldest, size = self.full.popleft()
            self.bytes -= size
            if found := oldest():
                drop(found)
                self.dropped(found)
        while len(self.flows) > self.most:
            if found := self.flows.popleft()():
                self.remove(found)


def size_of(flow: http.HTTPFlow) -> int:
    messages = (flow.request, flow.response)
    bodies = [message.raw_content or b"" for message in messages if message]
    kept, upstream = original.kept(flow), flow.metadata.get(UPSTREAM_KEY)
    bodies += [found["body"] for found in (kept, upstream) if found]
    return sum(map(len, bodies))


def drop(flow: http.HTTPFlow) -> None:
    """The bodies go; who asked what, and how it went, stays."""
    for message in (flow.request, flow.response):
        if message:
            message.data.content = None
    if kept := original.kept(flow):
        kept["body"] = original.Bytes()
        kept["client"] = ""  # it cannot be sent again
    flow.metadata.pop(UPSTREAM_KEY, None)
    flow.comment = f"{flow.comment} · {GONE}" if flow.comment else GONE
