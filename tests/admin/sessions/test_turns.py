"""A conversation in its order, each turn with what was new in it."""

import copy
import json
from typing import Any

from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from ccx_admin.sessions.turns import PAGE, turn
from tests.admin.conftest import NOW
from tests.admin.requests import clients_bodies

ROW = {
    "kind": "messages",
    "operation": "generate",
    "model": "claude",
    "stream": 1,
    "state": "ok",
    "converted": "",
    "cache_read_tokens": 30,
}


def side(value: Any) -> dict[str, Any]:
    text = value if isinstance(value, str) else json.dumps(value)
    return {"text": text, "headers": [], "truncated": False}


def test_only_what_is_new_is_said() -> None:
    sides = {
        "client_request": side(clients_bodies.CLAUDE_CODE),
        "client_response": side(clients_bodies.whole("messages")),
    }
    found = turn({**ROW, "input_tokens": 40}, sides)
    assert [(role, piece.look) for role, pieces in found.said for piece in pieces] == [("tool", "result")]
    assert found.answer and found.answer.pieces[-1].text == "There are three words."
    assert found.hit == 0.75 and found.kept


def test_the_first_turn_is_the_persons_words() -> None:
    first = copy.deepcopy(clients_bodies.CLAUDE_CODE)
    first["messages"] = first["messages"][:1]
    found = turn({**ROW, "input_tokens": None}, {"client_request": side(first)})
    assert [piece.look for _, pieces in found.said for piece in pieces] == ["text", "media"]
    assert found.said[0][1][0].text == clients_bodies.QUESTION and found.hit is None


def test_nothing_was_kept() -> None:
    found = turn({**ROW, "input_tokens": 0}, {})
    assert (found.said, found.answer, found.kept) == ((), None, False)


def test_the_page_has_them_in_order(session: FlaskClient, store: Store) -> None:
    for n in range(PAGE + 2):
        store.put_request(
            {"id": f"r{n:02}", "started_at": int(NOW * 1000) + n, "kind": "messages", "trace_hash": "t", "state": "ok"}
            | {"cost_usd": n / 100, "stream": 1, "model": "claude"}
        )
        body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": f"question {n:02}"}]}
        store.put_body(f"r{n:02}", "client_request", json.dumps(body).encode())
    store.flush()
    first, second = session.get("/sessions/t").text, session.get("/sessions/t?page=2").text
    places = [first.index(f"question {n:02}") for n in range(PAGE)]
    assert places == sorted(places) and f"question {PAGE}" not in first
    assert f"question {PAGE}" in second and "question 00" not in second
