"""Housekeeping of one worker for all: what is older than the settings allow is deleted, once an hour."""

from typing import Final

from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime

FIRST: Final = 60.0
EVERY: Final = 3600.0
"""Seconds after the start, and between two rounds."""


class Upkeep(Periodic):
    """Only worker 0 works. The store deletes in small steps between its other writing, so that nobody waits for it."""

    def __init__(self, runtime: Runtime, first: float = FIRST, every: float = EVERY) -> None:
        self.runtime = runtime
        self.first, self.every = first, every

    def running(self) -> None:
        if self.runtime.worker == 0:
            self.begin("deleting what is old", self.clean_up, self.every, self.first)

    def clean_up(self) -> None:
        settings = self.runtime.settings
        self.runtime.store.retention(settings.retention_days, settings.body_retention_days)
