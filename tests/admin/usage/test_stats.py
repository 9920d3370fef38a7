"""Figures are the same wherever they are read, and right."""

import pytest

from ccx_addons.io.rollup import DAY, DIMENSIONS, FOLD, HOUR
from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.usage import ranges, stats
from ccx_admin.usage.ranges import MINUTE, Range, RangeError, range_of
from tests.admin.conftest import NOW

NOW_MS = int(NOW * 1000)


def row(n: int, at: int, **more: object) -> dict[str, object]:
    base = {"id": f"r{n}", "started_at": at, "state": "ok", "kind": "chat", "model": "a", "channel_id": "ch_1"}
    return {**base, "channel_name": "one", "client_name": "c", "key_mask": "k", "attempts_n": 1, **more}


@pytest.fixture
def db(store: Store) -> Reader:
    tokens = {"input_tokens": 1_000, "cache_read_tokens": 600, "output_tokens": 200, "cost_usd": 0.01}
    times = {"first_event_ms": 400.0, "total_ms": 2_400.0}
    store.put_request(row(1, NOW_MS - 30 * MINUTE, **tokens, **times))
    moved = ((1, "next_channel"), (2, "commit"))
    store.put_attempts({"request_id": row(2, 0)["id"], "n": n, "verdict": verdict} for n, verdict in moved)
    store.put_request(row(2, NOW_MS - 31 * MINUTE, **tokens, **times, attempts_n=2, model="b"))
    store.put_request(row(3, NOW_MS - 2 * HOUR, state="failed", input_tokens=50, channel_id="ch_2"))
    store.put_request(row(4, NOW_MS - 3 * HOUR, state="client_left"))
    store.put_request(row(5, NOW_MS - 4 * HOUR, input_tokens=10, output_tokens=10, kind="messages"))
    store.put_request(row(6, NOW_MS - 5 * MINUTE, source="test"))
    store.put_request(row(7, NOW_MS - 26 * HOUR))
    store.flush()
    return Reader(store.path)


