"""Where requests wait: for a place under a client's, channel's or key's limits, and for what another's probe finds.

The counting is pure (scheduler/limits.py); here is the waiting, which never holds up the event loop.
"""

import asyncio
import contextlib
import time
from collections import defaultdict, deque
from typing import Final

from ccx_addons.core.config import Channel, Client, Key
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.verdict import Attempt
from ccx_addons.metrics.spending import estimate_of
from ccx_addons.scheduler import State
from ccx_addons.scheduler.limits import Estimate, Refusal

PATIENCE: Final = 10.0
"""Seconds an exchange waits for a place in all."""
PROBE_PATIENCE: Final = 5.0
POLL: Final = 0.5
PROBE_POLL: Final = 0.05
"""Seconds: places may also come free elsewhere (other workers, the clock)."""


class Gate:
    def __init__(self, state: State) -> None:
        self.state = state
        self.clients: dict[str, tuple[Client, Estimate]] = {}
        """Exchange id -> the client whose limits it counts for, and what it may cost."""
        self.places: dict[str, tuple[Channel, Key]] = {}
        """Exchange id -> where its attempt has a place."""
        self.waiting: defaultdict[str, deque[asyncio.Event]] = defaultdict(deque)
        """Channel id -> who waits, in the order of arrival."""

    # ---- clients ----------------------------------------------------------------------------------------------------
    def admit(self, x: Exchange) -> Refusal | None:
        assert x.client
        now = time.time()
        estimate = estimate_of(x, now)
        refusal = self.state.limits.admit(x.client, now, estimate)
        if refusal is None:
            self.clients[x.id] = x.client, estimate
        return refusal

    def dismiss(self, x: Exchange) -> None:
        """The exchange is over, however it ended."""
        self.leave(x)
        if admitted := self.clients.pop(x.id, None):
            self.state.limits.dismiss(*admitted)

    # ---- channels ---------------------------------------------------------------------------------------------------
    def open_for(self, attempt: Attempt) -> bool:
        """Whether nobody has to be waited for."""
        return not attempt.waits and not self.waiting.get(attempt.channel.id)

    def enter(self, x: Exchange, attempt: Attempt) -> float:
        """0: the attempt has its place; else seconds until it is worth asking again."""
        wait = self.state.limits.enter(attempt.channel, attempt.key, time.time())
        if wait == 0:
            self.places[x.id] = (attempt.channel, attempt.key)
        return wait

    async def enter_by(self, x: Exchange, attempt: Attempt, until: float) -> bool:
        """False: no place came free by ``until`` (monotonic seconds), or none can."""
        line = self.waiting[attempt.channel.id]
        turn = asyncio.Event()
        line.append(turn)
        try:
            while True:
                wait = self.enter(x, attempt) if line[0] is turn else float("inf")
                left = until - time.monotonic()
                if wait == 0:
                    return True
                if left <= 0 or left < wait < float("inf"):
                    return False
                turn.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(turn.wait(), min(wait, left, POLL))
        finally:
            line.remove(turn)
            self._wake(attempt.channel.id)

    def leave(self, x: Exchange) -> None:
        if place := self.places.pop(x.id, None):
            self.state.limits.leave(*place)
            self._wake(place[0].id)

    def _wake(self, channel_id: str) -> None:
        if line := self.waiting.get(channel_id):
            line[0].set()
        else:
            self.waiting.pop(channel_id, None)

    # ---- probes -----------------------------------------------------------------------------------------------------
    async def probe(self, kind: str, attempt: Attempt) -> None:
        """Wait for what another's probe finds, or become the next probe. After a while it goes on anyway: a gateway
        with one channel never refuses because its breaker is open."""
        until = time.monotonic() + PROBE_PATIENCE
        while attempt.waits and not self.state.probe(kind, attempt, time.time()) and time.monotonic() < until:
            await asyncio.sleep(PROBE_POLL)
