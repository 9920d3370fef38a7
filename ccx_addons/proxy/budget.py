"""How many bytes of bodies a worker keeps in memory at once: requests, collected answers, what waits to be passed on.

What has arrived is counted, whether it fits or not; who does not fit stops reading and waits. A body that has begun may
use the last quarter too, so that those under way finish before others begin.
"""

import asyncio
from functools import cached_property
from typing import Final

from ccx_addons.core.neutral import Fault

PATIENCE: Final = 10.0
"""Seconds a body waits for room."""
FULL: Final = Fault(
    "unavailable", "the gateway has no memory left for another body (MAX_BUFFERED_MB)", status=503, retry_after=5.0
)


class Budget:
    """``limit`` in bytes, ``patience`` in seconds."""

    def __init__(self, limit: int = 512 << 20, patience: float = PATIENCE) -> None:
        self.limit = limit
        self.calm = limit - limit // 4
        """What new ones may use."""
        self.patience = patience
        self.used = 0
        self._freed: asyncio.Event | None = None

    @cached_property
    def strangers(self) -> "Budget":
        """What those may use besides who sent no valid key, the panel's visitors: they take nothing from clients."""
        return Budget(self.limit // 4, self.patience)

    def freed(self) -> asyncio.Event:
        """Set when bytes become free the next time."""
        self._freed = self._freed or asyncio.Event()
        return self._freed

    def free(self, size: int) -> None:
        self.used -= size
        if self._freed:
            self._freed.set()
            self._freed = None


class Lease:
    """The share of one stream or socket. ``waiting``: it stopped because the budget is used up."""

    __slots__ = ("begun", "budget", "size", "waiting")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.size = 0
        self.begun = False
        self.waiting = False

    @property
    def fits(self) -> bool:
        return self.budget.used <= (self.budget.limit if self.begun else self.budget.calm)

    def grow(self, size: int) -> bool:
        """Count ``size`` bytes more. False: they should not be here, so ``room`` is to be waited for."""
        self.size += size
        budget = self.budget
        budget.used += size
        if budget.used <= budget.calm:
            self.begun = True
            return True
        return self.begun and self.fits

    def set(self, size: int) -> bool:
        """Count ``size`` bytes from now on. False: they do not fit."""
        self.shrink(size)
        return self.grow(size - self.size)

    def shrink(self, size: int) -> None:
        """Down to ``size`` bytes."""
        if size < self.size:
            self.budget.free(self.size - size)
            self.size = size

    def release(self) -> None:
        """Everything is gone. A second time it means nothing."""
        self.shrink(0)

    async def room(self) -> None:
        """Until it fits, or the patience is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.budget.patience
        self.waiting = True
        try:
            while not self.fits and (left := until - loop.time()) > 0:
                freed = self.budget.freed()
                timer = loop.call_later(left, freed.set)
                await freed.wait()
                timer.cancel()
        finally:
            self.waiting = False
            self.begun = self.begun or self.fits
