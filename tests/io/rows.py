"""Rows and databases for the tests of io."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

NOW = 1_769_860_800_000
"""UTC milliseconds: 2026-01-31 12:00, on the hour."""


def request(id: str = "r1", **more: Any) -> dict[str, Any]:
    """A finished request."""
    return {
        "id": id,
        "boot_id": "boot",
        "started_at": NOW,
        "ended_at": NOW + 1000,
        "state": "ok",
        "phase": "done",
        "kind": "chat",
        "model": "m",
        "channel_id": "c1",
        "channel_name": "main",
        "client_name": "alice",
        "key_mask": "sk-a…1234",
        "attempts_n": 1,
        "status": 200,
        **more,
    }


def rows(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """All rows, through a connection of its own."""
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        return connection.execute(sql, values).fetchall()


def one(path: Path, sql: str, *values: Any) -> Any:
    """The only value of a query."""
    ((value,),) = rows(path, sql, *values)
    return value
