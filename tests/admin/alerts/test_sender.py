"""What goes wrong is told once, tried again, and told when it is over; a restart changes nothing of that."""

import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from ccx_addons.core.config import Alert
from ccx_addons.io.store import Store
from ccx_addons.io.webhook import Message, Told
from ccx_admin.alerts import sender as module
from ccx_admin.alerts.conditions import Condition
from ccx_admin.alerts.sender import CALM, WAITS, Sender
from ccx_admin.panel import EXTENSION, Panel
from tests.admin.conftest import Clock
from tests.patience import PATIENCE

DISK = Condition("disk", "disk", "only 5 MB are left", path="/")
KEY = Condition("key:a", "key", "key k is out", "revoked")
ALERTS = """
alerts:
  - {name: ops, url: "https://hooks.example.com/secret-part"}
  - {name: disks, url: "https://disks.example.com/other-part", events: [disk]}
  - {name: off, url: "https://off.example.com/x", enabled: false}
"""


class World:
    """What is wrong, and who was told what."""

    def __init__(self) -> None:
        self.wrong: list[Condition] = []
        self.told: list[tuple[str, str, str]] = []
        self.answer = Told(True, 200)

    def send(self, alert: Alert, message: Message, now: float) -> Told:
        self.told.append((alert.name, message.state, message.event))
        return self.answer


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, folder: Path) -> World:
    found = World()
    (folder / "ccx.yaml").write_text((folder / "ccx.yaml").read_text() + ALERTS)
    monkeypatch.setattr(module, "conditions", lambda panel: list(found.wrong))
    monkeypatch.setattr(module, "PATIENCE", PATIENCE)  # a round is over when all were told
    return found


@pytest.fixture
def current(app: Flask) -> Panel:
    panel = app.extensions[EXTENSION]
    assert isinstance(panel, Panel)
    return panel


def rows(store: Store, sql: str) -> list[Any]:
    store.flush()
    return store.submit(lambda conn: conn.execute(sql).fetchall()).result(PATIENCE)


def test_told_once_and_told_when_it_is_over(world: World, current: Panel, store: Store, clock: Clock) -> None:
    sender = Sender(current, world.send)
    world.wrong = [DISK]
    for _ in range(3):
        sender.round()
    assert world.told == [("ops", "firing", "disk"), ("disks", "firing", "disk")]
    world.wrong = []
    sender.round()
    assert len(world.told) == 2, "it may only be gone for a moment"
    clock.now += CALM + 1
    sender.round()
    assert world.told[2:] == [("ops", "resolved", "disk"), ("disks", "resolved", "disk")]
    assert rows(store, "SELECT count(*) FROM alerts")[0][0] == 0
    assert {row[0] for row in rows(store, "SELECT outcome FROM deliveries")} == {"told"}


def test_what_comes_and_goes_is_told_once(world: World, current: Panel, clock: Clock) -> None:
    sender = Sender(current, world.send)
    for n in range(20):
        world.wrong = [KEY] if n % 2 else []
        sender.round()
        clock.now += CALM / 3
    assert world.told == [("ops", "firing", "key")]


def test_tries_with_pauses_and_then_no_more(world: World, current: Panel, store: Store, clock: Clock) -> None:
    sender = Sender(current, world.send)
    world.wrong, world.answer = [KEY], Told(False, 503, "busy", again=True)
    sender.round()
    sender.round()
    assert len(world.told) == 1, "not before its time"
    for wait in WAITS:
        clock.now += wait
        sender.round()
    clock.now += 10 * WAITS[-1]
    sender.round()
    assert len(world.told) == 1 + len(WAITS)
    assert rows(store, "SELECT outcome, tries, status, words FROM deliveries") == [("failed", 5, 503, "busy")]


