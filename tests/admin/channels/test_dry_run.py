from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from ccx_addons.io.store import Store
from ccx_admin.api.problem import Failure
from ccx_admin.channels import dry_run
from ccx_admin.panel import EXTENSION, Panel
from tests.admin.conftest import NOW


@pytest.fixture
def panel(app: Flask) -> Iterator[Panel]:
    with app.app_context():
        yield app.extensions[EXTENSION]


def explain(panel: Panel, **asked: Any) -> dict[str, Any]:
    return dry_run.explain(panel, {"kind": "messages", "model": "claude-opus-4-7", **asked})


def test_what_is_asked(panel: Panel) -> None:
    pick = dry_run.pick_of(
        panel.snapshot(),
        {"kind": "chat", "model": "m", "client": "ci", "trace": "t", "pin": "main", "images": True, "prompt_tokens": 9},
    )
    assert (pick.kind, pick.model, pick.client.name, pick.trace, pick.pin) == ("chat", "m", "ci", "t", "main")
    assert pick.images and pick.prompt_tokens == 9 and pick.route_prefix == ""


def test_without_a_name_the_first_client_asks(panel: Panel) -> None:
    assert dry_run.pick_of(panel.snapshot(), {"kind": "chat"}).client.name == "default"


@pytest.mark.parametrize(("client", "status"), [("nobody", 404)])
def test_an_unknown_client(panel: Panel, client: str, status: int) -> None:
    with pytest.raises(Failure) as caught:
        explain(panel, client=client)
    assert caught.value.status == status


def test_where_it_would_go_and_as_what(panel: Panel) -> None:
    found = explain(panel)
    assert found["revision"] == panel.snapshot().revision
    first, second = found["channels"][:2]
    assert (first["name"], first["protocol"], first["converted"]) == ("main", "messages", "")
    assert (second["name"], second["upstream_model"], second["converted"]) == ("backup", "glm-5", "messages>chat")


def test_every_channel_has_its_reason(panel: Panel) -> None:
    decisions = explain(panel, kind="responses", model="gpt-5")["decisions"]
    assert {d["channel_name"] for d in decisions} >= {"codex"} and all(d["reason"] and d["rule"] for d in decisions)


def test_what_the_workers_wrote_down_counts(panel: Panel, store: Store) -> None:
    until = int(NOW * 1000) + 60_000
    for key in panel.snapshot().channels[0].keys:
        store.put_key_state(
            {"kind": "messages", "channel_id": "ch_main0001", "key_id": key.id, "state": "blocked", "until": until}
        )
    assert store.flush()
    assert [c["name"] for c in explain(panel)["channels"]] == ["backup", "main"], "who rests is the last resort"


def test_a_database_that_is_not_there_knows_nothing(panel: Panel, store: Store, folder: Path) -> None:
    store.close()
    for path in folder.glob("ccx.db*"):
        path.unlink()
    assert explain(panel)["channels"][0]["name"] == "main"
