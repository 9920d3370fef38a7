import itertools
import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccx_addons.io import rollup
from ccx_addons.io.database import Database
from ccx_addons.io.rollup import COUNTS, DAY, FOLD, HOUR, LEVELS, MEASURES, QUARTER, TTFT, quantile
from ccx_addons.io.rollup_tables import BOUNDS, COSTS
from ccx_addons.io.transaction import Transaction
from tests.io.rows import NOW, request


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "ccx.db", "boot", 0, lambda: NOW / 1000)
    database.ready()
    yield database
    database.leave()


def upsert_all(transaction: Transaction, rows: Iterable[dict[str, Any]]) -> None:
    """Every second request with more than one attempt asked the same key again; the others went elsewhere."""
    for row in rows:
        transaction.upsert("requests", row)
        for n in range(1, row["attempts_n"] + 1):
            verdict = "commit" if n == row["attempts_n"] else "same_key" if row["attempts_n"] % 2 else "next_key"
            transaction.upsert("attempts", {"request_id": row["id"], "n": n, "verdict": verdict})


def put(database: Database, *found: dict[str, Any]) -> None:
    database.write([partial(upsert_all, rows=found)])


def fold(database: Database) -> None:
    database.fold(whole=True)


def read(database: Database, sql: str) -> list[dict[str, Any]]:
    assert database.conn
    cursor = database.conn.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def bucket(milliseconds: float) -> int:
    return next((n for n, high in enumerate(BOUNDS) if milliseconds <= high), len(BOUNDS))


MIXED = [
    request("a", input_tokens=10, output_tokens=5, cost_usd=0.5, total_ms=900, first_event_ms=300, attempts_n=2),
    request("b", input_tokens=1, cache_read_tokens=7, output_tokens=2, total_ms=50, ttfb_ms=50),
    request("c", state="failed", input_tokens=3, output_tokens=1, attempts_n=12, total_ms=10),
    request("d", state="client_left", output_tokens=4),
    request("e", state="lost"),
    request("f", started_at=NOW + HOUR, reasoning_tokens=2, output_tokens=9, cost_usd=0.25, total_ms=200_000),
    request("g", started_at=NOW + DAY, total_ms=1),
    request("h", model="other", total_ms=1),
    request("i", client_name="bob", total_ms=1),
    request("j", source="test", input_tokens=99),
    request("k", source="health", input_tokens=99),
    request("l", state="running", input_tokens=99),
]


COLUMNS = {
    "kind": "kind", "channel": "channel_id", "model": "model", "upstream": "upstream_model", "client": "client_name",
    "key": "key_mask",
}  # fmt: skip


