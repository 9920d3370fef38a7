import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.shape import Change
from ccx_addons.io.store import Store
from ccx_admin.panel import EXTENSION
from ccx_admin.requests.flows import Flows, NoSuchFlow
from tests.admin.conftest import NOW
from tests.admin.seed import SECRETS
from tests.admin.sessions.test_cache_loss import lose

SECRET = SECRETS[0]


def put(store: Store, id: str, body: Any = None, minute: int = 0, upstream: Any = None, **more: Any) -> None:
    at = int(NOW * 1000) - 3_600_000 + minute * 60_000
    row = {"id": id, "kind": "messages", "trace_hash": "e" * 32, "state": "ok", "model": "opus", "started_at": at}
    store.put_request({**row, "channel_name": "main", "upstream_model": "opus", **more})
    for side, value in (("client_request", body), ("upstream_request", upstream)):
        if value is not None:
            store.put_body(id, side, json.dumps(value).encode())
    assert store.flush()


def asked(*words: str, **more: Any) -> dict[str, Any]:
    return {"model": "opus", "messages": [{"role": "user", "content": word} for word in words], **more}


@pytest.fixture
def log(app: Flask) -> Flows:
    panel = app.extensions[EXTENSION]
    return Flows(panel.db, panel.secrets())


def test_list_and_show(log: Flows, store: Store) -> None:
    put(store, "aa11", asked("hello"), 1)
    put(store, "bb22", asked("hello", f"my key is {SECRET}"), 2, state="failed")
    assert [row["id"] for row in log.found("", int(NOW * 1000), 10)] == ["bb22", "aa11"]
    assert [row["id"] for row in log.found("state:failed", int(NOW * 1000), 10)] == ["bb22"]
    lose(store, "bb22", Change("key"), usd=None)
    found = log.show("bb")
    assert "another key" in found["cache_lost"] and found["asked"]["turns"][0]["pieces"][0]["text"] == "hello"
    assert SECRET not in json.dumps(found) and log.show("last")["id"] == "bb22"
    with pytest.raises(NoSuchFlow, match="zz"):
        log.show("zz")


def test_diff_with_the_request_before(log: Flows, store: Store) -> None:
    put(store, "aa11", asked("hello", system="kind"), 1)
    put(store, "bb22", asked("hello", "more", system="cruel"), 2)
    found = log.diff("bb22", "before")
    assert (found.left, found.right, found.content) == ("aa11", "bb22", True)
    assert found.summary == "system changed: 1; messages added: 2 user"
    assert found.plain()["same"] == 2 and found.plain()["differences"][0]["lines"][1] == {"sign": "+", "text": "cruel"}
    with pytest.raises(NoSuchFlow, match="continues none"):
        log.diff("aa11", "before")


def test_diff_of_shapes_where_bodies_are_off(log: Flows, store: Store) -> None:
    for n, id in enumerate(("aa11", "bb22")):
        put(store, id, minute=n)
        lose(store, id, Change("key"), parts=json.dumps([0, 0, ["t", "Read", 9, str(n)]]), before_id="aa11")
    found = log.diff("bb22", "before")
    assert (found.content, found.summary) == (False, "tools changed: Read")


def test_one_body_and_one_shape_are_compared_as_shapes(log: Flows, store: Store) -> None:
    put(store, "aa11", asked("hello"), 1)
    lose(store, "aa11", Change("key"), parts=json.dumps([0, 0, ["u", "", 9, "x"]]))
    put(store, "bb22", minute=2)
    lose(store, "bb22", Change("key"), parts=json.dumps([0, 0, ["u", "", 9, "y"]]))
    assert log.diff("bb22", "aa11").summary == "messages changed: 1 user"
    put(store, "cc33", minute=3)
    with pytest.raises(NoSuchFlow, match="neither the body nor the shape of cc33"):
        log.diff("cc33", "aa11")


def test_what_became_of_it_on_its_way(log: Flows, store: Store) -> None:
    put(store, "aa11", asked("hello"), 1, {**asked("hello"), "model": "glm"})
    assert log.diff("aa11", "upstream").summary == "settings changed: model"
    chat = {"model": "glm", "messages": [{"role": "user", "content": "hello"}]}
    put(store, "bb22", asked("hello"), 2, chat, converted="messages>chat", upstream_model="glm")
    assert log.diff("bb22", "upstream").summary == "settings changed: model"
    put(store, "cc33", asked("hello"), 3)
    with pytest.raises(NoSuchFlow, match="not kept"):
        log.diff("cc33", "upstream")


def test_the_page_compares(session: FlaskClient, store: Store) -> None:
    put(store, "aa11", asked("hello", system="kind"), 1)
    put(store, "bb22", asked("hello", "<b>more</b>", system="cruel"), 2)
    page = session.get("/requests/bb22/compare").text
    assert "+ cruel" in page and "&lt;b&gt;more" in page and "<b>more" not in page and "1 of 1 are different" in page
    assert "continues none" in session.get("/requests/aa11/compare").text
    assert "- cruel" in session.get("/requests/aa11/compare?with=bb22").text
    assert session.get("/requests/zz/compare").status_code == 404
    assert "/requests/bb22/compare" in session.get("/requests/bb22").text
