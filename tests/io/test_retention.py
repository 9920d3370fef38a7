import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.io import retention
from ccx_addons.io.chores import Chore
from ccx_addons.io.database import Database
from ccx_addons.io.retention import BODY_STEP, FEW, KEPT, STEP, cap_bodies, retain
from ccx_addons.io.rollup import DAY, HOUR, QUARTER
from ccx_addons.io.state import Reader
from ccx_addons.io.transaction import Transaction
from tests.io.rows import NOW, one, request, rows
from tests.plans import scanned

OLD = NOW - 100 * DAY
GONE = (
    *("requests", "attempts", "candidates", "bodies", "shapes", "events", "mirrored", "sessions", "affinity", "issued"),
    *("response_sessions", "refusals", "overrides", "commands", "command_acks"),
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "ccx.db", "boot", 0, lambda: NOW / 1000)
    database.ready()
    yield database
    database.leave()


def put(database: Database, table: str, *found: dict[str, Any]) -> None:
    def job(transaction: Transaction) -> None:
        for row in found:
            transaction.upsert(table, row)

    database.write([job])


def steps(database: Database, days: int = 90, body_days: int = 7, tables: tuple[str, ...] = ()) -> list[int]:
    """How many rows of these tables (default: of all that are deleted) each step of a round deletes."""
    names = tables or GONE

    def count() -> int:
        return sum(one(database.path, f"SELECT count(*) FROM {name}") for name in names)

    chore: Chore | None = partial(retain, days=days, body_days=body_days)
    found = [count()]
    while chore:
        (chore,) = database.write([chore])
        found.append(count())
    gone = [before - after for before, after in itertools.pairwise(found)]
    return [each for each in gone if each > 0]


def step(database: Database, days: int = 90, body_days: int = 7) -> int:
    """A whole round."""
    return sum(steps(database, days, body_days))


def body(id: str, at: int) -> dict[str, Any]:
    return {"request_id": id, "side": "client_request", "at": at, "body": b"x", "size": 1}


def test_old_requests_go_with_all_that_belongs_to_them(database: Database) -> None:
    put(database, "requests", request("old", started_at=OLD), request("new"))
    for id in ("old", "new"):
        put(database, "attempts", {"request_id": id, "n": 1}, {"request_id": id, "n": 2})
        put(database, "candidates", {"request_id": id, "order": 0})
        put(database, "bodies", body(id, NOW))
    assert step(database) == 5 and step(database) == 0
    for table in ("attempts", "candidates", "bodies"):
        assert set(rows(database.path, f"SELECT request_id FROM {table}")) == {("new",)}
    assert rows(database.path, "SELECT id FROM requests") == [("new",)]


@pytest.mark.parametrize(("limit", "left"), [(100, 4), (40, 4), (39, 3), (15, 1), (9, 0), (0, 0)])
def test_the_oldest_bodies_go_when_there_are_too_many(database: Database, limit: int, left: int) -> None:
    order = ("second", "first", "fourth", "third")
    for at, id in zip((2, 1, 4, 3), order, strict=True):
        put(database, "bodies", {**body(id, NOW + at), "body": b"x" * 10})
    assert database.write([partial(cap_bodies, excess=40 - limit)]) == [None]
    kept = [id for (id,) in rows(database.path, "SELECT request_id FROM bodies ORDER BY at")]
    assert kept == ["first", "second", "third", "fourth"][4 - left :]


def test_many_bodies_go_in_steps(database: Database) -> None:
    put(database, "bodies", *(body(f"b{n}", NOW + n) for n in range(BODY_STEP + 5)))
    (again,) = database.write([partial(cap_bodies, excess=BODY_STEP + 4)])
    assert one(database.path, "SELECT count(*) FROM bodies") == 5 and database.write([again]) == [None]
    assert rows(database.path, "SELECT request_id FROM bodies") == [(f"b{BODY_STEP + 4}",)]


