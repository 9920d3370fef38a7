import contextlib
import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.core.errors import StoreError
from ccx_addons.io import store as store_module
from ccx_addons.io.database import Database
from ccx_addons.io.store import CAP_PARTS, SETTLE, Store
from ccx_addons.io.transaction import Connection
from tests.io.rows import NOW, one, request, rows
from tests.patience import PATIENCE, wait_for


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ccx.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store.open(path, boot_id="boot", clock=lambda: NOW / 1000)
    yield store
    store.close(2)


def still(path: Path, limit: int) -> Store:
    """A store whose thread does not run: what is put stays in its queue."""
    return Store(path, boot_id="boot", limit=limit, clock=lambda: NOW / 1000)


# ---- rows ------------------------------------------------------------------------------------------------------------
def test_everything_put_is_in_the_file_after_flush(store: Store, path: Path) -> None:
    store.put_request(request("a", losses=[["tools[0]", "no such tool"]]))
    store.put_attempts([{"request_id": "a", "n": 1}, {"request_id": "a", "n": 2}])
    store.put_candidates([{"request_id": "a", "order": 0, "reason": "first"}])
    store.put_request(request("b"), [{"request_id": "b", "n": 1}], [{"request_id": "b", "order": 0}])
    store.put_event("warning", "key", "blocked", "detail")
    store.put_breaker({"kind": "chat", "channel_id": "c", "state": "open"})
    store.put_key_state({"kind": "chat", "channel_id": "c", "key_id": "k"})
    store.put_affinity({"kind": "chat", "trace_hash": "t", "expires_at": NOW})
    store.put_refusal({"kind": "chat", "channel_id": "c", "model": "m", "name": "stop", "updated_at": NOW})
    store.put_session({"kind": "chat", "trace_hash": "t", "title": "hello"})
    store.put_override({"kind": "chat", "trace_hash": "t", "channels": ["c"]})
    store.put_response_session({"id": "r", "client": "a", "created": 1, "expires": 2, "messages": [{"role": "user"}]})
    store.put_issued([{"id": "r", "client": "a", "channel_id": "c", "expires": 2}])
    store.ack_command(7, "done")
    assert store.flush()
    counts = {
        table: one(path, f"SELECT count(*) FROM {table}")
        for table in (
            "requests", "attempts", "candidates", "events", "breakers", "key_state", "affinity", "refusals", "sessions",
            "overrides", "response_sessions", "issued", "command_acks",
        )
    }  # fmt: skip
    assert counts == {**dict.fromkeys(counts, 1), "attempts": 3, "requests": 2, "candidates": 2}
    assert one(path, "SELECT losses FROM requests WHERE id = 'a'") == '[["tools[0]", "no such tool"]]'
    assert one(path, "SELECT channels FROM overrides") == '["c"]'
    assert rows(path, "SELECT at, boot_id, worker, level FROM events") == [(NOW, "boot", 0, "warning")]
    assert rows(path, "SELECT boot_id, worker, at, result FROM command_acks") == [("boot", 0, NOW, "done")]


def test_a_caller_may_change_its_row_afterwards(store: Store, path: Path) -> None:
    row = request("a")
    store.put_request(row)
    row["model"] = "changed"
    store.flush()
    assert one(path, "SELECT model FROM requests") == "m"


def test_rows_come_within_the_window(store: Store, path: Path) -> None:
    store.put_request(request("a"))
    wait_for(lambda: one(path, "SELECT count(*) FROM requests"))


def test_many_rows_are_few_transactions(store: Store, path: Path) -> None:
    versions = set()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for n in range(500):
            store.put_request(request(f"r{n}"))
        store.flush()
        (count,) = connection.execute("SELECT count(*) FROM requests").fetchone()
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        versions.add(version)
    assert count == 500 and max(versions) < 50


# ---- running requests ------------------------------------------------------------------------------------------------
def test_updates_of_a_running_request_are_one_row_and_the_last_word(path: Path) -> None:
    store = still(path, 100)
    calls = []
    phase = "queued"

    def row() -> dict[str, Any]:
        calls.append(phase)
        return request("a", state="running", phase=phase)

    for phase in ("queued", "connecting", "waiting"):  # noqa: B007  # ``row`` sees it
        store.put_running("a", row)
    assert store.health().queued == 1 and calls == []
    store._thread.start()
    store.flush()
    assert calls == ["waiting"] and one(path, "SELECT phase FROM requests") == "waiting"
    store.close(2)


def test_a_finished_request_needs_no_update(path: Path) -> None:
    store = still(path, 100)
    store.put_running("a", lambda: pytest.fail("the row of a finished request was made"))
    store.put_request(request("a"))
    assert store.health().queued == 1
    store._thread.start()
    store.flush()
    assert one(path, "SELECT state FROM requests") == "ok"
    store.close(2)


