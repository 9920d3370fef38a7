import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.core.errors import StoreError
from ccx_addons.core.read import LARGEST, count
from ccx_addons.io.database import Database, at_most, code_of
from ccx_addons.io.rollup import DAY, HOUR
from ccx_addons.io.transaction import Transaction
from tests.io.rows import NOW, one, request, rows


def open_database(path: Path, boot_id: str = "boot", worker: int = 0) -> Database:
    database = Database(path, boot_id, worker, lambda: NOW / 1000)
    database.ready()
    return database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ccx.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = open_database(path)
    yield database
    database.leave()


def put(database: Database, table: str, **row: Any) -> None:
    def job(transaction: Transaction) -> None:
        transaction.upsert(table, row)

    database.write([job])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ---- opening ---------------------------------------------------------------------------------------------------------
def test_a_new_database_is_private_and_in_wal_mode(database: Database, path: Path) -> None:
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert one(path, "PRAGMA journal_mode") == "wal" and one(path, "PRAGMA auto_vacuum") == 2


def test_opening_again_keeps_everything(database: Database, path: Path) -> None:
    put(database, "requests", **request("a"))
    database.leave()
    again = open_database(path, "boot 2")
    assert one(path, "SELECT count(*) FROM requests") == 1
    again.leave()


def test_a_database_of_a_newer_version_is_refused(database: Database, path: Path) -> None:
    database.leave()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ccx', '9999_future', '')"
        )
        connection.commit()
    with pytest.raises(StoreError, match="newer version"):
        open_database(path, "boot 2")


def test_what_could_not_be_opened_whole_is_opened_again(path: Path) -> None:
    """Busy and a full disk leave a connection as it is; one without its tables is of no use."""
    path.parent.mkdir()
    database = Database(path, "boot", 0, lambda: NOW / 1000)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked") as caught:
            database.ready()
        database.failed(caught.value)
        other.execute("ROLLBACK")
    database.ready()
    put(database, "requests", **request("a"))
    assert one(path, "SELECT count(*) FROM requests") == 1
    database.leave()


def test_rows_are_lost_as_soon_as_they_can_be_written(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, "requests", **request("a", boot_id="dead", state="running", ended_at=None))
    again = Database(path, "boot 2", 0, lambda: NOW / 1000)
    mark_lost = again._mark_lost

    def busy() -> None:
        other.execute("BEGIN IMMEDIATE")
        mark_lost()

    with closing(sqlite3.connect(path, isolation_level=None)) as other, monkeypatch.context() as patched:
        patched.setattr(again, "_mark_lost", busy)
        with pytest.raises(sqlite3.OperationalError, match="locked") as caught:
            again.ready()
        again.failed(caught.value)
        other.execute("ROLLBACK")
    again.ready()
    assert one(path, "SELECT state FROM requests") == "lost"
    again.leave()


def test_the_file_alone_has_everything_at_the_end_whoever_reads(database: Database, path: Path) -> None:
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("SELECT count(*) FROM requests").fetchone()
        put(database, "requests", **request("a"))
        database.leave()
        alone = path.with_name("copy.db")
        alone.write_bytes(path.read_bytes())
    assert one(alone, "SELECT count(*) FROM requests") == 1


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_file_that_went_away_is_made_again(database: Database, path: Path, how: str) -> None:
    put(database, "requests", **request("a"))
    if how == "deleted":
        path.unlink()
    else:
        other = open_database(path.with_name("other.db"), "other")
        other.leave()
        path.with_name("other.db").replace(path)
    database.ready()
    put(database, "requests", **request("b"))
    assert rows(path, "SELECT id FROM requests") == [("b",)]
    assert one(path, "PRAGMA integrity_check") == "ok"


def test_workers_agree_on_a_replaced_file(database: Database, path: Path) -> None:
    """Whoever notices first begins a new journal, which the others must not take away."""
    second = open_database(path, "boot", 1)
    put(database, "requests", **request("a"))
    open_database(path.with_name("other.db"), "other").leave()
    path.with_name("other.db").replace(path)
    for n, worker in enumerate((database, second, database)):
        worker.ready()
        put(worker, "requests", **request(f"b{n}"))
    assert rows(path, "SELECT id FROM requests ORDER BY id") == [("b0",), ("b1",), ("b2",)]
    assert one(path, "PRAGMA integrity_check") == "ok"
    second.leave()


def test_a_new_file_counts_on_from_the_time(database: Database, path: Path) -> None:
    """Whoever follows revisions sees the new rows although the old database had more of them."""
    put(database, "requests", **request("a"))
    before = one(path, "SELECT max(rev) FROM requests")
    path.unlink()
    database.ready()
    put(database, "requests", **request("b"))
    assert one(path, "SELECT max(rev) FROM requests") >= before


