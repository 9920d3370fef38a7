"""What a worker does again and again beside its requests: one loop, one end, one place for what goes wrong."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

log: Final = logging.getLogger("ccx")

type Work = Callable[[], Awaitable[object] | None]


class Periodic:
    """An addon with something to do every few seconds, from its ``begin`` until the worker ends."""

    task: asyncio.Task[None] | None = None

    def begin(self, what: str, work: Work, every: float | Callable[[], float], first: float | None = None) -> None:
        """``what``: it, as the log names it when it fails. ``every``: seconds between two rounds. ``first``: before the
        first one; None: as between two."""
        self.task = asyncio.get_running_loop().create_task(_rounds(what, work, every, first))

    def done(self) -> None:
        if self.task:
            self.task.cancel()


async def _rounds(what: str, work: Work, every: float | Callable[[], float], first: float | None) -> None:
    pause = every if callable(every) else lambda: every
    await asyncio.sleep(pause() if first is None else first)
    while True:
        try:
            if waiting := work():
                await waiting
        except Exception:
            log.exception("%s failed", what)
        await asyncio.sleep(pause())
