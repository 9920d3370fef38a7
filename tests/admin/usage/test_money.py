"""What it cost, and what it will."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ccx_addons.core.config import Client, ClientLimits, ModelLimit, Patterns
from ccx_addons.io.rollup import DAY, HOUR
from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.usage import money, stats
from ccx_admin.usage.ranges import range_of
from tests.admin.conftest import NOW

NOW_MS = int(NOW * 1000)
"""2026-11-25 10:00."""
MONTH = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)


def put(store: Store, *rows: dict[str, Any]) -> Reader:
    for n, row in enumerate(rows):
        base = {"id": f"r{n}", "state": "ok", "kind": "chat", "model": "a", "channel_id": "ch_1", "channel_name": "one"}
        store.put_request({**base, "client_name": "alice", "key_mask": "k", "attempts_n": 1, "input_tokens": 10, **row})
    store.flush()
    return Reader(store.path)


def client(name: str, **limits: Any) -> Client:
    return Client(name, "", "", limits=ClientLimits(**limits))


# ---- the month -------------------------------------------------------------------------------------------------------
def test_a_month_against_the_same_days_of_the_last(store: Store) -> None:
    october = MONTH - 31 * DAY
    db = put(
        store,
        {"started_at": NOW_MS - HOUR, "cost_usd": 7.0},
        {"started_at": MONTH, "cost_usd": 3.0},
        {"started_at": october + DAY, "cost_usd": 4.0},
        {"started_at": october + 30 * DAY, "cost_usd": 16.0},
        {"started_at": october - HOUR, "cost_usd": 100.0},
    )
    found = money.month(db, NOW_MS, UTC)
    assert (found.spent, found.same_days, found.last) == (10.0, 4.0, 20.0)
    assert found.rate == pytest.approx(1.0) and found.expected == pytest.approx(10 + 5 + 14 / 24)


def test_a_month_begins_at_the_readers_midnight(store: Store) -> None:
    db = put(store, {"started_at": MONTH - HOUR, "cost_usd": 1.0}, {"started_at": MONTH + 12 * HOUR, "cost_usd": 2.0})
    assert money.month(db, NOW_MS, UTC).spent == 2.0
    assert money.month(db, NOW_MS, ZoneInfo("Asia/Kolkata")).spent == 3.0
    assert money.month(db, NOW_MS, ZoneInfo("Pacific/Pago_Pago")).spent == 2.0


def test_nothing_is_expected_of_one_hour_or_of_unknown_prices(store: Store) -> None:
    empty = money.month(Reader(store.path), NOW_MS, UTC)
    assert (empty.spent, empty.expected, empty.rate) == (None, None, None)
    db = put(store, {"started_at": NOW_MS - HOUR})
    found = money.month(db, NOW_MS, UTC)
    assert (found.spent, found.expected, found.unpriced) == (None, None, 1)


# ---- kinds of tokens -------------------------------------------------------------------------------------------------
COSTS = {"cost_input": 1.0, "cost_cache_read": 0.5, "cost_cache_write": 0.0, "cost_output": 2.0, "cost_reasoning": 0.25}
TOKENS = {
    "input_tokens": 3_000_000,
    "cache_read_tokens": 1_000_000,
    "output_tokens": 500_000,
    "reasoning_tokens": 100_000,
}


def test_parts_are_what_was_paid_for(store: Store) -> None:
    db = put(store, {"started_at": NOW_MS - HOUR, "cost_usd": 4.0, "cache_saved": 9.0, **COSTS, **TOKENS})
    _rows, totals = stats.compared(db, range_of("24h", NOW_MS), "model", NOW_MS)
    found = {part.name: (part.usd, part.tokens, part.per_million) for part in money.parts(totals)}
    assert found == {
        "cost_input": (1.0, 2_000_000, 0.5),
        "cost_cache_read": (0.5, 1_000_000, 0.5),
        "cost_output": (2.0, 400_000, 5.0),
        "cost_reasoning": (0.25, 100_000, 2.5),
        "cost_other": (0.25, None, None),
    }
    assert sum(part.share or 0 for part in money.parts(totals)) == pytest.approx(1) and money.saved(totals) == 9.0


def test_what_was_not_noted_is_not_zero(store: Store) -> None:
    db = put(store, {"started_at": NOW_MS - HOUR, "cost_usd": 4.0, **TOKENS})
    _rows, totals = stats.compared(db, range_of("24h", NOW_MS), "model", NOW_MS)
    found = {part.name: part.usd for part in money.parts(totals)}
    assert found["cost_input"] is None and found["cost_other"] == 4.0 and money.saved(totals) is None


# ---- two dimensions --------------------------------------------------------------------------------------------------
def test_a_matrix_adds_up_to_the_total(store: Store) -> None:
    rows: list[dict[str, Any]] = [
        {"started_at": NOW_MS - n, "model": f"m{n % 7}", "client_name": f"c{n % 5}", "cost_usd": n / 10}
        for n in range(70)
    ]
    db = put(store, *rows, {"started_at": NOW_MS, "model": "free", "client_name": "c9"})
    found = money.matrix(db, range_of("24h", NOW_MS), ("model", "client"), NOW_MS, most=(4, 3))
    assert len(found.rows) == 5 and found.rows[-1] is None and len(found.columns) == 4 and found.columns[-1] is None
    whole = sum(row["cost_usd"] for row in rows)
    for cells in (found.cells, found.row_sums, found.column_sums):
        assert sum(cell.usd or 0 for cell in cells.values()) == pytest.approx(whole)
        assert sum(cell.requests for cell in cells.values()) == 71
    whole_table = money.matrix(db, range_of("24h", NOW_MS), ("model", "client"), NOW_MS)
    assert whole_table.cells["free", "c9"].usd is None, "not priced is not free"


# ---- budgets ---------------------------------------------------------------------------------------------------------
def test_budgets_are_those_that_limits_count(store: Store) -> None:
    """Of the month and day of UTC, whatever zone the reader is in."""
    db = put(
        store,
        {"started_at": MONTH - 1, "cost_usd": 50.0},
        {"started_at": MONTH, "cost_usd": 20.0},
        {"started_at": NOW_MS - 10 * HOUR - 1, "cost_usd": 1.0, "output_tokens": 990, "model": "b1"},
        {"started_at": NOW_MS - 10 * HOUR, "cost_usd": 1.0, "output_tokens": 90, "model": "b2"},
        {"started_at": NOW_MS, "client_name": "bob"},
        {"started_at": NOW_MS, "model": "b1", "state": "failed", "input_tokens": None},
    )
    some = (
        ModelLimit(models=Patterns(("b*",)), requests_per_day=4, tokens_per_month=500),
        ModelLimit(models=Patterns(("a",)), usd_per_day=2.0),
    )
    alice = replace(client("alice", usd_per_month=44, tokens_per_day=1_000), model_limits=some)
    found = money.budgets(db, (alice, client("bob", usd_per_month=5), client("carol")), NOW_MS)
    got = {(each.models, each.limit): (each.used, each.share) for each in found["alice"].budgets}
    assert got == {
        ("", "usd_per_month"): (22.0, 0.5),
        ("", "tokens_per_day"): (100, 0.1),
        ("b*", "requests_per_day"): (1, 0.25),
        ("b*", "tokens_per_month"): (1100, 2.2),
        ("a", "usd_per_day"): (0.0, 0.0),
    }
    assert [each.share for each in found["alice"].budgets] == [2.2, 0.5, 0.25, 0.1, 0.0]
    ends = {each.limit: datetime.fromtimestamp(each.resets / 1000, UTC).isoformat() for each in found["alice"].budgets}
    assert (
        ends["usd_per_month"] == "2026-12-01T00:00:00+00:00" and ends["tokens_per_day"] == "2026-11-26T00:00:00+00:00"
    )
    bob, carol = found["bob"], found["carol"]
    assert bob.usd is None and bob.unpriced == 1 and bob.budgets[0].used is None and bob.budgets[0].share == 0
    assert (carol.usd, carol.tokens, carol.budgets) == (0.0, 0, ())
