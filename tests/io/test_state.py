"""The scheduler's state in the database: written, shared, and found again after any end."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.core.config import Patterns, Snapshot
from ccx_addons.core.errors import StoreError
from ccx_addons.core.exchange import NOWHERE
from ccx_addons.core.verdict import Outcome
from ccx_addons.io.state import Reader, load_state, overrides_of, take, write_changes
from ccx_addons.io.store import Store
from ccx_addons.scheduler import State
from ccx_addons.scheduler.budgets import Sums
from ccx_addons.scheduler.index import entry_of
from ccx_addons.scheduler.refusals import DAY
from ccx_addons.scheduler.state import NEVER, Override
from tests.patience import PATIENCE
from tests.scheduler.test_refusals import taught
from tests.scheduler.values import NOW, OK, attempt, channel, key, learn, snapshot, status

ONE = channel("a", key("a1"), key("a2"))
SEEN = snapshot(ONE)
ENTRY = entry_of(ONE, "m")


class Worker:
    """One worker: its state, its store, its reader."""

    def __init__(self, folder: Path, number: int = 0, boot: str = "boot", shared: bool = True) -> None:
        self.store = Store.open(folder / "ccx.db", boot_id=boot, worker=number, clock=lambda: NOW)
        self.reader = Reader(self.store.path, boot, number, shared)
        self.state = State()

    def hear(self, now: float = NOW, seen: Snapshot = SEEN) -> None:
        if news := self.reader.look(now):
            take(self.state, news, seen, now)

    def tell(self, now: float = NOW) -> None:
        write_changes(self.state, snapshot(ONE), self.store, now)
        assert self.store.flush()

    def close(self) -> None:
        self.reader.close()
        self.store.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[Worker]]:
    found = [Worker(tmp_path, number) for number in range(2)]
    yield found
    for worker in found:
        worker.close()


def rows(worker: Worker, table: str) -> list[dict[str, Any]]:
    conn = sqlite3.connect(worker.store.path)
    conn.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in conn.execute(f"SELECT * FROM {table}")]
    finally:
        conn.close()


OUTCOMES = [
    pytest.param([status(401, "bad key")], id="a blocked key"),
    pytest.param([status(402, "Insufficient Balance")], id="a blocked key with an end"),
    pytest.param([status(500)], id="a pause"),
    pytest.param([status(529)], id="a model that is overloaded"),
    pytest.param([status(500, retry_after=0.0)] * 3, id="a model's open breaker"),
    pytest.param([status(403, "Image generation is not enabled")], id="a model that a key does not have"),
]


@pytest.mark.parametrize("outcomes", OUTCOMES)
def test_another_worker_and_the_next_start_know_the_same(
    workers: list[Worker], tmp_path: Path, outcomes: list[Any]
) -> None:
    one, other = workers
    other.hear()
    for outcome in outcomes:
        learn(one.state, attempt(ONE), outcome, NOW)
        learn(one.state, attempt(ONE, 1), outcome, NOW)
    one.tell()
    other.hear()
    expected = one.state.standing("chat", ENTRY, NOW + 1)
    assert not expected.ready
    for found in (other.state, load_state(one.store.path, SEEN, NOW)):
        again = found.standing("chat", ENTRY, NOW + 1)
        assert (again.usable, again.ready, again.reason) == (expected.usable, expected.ready, expected.reason)
        assert again.until == pytest.approx(expected.until, abs=0.002) or again.until == expected.until == NEVER
        assert again.rate == expected.rate
    assert not other.state.changes, "what was heard is not told again"


def test_an_address_with_secrets_is_known_again_without_them(workers: list[Worker]) -> None:
    one, other = workers
    secret = channel(
        "a", key("a1"), base_urls=("https://u:seCret1pw@a.example/v1/seCret2000abcdef0123?k=seCret30000000abcd",)
    )
    for _ in range(3):
        learn(one.state, attempt(secret), Outcome("connect"), NOW)
    one.tell()
    (row,) = [row for row in rows(one, "breakers") if row["base_url"]]
    assert "seCret" not in str(row) and row["base_url"].startswith("https://***@a.example/")
    other.hear(seen=snapshot(secret))
    paused = one.state.standing("chat", entry_of(secret, "m"), NOW + 1)
    assert not paused.ready and other.state.standing("chat", entry_of(secret, "m"), NOW + 1).until == paused.until
    elsewhere = load_state(one.store.path, SEEN, NOW)
    assert not elsewhere.of("chat", "ch_a").breakers, "the channel has another address by now"


def test_rows_are_what_the_panel_shows(workers: list[Worker]) -> None:
    one = workers[0]
    learn(one.state, attempt(ONE), status(401, "bad key"), NOW)
    for n in range(5):
        learn(one.state, attempt(ONE, 1), status(529), NOW - 80 + 20 * n)
    one.tell()
    (blocked,) = (row for row in rows(one, "key_state") if row["key_id"] == "k_a1")
    assert (blocked["state"], blocked["until"], blocked["key_mask"]) == (
        "blocked",
        int(NOW * 1000) + 60_000,
        "sk-s…f-a1 (a1)",
    )
    assert (blocked["reason"], blocked["message"]) == ("the key is refused (401)", "bad key")
    assert blocked["failures"] == 1
    (found,) = rows(one, "breakers")
    assert (found["model"], found["state"], found["until"]) == ("m", "open", int(NOW * 1000) + 30_000)
    assert found["reason"] == "5 failures in a row, the last: the upstream is overloaded (529)"
    assert {row["kind"] for row in rows(one, "events")} >= {"key", "breaker"}


def test_a_success_elsewhere_closes_it_here(workers: list[Worker]) -> None:
    one, other = workers
    learn(one.state, attempt(ONE), status(503, "no available accounts"), NOW)
    one.tell()
    other.hear()
    assert not other.state.standing("chat", ENTRY, NOW + 1).ready
    learn(other.state, attempt(ONE), OK, NOW + 31)
    other.tell(NOW + 31)
    one.hear(NOW + 31)
    breakers = one.state.of("chat", "ch_a").breakers.values()
    assert {found.words(NOW + 1) for found in breakers} == {"closed"}


def test_what_an_upstream_refuses_is_shared_and_survives_until_it_is_forgotten(workers: list[Worker]) -> None:
    one, other = workers
    taught(one.state.refusals, attempt(ONE), NOW)
    one.tell()
    other.hear()
    assert other.state.refusals.of("chat", ONE, "m", NOW + 1) == {"stop"}
    found = load_state(one.store.path, SEEN, NOW).refusals.places["chat", "ch_a", "m"].refusals["stop"]
    assert (found.reason, found.since, found.until) == ("no stop here", NOW, NOW + DAY)
    edited = replace(ONE, quirks=frozenset({"drop_sampling"}))
    assert load_state(one.store.path, SEEN, NOW).refusals.of("chat", edited, "m", NOW + 1) == set()
    assert other.state.refusals.forget("ch_a", "m", "stop") == 1
    other.tell(NOW + 1)
    one.hear(NOW + 1)
    assert one.state.refusals.of("chat", ONE, "m", NOW + 1) == set()
    assert load_state(one.store.path, SEEN, NOW).refusals.of("chat", ONE, "m", NOW + 1) == set()


def test_affinity_is_shared(workers: list[Worker]) -> None:
    one, other = workers
    one.state.keep("chat", "t", attempt(ONE), 1800, NOW)
    one.tell()
    other.hear()
    assert other.state.traces.seat("chat", "t", NOW + 1799)[:2] == ("ch_a", "k_a1")
    assert load_state(one.store.path, SEEN, NOW + 1801).traces.place_of("chat", "t") == NOWHERE


def test_a_worker_leaves_its_own_rows_alone_but_reads_them_when_it_starts(tmp_path: Path) -> None:
    one = Worker(tmp_path)
    one.hear()
    learn(one.state, attempt(ONE), status(401), NOW)
    one.tell()
    one.state.of("chat", "ch_a").key("k_a1").lift("", NOW + 1)
    one.hear(NOW + 1)
    assert not one.state.of("chat", "ch_a").key("k_a1").blocked(NOW + 1)
    one.close()
    again = Worker(tmp_path)
    again.hear(NOW + 2)
    assert again.state.of("chat", "ch_a").key("k_a1").blocked(NOW + 2)
    again.close()


def test_nothing_new_is_nothing(workers: list[Worker]) -> None:
    one = workers[0]
    assert one.reader.look(NOW) is not None and one.reader.look(NOW) is None


def test_overrides_come_and_go(workers: list[Worker]) -> None:
    one, other = workers
    row = {"kind": "chat", "trace_hash": "t", "channels": ["ch_b"], "avoid": ["ch_a"]}
    one.store.put_override({**row, "expires_at": int(NOW * 1000) + 60_000})
    one.store.put_override({**row, "trace_hash": "u", "avoid": [], "expires_at": None})
    one.store.put_override({**row, "trace_hash": "old", "expires_at": int(NOW * 1000) - 1})
    one.store.flush()
    other.hear()
    assert other.state.overrides == {
        ("chat", "t"): Override(("ch_b",), frozenset({"ch_a"}), NOW + 60),
        ("chat", "u"): Override(("ch_b",), frozenset(), NEVER),
    }
    one.store.remove("overrides", {"kind": "chat", "trace_hash": "t"})
    one.store.flush()
    other.hear()
    assert ("chat", "t") not in other.state.overrides


@pytest.mark.parametrize("text", ["", "{", "[1", '{"a": 1}', "null"])
def test_damaged_texts_are_empty(text: str) -> None:
    row = {"kind": "chat", "trace_hash": "t", "channels": text, "avoid": text, "expires_at": None}
    assert overrides_of([row]) == {("chat", "t"): Override()}


def test_commands_are_read_once(workers: list[Worker]) -> None:
    one, other = workers
    one.store.command("reset", {"channel_id": "ch_a"}).result(PATIENCE)
    one.store.command("watch", {}, ttl=-1).result(PATIENCE)
    news = other.reader.look(NOW)
    assert news and [(kind, dict(args)) for _, kind, args in news.commands] == [("reset", {"channel_id": "ch_a"})]
    one.store.command("unblock", {}).result(PATIENCE)
    news = other.reader.look(NOW)
    assert news and [kind for _, kind, _ in news.commands] == ["unblock"]


def request(worker: Worker, id: str, **more: Any) -> None:
    row = {"id": id, "boot_id": "boot", "worker": worker.store.worker, "started_at": int(NOW * 1000)}
    worker.store.put_request({**row, "state": "ok", "client_name": "alice", "channel_id": "ch_a", **more})
    assert worker.store.flush()


def test_what_clients_spent_is_found_at_the_start_and_then_followed(tmp_path: Path) -> None:
    one = Worker(tmp_path)
    request(one, "1", model="a", input_tokens=100, output_tokens=20, cost_usd=0.5)
    request(one, "2", model="b", input_tokens=7, started_at=int((NOW - 86_400 * 2) * 1000), cost_usd=0.25)
    other = Worker(tmp_path, 1)
    other.hear()
    known = other.state.limits.known
    assert known.of("alice", Patterns(), NOW) == Sums(2, 127, 0.75, 1, 120, 0.5)
    assert known.of("alice", Patterns(("a",)), NOW) == Sums(1, 120, 0.5, 1, 120, 0.5)
    request(one, "3", model="a", input_tokens=5, output_tokens=5, cost_usd=0.125)
    request(one, "3f", model="a", state="failed")
    request(other, "4", model="a", input_tokens=1000, cost_usd=1.0)
    other.hear()
    assert known.of("alice", Patterns(("a",)), NOW) == Sums(2, 130, 0.625, 2, 130, 0.625), (
        "its own it has counted itself"
    )
    one.close()
    other.close()


def test_a_database_that_is_replaced_is_opened_again(workers: list[Worker], tmp_path: Path) -> None:
    one, other = workers
    other.hear()
    for ending in ("", "-wal", "-shm"):
        (tmp_path / f"ccx.db{ending}").unlink(missing_ok=True)
    learn(one.state, attempt(ONE), status(401), NOW)
    one.tell()
    other.hear()
    assert other.state.of("chat", "ch_a").key("k_a1").blocked(NOW)


def test_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        load_state(tmp_path / "none.db", SEEN, NOW)
    assert not list(tmp_path.iterdir())


def test_what_is_old_is_deleted_but_blocks_stay(workers: list[Worker]) -> None:
    one = workers[0]
    learn(one.state, attempt(ONE), status(401), NOW)
    learn(one.state, attempt(ONE, 1), status(500), NOW)
    one.tell(NOW - 2 * 86_400)
    one.store.retention(30, 7)
    while rows(one, "breakers"):
        assert one.store.flush()
    assert [row["state"] for row in rows(one, "key_state")] == ["blocked"]
