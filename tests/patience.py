"""How long tests wait for what must happen: long, because it costs nothing where it happens, and machines may be busy."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

PATIENCE: Final = 60.0
"""Seconds for what a program does."""
SOON: Final = 20.0
"""Seconds for what the proxy does at once: fewer than each of its own limits, which end much by themselves."""
DAY: Final = 86_400.0


def wait_for(check: Any, seconds: float = PATIENCE) -> Any:
    """The first true result of ``check``."""
    until = time.monotonic() + seconds
    while True:
        if result := check():
            return result
        if time.monotonic() > until:
            raise AssertionError(f"{check} did not come true within {seconds} s")
        time.sleep(0.02)


async def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Waits in the running loop. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


def in_a_minute(look: Callable[[int], None], most: float = 55.0) -> None:
    """``look(0)``, and where that failed and took longer, ``look(1)``: what counts by minutes has forgotten the first
    requests when the last ones come, on a machine that is slow enough."""
    began = time.monotonic()
    try:
        look(0)
    except AssertionError:
        if time.monotonic() - began < most:
            raise
        look(1)


def same_day(seconds: float = 20.0) -> None:
    """Whatever is counted by days stays in one (UTC) for so long: where midnight comes sooner, it is waited for."""
    left = DAY - time.time() % DAY
    if left < seconds:
        time.sleep(left + 0.1)
