"""The list of who did what: changes, looks at bodies, and what is in no list."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from ccx_admin.access import audit
from tests.admin.conftest import Api, Clock
from tests.admin.seed import SECRETS

MAIN = "/api/channels/ch_main0001"


def listed(store: Store, api: Api) -> list[dict[str, Any]]:
    store.flush()
    found = [event for event in api.get("/api/events?kind=audit")["events"]]
    return [event["detail"] if isinstance(event["detail"], dict) else json.loads(event["detail"]) for event in found]


def test_a_change_is_listed_with_who_and_what(api: Api, store: Store) -> None:
    api.do("POST", f"{MAIN}/suspend")
    (entry,) = listed(store, api)
    assert entry["who"] == "admin" and entry["target"] == f"{MAIN}/suspend" and entry["what"] == "Listed, but not used"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("POST", "/api/channels/nothing/suspend", None, id="what failed"),
        pytest.param("POST", "/api/config/validate", {"text": "channels: []"}, id="a question"),
        pytest.param("GET", "/api/channels", None, id="a look at no body"),
    ],
)
def test_what_changes_nothing_is_not(api: Api, store: Store, method: str, path: str, body: Any) -> None:
    api(method, path, body)
    assert listed(store, api) == []


@pytest.fixture
def kept(store: Store, filled: list[str]) -> str:
    store.put_body(filled[-3], "client_request", b'{"model":"x","messages":[]}', (), False)
    store.flush()
    return filled[-3]


@pytest.mark.parametrize(
    "path", ["/api/requests/{id}/body", "/requests/{id}?tab=request", "/requests/{id}?tab=conversation"]
)
def test_a_look_at_a_body_is_listed_once(
    session: FlaskClient, api: Api, store: Store, clock: Clock, kept: str, path: str
) -> None:
    for _ in range(3):
        assert session.get(path.format(id=kept)).status_code == 200
    assert [entry["target"] for entry in listed(store, api)] == [f"/requests/{kept}"]
    clock.now += audit.ONCE
    session.get(path.format(id=kept))
    assert len(listed(store, api)) == 2


def test_an_export_of_bodies_is_listed(api: Api, store: Store, kept: str) -> None:
    assert api("GET", "/api/requests?format=har").status_code == 200
    assert [entry["what"] for entry in listed(store, api)] == ["Looked at bodies"]


def test_the_page_shows_one_persons_and_no_secret(session: FlaskClient, api: Api, store: Store, folder: Path) -> None:
    api("POST", f"{MAIN}/keys", {"keys": [{"key": SECRETS[0]}]})
    api.do("POST", f"{MAIN}/suspend")
    store.put_event(
        "info",
        audit.KIND,
        "<b>: x",
        json.dumps({"who": "<b>", "what": f"x {SECRETS[0]}", "target": "/", "address": ""}),
    )
    store.flush()
    page = session.get("/settings?tab=audit").text
    assert "Listed, but not used" in page and "&lt;b&gt;" in page and SECRETS[0] not in page
    assert "Listed, but not used" not in session.get("/settings?tab=audit&who=%3Cb%3E").text
    assert session.get("/settings?tab=audit&before=1").status_code == 200
