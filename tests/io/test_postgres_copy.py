"""A copied log says what it said before, on every page."""

from pathlib import Path

import pytest

from ccx_addons.core.errors import StoreError
from ccx_addons.io.place import Place
from ccx_addons.io.postgres_copy import copy
from ccx_addons.io.store import Store
from ccx_addons.io.transaction import fold_step
from ccx_admin.db import Reader
from ccx_admin.requests import search_box
from ccx_admin.usage import stats
from ccx_admin.usage.ranges import range_of
from tests.admin import seed
from tests.io.rows import request
from tests.postgres import Server

NOW = 1_795_600_800_000


def shown(place: Place) -> list[object]:
    db = Reader(place)
    found: list[object] = [
        [{name: round(n, 3) if isinstance(n, float) else n for name, n in row.items()} for row in rows]
        for rows in (stats.table(db, range_of("90d", NOW), by, NOW) for by in ("channel", "model", "client"))
    ]
    found.append([row["id"] for row in search_box.search(db, search_box.parse("", NOW), limit=500).rows])
    found.append([row["id"] for row in search_box.search(db, search_box.parse('said:"good morning"', NOW)).rows])
    tables = ("sessions", "attempts", "breakers", "affinity", "events")
    return found + [sorted(str(dict(row)) for row in db.rows(f"SELECT * FROM {table}")) for table in tables]


def test_everything_is_copied_once(tmp_path: Path, postgres: Server) -> None:
    source, url = tmp_path / "ccx.db", postgres.empty()
    store = Store.open(source, boot_id="old", worker=0)
    ids = seed.fill(store, 150, NOW / 1000, days=3.0, running=0)
    assert store.flush(60)
    store._add(fold_step)
    store.put_body(ids[-1], "client_request", b"hello", words=lambda body: "good morning\0 world")
    store.put_request(request("late", started_at=NOW - 5, trace_hash="late"))
    store.close(60)
    counts = copy(source, url)
    assert counts["requests"] == 151 and counts["bodies"] >= 1 and counts["rollups"]
    before = shown(source)
    assert before == shown(url) and before[0] and before[4] == [ids[-1]]
    with pytest.raises(StoreError, match="already has a log"):
        copy(source, url)
    later = Store.open(url, boot_id="new", worker=0)
    later.put_request(request("new", started_at=NOW - 1))
    later.put_event("info", "start", "it goes on")
    assert later.flush(60) and later.health().dropped == {}
    later.close(60)
    db = Reader(url)
    assert db.value("SELECT rev FROM requests WHERE id = 'new'") > db.value(
        "SELECT max(rev) FROM requests WHERE id <> 'new'"
    )
    assert stats.totals(db, range_of("90d", NOW), NOW)["requests"] == 152


def test_what_cannot_be_copied(tmp_path: Path, postgres: Server) -> None:
    (tmp_path / "ccx.db").write_text("no database")
    with pytest.raises(StoreError, match="cannot be read"):
        copy(tmp_path / "ccx.db", postgres.empty())
    Store.open(tmp_path / "good.db").close()
    with pytest.raises(StoreError, match="PostgreSQL: "):
        copy(tmp_path / "good.db", f"postgresql://nobody@/none?host={tmp_path}")
