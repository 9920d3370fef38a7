"""Housekeeping of one worker for all: what is older than the settings allow is deleted, once an hour."""

import asyncio
import logging
from typing import Final

from ccx_addons.processes.runtime import Runtime

log: Final = logging.getLogger("ccx")

FIRST: Final = 60.0
EVERY: Final = 3600.0
"""Seconds after the start, and between two rounds."""


class Upkeep:
    """Only worker 0 works. The store deletes in small steps between its other writing, so that nobody waits for it."""

    def __init__(self, runtime: Runtime, first: float = FIRST, every: float = EVERY) -> None:
        self.runtime = runtime
        self.first, self.every = first, every
        self.task: asyncio.Task[None] | None = None

    def running(self) -> None:
        if self.runtime.worker == 0:
            self.task = asyncio.get_running_loop().create_task(self.rounds())

    def done(self) -> None:
        if self.task:
            self.task.cancel()

    async def rounds(self) -> None:
        await asyncio.sleep(self.first)
        while True:
            try:
                self.clean_up()
            except Exception:
                log.exception("deleting what is old failed")
            await asyncio.sleep(self.every)

    def clean_up(self) -> None:
        settings = self.runtime.settings
        self.runtime.store.retention(settings.retention_days, settings.body_retention_days)
