"""Figures are the same wherever they are read, and right."""

from zoneinfo import ZoneInfo

import pytest

from ccx_addons.io.rollup import DAY, HOUR
from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.usage import stats
from ccx_admin.usage.stats import MINUTE, RangeError, range_of
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
    store.put_request(row(2, NOW_MS - 31 * MINUTE, **tokens, **times, attempts_n=2, model="b"))
    store.put_request(row(3, NOW_MS - 2 * HOUR, state="failed", input_tokens=50, channel_id="ch_2"))
    store.put_request(row(4, NOW_MS - 3 * HOUR, state="client_left"))
    store.put_request(row(5, NOW_MS - 4 * HOUR, input_tokens=10, output_tokens=10, kind="messages"))
    store.put_request(row(6, NOW_MS - 5 * MINUTE, source="test"))
    store.put_request(row(7, NOW_MS - 26 * HOUR))
    store.flush()
    return Reader(store.path)


@pytest.mark.parametrize(
    ("name", "bucket", "points", "start"),
    [
        pytest.param("1h", MINUTE, 60, NOW_MS + MINUTE - HOUR, id="hour"),
        pytest.param("24h", 15 * MINUTE, 96, NOW_MS + 15 * MINUTE - DAY, id="day"),
        pytest.param("today", 15 * MINUTE, 41, NOW_MS - 10 * HOUR, id="today"),
        pytest.param("365d", 2 * DAY, 183, None, id="365 days"),
        pytest.param("year", 2 * DAY, 165, None, id="year"),
    ],
)
def test_ranges(name: str, bucket: int, points: int, start: int | None) -> None:
    found = range_of(name, NOW_MS)
    assert found.bucket == bucket and abs(len(found.times) - points) <= 1
    assert found.start % bucket == 0 and found.end % bucket == 0 and found.end > NOW_MS
    assert start is None or found.start == start


def test_today_is_the_readers_day() -> None:
    assert range_of("today", NOW_MS, zone=ZoneInfo("Asia/Shanghai")).start == NOW_MS - 18 * HOUR
    assert range_of("today", NOW_MS, zone=ZoneInfo("Pacific/Pago_Pago")).start == NOW_MS - 23 * HOUR


@pytest.mark.parametrize("name", [n for n in stats.SPANS if n != "today"])
def test_no_chart_has_too_many_points(name: str) -> None:
    assert len(range_of(name, NOW_MS).times) <= 200


@pytest.mark.parametrize(("name", "bucket"), [("2h", ""), ("1h", "2m"), ("365d", "1m")])
def test_impossible_ranges(name: str, bucket: str) -> None:
    with pytest.raises(RangeError):
        range_of(name, NOW_MS, bucket)


@pytest.mark.parametrize("bucket", ["5m", "15m", "1h", "24h"])
def test_figures_do_not_depend_on_their_source(db: Reader, bucket: str) -> None:
    """Minutes of requests, quarters of an hour, hours and days give the same sums."""
    span = stats.Range("", NOW_MS // DAY * DAY, NOW_MS // DAY * DAY + DAY, stats.BUCKETS[bucket])
    found = stats.totals(db, span)
    assert (found["requests"], found["ok"], found["failed"], found["client_left"]) == (5, 3, 1, 1)
    assert found["input_tokens"] == 2_060 and found["cost_usd"] == 0.02
    assert found["success_rate"] == 0.75 and found["failover_rate"] == 0.2
    assert found["cache_hit_rate"] == pytest.approx(1_200 / 2_060, abs=1e-4)
    assert found["unpriced"] == 2 and found["cost_is_lower_bound"]
    assert found["tokens_per_s"] == 100.0
    assert 300 < found["ttft_p50"] <= 400 and 2_000 < found["total_p95"] <= 3_000
    assert found["wasted_tokens"] == 50


def test_nothing_is_not_zero(store: Store) -> None:
    found = stats.totals(Reader(store.path), range_of("24h", NOW_MS))
    assert found["requests"] == 0
    assert [found[name] for name in ("success_rate", "cache_hit_rate", "ttft_p50", "tokens_per_s")] == [None] * 4


def test_summary_compares_with_the_time_before(db: Reader) -> None:
    found = stats.summary(db, range_of("24h", NOW_MS))
    assert (found["now"]["requests"], found["before"]["requests"]) == (5, 1)


@pytest.mark.parametrize("bucket", ["5m", "15m", "1h"])
def test_history(db: Reader, bucket: str) -> None:
    found = stats.history(db, range_of("6h", NOW_MS, bucket), "model")
    assert [series["name"] for series in found["series"]] == ["a", "b"]
    a = found["series"][0]
    assert len(a["requests"]) == len(found["times"]) and sum(a["requests"]) == 4 and sum(a["failed"]) == 1
    place = next(n for n, at in enumerate(found["times"]) if at <= NOW_MS - 30 * MINUTE < at + found["bucket_ms"])
    assert a["output_tokens"][place] == 200 and a["ttft_p50"][place] is not None


def test_history_of_everything_is_one_series(db: Reader) -> None:
    found = stats.history(db, range_of("6h", NOW_MS))
    assert [series["name"] for series in found["series"]] == [""] and sum(found["series"][0]["requests"]) == 5


def test_small_series_are_summed_up(store: Store) -> None:
    for n in range(12):
        store.put_request(row(n, NOW_MS - MINUTE, model=f"m{n:02}"))
        store.put_request(row(100 + n, NOW_MS - MINUTE, model="big"))
    store.flush()
    series = stats.history(Reader(store.path), range_of("1h", NOW_MS), "model")["series"]
    assert [s["name"] for s in series] == ["big", *(f"m{n:02}" for n in range(7)), "other"]
    assert sum(series[-1]["requests"]) == 5


def test_table_and_filters(db: Reader) -> None:
    span = range_of("6h", NOW_MS)
    found = stats.table(db, span, "channel")
    assert [(entry["name"], entry["label"], entry["requests"]) for entry in found] == [
        ("ch_1", "one", 4),
        ("ch_2", "one", 1),
    ]
    assert stats.totals(db, span, {"kind": "messages"})["requests"] == 1
    assert stats.totals(db, span, {"channel": "ch_1", "model": "b"})["requests"] == 1
    with pytest.raises(RangeError):
        stats.totals(db, span, {"colour": "red"})
    with pytest.raises(RangeError):
        stats.table(db, span, "colour")


def test_strip(db: Reader) -> None:
    found = stats.strip(db, NOW_MS)
    assert sum(requests for requests, _ in found["ch_1"]) == 4
    assert [part for part in found["ch_2"] if part != [0, 0]] == [[1, 1]]
