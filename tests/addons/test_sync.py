"""Workers, panel and database in step."""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccx_addons import sync as syncs
from ccx_addons.core.config import Snapshot
from ccx_addons.io.follow import connect, source_of
from ccx_addons.io.meeting import Member
from ccx_addons.io.meeting.line import Line
from ccx_addons.io.store import Store
from ccx_addons.processes.runtime import Runtime
from ccx_addons.scheduler.index import entry_of
from ccx_addons.sync import Sync
from tests.addons.values import channel
from tests.io.meeting.rooms import place_room
from tests.patience import PATIENCE, until
from tests.scheduler.test_refusals import taught
from tests.scheduler.values import attempt, learn, status

ONE = channel("one")
KEY = ONE.keys[0].id
ENTRY = entry_of(ONE, "m")


def acks(runtime: Runtime) -> list[str]:
    conn = sqlite3.connect(runtime.store.path)
    try:
        return [row[0] for row in conn.execute("SELECT result FROM command_acks ORDER BY command_id")]
    finally:
        conn.close()


def ordered(runtime: Runtime, command: str, **args: Any) -> str:
    """The acknowledgement of one command."""
    runtime.store.command(command, args).result(PATIENCE)
    sync = Sync(runtime)
    sync.take_over(sync.look())
    sync.reader.close()
    assert runtime.store.flush()
    return acks(runtime)[-1]


@pytest.fixture
def blocked(runtime: Runtime) -> Runtime:
    """A worker whose only key is blocked for chat, and cools down for messages."""
    runtime.snapshot = Snapshot("rev1", 0, channels=(ONE,))
    learn(runtime.state, attempt(ONE), status(401, "bad key"), time.time())
    return runtime


@pytest.mark.parametrize(
    ("args", "result", "usable"),
    [
        ({"channel_id": ONE.id, "key_id": KEY, "model": ""}, "unblocked for chat", True),
        ({"channel_id": ONE.id, "key_id": KEY, "kind": "messages"}, "it was not blocked", False),
        ({"channel_id": ONE.id, "key_id": "k_other"}, "it was not blocked", False),
        ({}, "it was not blocked", False),
    ],
)
def test_unblock(blocked: Runtime, args: dict[str, str], result: str, usable: bool) -> None:
    assert ordered(blocked, "unblock", **args) == result
    assert blocked.state.standing("chat", ENTRY, time.time()).ready is usable


@pytest.mark.parametrize(("kind", "ready"), [("", True), ("chat", True), ("messages", False)])
def test_reset(runtime: Runtime, kind: str, ready: bool) -> None:
    learn(runtime.state, attempt(ONE), status(529), time.time())
    assert ordered(runtime, "reset", channel_id=ONE.id, kind=kind) == "reset"
    assert runtime.state.standing("chat", ENTRY, time.time()).ready is ready


@pytest.mark.parametrize(("seconds", "least", "most"), [(30, 25, 30), (10**9, 590, 600), ("x", -1, 0)])
def test_watch(runtime: Runtime, seconds: Any, least: float, most: float) -> None:
    assert ordered(runtime, "watch", request_id="r1", seconds=seconds) == "watching"
    assert least <= runtime.watched["r1"] - time.time() <= most


def test_a_stored_answer_is_forgotten(runtime: Runtime) -> None:
    assert ordered(runtime, "forget", id="resp_1") == "forgotten" and runtime.forgotten == ["resp_1"]


def test_an_override_and_what_nobody_knows(runtime: Runtime) -> None:
    row = {"kind": "chat", "trace_hash": "t", "channels": ["c"], "avoid": [], "expires_at": None}
    runtime.store.put_override(row)
    assert ordered(runtime, "override", trace_hash="t", kinds=["chat"]) == "taken over"
    assert runtime.state.overrides[("chat", "t")].channels == ("c",)
    assert ordered(runtime, "explode") == "unknown command 'explode'"


def test_what_one_worker_learns_the_other_knows_soon(blocked: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncs, "EVERY", 0.01)
    store = Store.open(blocked.store.path, boot_id="boot", worker=1)
    other = Runtime(blocked.settings, blocked.snapshot, store, worker=1, boot_id="boot")

    async def main() -> None:
        one, two = Sync(blocked), Sync(other)
        one.running()
        two.running()
        while other.state.standing("chat", ENTRY, time.time()).ready:
            await asyncio.sleep(0.01)
        other.state.unblock("chat", ONE.id, KEY, "", time.time())
        while not blocked.state.standing("chat", ENTRY, time.time()).ready:
            await asyncio.sleep(0.01)
        one.done()
        two.done()

    asyncio.run(asyncio.wait_for(main(), 20))
    store.close()


def test_what_is_known_is_there_before_the_first_request(blocked: Runtime) -> None:
    Sync(blocked).publish()
    assert blocked.store.flush()
    again = Runtime(blocked.settings, blocked.snapshot, blocked.store)

    async def main() -> bool:
        sync = Sync(again)
        sync.running()
        sync.done()
        return again.state.standing("chat", ENTRY, time.time()).ready

    assert asyncio.run(main()) is False, "a worker that comes back in the same run"


