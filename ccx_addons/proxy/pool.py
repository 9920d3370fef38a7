"""The upstream connections of one worker, shared by all its clients.

A connection stays with the client connection that used it last, which uses it again at no cost (layer.py). When that
client goes, the connection is parked here. Who needs one takes a parked one, or one that another client is not using,
or a new one.
"""

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from mitmproxy.connection import Connection

from ccx_addons.proxy.dial import DialError, Place, Wire, dial

IDLE_LIMIT: Final = 50.0
"""Seconds a connection may be idle: below what common NATs and vendors' load balancers allow (60 s and more)."""
MOST_PARKED: Final = 64
"""To one place. More than a burst of one-shot clients leaves behind is not kept."""
MOST_OPEN: Final = 2048
"""To one place. Above it a request waits for somebody else's connection, within its time to connect."""
LOOKS: Final = 8
"""Connections of other clients that are looked at, before a new one is opened."""

type Reading = asyncio.Task[Any]


class Holder(Protocol):
    """Who holds connections: one client connection."""

    def give_away(self, connection: Connection) -> tuple[Wire, Reading] | None:
        """No longer the holder's, and its reading task, which ends now. None: the connection is in use."""


class Pool:
    """``connect``: opens a connection within so many seconds, or raises DialError."""

    def __init__(
        self, idle_limit: float = IDLE_LIMIT, connect: Callable[[Place, float], Awaitable[Wire]] = dial
    ) -> None:
        self.idle_limit = idle_limit
        self._connect = connect
        self._parked: dict[Place, deque[Wire]] = {}
        self._held: dict[Place, dict[Connection, Holder]] = {}
        self._open: dict[Place, int] = defaultdict(int)
        self._waiting: dict[Place, deque[asyncio.Future[Wire | None]]] = {}
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._stopped = False

    @property
    def open(self) -> Mapping[Place, int]:
        """How many connections there are, in use or not."""
        return {place: count for place, count in self._open.items() if count}

    async def get(self, place: Place, seconds: float, *, fresh: bool = False) -> tuple[Wire, bool]:
        """A connection, and whether it served somebody before. ``fresh``: it must not. Raises DialError."""
        if not fresh and (wire := self._take_parked(place) or await self._take_over(place)):
            return wire, True
        if self._open[place] >= MOST_OPEN and (wire := await self._wait(place, seconds)):
            return wire, True
        return await self._dial(place, seconds), False

    async def _dial(self, place: Place, seconds: float) -> Wire:
        self._open[place] += 1
        try:
            wire = await self._connect(place, seconds)
        except BaseException:
            self._one_less(place)
            raise
        wire.idle_limit = self.idle_limit
        return wire

    async def _wait(self, place: Place, seconds: float) -> Wire | None:
        """Somebody's connection; None: there is room for a new one. Raises DialError when the time is over."""
        turn: asyncio.Future[Wire | None] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(place, deque())
        queue.append(turn)
        try:
            async with asyncio.timeout(seconds):
                return await turn
        except TimeoutError:
            words = f"all {MOST_OPEN} connections to this address are in use"
            raise DialError("connect_timeout", words) from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and (wire := turn.result()):
                self.put_back(place, wire)
            raise

    def _next_in_line(self, place: Place) -> "asyncio.Future[Wire | None] | None":
        queue = self._waiting.get(place)
        while queue:
            turn = queue.popleft()
            if not queue:
                del self._waiting[place]
            if not turn.done():
                return turn
        return None

    # ---- connections that clients hold -------------------------------------------------------------------------------
    def hold(self, place: Place, connection: Connection, holder: Holder) -> None:
        self._held.setdefault(place, {})[connection] = holder

    def let_go(self, place: Place, connection: Connection) -> None:
        if held := self._held.get(place):
            held.pop(connection, None)
            if not held:
                del self._held[place]

    async def _take_over(self, place: Place) -> Wire | None:
        """One that its client is not using. What was looked at goes to the end of the line."""
        held = self._held.get(place, {})
        for connection in list(itertools.islice(held, LOOKS)):
            if (holder := held.pop(connection, None)) is None:
                continue  # it went while another one was waited for
            if (given := holder.give_away(connection)) is None:
                held[connection] = holder
                continue
            wire, reading = given
            try:
                await asyncio.wait([reading])
            except asyncio.CancelledError:
                self.close(place, wire)
                raise
            if wire.usable:
                return wire
            self.close(place, wire)
        return None

    # ---- connections that nobody holds -------------------------------------------------------------------------------
    def put_back(self, place: Place, wire: Wire) -> None:
        """An idle connection whose client is gone."""
        if self._stopped or not wire.usable:
            self.close(place, wire)
        elif turn := self._next_in_line(place):
            turn.set_result(wire)
        elif len(parked := self._parked.setdefault(place, deque())) >= MOST_PARKED:
            self.close(place, wire)
        else:
            wire.remember_session()
            parked.append(wire)
            self._sweep_later()

    def _take_parked(self, place: Place) -> Wire | None:
        """The one that was used last: the others may grow old."""
        parked = self._parked.get(place)
        while parked:
            wire = parked.pop()
            if not parked:
                del self._parked[place]
            if wire.usable:
                wire.warm = False
                return wire
            self.close(place, wire)
        return None

    def _sweep_later(self) -> None:
        if self._sweep_timer is None:
            self._sweep_timer = asyncio.get_running_loop().call_later(self.idle_limit / 4, self._sweep)

    def _sweep(self) -> None:
        """Close what grew too old or was closed by its upstream."""
        self._sweep_timer = None
        for place, parked in list(self._parked.items()):
            for _ in range(len(parked)):
                wire = parked.popleft()
                if wire.usable:
                    parked.append(wire)
                else:
                    self.close(place, wire)
            if not parked:
                del self._parked[place]
        if self._parked:
            self._sweep_later()

    # ---- connections before anybody needs them -----------------------------------------------------------------------
    def ready(self, place: Place, seconds: float) -> int:
        """How many nobody holds and anybody may take for so long."""
        return sum(wire.lasts(seconds) for wire in self._parked.get(place, ()))

    async def warm_up(self, place: Place, seconds: float) -> None:
        """One more, if there is room for it. Raises DialError."""
        if self._stopped or self._open.get(place, 0) >= MOST_OPEN:
            return
        wire = await self._dial(place, seconds)
        wire.warm = True
        self.put_back(place, wire)

    def cool_down(self, place: Place) -> None:
        """Close those that nobody has used."""
        parked = self._parked.pop(place, deque())
        for wire in [wire for wire in parked if wire.warm]:
            parked.remove(wire)
            self.close(place, wire)
        if parked:
            self._parked[place] = parked

    # ---- the end -----------------------------------------------------------------------------------------------------
    def close(self, place: Place, wire: Wire) -> None:
        wire.close()
        self._one_less(place)

    def _one_less(self, place: Place) -> None:
        self._open[place] -= 1
        if not self._open[place]:
            del self._open[place]
        if turn := self._next_in_line(place):
            turn.set_result(None)

    def stop(self) -> None:
        """Close what is parked, and whatever comes back from now on."""
        self._stopped = True
        if self._sweep_timer:
            self._sweep_timer.cancel()
        for place, parked in list(self._parked.items()):
            for wire in parked:
                self.close(place, wire)
        self._parked.clear()
