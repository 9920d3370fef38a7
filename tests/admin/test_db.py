"""Reading: read-only, bounded in time, and the right file after it was replaced."""

import sqlite3
import threading
from pathlib import Path

import pytest

from ccx_addons.io.store import Store
from ccx_admin.db import DatabaseUnavailable, QueryTooSlow, Reader, row_id


def test_reads_rows_and_values(store: Store) -> None:
    store.put_event("info", "start", "hello")
    store.flush()
    db = Reader(store.path)
    assert [row["message"] for row in db.rows("SELECT message FROM events WHERE kind = ?", ("start",))] == ["hello"]
    assert db.value("SELECT count(*) FROM events") == 1
    assert db.row("SELECT * FROM events WHERE id = 99") is None
    assert db.value("SELECT id FROM events WHERE id = 99") is None


def test_cannot_write(store: Store) -> None:
    with pytest.raises(DatabaseUnavailable, match="READONLY"):
        Reader(store.path).rows("DELETE FROM events")


def test_no_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="no database"):
        Reader(tmp_path / "ccx.db").value("SELECT 1")


def test_slow_queries_are_given_up(store: Store) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    db = Reader(store.path, time_limit=0.05)
    with pytest.raises(QueryTooSlow):
        db.value(endless)
    assert db.value("SELECT 1") == 1


def test_errors_hold_no_sql(store: Store) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        Reader(store.path).rows("SELECT secret FROM nowhere")
    assert "nowhere" not in str(caught.value)


def test_follows_a_replaced_file(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    for number in (1, 2):
        fresh = tmp_path / "fresh.db"
        with sqlite3.connect(fresh) as conn:
            conn.execute("CREATE TABLE t AS SELECT ? AS n", (number,))
        conn.close()
        fresh.rename(path)
        if number == 1:
            db = Reader(path)
            before = db.data_version()
        assert db.value("SELECT n FROM t") == number
    assert before is not None


def test_data_version_changes_when_others_write(store: Store) -> None:
    db = Reader(store.path)
    before = db.data_version()
    assert db.data_version() == before
    store.put_event("info", "start", "hello")
    store.flush()
    assert db.data_version() != before


def test_each_thread_has_its_own_connection(store: Store) -> None:
    db = Reader(store.path)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(db.value("SELECT 7"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [7] * 4


@pytest.mark.parametrize(
    ("text", "id"),
    [("7", 7), ("0", 0), ("", 0), ("-1", 0), ("1.5", 0), ("x", 0), ("9" * 18, 10**18 - 1), ("9" * 19, 0)],
)
def test_the_id_of_a_row(text: str, id: int) -> None:
    assert row_id(text) == id
