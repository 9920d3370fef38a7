"""What the panel writes: commands for the workers and events, through a store of its own."""

import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from ccx_addons.core.settings import Settings
from ccx_addons.io.place import place_of
from ccx_addons.io.store import Store
from ccx_admin.panel import Panel

WORKER: Final = -1
"""The panel's number beside the workers' 0, 1, ..."""
STORE_TIME: Final = 3.0
POLL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Commanded:
    """``results``: worker of this gateway or another -> what it said; who did not answer in time is missing."""

    id: int
    results: dict[str, str]

    @property
    def done(self) -> bool:
        return bool(self.results)


def open_store(settings: Settings, boot_id: str = "") -> Store:
    return Store.open(place_of(settings), boot_id=boot_id, worker=WORKER)


def command(panel: Panel, kind: str, args: dict[str, Any], ttl: float = 60.0) -> Commanded:
    """Tell all workers something and wait a moment until each has done it. Raises TimeoutError."""
    id = panel.store.command(kind, args, ttl).result(STORE_TIME)
    results: dict[str, str] = {}
    until = time.monotonic() + panel.ack_wait
    while len(results) < panel.db.workers(panel.settings.worker_count):
        rows = panel.db.rows("SELECT boot_id, worker, result FROM command_acks WHERE command_id = ?", (id,))
        results = {_name(panel, row["boot_id"], row["worker"]): row["result"] for row in rows}
        left = until - time.monotonic()
        if left <= 0:
            break
        pause(min(POLL, left))
    return Commanded(id, results)


def _name(panel: Panel, boot_id: str, worker: int) -> str:
    return str(worker) if boot_id == panel.store.boot_id else f"{boot_id}:{worker}"


def pause(seconds: float) -> None:
    """Wait; the panel's threads have no event loop to block."""
    threading.Event().wait(seconds)
