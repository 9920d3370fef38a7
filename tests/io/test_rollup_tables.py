"""What earlier versions counted is taken over."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.io.database import Database
from ccx_addons.io.rollup import DAY, HOUR, QUARTER, TTFT, quantile
from ccx_addons.io.rollup_tables import LENGTHS, OLD_BOUNDS, VIEWS, columns, taken_over
from ccx_addons.io.schema import MIGRATIONS
from ccx_addons.io.transaction import Transaction
from tests.io.rows import NOW, request

BEFORE = MIGRATIONS[: [name for name, _ in MIGRATIONS].index("0010_rollups")]


def put(database: Database, *found: dict[str, Any]) -> None:
    def job(transaction: Transaction, rows: tuple[dict[str, Any], ...]) -> None:
        for row in rows:
            transaction.upsert("requests", row)

    database.write([partial(job, rows=found)])


def read(database: Database, sql: str) -> list[dict[str, Any]]:
    assert database.conn
    cursor = database.conn.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def test_every_old_bucket_goes_somewhere_once() -> None:
    whole = next(sql for sql in taken_over() if "INSERT INTO rollups" in sql)
    assert all(whole.count(f"total({bucket})") == 1 for bucket in columns("ttft", OLD_BOUNDS))
    assert set(LENGTHS.values()) == {QUARTER, HOUR, DAY} and len(set(VIEWS)) == len(VIEWS)


@pytest.fixture
def earlier(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database as it was before, with three days of which only the last two still have their requests."""
    with closing(sqlite3.connect(tmp_path / "ccx.db", isolation_level=None)) as conn:
        for name, statements in BEFORE:
            for statement in statements:
                conn.execute(statement)
            conn.execute(
                "CREATE TABLE IF NOT EXISTS _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)"
            )
            conn.execute(
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ccx', ?, '')", (name,)
            )
        for n, days in enumerate((2, 1, 0)):
            at, id = NOW - days * DAY, f"r{days}"
            for table, start, length in (
                ("rollup_quarter", "quarter", QUARTER),
                ("rollup_hour", "hour", HOUR),
                ("rollup_day", "day", DAY),
            ):
                conn.execute(
                    f"INSERT INTO {table} ({start}, kind, channel_id, model, client_name, key_mask, channel_name, requests, ok,"
                    " input_tokens, cost_usd, ttft_4) VALUES (?, 'chat', 'c1', 'm', 'alice', 'k', 'main', 5, 5, 50, 0.5, 5)",
                    (at // length * length,),
                )
            if days < 2:
                for k in range(5):
                    conn.execute(
                        "INSERT INTO requests (id, rev, started_at, state, kind, channel_id, channel_name, model, upstream_model,"
                        " client_name, key_mask, attempts_n, input_tokens, cost_usd, first_event_ms)"
                        " VALUES (?, ?, ?, 'ok', 'chat', 'c1', 'main', 'm', 'm-up', 'alice', 'k', 1, 10, 0.1, 250)",
                        (f"{id}-{k}", n * 10 + k, at + k),
                    )
        conn.execute("UPDATE counter SET value = 1000 WHERE name = 'rev'")
        yield conn


def test_totals_of_earlier_versions_stay(earlier: sqlite3.Connection, tmp_path: Path) -> None:
    """Those whose requests are gone are taken over, the others are counted anew, and none twice."""
    database = Database(tmp_path / "ccx.db", "boot", 0, lambda: NOW / 1000)
    database.ready()
    put(database, request("new"))
    database.fold(whole=True)
    for view in ("", "client", "channel model", "model client"):
        found = read(
            database,
            f"SELECT start, sum(requests) AS n, sum(input_tokens) AS t FROM rollups WHERE view = '{view}' AND level = {DAY} GROUP BY 1 ORDER BY 1",
        )
        assert [(row["n"], row["t"]) for row in found] == [(5, 50), (5, 50), (6, 50)], view
    hours = read(
        database, f"SELECT start, requests FROM rollups WHERE view = 'client' AND level = {HOUR} ORDER BY start"
    )
    assert [row["requests"] for row in hours] == [5, 5, 6]
    old = read(database, f"SELECT {', '.join(TTFT)} FROM rollups WHERE view = '' AND level = {DAY} ORDER BY start")
    assert 200 < (quantile(list(old[0].values()), 0.5) or 0) < 300 and sum(old[0].values()) == 5
    assert [
        row["n"] for row in read(database, "SELECT sum(requests) AS n FROM rollup_cube GROUP BY start ORDER BY start")
    ] == [5, 5, 6]
    assert not read(
        database, "SELECT name FROM sqlite_schema WHERE name IN ('rollup_quarter', 'rollup_hour', 'rollup_day')"
    )
    database.leave()