def test_totals_stay_much_longer(database: Database) -> None:
    put(database, "requests", request("old", started_at=OLD, input_tokens=5))
    step(database)
    sql = "SELECT requests, input_tokens FROM rollups WHERE view = 'client' AND level = ?"
    assert rows(database.path, sql, DAY) == [(1, 5)]


def test_totals_go_at_last(database: Database) -> None:
    for n, kept in enumerate(KEPT.values()):
        put(database, "requests", request(f"r{n}", started_at=NOW - (kept + 1) * DAY))
    step(database, 0)
    found = rows(database.path, "SELECT level, count(*) FROM rollups WHERE view = '' GROUP BY level ORDER BY level")
    assert found == [(HOUR, 1), (DAY, 2)], "the first is left to the hours, two to the days"
    assert one(database.path, "SELECT count(*) FROM rollup_cube") == 2
    assert KEPT[QUARTER] < KEPT[HOUR] < KEPT[DAY]


def test_what_goes_was_counted_before(database: Database) -> None:
    put(database, "requests", request("old", started_at=OLD))
    step(database)
    assert one(database.path, "SELECT count(*) FROM requests") == 0
    assert one(database.path, "SELECT requests FROM rollups WHERE view = '' AND level = ?", DAY) == 1


def test_a_running_request_stays_however_old_it_is(database: Database) -> None:
    put(database, "requests", request("old", started_at=OLD, state="running"))
    assert step(database) == 0 and one(database.path, "SELECT count(*) FROM requests") == 1


def test_bodies_go_earlier_than_their_requests(database: Database) -> None:
    put(database, "requests", request("a", started_at=NOW - 8 * DAY))
    put(database, "bodies", body("a", NOW - 8 * DAY), body("b", NOW - 6 * DAY))
    assert step(database) == 1
    assert rows(database.path, "SELECT request_id FROM bodies") == [("b",)]
    assert one(database.path, "SELECT count(*) FROM requests") == 1


def test_ids_that_were_issued_last_are_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_ISSUED", 3)
    for n in range(5):
        put(database, "issued", {"id": f"r{n}", "client": "c", "channel_id": "x", "expires": NOW + 1000 + n})
    step(database)
    assert rows(database.path, "SELECT id FROM issued ORDER BY id") == [("r2",), ("r3",), ("r4",)]


def test_zero_days_keep_for_ever(database: Database) -> None:
    put(database, "requests", request("a", started_at=OLD))
    put(database, "bodies", body("a", OLD))
    put(database, "sessions", {"kind": "chat", "trace_hash": "t", "last_at": OLD})
    step(database, 0, 0)
    assert [one(database.path, f"SELECT count(*) FROM {table}") for table in ("requests", "bodies", "sessions")] == [
        1
    ] * 3


def test_steps_are_small(database: Database) -> None:
    put(database, "requests", *(request(f"r{n}", started_at=OLD + n) for n in range(STEP + 3)))
    put(database, "bodies", *(body(f"b{n}", OLD + n) for n in range(BODY_STEP + 1)))
    put(database, "sessions", *({"kind": "chat", "trace_hash": f"{n}", "last_at": OLD + n} for n in range(STEP + 3)))
    put(database, "events", *({"at": OLD, "level": "info", "kind": "x"} for n in range(STEP + 3)))
    put(database, "issued", *({"id": f"{n}", "client": "c", "channel_id": "x", "expires": n} for n in range(STEP + 3)))
    assert steps(database) == [BODY_STEP, 1, *(STEP, 3) * 4]


