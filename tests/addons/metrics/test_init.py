import json
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import pytest

from ccx_addons.core.config import Client, Price, Snapshot
from ccx_addons.core.exchange import Decision, Exchange
from ccx_addons.core.neutral import Fault, Loss, Usage
from ccx_addons.core.verdict import Attempt, Outcome
from ccx_addons.io.schema import MIGRATIONS
from ccx_addons.metrics import MAX_MESSAGE, MAX_NAME, Metrics
from ccx_addons.processes.runtime import Runtime
from tests.addons.flows import flow, response
from tests.addons.values import attempted, channel, exchange

MAIN, BACKUP = channel("main", "messages", ("chat", "messages")), channel("backup")


def rows(runtime: Runtime, table: str) -> list[dict[str, Any]]:
    assert runtime.store.flush()
    with closing(sqlite3.connect(runtime.store.path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]


def answered(runtime: Runtime, x: Exchange, status: int = 200) -> None:
    request = flow(x=x)
    request.response = response(status)
    Metrics(runtime).response(request)


@pytest.fixture
def columns() -> dict[str, set[str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for _, statements in MIGRATIONS:
            for statement in statements:
                connection.execute(statement)
        return {
            table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for table in ("requests", "attempts", "candidates")
        }


def full() -> Exchange:
    """An exchange with something in every field."""
    x = exchange("chat", MAIN, BACKUP, model="gpt-5")
    attempted(x, BACKUP, "status", 429, "rate limited")
    record = attempted(x, MAIN, "ok", 200, "answered", "claude-opus-4-7")
    record.converted, record.connect_ms, record.tls_ms, record.ttfb_ms, record.reused = True, 1.5, 2.5, 30.0, True
    x.client = Client("alice", "", key_mask="ccx-…6789")
    x.client_ip, x.headers, x.trace = "1.2.3.4", (("user-agent", "test/1"),), "t1"
    x.raw, x.stream, x.bytes_out, x.max_gap = b"12345", True, 77, 0.25
    x.first_byte_at, x.first_event_at = x.clock + 0.5, x.clock + 0.75
    x.usage = Usage(input=1000, cache_read=200, cache_write=100, output=50, reasoning=10)
    x.losses = [Loss("tools[0]", "no such tool")]
    x.stream_end = "done"
    x.decisions = (Decision("id_main", "main", "order", True, "place 1"),)
    return x


def test_the_rows_have_exactly_the_columns_of_their_tables(runtime: Runtime, columns: dict[str, set[str]]) -> None:
    x, metrics = full(), Metrics(runtime)
    assert metrics.row(x).keys() == columns["requests"] - {"rev"}
    assert metrics.attempt_row(x, 1, x.attempts[0]).keys() == columns["attempts"]


def test_use_of_keys_is_noted_once_a_minute(runtime: Runtime) -> None:
    metrics = Metrics(runtime)
    for seconds in (0, 30, 61):
        metrics.note_use(full().attempts[-1].attempt, 1_700_000_000_000 + seconds * 1000)
        assert runtime.store.flush()
        used = {row["channel_id"]: row["used_at"] for row in rows(runtime, "key_use")}
        assert used["id_main"] == 1_700_000_000_000 + (61_000 if seconds > 60 else 0)


def test_a_finished_exchange(runtime: Runtime) -> None:
    x = full()
    answered(runtime, x)
    (row,) = rows(runtime, "requests")
    expected = {
        "id": "x1", "boot_id": "boot", "worker": 0, "started_at": 1_700_000_000_000, "state": "ok", "phase": "done",
        "kind": "chat", "operation": "generate", "stream": 1, "client_name": "alice", "client_key_mask": "ccx-…6789",
        "client_ip": "1.2.3.4", "user_agent": "test/1", "trace_hash": "t1", "route_prefix": "", "model": "gpt-5",
        "upstream_model": "claude-opus-4-7", "channel_id": "id_main", "channel_name": "main", "key_mask": "sk-m…6789",
        "converted": "chat>messages", "attempts_n": 2, "status": 200, "error_kind": "", "error_message": "",
        "stream_end": "done", "ttfb_ms": 500.0, "first_event_ms": 750.0, "connect_ms": 1.5, "tls_ms": 2.5,
        "max_gap_ms": 250.0, "input_tokens": 1000, "cache_read_tokens": 200, "cache_write_tokens": 100,
        "output_tokens": 50, "reasoning_tokens": 10, "usage_source": "reported", "bytes_in": 5, "bytes_out": 77,
        "losses": '[["tools[0]", "no such tool"]]', "config_revision": "rev1", "source": "proxy",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert row["ended_at"] >= row["started_at"] and row["total_ms"] is not None


def test_attempts(runtime: Runtime) -> None:
    x = full()
    x.attempts[0].outcome = Outcome("status", 429, Fault("rate_limit", "slow down", 429), retry_after=7.0)
    answered(runtime, x)
    first, second = rows(runtime, "attempts")
    assert (first["n"], first["outcome"], first["verdict"], first["reason"]) == (
        1,
        "status",
        "next_channel",
        "rate limited",
    )
    assert (first["error_message"], first["retry_after"], first["status"]) == ("slow down", 7.0, 429)
    assert (second["n"], second["outcome"], second["verdict"], second["reused"]) == (2, "ok", "commit", 1)
    assert first["started_at"] == 1_700_000_001_000 and second["base_url"] == "https://main.test"


@pytest.mark.parametrize(("decisions", "status", "count"), [(1, 200, 0), (2, 200, 2), (1, 503, 1), (0, 503, 0)])
def test_candidates_are_kept_when_they_tell_something(
    runtime: Runtime, decisions: int, status: int, count: int
) -> None:
    x = exchange()
    x.decisions = tuple(Decision(f"c{n}", f"n{n}", "has_key", False, "has no usable key") for n in range(decisions))
    answered(runtime, x, status)
    found = rows(runtime, "candidates")
    assert len(found) == count
    if count:
        assert (found[0]["verdict"], found[0]["reason"]) == ("dropped", "has_key: has no usable key")


@pytest.mark.parametrize(
    ("status", "stream_end", "state"),
    [
        (200, "", "ok"),
        (200, "done", "ok"),
        (200, "cut", "failed"),
        (200, "error event", "failed"),
        (200, "idle", "failed"),
        (399, "", "ok"),
        (400, "", "failed"),
        (503, "", "failed"),
    ],
)
def test_state(runtime: Runtime, status: int, stream_end: Any, state: str) -> None:
    x = exchange()
    x.stream_end = stream_end
    answered(runtime, x, status)
    assert [row["state"] for row in rows(runtime, "requests")] == [state]


def test_a_client_that_left(runtime: Runtime) -> None:
    x = exchange()
    attempted(x, BACKUP, None)
    Metrics(runtime).error(flow(x=x))
    (row,), (attempt,) = rows(runtime, "requests"), rows(runtime, "attempts")
    assert (row["state"], row["status"]) == ("client_left", 499)
    assert attempt["outcome"] == "client_left" and attempt["total_ms"] is not None


def test_an_exchange_closes_once(runtime: Runtime) -> None:
    x = exchange()
    answered(runtime, x)
    answered(runtime, x, 500)
    Metrics(runtime).error(flow(x=x))
    assert [(row["state"], row["status"]) for row in rows(runtime, "requests")] == [("ok", 200)]


@pytest.mark.parametrize("missing", ["client", "match"])
def test_what_is_no_request_of_a_model_leaves_no_row(runtime: Runtime, missing: str) -> None:
    x = exchange()
    setattr(x, missing, None)
    answered(runtime, x, 401)
    assert x.closed and rows(runtime, "requests") == []


def test_a_handshake_leaves_no_row(runtime: Runtime) -> None:
    answered(runtime, exchange("responses"), 101)
    assert rows(runtime, "requests") == []


def nothing_to_try() -> Generator[Attempt, Outcome, None]:
    yield from ()


def test_one_that_ends_just_while_its_progress_is_written_is_over_with_its_attempts(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, metrics, states = full(), Metrics(runtime), list[str]()

    def just_now(id: str, row: Callable[[], dict[str, Any]]) -> None:
        x.state = "ok"
        states.append(row()["state"])

    monkeypatch.setattr(runtime.store, "put_running", just_now)
    x.failover, x.phase = nothing_to_try(), "streaming"
    metrics.request(flow(x=x))
    assert states == ["running"]


def test_progress(runtime: Runtime) -> None:
    x, metrics = full(), Metrics(runtime)
    request = flow(x=x)
    metrics.request(request)
    assert rows(runtime, "requests") == [], "nothing was routed yet"
    x.failover = nothing_to_try()
    x.phase = "connecting"
    metrics.request(request)
    assert [(row["state"], row["phase"], row["cost_usd"]) for row in rows(runtime, "requests")] == [
        ("running", "connecting", None)
    ]
    x.phase, x.committed = "streaming", True
    metrics.responseheaders(request)
    assert [row["phase"] for row in rows(runtime, "requests")] == ["streaming"]
    answered(runtime, x)
    x.decision = "retry"
    metrics.upstream_outcome(request)
    assert [row["state"] for row in rows(runtime, "requests")] == ["ok"]


@pytest.mark.parametrize(("seconds", "seen"), [(0, []), (60, [(1, "status", "next_channel")])])
def test_who_waits_sees_what_was_answered_so_far(
    runtime: Runtime, seconds: float, seen: list[tuple[int, str, str]]
) -> None:
    x, metrics = full(), Metrics(runtime)
    x.clock = time.monotonic() - seconds
    x.attempts.clear()
    attempted(x, BACKUP, "status", 503, "the upstream failed")
    x.decision = "retry"
    metrics.upstream_outcome(flow(x=x))
    assert [(row["n"], row["outcome"], row["verdict"]) for row in rows(runtime, "attempts")] == seen
    attempted(x, MAIN, "ok", 200)
    answered(runtime, x)
    assert [row["n"] for row in rows(runtime, "attempts")] == [1, 2]


def test_the_panels_own_requests_are_tests(runtime: Runtime) -> None:
    for id, test in (("a", True), ("b", False)):
        x = exchange(id=id)
        x.test, x.usage = test, Usage(input=5)
        answered(runtime, x)
    assert [row["source"] for row in rows(runtime, "requests")] == ["test", "proxy"]


def test_texts_are_bounded_and_clean(runtime: Runtime) -> None:
    x = full()
    secret = MAIN.keys[0].secret
    x.fault = Fault("server", f"bad key {secret} and sk-other-0123456789abcdef {'x' * 2000}")
    x.headers = (("user-agent", "u" * 1000),)
    x.model = "m" * 1000
    x.attempts[1].outcome = Outcome("connect", detail=f"to {secret}")
    answered(runtime, x, 502)
    text = json.dumps([rows(runtime, table) for table in ("requests", "attempts")])
    assert secret not in text and "sk-other-0123456789" not in text
    (row,) = rows(runtime, "requests")
    assert len(row["error_message"]) == MAX_MESSAGE and len(row["user_agent"]) == len(row["model"]) == MAX_NAME


def test_price(runtime: Runtime) -> None:
    x = full()
    x.snapshot = Snapshot("r", 0, channels=(MAIN,), prices={"claude-opus-4-7": Price(10, 100, 1, 20)})
    answered(runtime, x)
    (row,) = rows(runtime, "requests")
    assert row["cost_usd"] == pytest.approx((700 * 10 + 200 * 1 + 100 * 20 + 50 * 100) / 1e6)
    assert row["price_source"]


def test_an_unknown_model_has_no_price(runtime: Runtime) -> None:
    x = exchange(model="no-such-model-anywhere")
    x.usage = Usage(input=5, output=5)
    answered(runtime, x)
    assert [row["cost_usd"] for row in rows(runtime, "requests")] == [None]


def test_spending_counts_for_the_client(runtime: Runtime) -> None:
    spent = []
    runtime.meeting.spend = lambda cost: spent.append((cost.client, cost.tokens))  # type: ignore[method-assign]
    answered(runtime, full())
    test = exchange()
    test.test, test.usage = True, Usage(input=5)
    answered(runtime, test)
    assert spent == [("alice", 1050)]


def test_a_good_attempt_has_no_words_of_an_error(runtime: Runtime) -> None:
    """What its outcome says of how the stream ended is no message."""
    x = exchange("messages", MAIN)
    record = attempted(x, MAIN, "ok", 200)
    record.outcome = Outcome("ok", 200, detail="done")
    assert Metrics(runtime).attempt_row(x, 1, record)["error_message"] == ""
