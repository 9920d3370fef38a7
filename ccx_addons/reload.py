"""Watches ccx.yaml and swaps the snapshot. A bad file changes nothing and says why."""

import asyncio
import hashlib
import logging
import time
from typing import Final

from ccx_addons.core import mask
from ccx_addons.core.config import Snapshot
from ccx_addons.core.errors import ConfigErrors
from ccx_addons.io import last_good
from ccx_addons.runtime import Runtime

log: Final = logging.getLogger("ccx")

EVERY: Final = 0.4
"""Seconds between two looks. The file is read each time: size and time stamp can stay the same over an edit."""


class Reload:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.seen = ""
        self.task: asyncio.Task[None] | None = None

    def running(self) -> None:
        self.seen = self.runtime.snapshot.revision
        self.task = asyncio.get_running_loop().create_task(self.watch())

    def done(self) -> None:
        if self.task:
            self.task.cancel()

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except Exception:
                log.exception("looking at the configuration failed")

    async def look(self) -> None:
        """Reading and parsing happen in a thread; the event loop only swaps."""
        mark = await asyncio.to_thread(self.fingerprint)
        if mark == self.seen:
            return
        self.seen = mark
        try:
            snapshot = await asyncio.to_thread(self.read)
        except ConfigErrors as errors:
            log.error("%s is not valid, the running configuration stays: %s", self.runtime.config_path, errors.words)
            self.runtime.store.put_event(
                "error", "config", "ccx.yaml is not valid; the old one stays in force", errors.words
            )
            return
        self.runtime.snapshot = snapshot
        mask.use(snapshot.secrets)
        log.info("configuration %s is in force: %d channels", snapshot.revision, len(snapshot.channels))
        self.runtime.store.put_event(
            "info", "config", f"configuration {snapshot.revision} is in force", "; ".join(snapshot.warnings)
        )
        for warning in snapshot.warnings:
            log.warning("%s", warning)

    def fingerprint(self) -> str:
        try:
            return hashlib.sha256(self.runtime.config_path.read_bytes()).hexdigest()[:16]
        except OSError as error:
            return f"unreadable: {error.strerror}"

    def read(self) -> Snapshot:
        return last_good.take(self.runtime.settings, time.time())