def test_a_damaged_file_is_moved_aside(database: Database, path: Path) -> None:
    database.leave()
    path.write_bytes(b"this is no database " * 1000)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        database.ready()
    database.failed(caught.value)
    database.ready()
    put(database, "requests", **request("b"))
    assert rows(path, "SELECT id FROM requests") == [("b",)]
    (aside,) = path.parent.glob("ccx.db.corrupt-20260131T120000")
    assert aside.read_bytes().startswith(b"this is no database")


def test_a_healthy_file_passes_the_check(database: Database, path: Path) -> None:
    put(database, "requests", **request("a"))
    database.check()
    assert database.conn is not None and database.damaged == (0, 0)


def test_what_takes_too_long_is_interrupted_and_nothing_after_it() -> None:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as conn:
        endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        with pytest.raises(sqlite3.OperationalError, match="interrupted"), at_most(conn, 0.01):
            conn.execute(endless)
        with at_most(conn, 60.0):
            assert conn.execute("SELECT 1").fetchone() == (1,)


def test_the_check_finds_a_damaged_page(database: Database, path: Path) -> None:
    for n in range(200):
        put(database, "requests", **request(f"r{n}", error_message="x" * 500))
    database.leave()
    with path.open("r+b") as file:
        for page in range(8, 40):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    damaged = Database(path, "boot 2", 0, lambda: NOW / 1000)
    try:
        damaged.ready()
        damaged.check()
    except sqlite3.DatabaseError as error:
        damaged.failed(error)
    damaged.ready()
    assert one(path, "SELECT count(*) FROM requests") == 0 and list(path.parent.glob("ccx.db.corrupt-*T120000"))
    damaged.leave()


# ---- who lives -------------------------------------------------------------------------------------------------------
def test_rows_of_a_dead_boot_are_lost(path: Path) -> None:
    dead = open_database(path, "dead")
    put(dead, "requests", **request("a", boot_id="dead", state="running", ended_at=None))
    put(dead, "requests", **request("b", boot_id="dead"))
    dead.leave()
    alive = open_database(path, "alive")
    found = rows(path, "SELECT id, state, phase, ended_at FROM requests ORDER BY id")
    assert found == [("a", "lost", "done", NOW), ("b", "ok", "done", NOW + 1000)]
    alive.leave()
    assert not list(path.parent.glob("*.boot-*")), "the lock files are gone with their processes"


def test_rows_of_a_boot_that_lives_stay(path: Path) -> None:
    first = open_database(path, "boot", 0)
    put(first, "requests", **request("a", boot_id="boot", worker=0, state="running"))
    second = open_database(path, "boot", 1)
    assert one(path, "SELECT state FROM requests") == "running"
    second.leave()
    third = open_database(path, "other", 0)
    assert one(path, "SELECT state FROM requests") == "running", "another boot leaves them, too"
    third.leave()
    first.leave()


def test_rows_of_a_workers_forerunner_are_lost(path: Path) -> None:
    first = open_database(path, "boot", 0)
    put(first, "requests", **request("a", boot_id="boot", worker=1, state="running"))
    put(first, "requests", **request("b", boot_id="boot", worker=0, state="running"))
    second = open_database(path, "boot", 1)
    assert rows(path, "SELECT id FROM requests WHERE state = 'lost'") == [("a",)]
    second.leave()
    first.leave()


def test_lost_rows_are_counted(path: Path) -> None:
    dead = open_database(path, "dead")
    put(dead, "requests", **request("a", boot_id="dead", state="running"))
    dead.leave()
    alive = open_database(path, "alive")
    alive.fold(whole=True)
    assert rows(path, "SELECT requests, lost FROM rollups WHERE view = '' AND level = ?", HOUR) == [(1, 1)]
    alive.leave()


# ---- rows ------------------------------------------------------------------------------------------------------------
def test_upsert_changes_only_the_columns_given(database: Database, path: Path) -> None:
    key = {"kind": "chat", "channel_id": "c", "key_id": "k"}
    put(database, "key_state", **key, state="cooling", reason="429", until=5)
    put(database, "key_state", **key, state="blocked")
    assert rows(path, "SELECT state, reason, until FROM key_state") == [("blocked", "429", 5)]


def test_every_write_has_a_higher_revision(database: Database, path: Path) -> None:
    seen = []
    for state in ("running", "running", "ok"):
        put(database, "requests", **request("a", state=state))
        seen.append(one(path, "SELECT rev FROM requests"))
    assert seen == sorted(set(seen))


