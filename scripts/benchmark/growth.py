"""Whether an answer costs the same whatever there is a lot of: connections, channels, rows of the log."""

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from ccx_addons.core.ids import uuid7
from ccx_addons.io.database import Database
from ccx_addons.io.transaction import Transaction
from scripts.benchmark.programs import Running, Upstream, configuration, gateway

CONNECTIONS: Final = (10, 100, 1000)
CHANNELS: Final = (10, 100, 500)
ROWS: Final = (1_000, 1_000_000)
STEP: Final = 5_000
"""Rows of one transaction."""


@contextlib.contextmanager
def with_channels(count: int, upstream: Upstream, folder: Path) -> Iterator[Running]:
    """The gateway with so many channels; the first ones answer."""
    folder.mkdir()
    with gateway(upstream, folder, text=configuration(upstream, count - 2)) as running:
        yield running


def with_connections(_: int, upstream: Upstream, folder: Path) -> contextlib.AbstractContextManager[Running]:
    """The clients make them."""
    return with_channels(CHANNELS[0], upstream, folder)


@contextlib.contextmanager
def with_rows(count: int, upstream: Upstream, folder: Path) -> Iterator[Running]:
    """The gateway on a log that has so many requests of the last week."""
    folder.mkdir()
    fill(folder / "data" / "ccx.db", count)
    with gateway(upstream, folder) as running:
        yield running


def fill(path: Path, count: int) -> None:
    database = Database(path, "filled", 0, time.time)
    database.ready()
    for start in range(0, count, STEP):
        database.write([partial(_requests, first=start, last=min(start + STEP, count), of=count)])
    database.fold(whole=True)
    database.leave()


def _requests(transaction: Transaction, first: int, last: int, of: int) -> None:
    week, now = 7 * 86400.0, time.time()
    for n in range(first, last):
        at = now - week * (of - n) / of
        transaction.upsert("requests", {
            "id": uuid7(at), "started_at": int(at * 1000), "ended_at": int(at * 1000) + 900, "state": "ok", "kind": "chat",
            "operation": "generate", "phase": "done", "client_name": f"client {n % 7}", "model": f"model {n % 11}",
            "channel_id": "chat", "channel_name": "chat", "attempts_n": 1, "status": 200, "ttfb_ms": 300.0, "total_ms": 900.0,
            "input_tokens": 900, "output_tokens": 100, "cost_usd": 0.001, "source": "proxy",
        })  # fmt: skip


SORTS: Final = (
    ("connections", CONNECTIONS, with_connections),
    ("channels", CHANNELS, with_channels),
    ("rows", ROWS, with_rows),
)
