"""Which side is shown as the answer, and in whose words."""

from typing import Any

import pytest
from flask import Flask

from ccx_addons.io.store import Store
from ccx_admin.panel import EXTENSION
from ccx_admin.requests.conversation import answer_of, conversation, growing
from tests.admin.requests import clients_bodies

ROW = {"kind": "messages", "operation": "generate", "model": "claude", "stream": 1, "state": "ok", "converted": ""}


def side(text: str, truncated: bool = False) -> dict[str, Any]:
    return {"text": text, "headers": [], "truncated": truncated}


def text_of(found: dict[str, Any]) -> str:
    return "".join(piece.text for piece in found["answer"].pieces if piece.look == "text")


@pytest.mark.parametrize("kind", list(clients_bodies.ANSWERED))
def test_what_the_client_got(kind: str) -> None:
    found = answer_of({**ROW, "kind": kind}, {"client_response": side(clients_bodies.whole(kind))})
    assert text_of(found) == "There are three words." and found["answer"].stop and not found["answer"].fault


def test_the_upstreams_words_where_the_client_got_none() -> None:
    row = {**ROW, "converted": "messages>chat", "state": "failed"}
    found = answer_of(row, {"upstream_response": side(clients_bodies.whole("chat"))})
    assert text_of(found) == "There are three words."


@pytest.mark.parametrize("kind", list(clients_bodies.ANSWERED))
@pytest.mark.parametrize(("state", "truncated"), [("running", False), ("ok", True)])
def test_a_missing_end_may_be_no_fault(kind: str, state: str, truncated: bool) -> None:
    row = {**ROW, "kind": kind, "state": state}
    found = answer_of(row, {"client_response": side(clients_bodies.begun(kind), truncated)})
    assert not found["answer"].fault and text_of(found) == "There are three"
    assert (found["running"], found["cut"]) == (state == "running", truncated)


def test_nothing_was_kept() -> None:
    assert conversation(ROW, {}) == {"asked": None, "answer": None, "cut": False, "running": False}


def test_the_growing_piece_is_escaped(app: Flask, store: Store) -> None:
    store.put_request({"id": "r1", "started_at": 1, "state": "running", "kind": "chat"})
    panel = app.extensions[EXTENSION]
    store.flush()
    with app.test_request_context():
        assert growing(panel, "r1") == "" and growing(panel, "unknown") == ""
        hostile = clients_bodies.begun("chat").replace("There are three", "<img src=x onerror=alert(1)>")
        store.put_body("r1", "client_response", hostile.encode())
        store.flush()
        assert "&lt;img src=x" in growing(panel, "r1")