def test_a_clock_that_is_set_back_delays_nothing(world: World, current: Panel, clock: Clock) -> None:
    sender = Sender(current, world.send)
    world.wrong, world.answer = [KEY], Told(False, 503, "busy", again=True)
    sender.round()
    clock.now -= 86_400
    sender.round()
    assert world.told == [("ops", "firing", "key")] * 2
    world.wrong, world.answer = [], Told(True, 200)
    for _ in range(2):
        sender.round()
        clock.now += CALM + 1
    assert world.told[-1] == ("ops", "resolved", "key")


def test_a_receiver_that_hangs_holds_up_no_other(
    world: World, current: Panel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, quick = threading.Event(), world.send

    def send(alert: Alert, message: Message, now: float) -> Told:
        if alert.name == "ops":
            answers.wait(PATIENCE)
        return quick(alert, message, now)

    sender = Sender(current, send)
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    world.wrong = [DISK]
    sender.round()
    sender.round()
    sender.telling["disks"].join(PATIENCE)
    assert world.told == [("disks", "firing", "disk")]
    answers.set()
    sender.telling["ops"].join(PATIENCE)
    assert world.told[1:] == [("ops", "firing", "disk")], "and once"


def test_a_refusal_is_not_tried_again(world: World, current: Panel, store: Store, clock: Clock) -> None:
    sender = Sender(current, world.send)
    world.wrong, world.answer = [KEY], Told(False, 404, "see https://hooks.example.com/secret-part")
    sender.round()
    clock.now += 9999
    sender.round()
    assert len(world.told) == 1
    ((words,),) = rows(store, "SELECT words FROM deliveries")
    assert "secret-part" not in words, "an answer may repeat the address"


def test_a_restart_repeats_nothing_and_loses_nothing(world: World, current: Panel, store: Store, clock: Clock) -> None:
    world.wrong, world.answer = [KEY], Told(False, 503, again=True)
    Sender(current, world.send).round()
    store.flush()
    world.answer = Told(True, 200)
    clock.now += WAITS[0]
    after = Sender(current, world.send)
    after.round()
    assert world.told == [("ops", "firing", "key")] * 2, "the second try of the same message"
    world.wrong = []
    clock.now += CALM + 1
    after.round()
    assert world.told[-1] == ("ops", "resolved", "key")


def test_of_several_panels_one_tells(
    world: World, current: Panel, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next one knows what was told."""
    world.wrong = [KEY]
    mine, other = Sender(current, world.send), Sender(current, world.send)
    mine.round()
    store.flush()
    monkeypatch.setattr(Store, "leads", False)
    other.round()
    mine.round()
    monkeypatch.setattr(Store, "leads", True)
    clock.now += 1
    other.round()
    mine.round()
    assert world.told == [("ops", "firing", "key")]


def test_a_receiver_that_is_gone(world: World, current: Panel, store: Store, folder: Path, clock: Clock) -> None:
    sender = Sender(current, world.send)
    world.wrong, world.answer = [KEY], Told(False, 503, again=True)
    sender.round()
    (folder / "ccx.yaml").write_text((folder / "ccx.yaml").read_text().replace("name: ops", "name: other"))
    clock.now += WAITS[0]
    sender.round()
    assert rows(store, "SELECT alert, outcome FROM deliveries") == [("ops", "dropped")] and sender.waiting == {}


def test_nobody_to_tell_costs_nothing(current: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "conditions", lambda panel: pytest.fail("it looked"))
    Sender(current, lambda *_: Told(True)).round()


def test_it_works_without_the_log(world: World, current: Panel, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the log cannot be written is told just then."""
    monkeypatch.setattr(store, "submit", lambda job: None)
    sender = Sender(current, world.send)
    world.wrong = [Condition("log", "log", "the request log cannot be written")]
    sender.round()
    sender.round()
    assert world.told == [("ops", "firing", "log")]


def test_a_test_is_told_at_once(world: World, current: Panel, store: Store) -> None:
    sender = Sender(current, world.send)
    assert sender.test(current.snapshot().alerts[0]).ok
    assert world.told == [("ops", "test", "test")]
    assert rows(store, "SELECT alert, state, outcome FROM deliveries") == [("ops", "test", "told")]