@pytest.mark.parametrize(
    ("table", "length", "more"),
    [
        ("rollups", QUARTER, {"view": "", "level": QUARTER, "a": "", "b": ""}),
        ("rollups", HOUR, {"view": "client", "level": HOUR, "a": "alice", "b": ""}),
        ("rollup_attempts", QUARTER, {"channel_id": "c", "key_mask": "k"}),
        ("rollup_cube", DAY, {name: "" for name in ("kind", "channel", "model", "upstream", "client", "key_mask")}),
    ],
)
def test_sums_go_in_steps(database: Database, table: str, length: int, more: dict[str, Any]) -> None:
    """After a long pause there may be years of them."""
    first = (NOW - 1000 * DAY) // length * length
    kept = {**more, "start": NOW // length * length}
    put(database, table, kept, *({**more, "start": first + n * length} for n in range(2 * FEW + 1)))
    assert steps(database, tables=(table,)) == [FEW, FEW, 1]
    assert rows(database.path, f"SELECT start FROM {table}") == [(kept["start"],)]


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("events", {"at": OLD, "level": "info", "kind": "x"}, {"at": NOW, "level": "info", "kind": "x"}),
        (
            "sessions",
            {"kind": "chat", "trace_hash": "a", "last_at": OLD},
            {"kind": "chat", "trace_hash": "b", "last_at": NOW},
        ),
        (
            "refusals",
            {"kind": "chat", "channel_id": "c", "model": "m", "name": "a", "updated_at": OLD},
            {"kind": "chat", "channel_id": "c", "model": "m", "name": "b", "updated_at": NOW},
        ),
        (
            "affinity",
            {"kind": "chat", "trace_hash": "a", "expires_at": NOW - 1},
            {"kind": "chat", "trace_hash": "b", "expires_at": NOW + 1},
        ),
        (
            "overrides",
            {"kind": "chat", "trace_hash": "a", "expires_at": NOW - 1},
            {"kind": "chat", "trace_hash": "b", "expires_at": None},
        ),
        (
            "response_sessions",
            {"id": "a", "client": "c", "created": 0, "expires": NOW - 1, "messages": "[]"},
            {"id": "b", "client": "c", "created": 0, "expires": NOW + 1, "messages": "[]"},
        ),
        (
            "issued",
            {"id": "a", "client": "c", "channel_id": "x", "expires": NOW - 1},
            {"id": "b", "client": "c", "channel_id": "x", "expires": NOW + 1},
        ),
        (
            "commands",
            {"at": OLD, "expires_at": NOW - 2 * DAY, "kind": "x"},
            {"at": NOW, "expires_at": NOW - 1, "kind": "x"},
        ),
    ],
)
def test_what_else_expires(database: Database, table: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    put(database, table, old, new)
    assert step(database) == 1 and one(database.path, f"SELECT count(*) FROM {table}") == 1


def test_acknowledgements_go_with_their_command(database: Database) -> None:
    put(database, "commands", {"at": OLD, "expires_at": OLD, "kind": "x"})
    put(database, "command_acks", {"command_id": 1, "boot_id": "b", "worker": 0, "at": OLD})
    assert step(database) == 2 and one(database.path, "SELECT count(*) FROM command_acks") == 0


def test_no_round_reads_through_what_grows_with_every_request(database: Database) -> None:
    """Every statement of the rounds of the writer, and of the workers' looks."""
    asked: list[str] = []
    put(database, "requests", *(request(f"r{n}", started_at=OLD + n) for n in range(5)), request("new"))
    put(database, "bodies", body("new", NOW))
    assert database.conn
    database.conn.set_trace_callback(asked.append)
    put(database, "requests", request("now"))
    database.fold(whole=True)
    step(database)
    database.write([partial(cap_bodies, excess=1)])
    database._mark_lost()
    with contextlib.closing(Reader(database.path, "boot", 1, shared=True)) as reader:
        database.conn.row_factory = sqlite3.Row
        reader._read(database.conn, NOW / 1000)
        reader.first = False
        reader._read(database.conn, NOW / 1000)
    database.conn.set_trace_callback(None)
    statements = [sql for sql in asked if sql.split(maxsplit=1)[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")]
    assert len(statements) > 80
    for sql in statements:
        assert scanned(database.conn, sql) == set(), sql
