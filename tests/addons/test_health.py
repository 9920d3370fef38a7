import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ccx_addons.core.config import Channel, HealthCheck, Key, Snapshot
from ccx_addons.core.settings import Settings
from ccx_addons.health import Finding, Health
from ccx_addons.io.store import Store
from ccx_addons.processes.runtime import Runtime
from ccx_addons.scheduler.keys import Rest

KEY = Key("k1", "sk-secret-0123456789")
CHECKED = Channel(
    "ch_1", "one", "chat", ("https://x.example",), (KEY,), frozenset({"chat"}), health_check=HealthCheck(True, 300)
)
PLAIN = Channel("ch_2", "two", "chat", ("https://x.example",), (KEY,), frozenset({"chat"}))
BAD = Finding(False, "", 401, 12.5, "401: the key is revoked")
GOOD = Finding(True, "", 200, 8.0)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    store = Store.open(tmp_path / "ccx.db", boot_id="boot")
    yield Runtime(Settings(), Snapshot("r", 0, channels=(CHECKED, PLAIN)), store, boot_id="boot")
    store.close()


def query(runtime: Runtime, sql: str) -> list[tuple[object, ...]]:
    assert runtime.store.flush()
    with closing(sqlite3.connect(runtime.store.path)) as connection:
        return connection.execute(sql).fetchall()


def test_only_channels_that_ask_for_it_are_checked_and_only_when_due(runtime: Runtime) -> None:
    health = Health(runtime)
    assert health.now_due(1000) == []
    assert health.now_due(1299) == []
    assert health.now_due(1300) == [CHECKED]
    assert health.now_due(1301) == []
    assert health.now_due(1600) == [CHECKED]


def test_a_finding_is_a_row_outside_the_statistics_and_news_is_an_event(runtime: Runtime) -> None:
    health = Health(runtime)
    for n, found in enumerate((GOOD, BAD, BAD, GOOD)):
        health.learn(CHECKED, KEY, found, 1000.0 + n)
    rows = query(runtime, "SELECT source, state, status, error_message FROM requests ORDER BY started_at")
    assert [row[0] for row in rows] == ["health"] * 4 and rows[1][1:] == ("failed", 401, BAD.words)
    assert query(runtime, "SELECT count(*) FROM rollups") == [(0,)]
    events = [message for (message,) in query(runtime, "SELECT message FROM events WHERE kind = 'health' ORDER BY id")]
    assert len(events) == 2 and "revoked" in str(events[0]) and "answers again" in str(events[1])
    assert "secret" not in str(events)


def test_a_key_that_answers_is_no_longer_blocked(runtime: Runtime) -> None:
    state = runtime.state
    state.of("chat", CHECKED.id).key(KEY.id).begin_rest("", Rest(5000.0, blocked=True), 900.0)
    Health(runtime).learn(CHECKED, KEY, GOOD, 1000.0)
    assert not state.of("chat", CHECKED.id).key(KEY.id).blocked(1001.0)


async def test_every_enabled_key_is_asked(runtime: Runtime) -> None:
    asked: list[str] = []

    def ask(channel: Channel, key: Key) -> Finding:
        asked.append(key.id)
        return GOOD

    keys = (KEY, Key("k2", "sk-two-0123456789"), Key("k3", "sk-off-0123456789", enabled=False))
    channel = Channel("ch_3", "three", "chat", ("https://x.example",), keys, frozenset({"chat"}))
    await Health(runtime, ask).check(channel)
    assert asked == ["k1", "k2"]
