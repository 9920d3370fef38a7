"""Capability tests: a matrix of questions to one channel, asked one after the other, slowly, until somebody cancels.

A job lives in the panel's memory; what was asked and answered is in the request log as well, with source ``test``.
"""

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, cast

from flask import current_app

from ccx_addons.core.config import Channel, Key, Kind
from ccx_addons.core.ids import uuid7
from ccx_addons.io import capability
from ccx_addons.io.capability import Check
from ccx_admin.api.problem import Failure, not_found
from ccx_admin.bench import trial
from ccx_admin.panel import Panel

EXTENSION: Final = "ccx_capability"
MAX_JOBS: Final = 20
"""Jobs that are remembered."""
MAX_CELLS: Final = 400
HOPELESS: Final = frozenset({401, 402, 403, 404})
"""After one of these for its text, nothing more is asked of a model."""

type State = Literal["waiting", "running", "ok", "failed", "skipped"]


@dataclass(slots=True)
class Cell:
    """One question. ``error``: why it failed or was skipped."""

    protocol: Kind
    model: str
    check: Check
    state: State = "waiting"
    request_id: str = ""
    status: int = 0
    total_ms: float = 0.0
    first_ms: float | None = None
    text: str = ""
    error: str = ""
    cost_usd: float | None = None


@dataclass(slots=True)
class Job:
    """``rpm``: most questions a minute."""

    id: str
    channel: Channel
    key: Key
    rpm: int
    cells: list[Cell]
    started_at: int
    ended_at: int | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def state(self) -> str:
        if self.ended_at is None:
            return "cancelling" if self.stop.is_set() else "running"
        return "cancelled" if self.stop.is_set() else "done"

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": self.state,
            "channel_id": self.channel.id,
            "key_mask": self.key.mask,
            "rpm": self.rpm,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "done": sum(cell.state not in ("waiting", "running") for cell in self.cells),
            "cost_usd": sum(cell.cost_usd or 0.0 for cell in self.cells),
            "cells": [asdict(cell) for cell in self.cells],
        }

    def run(self, panel: Panel) -> None:
        """Asks until all is answered or ``stop`` is set. The next question waits for the answer and for its minute."""
        due = time.monotonic()
        try:
            for cell in self.cells:
                if self.stop.wait(max(0.0, due - time.monotonic())):
                    break
                if why := self.hopeless(cell):
                    cell.state, cell.error = "skipped", why
                    continue
                due = time.monotonic() + 60 / self.rpm
                self.ask(panel, cell)
        finally:
            for cell in self.cells:
                if cell.state in ("waiting", "running"):
                    cell.state, cell.error = "skipped", "cancelled"
            self.ended_at = panel.now_ms()

    def hopeless(self, cell: Cell) -> str:
        """Why it makes no sense to ask; empty: it does."""
        first = next(c for c in self.cells if (c.protocol, c.model) == (cell.protocol, cell.model))
        return first.error if first.state == "failed" and first.status in HOPELESS else ""

    def ask(self, panel: Panel, cell: Cell) -> None:
        cell.state, started = "running", panel.now_ms()
        found = capability.ask(self.channel, self.key, cell.protocol, cell.model, cell.check, self.stop.is_set)
        cell.request_id, cell.cost_usd = trial.record(
            panel, self.channel, self.key, cell.protocol, cell.model, found, started, cell.check == "stream"
        )
        cell.status, cell.total_ms, cell.first_ms = found.status, found.total_ms, found.first_ms
        cell.text, cell.error = found.text, found.error
        cell.state = "ok" if found.ok else "failed"


class Jobs:
    """The jobs of one panel process, the oldest forgotten first; one at a time for each channel."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def start(
        self,
        panel: Panel,
        channel: Channel,
        key: Key,
        protocols: Iterable[Kind],
        models: Iterable[str],
        checks: Iterable[Check],
        rpm: int,
    ) -> Job:
        """Raises Failure when the channel is being tested already, or when too much is asked."""
        order = [check for check in capability.CHECKS if check in set(checks)]
        pairs = itertools.product(dict.fromkeys(protocols), dict.fromkeys(models))
        cells = [Cell(protocol, model, check) for protocol, model in pairs for check in order]
        if len(cells) > MAX_CELLS:
            raise Failure(422, "Too much", f"{len(cells)} questions; at most {MAX_CELLS} are asked in one test")
        job = Job(uuid7(panel.clock()), channel, key, rpm, cells, panel.now_ms())
        with self._lock:
            if any(other.channel.id == channel.id and other.ended_at is None for other in self._jobs.values()):
                raise Failure(409, "Under way", f"the channel {channel.name!r} is being tested already")
            self._jobs[job.id] = job
            while len(self._jobs) > MAX_JOBS:
                _, forgotten = self._jobs.popitem(last=False)
                forgotten.stop.set()
        threading.Thread(target=job.run, args=(panel,), name="ccx-capability", daemon=True).start()
        return job

    def get(self, id: str) -> Job:
        """Raises Failure 404."""
        job = self._jobs.get(id)
        if job is None:
            raise not_found("job", id)
        return job

    def last(self, channel_id: str) -> Job | None:
        """The newest of a channel."""
        return next((job for job in reversed(self._jobs.values()) if job.channel.id == channel_id), None)


def jobs() -> Jobs:
    """Those of the application that answers this request."""
    return cast(Jobs, current_app.extensions[EXTENSION])