@pytest.mark.parametrize("bucket", ["5m", "15m", "1h", "24h"])
def test_figures_do_not_depend_on_their_source(db: Reader, store: Store, bucket: str) -> None:
    """Requests, those not folded yet, hours and days give the same sums."""
    span = Range("", NOW_MS // DAY * DAY, NOW_MS // DAY * DAY + DAY, ranges.BUCKETS[bucket])
    sums = stats.history(db, span, NOW_MS)["series"][0]
    assert (sum(sums["requests"]), sum(sums["failed"]), sum(sums["input_tokens"])) == (5, 1, 2_060)
    for end in (NOW_MS + 1, span.end, NOW_MS - 1):
        found = stats.totals(db, Range("", span.start, end, MINUTE), NOW_MS)
        assert (found["requests"], found["ok"], found["failed"], found["client_left"]) == (5, 3, 1, 1)
        assert found["input_tokens"] == 2_060 and found["cost_usd"] == 0.02
        assert found["success_rate"] == 0.75 and found["failover_rate"] == 0.2
        assert found["cache_hit_rate"] == pytest.approx(1_200 / 2_060, abs=1e-4)
        assert found["unpriced"] == 2 and found["cost_is_lower_bound"]
        assert found["tokens_per_s"] == 100.0
        assert 320 < found["ttft_p50"] <= 400
        assert found["wasted_tokens"] == 50


def test_what_was_folded_counts_as_what_was_not(db: Reader, store: Store) -> None:
    span = range_of("24h", NOW_MS)
    before = [stats.table(db, span, by, NOW_MS) for by in DIMENSIONS], stats.totals(db, span, NOW_MS)
    fold(store)
    assert db.value("SELECT total(requests) FROM rollups WHERE view = '' AND level = ?", (DAY,)) == 6
    assert ([stats.table(db, span, by, NOW_MS) for by in DIMENSIONS], stats.totals(db, span, NOW_MS)) == before


def fold(store: Store) -> None:
    """Now, as the writer does it some time."""
    store.submit(lambda conn: conn.execute("UPDATE counter SET value = value + ? WHERE name = 'rev'", (FOLD,))).result(
        5
    )
    store.flush()
    for _ in range(200):
        if Reader(store.path).value(
            "SELECT (SELECT value FROM counter WHERE name = 'rev') <= value FROM counter WHERE name = 'folded'"
        ):
            return
        store.flush()
    raise AssertionError("nothing was folded")


def test_a_cost_that_nobody_knows_is_not_zero(db: Reader, store: Store) -> None:
    found = {entry["name"]: entry for entry in stats.table(db, range_of("24h", NOW_MS), "kind", NOW_MS)}
    assert found["messages"]["cost_usd"] is None and found["messages"]["unpriced"] == 1
    assert found["chat"]["cost_usd"] == 0.02 and found["chat"]["cost_is_lower_bound"]


def test_costs_by_kind_of_token(store: Store) -> None:
    costs = {"cost_input": 0.1, "cost_cache_read": 0.02, "cost_output": 0.3, "cost_reasoning": 0.05, "cache_saved": 0.4}
    store.put_request(row(1, NOW_MS - MINUTE, input_tokens=5, cost_usd=0.5, **costs))
    store.put_request(row(2, NOW_MS - MINUTE, input_tokens=5, cost_usd=1.0))
    store.flush()
    found = stats.totals(Reader(store.path), range_of("1h", NOW_MS), NOW_MS)
    assert found["cost_usd"] == 1.5 and found["cost_other"] == pytest.approx(1.03)
    assert found["cost_cache_write"] == 0 and all(found[name] == value for name, value in costs.items())


def test_nothing_is_not_zero(store: Store) -> None:
    found = stats.totals(Reader(store.path), range_of("24h", NOW_MS), NOW_MS)
    assert found["requests"] == 0
    assert [found[name] for name in ("success_rate", "cache_hit_rate", "ttft_p50", "tokens_per_s")] == [None] * 4


def test_summary_compares_with_the_time_before(db: Reader) -> None:
    found = stats.summary(db, range_of("24h", NOW_MS), NOW_MS)
    assert (found["now"]["requests"], found["before"]["requests"]) == (5, 1)


@pytest.mark.parametrize("bucket", ["5m", "15m", "1h"])
def test_history(db: Reader, bucket: str) -> None:
    found = stats.history(db, range_of("6h", NOW_MS, bucket), NOW_MS, "model")
    assert [series["name"] for series in found["series"]] == ["a", "b"]
    a = found["series"][0]
    assert len(a["requests"]) == len(found["times"]) and sum(a["requests"]) == 4 and sum(a["failed"]) == 1
    place = next(n for n, at in enumerate(found["times"]) if at <= NOW_MS - 30 * MINUTE < at + found["bucket_ms"])
    assert a["output_tokens"][place] == 200 and a["ttft_p50"][place] is not None


def test_history_of_everything_is_one_series(db: Reader) -> None:
    found = stats.history(db, range_of("6h", NOW_MS), NOW_MS)
    assert [series["name"] for series in found["series"]] == [""] and sum(found["series"][0]["requests"]) == 5


def test_small_series_are_summed_up(store: Store) -> None:
    for n in range(12):
        store.put_request(row(n, NOW_MS - MINUTE, model=f"m{n:02}"))
        store.put_request(row(100 + n, NOW_MS - MINUTE, model="big"))
    store.flush()
    series = stats.history(Reader(store.path), range_of("1h", NOW_MS), NOW_MS, "model")["series"]
    assert [s["name"] for s in series] == ["big", *(f"m{n:02}" for n in range(7)), "other"]
    assert sum(series[-1]["requests"]) == 5


def test_table_and_filters(db: Reader) -> None:
    span = range_of("6h", NOW_MS)
    found = stats.table(db, span, "channel", NOW_MS)
    assert [(entry["name"], entry["label"], entry["requests"]) for entry in found] == [
        ("ch_1", "one", 4),
        ("ch_2", "one", 1),
    ]
    assert stats.totals(db, span, NOW_MS, {"kind": "messages"})["requests"] == 1
    assert stats.totals(db, span, NOW_MS, {"channel": "ch_1", "model": "b"})["requests"] == 1
    with pytest.raises(RangeError):
        stats.totals(db, span, NOW_MS, {"colour": "red"})
    with pytest.raises(RangeError):
        stats.table(db, span, "colour", NOW_MS)


def test_strip(store: Store) -> None:
    for n, (channel, outcome) in enumerate((("ch_1", "ok"), ("ch_1", "server"), ("ch_2", "client_left"))):
        store.put_attempts(
            [{"request_id": f"r{n}", "n": 1, "channel_id": channel, "outcome": outcome, "started_at": NOW_MS}]
        )
        store.put_request(row(n, NOW_MS - MINUTE, channel_id=channel))
    store.flush()
    found = stats.strip(Reader(store.path), NOW_MS)
    assert [part for part in found["ch_1"] if part != (0, 0)] == [(2, 1)]
    assert [part for part in found["ch_2"] if part != (0, 0)] == [(1, 0)]
    fold(store)
    assert stats.strip(Reader(store.path), NOW_MS) == found
