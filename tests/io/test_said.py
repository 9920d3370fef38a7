"""Words of kept bodies: what was said anew is found, in any language, and goes with its body."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.io import said
from ccx_addons.io.store import Store
from tests.admin.requests import clients_bodies
from tests.patience import PATIENCE


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "ccx.db", boot_id="test", worker=-1)
    yield store
    store.close()


def put(store: Store, id: str, text: str, redact: Any = bytes) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})
    store.put_body(id, "client_request", body.encode(), redact=redact, words=lambda b: said.of_request("chat", b))


def found(store: Store, text: str) -> list[str]:
    sql = "SELECT request_id FROM bodies WHERE rowid IN (SELECT rowid FROM said WHERE said MATCH ?) ORDER BY request_id"
    store.flush()
    rows = store.submit(lambda conn: conn.execute(sql, (said.phrase(text),)).fetchall()).result(PATIENCE)
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("roses", ["a"]),
        ("ROSES are", ["a"]),
        ("are roses", []),
        ("ro", ["a"]),
        ("月亮", ["b"]),
        ("亮在", ["b"]),
        ("亮月", []),
        ("quo\"te'", ["c"]),
        ('"; DROP TABLE said; --', []),
        ("NEAR(", []),
        ("*", []),
        ("", []),
    ],
)
def test_search(store: Store, text: str, expected: list[str]) -> None:
    put(store, "a", "roses are red")
    put(store, "b", "月亮在哪里")
    put(store, "c", "a quo\"te' here")
    assert found(store, text) == expected


@pytest.mark.parametrize("kind", list(clients_bodies.ASKED))
def test_what_is_new_in_real_requests(kind: Any) -> None:
    body = json.dumps(clients_bodies.ASKED[kind]).encode()
    assert said.of_request(kind, body) == "1\troses are red" or "roses are red" in said.of_request(kind, body)
    assert clients_bodies.QUESTION not in said.of_request(kind, body), "it was said before the last answer"
    assert "There are three words." in said.of_answer(kind, clients_bodies.whole(kind).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1]", b'{"messages": 7}'])
def test_any_bytes_have_words(body: bytes) -> None:
    assert isinstance(said.of_request("messages", body), str) and isinstance(said.of_answer("messages", body), str)


def test_words_go_with_their_body(store: Store) -> None:
    put(store, "a", "roses")
    assert found(store, "roses") == ["a"]
    put(store, "a", "tulips")
    assert (found(store, "roses"), found(store, "tulips")) == ([], ["a"])
    store.drop_bodies("a")
    store.flush()
    left = store.submit(lambda conn: conn.execute("SELECT count(*) FROM said").fetchone()[0]).result(PATIENCE)
    assert left == 0


def test_what_is_masked_is_not_found(store: Store) -> None:
    put(store, "a", "my secret word", lambda body: body.replace(b"secret", b"[redacted]"))
    assert found(store, "secret") == [] and found(store, "redacted") == ["a"]


def test_a_body_without_words_has_none(store: Store) -> None:
    store.put_body("a", "upstream_response", b"roses")
    assert found(store, "roses") == []
