"""Health checks of channels that ask for them (``health_check.enabled``): off by default, because they may cost.

A check asks for the models list, or with ``health_check.model`` for one short answer, once with each key. A key that
answers is restored if it was blocked; a key that does not leaves a row with the source ``health``, which no statistic
counts, and an event when that is news.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ccx_addons.core.config import Channel, Key
from ccx_addons.core.ids import uuid7
from ccx_addons.io import probe
from ccx_addons.io.state import write_changes
from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime

log: Final = logging.getLogger("ccx")

LOOK: Final = 1.0
"""Seconds between two looks at what is due."""
MAX_WORDS: Final = 800


@dataclass(frozen=True, slots=True)
class Finding:
    """``status`` 0: there was no answer. ``words``: why it is not well, without a key in it."""

    ok: bool
    model: str
    status: int
    milliseconds: float
    words: str = ""


def ask(channel: Channel, key: Key) -> Finding:
    """One check of one key; waits for the network."""
    model = channel.health_check.model
    began = time.perf_counter()
    if model:
        tested = probe.test(channel, key, model)
        return Finding(tested.ok, tested.model, tested.status, tested.total_ms, tested.error)
    listed = probe.ask_models(channel, key)
    milliseconds = round((time.perf_counter() - began) * 1000, 1)
    return Finding(not listed.error, "", listed.status, milliseconds, listed.error)


class Health(Periodic):
    """Only worker 0 of one gateway checks; what it finds reaches the others through the shared state."""

    def __init__(self, runtime: Runtime, ask: Callable[[Channel, Key], Finding] = ask) -> None:
        self.runtime = runtime
        self.ask = ask
        self.due: dict[str, float] = {}
        self.well: dict[tuple[str, str], bool] = {}

    def running(self) -> None:
        if self.runtime.worker == 0:
            self.begin("checking health", self.look, LOOK)

    async def look(self) -> None:
        if not self.runtime.store.leads:
            return
        for channel in self.now_due(time.monotonic()):
            try:
                await self.check(channel)
            except Exception:
                log.exception("the health check of %s failed", channel.name)

    def now_due(self, now: float) -> list[Channel]:
        """Channels whose check is due at ``now`` (monotonic seconds); one that is new waits its whole interval."""
        wanted = {c.id: c for c in self.runtime.snapshot.channels if c.health_check.enabled and c.status == "active"}
        self.due = {id: self.due.get(id, now + c.health_check.every) for id, c in wanted.items()}
        due = [channel for id, channel in wanted.items() if self.due[id] <= now]
        for channel in due:
            self.due[channel.id] = now + channel.health_check.every
        return due

    async def check(self, channel: Channel) -> None:
        for key in [key for key in channel.keys if key.enabled]:
            self.learn(channel, key, await asyncio.to_thread(self.ask, channel, key), time.time())

    def learn(self, channel: Channel, key: Key, found: Finding, now: float) -> None:
        runtime, place = self.runtime, (channel.id, key.id)
        news = self.well.get(place, True) is not found.ok
        self.well[place] = found.ok
        if found.ok:
            for kind in channel.serves:
                runtime.state.unblock(kind, channel.id, key.id, "", now, "a health check was answered")
            write_changes(runtime.state, runtime.snapshot, runtime.store, now)
        if news:
            words = f"{channel.name}, key {key.label}: " + ("answers again" if found.ok else found.words)
            runtime.store.put_event("info" if found.ok else "warning", "health", words)
        ended = int(now * 1000)
        runtime.store.put_request({
            "id": uuid7(now), "source": "health", "boot_id": runtime.boot_id, "worker": runtime.worker,
            "started_at": ended - int(found.milliseconds), "ended_at": ended, "phase": "done",
            "state": "ok" if found.ok else "failed", "kind": channel.protocol, "operation": "models",
            "model": channel.health_check.model or "", "upstream_model": found.model, "channel_id": channel.id,
            "channel_name": channel.name, "key_mask": key.label, "status": found.status, "total_ms": found.milliseconds,
            "error_message": found.words[:MAX_WORDS], "config_revision": runtime.snapshot.revision,
        })  # fmt: skip