def test_a_final_request_stays_as_it_is(database: Database, path: Path) -> None:
    put(database, "requests", **request("a", state="failed"))
    put(database, "requests", **request("a", state="running"))
    put(database, "requests", **request("a", state="ok", status=599))
    assert rows(path, "SELECT state, status FROM requests") == [("failed", 200)]


def test_odd_values_of_a_request(database: Database, path: Path) -> None:
    put(database, "requests", **request("a", losses=[["x", "y"]], model="half \ud800", total_ms=float("nan")))
    assert rows(path, "SELECT losses, model, total_ms FROM requests") == [('[["x", "y"]]', "half ?", None)]


def test_an_unknown_column_is_left_out_and_said_once(
    database: Database, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for id in ("a", "b"):
        put(database, "requests", **request(id), new_column=1)
    assert one(path, "SELECT count(*) FROM requests") == 2
    assert [r.getMessage() for r in caplog.records] == ["table requests has no column new_column; it is not stored"]


def test_sums_of_huge_numbers_do_not_overflow(database: Database, path: Path) -> None:
    for n in range(50):
        put(database, "requests", **request(f"r{n}", input_tokens=10**30, output_tokens=count(10**18)))
    database.fold(whole=True)
    assert one(path, "SELECT input_tokens FROM rollups WHERE view = '' AND level = ?", DAY) == 50 * LARGEST


# ---- transactions ----------------------------------------------------------------------------------------------------
def good(transaction: Transaction) -> str:
    transaction.upsert("requests", request("good"))
    return "done"


def bad(transaction: Transaction) -> None:
    transaction.upsert("requests", request("bad"))
    transaction.conn.execute("INSERT INTO requests (id, rev, started_at) VALUES ('x', 1, 'text')")


def test_all_or_nothing(database: Database, path: Path) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        database.write([good, bad])
    assert rows(path, "SELECT id FROM requests") == []
    database.ready()
    assert database.write([good]) == ["done"]


def test_careful_undoes_only_the_bad_one(database: Database, path: Path) -> None:
    first, second, third = database.write([good, bad, good], careful=True)
    assert (first, third) == ("done", "done") and isinstance(second, sqlite3.IntegrityError)
    assert rows(path, "SELECT id FROM requests") == [("good",)]


def test_rows_of_one_form_are_written_together(database: Database, path: Path) -> None:
    """And in their order, whatever comes between them."""
    said: list[str] = []
    assert database.conn
    database.conn.set_trace_callback(said.append)

    def many(transaction: Transaction) -> None:
        for n in range(100):
            transaction.upsert("requests", request(f"r{n}"))

    def twice(transaction: Transaction) -> tuple[int, int]:
        for state in ("cooling", "ok"):
            transaction.upsert("key_state", {"kind": "chat", "channel_id": "c", "key_id": "k", "state": state})
        (seen,) = transaction.conn.execute("SELECT count(*) FROM requests").fetchone()
        transaction.upsert("key_state", {"kind": "chat", "channel_id": "c", "key_id": "k", "reason": "later"})
        transaction.upsert("key_state", {"kind": "chat", "channel_id": "c", "key_id": "k", "state": "blocked"})
        return seen, transaction.rev

    _, (seen, _) = database.write([many, twice])
    assert seen == 100 and sum("INTO requests" in words for words in said) == 3 + 4
    assert rows(path, "SELECT state, reason FROM key_state") == [("blocked", "later")]
    revs = [rev for (rev,) in rows(path, "SELECT rev FROM requests ORDER BY rowid")]
    assert revs == sorted(set(revs)) and one(path, "SELECT value FROM counter WHERE name = 'rev'") > revs[-1]


def test_careful_undoes_a_row_that_is_bad_by_itself(database: Database, path: Path) -> None:
    def text(transaction: Transaction) -> None:
        transaction.upsert("requests", {**request("bad"), "started_at": "text"})

    _, second, _ = database.write([good, text, good], careful=True)
    assert isinstance(second, sqlite3.IntegrityError)
    assert rows(path, "SELECT id FROM requests") == [("good",)]


@pytest.mark.parametrize(
    ("error", "code"),
    [(ValueError("x"), 0), (OSError(28, "full"), 0)],
    ids=["not the database's", "the system's"],
)
def test_code_of_others(error: Exception, code: int) -> None:
    assert code_of(error) == code


def test_code_of_sqlite(database: Database) -> None:
    assert database.conn
    with pytest.raises(sqlite3.OperationalError) as caught:
        database.conn.execute("nonsense")
    assert code_of(caught.value) == sqlite3.SQLITE_ERROR


def test_a_busy_database_keeps_its_connection(database: Database, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as caught:
            database.write([good])
        database.failed(caught.value)
        assert database.conn is not None
        other.execute("ROLLBACK")
    assert database.write([good]) == ["done"]