def added(row: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """What one row adds, measure by measure."""
    tokens = (row.get("input_tokens") or 0) + (row.get("output_tokens") or 0)
    yield "requests", 1
    yield row["state"], 1
    moved = row["attempts_n"] > 1 and row["attempts_n"] % 2 == 0
    yield "failovers", moved
    yield "ok_failovers", moved and row["state"] == "ok"
    yield "attempts", row["attempts_n"]
    for name in ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"):
        yield name, row.get(name) or 0
    for name in ("cost_usd", *COSTS):
        yield name, row.get(name) or 0
    yield "wasted_tokens", tokens if row["state"] in ("failed", "lost") else 0
    yield "unpriced", row.get("cost_usd") is None and tokens > 0
    total, first = row.get("total_ms"), row.get("first_event_ms")
    if row["state"] != "ok":
        return
    if total is not None and first is not None and total > first and row.get("output_tokens") is not None:
        yield "stream_tokens", row["output_tokens"]
        yield "stream_ms", total - first
    ttft = first if first is not None else row.get("ttfb_ms")
    if ttft is not None:
        yield f"ttft_{bucket(ttft)}", 1


def recount(found: list[dict[str, Any]], view: str, length: int) -> Counter[tuple[Any, ...]]:
    """What a roll-up must say, counted row by row."""
    totals: Counter[tuple[Any, ...]] = Counter()
    for row in found:
        if row.get("source", "proxy") != "proxy" or row["state"] == "running":
            continue
        a, b = ([row.get(COLUMNS[name], "") for name in view.split()] + ["", ""])[:2]
        for what, amount in added(row):
            totals[row["started_at"] // length * length, a, b, what] += amount  # type: ignore[assignment]
    return Counter({key: value for key, value in totals.items() if value})


def counted(database: Database, view: str, level: int) -> Counter[tuple[Any, ...]]:
    totals: Counter[tuple[Any, ...]] = Counter()
    for row in read(database, f"SELECT * FROM rollups WHERE view = '{view}' AND level = {level}"):
        for name in MEASURES:
            if row[name]:
                totals[row["start"], row["a"], row["b"], name] = row[name]
    return totals


def right(database: Database, found: list[dict[str, Any]]) -> bool:
    return all(
        counted(database, view, level) == recount(found, view, level)
        for level, views in LEVELS.items()
        for view in views
    )


def test_totals_equal_a_recount(database: Database) -> None:
    for batch in itertools.batched(MIXED, 5):
        put(database, *batch)
        fold(database)
    assert right(database, MIXED)
    whole = recount(MIXED, "", DAY)
    cube = read(database, "SELECT * FROM rollup_cube")
    assert sum(row["requests"] for row in cube) == sum(n for (*_, what), n in whole.items() if what == "requests")
    assert {row["label"] for row in cube} == {"main"} and set(cube[0]) >= set(COUNTS)


def test_what_is_not_folded_yet_is_the_tail(database: Database) -> None:
    put(database, *MIXED[:6])
    fold(database)
    put(database, *MIXED[6:])
    (seen,) = read(database, f"SELECT total(requests) AS n FROM ({rollup.tail()})")
    (kept,) = read(database, "SELECT total(requests) AS n FROM rollups WHERE view = '' AND level = 86400000")
    assert kept["n"] == 6 and seen["n"] == 3
    fold(database)
    assert read(database, f"SELECT count(*) AS n FROM ({rollup.tail()})") == [{"n": 0}]


def test_the_tail_is_short_however_much_waits(database: Database) -> None:
    put(database, *(request(f"r{n}") for n in range(30)))
    assert read(database, f"SELECT count(*) AS n FROM ({rollup.tail(10)})") == [{"n": 10}]
    assert read(database, f"SELECT count(*) AS n FROM ({rollup.tail(1 << 60)})") == [{"n": 30}]


def test_many_rows_are_folded_in_steps(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step costs the same; a process that dies between two loses and doubles nothing."""
    for module in ("database", "transaction"):
        monkeypatch.setattr(f"ccx_addons.io.{module}.FOLD", 4)
    found = [request(f"r{n}", model=f"m{n % 3}", total_ms=n) for n in range(11)]
    put(database, *found)
    assert [database.fold(), database.fold()] == [True, True]
    database.close()
    database.ready()
    fold(database)
    assert right(database, found)


def test_few_rows_wait(database: Database) -> None:
    fold(database)
    put(database, request("a"))
    assert not database.fold() and read(database, "SELECT * FROM rollups") == []
    database.folded_at -= rollup.EVERY
    assert not database.fold() and len(read(database, "SELECT * FROM rollups WHERE view = ''")) == len(LEVELS)
    assert FOLD > 100


def test_attempts_are_counted_by_channel_and_key(database: Database) -> None:
    def attempts(transaction: Transaction) -> None:
        tried = {"request_id": "a", "channel_id": "c1", "key_mask": "k", "started_at": NOW}
        transaction.upsert("attempts", {**tried, "n": 1, "outcome": "server"})
        transaction.upsert("attempts", {**tried, "n": 2, "outcome": "ok", "started_at": NOW + 7})
        transaction.upsert("attempts", {**tried, "n": 3, "outcome": "client_left", "channel_id": "c2"})
        transaction.upsert("attempts", {**tried, "request_id": "test", "n": 1, "outcome": "server"})

    database.write([attempts])
    put(database, request("a"), request("test", source="test"))
    fold(database)
    found = read(database, "SELECT * FROM rollup_attempts ORDER BY channel_id")
    start = NOW // QUARTER * QUARTER
    assert [tuple(row.values()) for row in found] == [(start, "c1", "k", 2, 1, NOW + 7), (start, "c2", "k", 1, 0, NOW)]


def test_names_of_models_that_nobody_serves_count_as_one(database: Database) -> None:
    made_up = [request(str(n), model=f"made up {n}", state="failed", status=404, attempts_n=0) for n in range(50)]
    put(database, *made_up, request("x", model="m", state="failed", status=404, attempts_n=1))
    fold(database)
    rows = read(database, f"SELECT a, requests FROM rollups WHERE view = 'model' AND level = {DAY} ORDER BY a")
    assert rows == [{"a": "", "requests": 50}, {"a": "m", "requests": 1}]


AMOUNT = st.none() | st.integers(0, 10_000)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "state": st.sampled_from(["ok", "failed", "client_left", "lost", "running"]),
            "started_at": st.integers(NOW, NOW + 2 * HOUR),
            "model": st.sampled_from(["m", "n"]),
            "attempts_n": st.integers(0, 12),
            "source": st.sampled_from(["proxy", "proxy", "test"]),
            "cost_usd": st.none() | st.integers(0, 8).map(lambda n: n / 8),
        },
        optional={
            "input_tokens": AMOUNT,
            "output_tokens": AMOUNT,
            "total_ms": st.none() | st.integers(0, 200_000),
            "first_event_ms": st.none() | st.integers(0, 200_000),
            "ttfb_ms": st.none() | st.integers(0, 200_000),
        },
    ),
    max_size=8,
)


@settings(max_examples=30)
@given(ROWS, st.integers(1, 8))
def test_any_rows_in_any_batches_are_counted_once(found: list[dict[str, Any]], size: int) -> None:
    given_ = [request(f"r{n}", **row) for n, row in enumerate(found)]
    with TemporaryDirectory() as folder:
        database = Database(Path(folder) / "ccx.db", "boot", 0, lambda: NOW / 1000)
        database.ready()
        try:
            for batch in itertools.batched(given_, size):
                put(database, *batch)
                fold(database)
            put(database, *given_)  # a final row is final: putting it again counts nothing
            fold(database)
            assert right(database, given_)
        finally:
            database.leave()


ONE = f"SELECT requests, ok, failed, input_tokens FROM rollups WHERE view = '' AND level = {HOUR}"


def test_a_request_counts_when_it_is_final_and_only_then(database: Database) -> None:
    put(database, request("a", state="running", input_tokens=5))
    fold(database)
    assert read(database, ONE) == []
    put(database, request("a", input_tokens=7))
    put(database, request("a", input_tokens=100, state="failed"))
    fold(database)
    assert read(database, ONE) == [{"requests": 1, "ok": 1, "failed": 0, "input_tokens": 7}]


def test_a_transaction_that_fails_counts_nothing_twice(database: Database) -> None:
    def bad(transaction: Any) -> None:
        transaction.upsert("requests", request("a"))
        raise ValueError

    with pytest.raises(ValueError):
        database.write([bad])
    put(database, request("a"))
    fold(database)
    fold(database)
    assert [row["requests"] for row in read(database, ONE)] == [1]


def test_who_leaves_has_not_failed(database: Database) -> None:
    left = {"state": "client_left", "output_tokens": 9, "trace_hash": "t"}
    put(database, request("a", **left), request("b", state="lost", input_tokens=3, trace_hash="t"))
    fold(database)
    (row,) = read(
        database, f"SELECT failed, lost, client_left, wasted_tokens FROM rollups WHERE view = '' AND level = {DAY}"
    )
    assert row == {"failed": 0, "lost": 1, "client_left": 1, "wasted_tokens": 3}
    assert read(database, "SELECT failed FROM sessions") == [{"failed": 1}]


def test_sessions_are_counted_from_their_requests(database: Database) -> None:
    def named(transaction: Any) -> None:
        transaction.upsert("sessions", {"kind": "chat", "trace_hash": "t", "title": "hello"})

    database.write([named])
    put(database, request("a", trace_hash="t", input_tokens=1, cost_usd=1.0, started_at=NOW + 5, ended_at=NOW + 10))
    put(database, request("b", trace_hash="t", state="failed", channel_id="", channel_name="", output_tokens=2))
    put(database, request("c", trace_hash="t", state="running"), request("d", trace_hash="t", source="test"))
    put(database, request("e", trace_hash=""))
    (row,) = read(database, "SELECT * FROM sessions")
    assert row | {"rev": 0} == {
        "kind": "chat",
        "trace_hash": "t",
        "rev": 0,
        "title": "hello",
        "parent": "",
        "client_name": "alice",
        "model": "m",
        "channel_id": "c1",
        "channel_name": "main",
        "first_at": NOW,
        "last_at": NOW + 1000,
        "requests": 2,
        "failed": 1,
        "input_tokens": 1,
        "cache_read_tokens": 0,
        "output_tokens": 2,
        "cost_usd": 1.0,
    }


def test_a_session_lasts_from_its_first_request_to_its_last(database: Database) -> None:
    """In whatever order they were written, all in one transaction."""
    times = ((3, 9), (1, 2), (5, 6))
    put(
        database,
        *(request(f"r{n}", trace_hash="t", started_at=NOW + a, ended_at=NOW + b) for n, (a, b) in enumerate(times)),
    )
    assert read(database, "SELECT first_at - ? AS first, last_at - ? AS last FROM sessions".replace("?", str(NOW))) == [
        {"first": 1, "last": 9}
    ]


@pytest.mark.parametrize("edge", [*BOUNDS, 0])
def test_every_latency_is_in_exactly_one_bucket(database: Database, edge: int) -> None:
    put(database, *(request(f"r{n}", first_event_ms=edge + n) for n in (0, 1)))
    fold(database)
    (row,) = read(database, f"SELECT {', '.join(TTFT)} FROM rollups WHERE view = '' AND level = {HOUR}")
    found = list(row.values())
    assert sum(found) == 2 and found[bucket(edge)] >= 1 and found[bucket(edge + 1)] >= 1


# ---- quantiles -------------------------------------------------------------------------------------------------------
EMPTY = [0.0] * (len(BOUNDS) + 1)


def histogram(*values: float) -> list[float]:
    counts = list(EMPTY)
    for value in values:
        counts[bucket(value)] += 1
    return counts


def test_no_values_no_quantile() -> None:
    assert quantile(EMPTY, 0.5) is None


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        pytest.param([450], 1.0, 500.0, id="the upper bound of its bucket"),
        pytest.param([450, 450], 0.5, 450.0, id="interpolated"),
        pytest.param([450, 600, 600, 600], 0.25, 500.0, id="exactly at a border"),
        pytest.param([500_000], 1.0, 240_000.0, id="beyond the last bound"),
    ],
)
def test_quantile(values: list[float], q: float, expected: float) -> None:
    assert quantile(histogram(*values), q) == expected


@given(st.lists(st.floats(0, 240_000), min_size=1, max_size=30), st.sampled_from([0.1, 0.5, 0.9, 0.95, 1.0]))
def test_a_quantile_is_in_the_bucket_of_the_true_one(values: list[float], q: float) -> None:
    found = quantile(histogram(*values), q)
    true = sorted(values)[max(0, math.ceil(round(q * len(values), 6)) - 1)]
    assert found is not None
    edges = [0, *BOUNDS, 2 * BOUNDS[-1]]
    low, high = edges[bucket(true)], edges[bucket(true) + 1]
    assert low - 1e-6 <= found <= high + 1e-6


def test_only_final_rows_are_looked_through(database: Database) -> None:
    """The additions use the index over revisions, however many rows there are."""
    assert database.conn
    with closing(sqlite3.connect(database.path)) as connection:
        sql = "SELECT count(*) FROM requests INDEXED BY requests_rev WHERE rev > 5"
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
    assert "requests_rev" in plan[3] and "SCAN" not in plan[3]