@pytest.mark.parametrize("restarts", [False, True])
def test_a_clock_that_is_set_back(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, restarts: bool) -> None:
    now = time.time()
    learn(runtime.state, attempt(ONE), status(429, "slow down", 60.0), now)
    sync = Sync(runtime)
    sync.publish()
    assert runtime.store.flush()
    sync.take_over(sync.look())
    again = Runtime(runtime.settings, runtime.snapshot, runtime.store) if restarts else runtime
    monkeypatch.setattr("ccx_addons.sync.time.time", lambda: now - 9000)

    async def main() -> None:
        if restarts:
            Sync(again).running()
        else:
            await sync.follow()

    asyncio.run(main())
    assert 50 < again.state.standing("chat", ENTRY, now - 9000).until - (now - 9000) < 70


def test_a_restart_lifts_what_was_blocked(blocked: Runtime) -> None:
    Sync(blocked).publish()
    assert blocked.store.flush()
    store = Store.open(blocked.store.path, boot_id="later", worker=0)
    again = Runtime(blocked.settings, blocked.snapshot, store, boot_id="later")

    async def main() -> None:
        sync = Sync(again)
        sync.running()
        sync.done()

    asyncio.run(main())
    assert again.state.standing("chat", ENTRY, time.time()).ready
    assert store.flush()
    conn = sqlite3.connect(store.path)
    assert conn.execute("SELECT state FROM key_state").fetchall() == [("ok",)], "and the panel shows it"
    conn.close()
    store.close()


def test_without_a_database_the_worker_goes_on_alone(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync(runtime)
    sync.reader.source = source_of(runtime.store.path.with_name("none.db"))
    sync.take_over(sync.look())
    sync.take_over(sync.look())
    assert [record.levelname for record in caplog.records] == ["WARNING"], "once, not at every look"


def test_keys_whose_time_is_over_are_told(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncs, "EVERY", 0.01)
    runtime.snapshot = Snapshot("rev1", 0, channels=(ONE,))
    learn(runtime.state, attempt(ONE), status(402, retry_after=0.3), time.time())

    async def main() -> None:
        sync = Sync(runtime)
        sync.running()
        key = runtime.state.of("chat", ONE.id).key(KEY)
        while key.rest and key.rest.blocked:
            await asyncio.sleep(0.01)
        sync.done()

    asyncio.run(asyncio.wait_for(main(), 20))
    assert runtime.store.flush()
    conn = sqlite3.connect(runtime.store.path)
    try:
        assert conn.execute("SELECT state FROM key_state").fetchall() == [("ok",)]
        state, detail = conn.execute("SELECT state, detail FROM breakers WHERE key_id <> ''").fetchone()
        assert state == "half-open" and json.loads(detail)["by"] == "boot:0"
    finally:
        conn.close()


def test_what_an_upstream_refused_is_forgotten_at_a_command(runtime: Runtime) -> None:
    taught(runtime.state.refusals)
    assert ordered(runtime, "forget_refusals", channel_id="ch_a", model="m", name="top_p") == "forgot 0"
    assert ordered(runtime, "forget_refusals", channel_id="ch_a", model="", name="") == "forgot 1"
    assert not runtime.state.refusals.places


def test_where_limits_do_not_hold_for_all_is_told_once(runtime: Runtime, tmp_path: Path) -> None:
    sync, limits = Sync(runtime), runtime.state.limits
    alone = runtime.meeting
    away = Member(limits, Line(tmp_path / "none", limits.part), lambda: 2)
    for meeting in (alone, away, away, alone, alone):
        runtime.meeting = meeting
        sync.tell_of_meeting()
    assert runtime.store.flush()
    with contextlib.closing(connect(runtime.store.path)) as conn:
        found = conn.execute("SELECT level, message FROM events WHERE kind = 'meeting' ORDER BY id").fetchall()
    assert [row["level"] for row in found] == ["warning", "info"] and "is away" in found[0]["message"]


def test_what_one_worker_wonders_about_all_do(blocked: Runtime, tmp_path: Path) -> None:
    """Requests that may be at fault, channels that find all of them wrong, and tries of keys that rest."""

    async def main() -> None:
        async with place_room(tmp_path) as room:
            syncs = []
            for _ in range(2):
                runtime = Runtime(blocked.settings, blocked.snapshot, blocked.store)
                runtime.meeting = await room.member()
                syncs.append(Sync(runtime))
                learn(runtime.state, attempt(ONE), status(401, "bad key"), time.time())
            one, other = (sync.runtime.state for sync in syncs)
            gist, now = ("chat", "m", "conversation"), time.time()

            async def heard(known: Callable[[], object]) -> None:
                for sync in syncs:
                    sync.publish()
                await until(known)

            one.suspects.add(gist, "ch_a", now)
            one.doubts.stopped("chat", ONE.id, gist)
            one.begin("chat", attempt(ONE), now)
            await heard(lambda: other.suspects.failed_at(gist, now) and other.doubts.known)
            assert other.doubts.known == one.doubts.known == {("chat", ONE.id, ""): {gist}}
            await heard(lambda: (rest := other.of("chat", ONE.id).key(KEY).rest) and rest.trial_at)
            other.suspects.clear(gist)
            other.doubts.answered("chat", attempt(ONE))
            await heard(lambda: not one.suspects.failed_at(gist, now) and not one.doubts.known)
            assert not one.news and not other.news, "what was heard is not told again"

    asyncio.run(main())