def test_a_running_request_is_written_when_it_has_run_for_a_moment(path: Path) -> None:
    store = still(path, 100)
    before = time.monotonic()
    store.put_running("a", lambda: request("a", state="running"))
    assert store._take(before) == []
    assert len(store._take(time.monotonic() + SETTLE)) == 1 and store.health().queued == 0


def test_a_flush_is_no_less_when_the_thread_was_just_waking(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store._hurry, "is_set", lambda: False)
    for n in range(20):
        store.put_running(f"{n}", partial(request, f"{n}", state="running"))
        assert store.flush() and len(rows(path, "SELECT id FROM requests")) == n + 1


def test_a_running_request_is_written_without_anything_else_to_write(store: Store, path: Path) -> None:
    store.put_running("a", lambda: request("a", state="running"))
    wait_for(lambda: rows(path, "SELECT id FROM requests"))


def test_an_update_that_comes_late_does_not_reopen_a_request(store: Store, path: Path) -> None:
    store.put_request(request("a"))
    store.flush()
    store.put_running("a", lambda: request("a", state="running", phase="streaming"))
    store.flush()
    assert rows(path, "SELECT state, phase FROM requests") == [("ok", "done")]


# ---- what does not fit -----------------------------------------------------------------------------------------------
def fill(store: Store) -> None:
    store.put_running("u1", lambda: request("u1", state="running"))
    store.put_running("u2", lambda: request("u2", state="running"))
    store.put_body("b1", "client_request", b"one")
    store.put_body("b2", "client_request", b"two")
    store.put_request(request("r1"))


def test_updates_are_given_up_first_then_bodies_then_the_oldest_rows(path: Path) -> None:
    store = still(path, 5)
    fill(store)
    assert store.health().dropped == {}
    store.put_request(request("r2"))
    assert store.health().dropped == {"updates of running requests": 2}
    for n in range(3, 7):
        store.put_request(request(f"r{n}"))
    assert store.health().dropped == {"updates of running requests": 2, "bodies": 2, "rows": 1}
    store._thread.start()
    store.flush()
    assert rows(path, "SELECT id FROM requests ORDER BY id") == [("r2",), ("r3",), ("r4",), ("r5",), ("r6",)][1:]
    store.close(2)


def test_what_was_dropped_is_an_event(path: Path) -> None:
    store = still(path, 5)
    fill(store)
    store.put_request(request("r2"))
    store._thread.start()
    store.flush()
    wait_for(lambda: one(path, "SELECT count(*) FROM events"))
    words = "the queue was full; dropped: 2 updates of running requests"
    assert rows(path, "SELECT level, kind, message FROM events") == [("warning", "store", words)]
    store.close(2)


def test_a_dropped_job_that_somebody_waits_for_is_cancelled(path: Path) -> None:
    store = still(path, 1)
    waiting = store.submit(lambda connection: 1)
    store.put_request(request("a"))
    assert waiting.cancelled()


def test_bodies_are_bounded_in_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "QUEUE_BYTES", 10)
    store = still(path, 100)
    for n in range(3):
        store.put_body(f"b{n}", "client_request", b"12345")
    assert store.health().dropped == {"bodies": 1} and store.health().queued == 2
    store._thread.start()
    store.flush()
    store.put_body("later", "client_request", b"1234567890")
    store.flush()
    assert one(path, "SELECT count(*) FROM bodies") == 3
    store.close(2)


# ---- bodies ----------------------------------------------------------------------------------------------------------
def test_bodies_are_redacted_and_packed_by_the_writer(store: Store, path: Path) -> None:
    threads = []

    def redact(body: bytes) -> bytes:
        threads.append(threading.current_thread().name)
        return body.replace(b"secret", b"[x]")

    store.put_body("a", "upstream_response", b"a secret " * 100, [("content-type", "text/plain")], True, redact)
    store.flush()
    ((headers, body, size, cut, at),) = rows(path, "SELECT headers, body, size, truncated, at FROM bodies")
    assert zlib.decompress(body) == b"a [x] " * 100 and size == 600 and threads == ["ccx-store"]
    assert (headers, cut, at) == ('[["content-type", "text/plain"]]', 1, NOW)


def test_a_growing_body_is_one_row(store: Store, path: Path) -> None:
    for body in (b"a", b"ab", b"abc"):
        store.put_body("a", "client_response", body)
        store.flush()
    ((body,),) = rows(path, "SELECT body FROM bodies")
    assert zlib.decompress(body) == b"abc"


def test_a_redaction_that_fails_loses_its_own_body_only(store: Store, path: Path) -> None:
    def broken(body: bytes) -> bytes:
        raise ValueError("bug")

    store.put_body("a", "client_request", b"x", redact=broken)
    store.put_request(request("a"))
    assert store.flush() and one(path, "SELECT count(*) FROM bodies") == 0
    assert one(path, "SELECT count(*) FROM requests") == 1
    wait_for(lambda: store.health().dropped == {"rows": 1})


