"""Notices when the event loop stands still: everybody waits then, and nobody would ever know why.

The loop notes the time on a thread's behalf; the thread looks whether it still does. What it tells is where the loop's
thread stood, by names of functions and lines alone: no values, so no secret.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

log: Final = logging.getLogger("ccx")

EVERY: Final = 0.2
"""Seconds between two beats of the loop, and between two looks at them."""
STALL: Final = 1.0
"""Seconds without a beat after which the loop stands still."""
MAX_FRAMES: Final = 60

type Tell = Callable[[str, str], None]
"""Gets the words and the stack, in the watching thread."""


@contextmanager
def watching(loop: asyncio.AbstractEventLoop, tell: Tell) -> Iterator[None]:
    """Tells once of each stall of the loop that runs in this thread."""
    watchdog = Watchdog(loop, tell)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.stop()


class Watchdog:
    def __init__(self, loop: asyncio.AbstractEventLoop, tell: Tell) -> None:
        self._loop = loop
        self._tell = tell
        self._of = threading.get_ident()
        self._beat = 0.0
        self._next: asyncio.TimerHandle | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="ccx-watchdog", daemon=True)

    def start(self) -> None:
        self._alive()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._next:
            self._next.cancel()

    def _alive(self) -> None:
        self._beat = time.monotonic()
        self._next = self._loop.call_later(EVERY, self._alive)

    def _look(self) -> None:
        told = 0.0
        while not self._over.wait(EVERY):
            beat = self._beat
            late = time.monotonic() - beat - EVERY
            if late > STALL and beat != told:
                told = beat
                stack = stack_of(sys._current_frames().get(self._of))
                words = f"the event loop stands still for {late:.1f} s"
                log.warning("%s, in %s", words, stack.rpartition("\n")[2])
                self._tell(words, stack)


def stack_of(frame: FrameType | None) -> str:
    """A line for each frame, the innermost last: module, function and line."""
    lines: list[str] = []
    while frame and len(lines) < MAX_FRAMES:
        code = frame.f_code
        lines.append(f"{frame.f_globals.get('__name__', code.co_filename)}:{code.co_qualname}:{frame.f_lineno}")
        frame = frame.f_back
    return "\n".join(reversed(lines))
