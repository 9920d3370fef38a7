"""Watches ccx.yaml and swaps the snapshot. A bad file changes nothing and says why."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ccx_addons.core import mask
from ccx_addons.core.config import Channel, Snapshot
from ccx_addons.core.errors import ConfigErrors
from ccx_addons.io import last_good, versions, yaml_file
from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy import dial

log: Final = logging.getLogger("ccx")

EVERY: Final = 0.4
"""Seconds between two looks. The file is read each time: size and time stamp can stay the same over an edit."""


SETTLE: Final = 0.05
"""Seconds in which a changed file stays as it is: some programs empty a file before they write it."""


class Reload(Periodic):
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.seen = ""

    def running(self) -> None:
        self.seen = self.runtime.snapshot.revision
        self.begin("looking at the configuration", self.look, EVERY)

    async def look(self) -> None:
        """Reading and parsing happen in a thread; the event loop only swaps."""
        mark = await asyncio.to_thread(self.fingerprint)
        if mark == self.seen and time.time() < self.runtime.snapshot.turns_at:
            return
        if mark == self.seen:
            await self.turn()
            return
        await asyncio.sleep(SETTLE)
        if await asyncio.to_thread(self.fingerprint) != mark:
            return  # it is being written
        self.seen = mark
        try:
            snapshot = await asyncio.to_thread(self.read)
        except ConfigErrors as errors:
            log.error("%s is not valid, the running configuration stays: %s", self.runtime.config_path, errors.words)
            self.runtime.store.put_event(
                "error", "config", "ccx.yaml is not valid; the old one stays in force", errors.words
            )
            return
        before, indexes = self.runtime.snapshot, self.runtime.state.indexes
        indexes.put(await asyncio.to_thread(indexes.of(before).like(snapshot)))
        self.runtime.snapshot = snapshot
        now = time.time()
        for channel_id, key_ids in edited(before, snapshot):
            self.runtime.state.edited(channel_id, key_ids, now)
        mask.use(snapshot.secrets)
        dial.forget_contexts()  # a channel's ca_file may have been changed with it
        log.info("configuration %s is in force: %d channels", snapshot.revision, len(snapshot.channels))
        self.runtime.store.put_event(
            "info", "config", f"configuration {snapshot.revision} is in force", "; ".join(snapshot.warnings)
        )
        for warning in snapshot.warnings:
            log.warning("%s", warning)

    async def turn(self) -> None:
        """The configuration is as it was, and one of its keys is over. The file may have been broken since: its last
        good copy says the same."""
        before, now = self.runtime.snapshot, time.time()
        self.runtime.snapshot = replace(before, turns_at=float("inf"))
        found = await asyncio.to_thread(self.once_more, now)
        if found and found.revision == before.revision:
            self.runtime.snapshot = found

    def once_more(self, now: float) -> Snapshot | None:
        settings = self.runtime.settings
        if self.seen == self.runtime.snapshot.revision:
            with suppress(ConfigErrors):
                return yaml_file.read_snapshot(self.runtime.config_path, settings, now=now)
        return last_good.read(settings, now)

    def fingerprint(self) -> str:
        try:
            return hashlib.sha256(self.runtime.config_path.read_bytes()).hexdigest()[:16]
        except OSError as error:
            return f"unreadable: {error.strerror}"

    def read(self) -> Snapshot:
        """What was changed by hand becomes one of the kept versions first, also when it is not valid."""
        now = time.time()
        versions.notice(self.runtime.config_path, now)
        return last_good.take(self.runtime.settings, now)


def edited(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, list[str]]]:
    """(channel id, ids of keys) that are asked differently now: a key of other settings, or all of a channel that goes
    another way. A new secret is a new key."""
    for channel in after.channels:
        old = before.channel(channel.id)
        if old is None:
            continue
        same_way = way(old) == way(channel)
        known = {key.id: key for key in old.keys}
        if ids := [key.id for key in channel.keys if key.id in known and not (same_way and known[key.id] == key)]:
            yield channel.id, ids


def way(channel: Channel) -> tuple[object, ...]:
    """What of a channel's configuration decides how a key fares."""
    return channel.protocol, channel.base_urls, channel.auth, channel.headers, channel.proxy
