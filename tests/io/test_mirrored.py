"""What mirrors spent, and how often they were left out."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ccx_addons.io.mirrored import DAY, HOUR, left_out, spent
from ccx_addons.io.store import Store

NOW = 1_700_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "ccx.db", boot_id="boot")
    yield opened
    opened.close()


def test_a_day_has_its_own_tokens_and_dollars(store: Store) -> None:
    today = int(NOW * 1000)
    for n, (mirror, at, usd) in enumerate(
        (("a", today, 0.5), ("a", today, None), ("b", today, 4), ("a", today - DAY, 8))
    ):
        store.put_mirrored({"id": f"m{n}", "original": f"o{n}", "mirror": mirror, "at": at})
        counted = {"input_tokens": 10, "output_tokens": 1, "cost_usd": usd, "source": "mirror"}
        store.put_request({"id": f"m{n}", "started_at": at, "state": "ok", **counted})
    assert store.flush()
    assert spent(store, "a", NOW) == (22, 0.5) and spent(store, "c", NOW) == (0, 0.0)


def test_what_is_left_out_is_added_up_by_the_hour(store: Store) -> None:
    left_out(store, {("a", "busy"): 2, ("a", "limit"): 1}, NOW)
    left_out(store, {("a", "busy"): 3}, NOW + 1)
    left_out(store, {("a", "busy"): 1}, NOW + HOUR / 1000)
    assert store.flush()
    with closing(sqlite3.connect(store.path)) as connection:
        rows = connection.execute("SELECT mirror, at, why, n FROM mirror_left_out ORDER BY at, why").fetchall()
    hour = int(NOW * 1000) // HOUR * HOUR
    assert rows == [("a", hour, "busy", 5), ("a", hour, "limit", 1), ("a", hour + HOUR, "busy", 1)]