# ---- jobs ------------------------------------------------------------------------------------------------------------
def test_submit_gives_the_result(store: Store) -> None:
    store.put_request(request("a"))
    assert store.submit(lambda c: c.execute("SELECT count(*) FROM requests").fetchone()[0]).result(PATIENCE) == 1


def test_submit_gives_the_error(store: Store, path: Path) -> None:
    failing = store.submit(lambda c: c.execute("nonsense"))
    store.put_request(request("a"))
    with pytest.raises(sqlite3.OperationalError, match="nonsense"):
        failing.result(PATIENCE)
    assert store.flush() and one(path, "SELECT count(*) FROM requests") == 1


def test_commands(store: Store, path: Path) -> None:
    id = store.command("unblock", {"key": "k_1"}, ttl=5).result(PATIENCE)
    assert rows(path, "SELECT * FROM commands") == [(id, NOW, NOW + 5000, "unblock", '{"key": "k_1"}')]


def test_remove(store: Store, path: Path) -> None:
    for trace in ("t1", "t2"):
        store.put_override({"kind": "chat", "trace_hash": trace})
    store.remove("overrides", {"kind": "chat", "trace_hash": "t1"})
    store.flush()
    assert rows(path, "SELECT trace_hash FROM overrides") == [("t2",)]


def test_remove_by_an_unknown_column_removes_nothing(store: Store, path: Path) -> None:
    store.put_override({"kind": "chat", "trace_hash": "t"})
    store.remove("overrides", {"1=1 OR kind": "x"})
    store.flush()
    assert one(path, "SELECT count(*) FROM overrides") == 1 and store.health().dropped == {"rows": 1}


def test_read(store: Store) -> None:
    store.put_request(request("a"))
    store.flush()
    assert store.read("SELECT id, model FROM requests WHERE id = ?", "a") == ("a", "m")
    assert store.read("SELECT id FROM requests WHERE id = ?", "b") is None
    with pytest.raises(StoreError, match="readonly"):
        store.read("DELETE FROM requests")


def test_retention_goes_on_until_nothing_is_old(store: Store, path: Path) -> None:
    old = NOW - 100 * 86_400_000
    for n in range(1200):
        store.put_request(request(f"r{n:04}", started_at=old))
    store.put_request(request("new"))
    store.flush()
    store.retention(90, 7)
    wait_for(lambda: one(path, "SELECT count(*) FROM requests") == 1)


def test_kept_bodies_take_no_more_than_they_may(path: Path) -> None:
    store = Store.open(path, boot_id="boot", clock=lambda: NOW / 1000, body_limit=10_000)
    for n in range(300):
        store.put_body(f"r{n:03}", "client_request", random.Random(n).randbytes(200))
    store.flush()
    wait_for(lambda: one(path, "SELECT total(length(body)) FROM bodies") <= 10_000 * (1 + 1 / CAP_PARTS))
    assert one(path, "SELECT max(request_id) FROM bodies") == "r299" and one(path, "SELECT count(*) FROM bodies") > 40
    store.close()


