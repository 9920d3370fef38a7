"""Keeps connections ready to the first addresses of channels that ask for it (``warm``): a request that comes after a
while, or from a new client, finds TCP, the proxy and TLS set up."""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Final

from ccx_addons.core.config import Channel
from ccx_addons.core.urls import host_port
from ccx_addons.io.outward import proxy_of
from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.dial import DialError, Place
from ccx_addons.proxy.pool import Pool

log: Final = logging.getLogger("ccx")

LOOK: Final = 1.0
"""Seconds between two looks at what is missing."""
AHEAD: Final = 3.0
"""A connection is replaced so many seconds before it is too old."""
LONGEST_PAUSE: Final = 300.0


@dataclass(slots=True)
class Pause:
    """Of a place that could not be reached. Times are monotonic."""

    seconds: float = LOOK
    until: float = 0.0


class Warmth(Periodic):
    """What goes wrong is nobody's fault: no request failed. The pauses between two tries grow."""

    def __init__(self, runtime: Runtime, pool: Pool) -> None:
        self.runtime, self.pool = runtime, pool
        self.kept: set[Place] = set()
        self.opening: dict[Place, asyncio.Task[None]] = {}
        self.pauses: dict[Place, Pause] = {}

    def running(self) -> None:
        self.begin("keeping connections ready", self.look, LOOK, first=0)

    def done(self) -> None:
        super().done()
        for task in self.opening.values():
            task.cancel()

    def look(self) -> None:
        """Begin to open what is missing, and close what is not wanted any more."""
        wanted, now = self.wanted(time.time()), time.monotonic()
        for place in self.kept - wanted.keys():
            self.pauses.pop(place, None)
            if task := self.opening.get(place):
                task.cancel()
            self.pool.cool_down(place)
        self.kept = set(wanted)
        for place, channel in wanted.items():
            missing = channel.warm - self.pool.ready(place, AHEAD)
            paused = place in self.pauses and self.pauses[place].until > now
            if missing > 0 and not paused and place not in self.opening:
                self.opening[place] = asyncio.ensure_future(self.open(place, channel, missing))

    def wanted(self, now: float) -> dict[Place, Channel]:
        """Where connections are kept, for the channel that asks for most of them."""
        asking = [channel for channel in self.runtime.snapshot.channels if channel.warm]
        asking.sort(key=lambda channel: channel.warm)
        return {place_of(channel): channel for channel in asking if self.runtime.state.is_well(channel, now)}

    async def open(self, place: Place, channel: Channel, missing: int) -> None:
        try:
            for _ in range(missing):
                await self.pool.warm_up(place, channel.timeouts.connect)
            self.pauses.pop(place, None)
        except DialError as error:
            pause = self.pauses.setdefault(place, Pause())
            pause.until = time.monotonic() + pause.seconds
            pause.seconds = min(2 * pause.seconds, LONGEST_PAUSE)
            log.info("%s: no connection is kept ready: %s", channel.name, error)
        finally:
            del self.opening[place]


def place_of(channel: Channel) -> Place:
    """Where the channel's requests go first."""
    url = channel.base_urls[0]
    host, port = host_port(url)
    return Place(host, port, url.startswith("https:"), channel.verify_tls, channel.ca_file, proxy_of(channel, url))
