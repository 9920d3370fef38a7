"""What this machine tells the others that have its database, and what it takes over of their configuration.

One worker does it for its machine, in a thread: the event loop only takes over what came of it. Without a database of
several machines it does nothing.
"""

import asyncio
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from ccx_addons.core import variables
from ccx_addons.core.errors import ConfigErrors, StoreError
from ccx_addons.io import versions
from ccx_addons.io.board import MOST_OFFSET, Beat, Board, board_of
from ccx_addons.io.sealed import SETTING
from ccx_addons.io.version import version
from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime

log: Final = logging.getLogger("ccx")

LOOK: Final = 0.5
"""Seconds between two looks whether others have told of something."""
BEAT: Final = 5.0
"""Seconds between two times that it tells how it is."""


class Event(NamedTuple):
    level: str
    kind: str
    words: str
    detail: str = ""


class Machines(Periodic):
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.board: Board | None = board_of(runtime.settings) if runtime.worker == 0 else None
        self.shares = runtime.settings.ccx_config_from == "database"
        self.beat_at = 0.0
        self.refused = self.why = self.trouble = ""
        """A version of all machines that is not valid here, and why; what is wrong with the database."""
        self.wrong_clock = False
        self.told: tuple[str, ...] = ()
        """Of which configuration it told last, which one it refused, and what was wrong."""

    def running(self) -> None:
        if self.board:
            self.begin("telling the other machines", self.look, LOOK, first=0.0)

    def done(self) -> None:
        super().done()
        if self.board:
            self.board.close()

    async def look(self) -> None:
        assert self.board
        for event in await asyncio.to_thread(self.round, self.board):
            log.log(logging.INFO if event.level == "info" else logging.WARNING, "%s", event.words)
            self.runtime.store.put_event(*event)

    def round(self, board: Board) -> list[Event]:
        """What somebody should know of it."""
        try:
            news, now = board.heard(), time.monotonic()
            due = now >= self.beat_at
            found = [*self.follow(board)] if self.shares and (news or due) else []
            have = (self.runtime.snapshot.revision, self.refused, *self.engines())
            if due or have != self.told:
                self.beat_at, self.told = now + BEAT, have
                offset = board.offset()
                found += self.clock(offset)
                board.beat(self.state(board.machine, offset))
            self.trouble = ""
        except StoreError as error:
            if str(error) != self.trouble:
                log.warning("other machines cannot be reached (%s); the configuration stays as it is", error)
            self.trouble = str(error)
            return []
        return found

    # ---- the configuration ------------------------------------------------------------------------------------------
    def follow(self, board: Board) -> Iterable[Event]:
        path, settings = self.runtime.config_path, self.runtime.settings
        try:
            found = versions.follow(path, board, settings, time.time())
        except ConfigErrors as errors:
            yield from self.refuse(board.newest(), errors.words)
        except OSError as error:
            yield from self.refuse(board.newest(), f"ccx.yaml cannot be written: {error.strerror}")
        else:
            self.refused = self.why = ""
            if found.offered:
                words = "ccx.yaml was changed by hand: in force here until the next change, and offered to all machines"
                yield Event("warning", "config", f"{board.machine}: {words}", "Settings, Machines")

    def refuse(self, revision: str, why: str) -> Iterable[Event]:
        if (revision, why) != (self.refused, self.why):
            words = f"{self.name}: configuration {revision} of all machines is refused here; the old one stays in force"
            yield Event("error", "config", words, why)
        self.refused, self.why = revision, why

    # ---- how it is --------------------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        return self.board.machine if self.board else ""

    def clock(self, offset: float) -> Iterable[Event]:
        wrong = abs(offset) > MOST_OFFSET
        if wrong != self.wrong_clock:
            side = "ahead of" if offset > 0 else "behind"
            words = f"is {abs(offset):.1f} s {side} the database's" if wrong else "is right again"
            yield Event("warning" if wrong else "info", "clock", f"{self.name}: the clock {words}")
        self.wrong_clock = wrong

    def engines(self) -> dict[str, str]:
        """Name -> what is wrong with it."""
        found = {"limits": self.runtime.meeting.trouble, "log": self.runtime.store.health().trouble}
        return {name: words for name, words in found.items() if words}

    def state(self, machine: str, offset: float) -> Beat:
        runtime = self.runtime
        return Beat(
            machine=machine,
            boot_id=runtime.boot_id,
            version=version(),
            workers=runtime.settings.worker_count,
            started_at=int(runtime.started * 1000),
            clock_offset=offset,
            revision=runtime.snapshot.revision,
            refused=self.refused,
            why=self.why,
            secrets=json.dumps(self.marks()),
            queue=runtime.store.health().queued,
            engines=json.dumps(self.engines()),
        )

    def marks(self) -> dict[str, str]:
        """Variable -> a mark of its value, which says no more than whether two machines have the same."""
        names = {"PROXY_ACCESS_KEY", *({SETTING} if self.shares else ())}
        key = self.runtime.settings.admin_access_key
        salt = hashlib.blake2b(key.encode(), digest_size=32).digest()
        with suppress(OSError):
            names |= variables.mentioned(self.runtime.config_path.read_text("utf-8", "replace"))
        found = {"ADMIN_ACCESS_KEY": hashlib.blake2b(salt, digest_size=4, person=b"machines").hexdigest()}
        for name in sorted(names):
            value = os.environ.get(name, "").strip()
            found[name] = hashlib.blake2b(value.encode(), digest_size=4, key=salt).hexdigest() if value else ""
        return found