# ---- trouble ---------------------------------------------------------------------------------------------------------
def test_a_locked_database_is_waited_for(store: Store, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.put_request(request("a"))
        wait_for(lambda: store.health().trouble == "SQLITE_BUSY")
        assert store.health().trouble_since == NOW / 1000 and not store.flush(0.1)
        other.execute("ROLLBACK")
    assert store.flush() and one(path, "SELECT count(*) FROM requests") == 1
    assert store.health().trouble == ""
    complaints = [r for r in caplog.records if "cannot be written" in r.getMessage()]
    assert len(complaints) == 1, "it complains once a minute, not at every try"


def test_a_full_disk_is_waited_for(store: Store, path: Path) -> None:
    def shrink(connection: Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    store.submit(shrink).result(PATIENCE)
    for n in range(300):
        store.put_request(request(f"r{n}", error_message="x" * 700))
    wait_for(lambda: store.health().trouble == "SQLITE_FULL")
    assert isinstance(store._database, Database) and store._database.conn
    store._database.conn.execute("PRAGMA max_page_count = 1000000")
    assert store.flush() and one(path, "SELECT count(*) FROM requests") == 300


def test_a_deleted_database_is_made_again(store: Store, path: Path) -> None:
    store.put_request(request("a"))
    store.flush()
    path.unlink()
    wait_for(path.exists)
    store.put_request(request("b"))
    assert store.flush() and rows(path, "SELECT id FROM requests") == [("b",)]


def test_a_deleted_folder_is_made_again(store: Store, path: Path) -> None:
    store.flush()
    path.parent.rename(path.parent.with_name("gone"))
    store.put_request(request("a"))
    assert store.flush() and one(path, "SELECT count(*) FROM requests") == 1


def test_a_replaced_database_is_opened(store: Store, path: Path) -> None:
    store.put_request(request("a"))
    store.flush()
    other = Store.open(path.with_name("other.db"), boot_id="other")
    other.put_request(request("kept"))
    other.close()
    path.with_name("other.db").replace(path)
    store.put_request(request("b"))
    assert store.flush() and rows(path, "SELECT id FROM requests ORDER BY id") == [("b",), ("kept",)]


def test_a_corrupt_database_is_moved_aside_and_nothing_put_is_lost(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"garbage " * 10_000)
    store = Store.open(path, boot_id="boot")
    store.put_request(request("a"))
    assert store.flush() and rows(path, "SELECT id FROM requests") == [("a",)]
    assert [p.read_bytes()[:7] for p in path.parent.glob("ccx.db.corrupt-*")] == [b"garbage"]
    store.close()


def test_one_bad_row_does_not_hold_up_the_others(store: Store, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store.put_request(request("a"))
    store.put_request({"id": "bad", "started_at": "yesterday"})
    store.put_attempts([{"request_id": "a"}])
    store.put_request(request("b", input_tokens=10**40, model="\ud800", extra=1))
    assert store.flush() and rows(path, "SELECT id, model FROM requests ORDER BY id") == [("a", "m"), ("b", "?")]
    assert store.health().dropped == {"rows": 2} and store.health().trouble == ""
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 2


def test_an_update_whose_row_cannot_be_made_is_dropped(store: Store, path: Path) -> None:
    def broken() -> dict[str, Any]:
        raise ValueError("bug")

    store.put_running("a", broken)
    store.put_request(request("b"))
    assert store.flush() and rows(path, "SELECT id FROM requests") == [("b",)]


@pytest.mark.parametrize("what", ["a file in its way", "a folder in its place"])
def test_a_place_that_cannot_hold_a_database_is_refused(tmp_path: Path, what: str) -> None:
    if what == "a file in its way":
        (tmp_path / "data").write_text("")
    else:
        (tmp_path / "data" / "ccx.db").mkdir(parents=True)
    with pytest.raises(StoreError, match=str(tmp_path)):
        Store.open(tmp_path / "data" / "ccx.db")


def test_a_database_of_a_newer_version_is_refused(store: Store, path: Path) -> None:
    store.submit(
        lambda c: c.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ccx', '9', '')")
    ).result(PATIENCE)
    with pytest.raises(StoreError, match="newer version"):
        Store.open(path)


# ---- the end ---------------------------------------------------------------------------------------------------------
def test_close_writes_what_is_left(path: Path) -> None:
    store = Store.open(path, boot_id="boot")
    for n in range(2500):
        store.put_request(request(f"r{n}"))
    store.close()
    assert one(path, "SELECT count(*) FROM requests") == 2500 and not store._thread.is_alive()


def test_close_does_not_wait_for_ever(store: Store, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.put_request(request("a"))
        store.close(0.3)
        wait_for(lambda: not store._thread.is_alive())
        other.execute("ROLLBACK")
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR] == [
        "stopping while the request log cannot be written; 2 rows are lost"
    ]


def test_close_cancels_what_somebody_waits_for(store: Store, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = [store.submit(lambda connection: 1) for _ in range(3)]
        store.close(0.3)
        wait_for(lambda: all(future.cancelled() for future in waiting))
        other.execute("ROLLBACK")


WRITER = """
import sys, time
from ccx_addons.io.store import CAP_PARTS, SETTLE, Store
from tests.io.rows import request
store = Store.open(sys.argv[1], boot_id="dead")
for n in range(100_000):
    row = request(f"r{n:06}", boot_id="dead", state="running" if n == 0 else "ok")
    store.put_running("r000000", lambda row=row: row) if n == 0 else store.put_request(row)
    print("it begins", flush=True) if n == 0 else time.sleep(0.001)
"""


def test_a_killed_writer_loses_nothing_that_a_reader_has_seen(path: Path) -> None:
    """Who writes on and on needs no pause and no word to write it down."""
    root = Path(__file__).resolve().parents[2]
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ}
    )
    assert writer.stdout
    assert writer.stdout.readline() == "it begins\n"
    seen: set[str] = set()
    while len(seen) < 300:
        seen = {id for (id,) in rows(path, "SELECT id FROM requests")}
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    found = sorted(id for (id,) in rows(path, "SELECT id FROM requests"))
    assert seen <= {*found} and found == [f"r{n:06}" for n in range(len(found))], "none is left out"
    assert one(path, "PRAGMA integrity_check") == "ok"
    after = Store.open(path, boot_id="next")
    assert rows(path, "SELECT id, state FROM requests WHERE state <> 'ok'") == [("r000000", "lost")]
    after.close()
