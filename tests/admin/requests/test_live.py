"""Live rows: nothing is missed, by socket or by polling. The socket itself: test_serve.py."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from simple_websocket import ConnectionClosed

from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.panel import EXTENSION, Panel
from ccx_admin.requests import live
from ccx_admin.requests.live import Follower, changes
from tests.admin.conftest import Api, Clock
from tests.admin.requests import clients_bodies


class Browser:
    """The client's side of a socket, step by step: what it says, and what it was told."""

    def __init__(self, *said: Any) -> None:
        self.said = list(said)
        self.told: list[dict[str, Any]] = []
        self.closed = 0

    def close(self, reason: int, words: str) -> None:
        self.closed = reason
        self.said.clear()

    def receive(self, timeout: float) -> str | None:
        if not self.said:
            raise ConnectionClosed(1000)
        word = self.said.pop(0)
        word = word() if callable(word) else word
        return word if isinstance(word, str | None) else json.dumps(word)

    def send(self, text: str) -> None:
        self.told.append(json.loads(text))


@pytest.fixture
def current(app: Flask) -> Panel:
    panel = app.extensions[EXTENSION]
    assert isinstance(panel, Panel)
    return panel


def put(store: Store, *ids: str) -> None:
    for id in ids:
        store.put_request({"id": id, "started_at": 1, "state": "ok"})
    store.flush()


def follow(browser: Browser, current: Panel, rev: int = 0) -> list[list[str]]:
    """Ids of the rows of each message."""
    with pytest.raises(ConnectionClosed):
        Follower(browser, current, rev).run()
    return [[row["id"] for row in message.get("rows", ())] for message in browser.told]


def test_rows_are_pushed_as_they_come(current: Panel, store: Store) -> None:
    put(store, "old")
    browser = Browser(None, lambda: put(store, "a"), None, lambda: put(store, "b", "c"), None)
    assert follow(browser, current) == [[], ["a"], ["b", "c"]]


def test_who_comes_back_misses_nothing(current: Panel, store: Store) -> None:
    put(store, "seen")
    rev = changes(current, 0)["rev"]
    put(store, "a", "b")
    assert follow(Browser(None), current, rev)[0] == ["a", "b"]
    assert follow(Browser({"since": rev}, None), current)[1] == ["a", "b"]


def test_many_rows_come_in_parts(current: Panel, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "ROWS", 2)
    put(store, "seen")
    rev = changes(current, 0)["rev"]
    put(store, *"abcde")
    assert [rows for rows in follow(Browser(None), current, rev) if rows] == [["a", "b"], ["c", "d"], ["e"]]


def test_too_many_rows_are_not_sent(current: Panel, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "RELOAD", 3)
    put(store, "seen")
    rev = changes(current, 0)["rev"]
    put(store, *"abcde")
    found = changes(current, rev)
    assert found["reload"] and found["rows"] == [] and found["rev"] > rev
    assert changes(current, found["rev"])["rows"] == []


def test_a_revision_of_another_database_starts_anew(current: Panel, store: Store) -> None:
    put(store, "a")
    assert changes(current, 10**15)["rows"] == []


@pytest.mark.parametrize(
    "said", ["no JSON", "[]", '{"since": "x"}', '{"since": -1}', '{"since": true}', '{"watch": 7}', "[" * 100_000]
)
def test_odd_messages_are_ignored(current: Panel, store: Store, said: str) -> None:
    put(store, "old")
    assert follow(Browser(said, lambda: put(store, "a"), None), current) == [[], ["a"]]


def test_watching_asks_the_workers_and_shows_the_text(app: Flask, current: Panel, store: Store, clock: Clock) -> None:
    store.put_request({"id": "r1", "started_at": 1, "state": "running", "kind": "messages"})
    store.put_body("r1", "client_request", b"{}")
    store.flush()
    events = iter(clients_bodies.ANSWERED["messages"])
    so_far: list[str] = []

    def write() -> None:
        clock.now += 0.1
        so_far.extend(next(events) for _ in range(3))
        store.put_body("r1", "client_response", "".join(so_far).encode())
        store.flush()

    browser = Browser({"watch": "r1"}, write, None, write, None, write, None, {"watch": None}, None)
    with app.test_request_context():
        follow(browser, current)
    shown = [message["answer"] for message in browser.told if message.get("watch") == "r1"]
    assert len(shown) == 3, "each time that something was written, and nothing before"
    assert "Three lines." in shown[0] and "There are three words." not in shown[1]
    assert "There are three words." in shown[2]
    assert not [text for text in shown if "message bad" in text], "a missing end is no fault yet"
    command = Reader(store.path).row("SELECT kind, args FROM commands")
    assert command and tuple(command) == ("watch", '{"request_id": "r1", "seconds": 15.0}')


def test_an_idle_socket_hears_that_it_lives(current: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BEAT", -1.0)
    browser = Browser(None, None)
    follow(browser, current)
    assert len(browser.told) >= 2 and {message["rev"] for message in browser.told} == {browser.told[0]["rev"]}


def test_who_may_look_no_more_sees_no_more(current: Panel, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STILL", -1.0)
    allowed = iter([True, False])
    browser = Browser(lambda: put(store, "a"), lambda: put(store, "b"), lambda: put(store, "c"))
    with pytest.raises(ConnectionClosed):
        Follower(browser, current, allowed=lambda: next(allowed)).run()
    assert browser.closed == 1008 and [row["id"] for message in browser.told for row in message["rows"]] == ["a"]


# ---- the address -----------------------------------------------------------------------------------------------------
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade"}


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        pytest.param(None, 403, id="no origin"),
        pytest.param("http://evil.example", 403, id="foreign origin"),
        pytest.param("null", 403, id="null"),
    ],
)
def test_foreign_pages_get_no_socket(session: FlaskClient, origin: str | None, status: int) -> None:
    headers = {**UPGRADE, **({"Origin": origin} if origin else {})}
    assert session.get("/api/live", headers=headers).status_code == status


def test_nobody_gets_a_socket_without_login(browser: FlaskClient) -> None:
    assert browser.get("/api/live", headers={**UPGRADE, "Origin": "http://localhost"}).status_code == 401


def test_polling(api: Api, store: Store) -> None:
    rev = api.get("/api/live/changes")["rev"]
    put(store, "a")
    found = api.get(f"/api/live/changes?since={rev}")
    assert [row["id"] for row in found["rows"]] == ["a"]
    assert api.get(f"/api/live/changes?since={found['rev']}")["rows"] == []
    assert api("GET", "/api/live").status_code == 426


def test_sockets_are_capped() -> None:
    sockets = live.Sockets()
    assert [sockets.enter() for _ in range(live.MAX_SOCKETS + 1)] == [True] * live.MAX_SOCKETS + [False]
    sockets.leave()
    assert sockets.enter()
