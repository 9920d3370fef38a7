import json
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.shape import Change
from ccx_addons.io.store import Store
from ccx_admin.i18n.zh_shapes import SHAPES
from ccx_admin.panel import EXTENSION
from ccx_admin.sessions import cache_loss
from ccx_admin.shell import format
from tests.admin.conftest import NOW
from tests.patience import PATIENCE

PARTS: Final = json.dumps([0, 0, ["t", "Read", 400, "a"], ["u", "", 80, "b"]])


def lose(store: Store, id: str, why: Change, tokens: int = 40_000, usd: float | None = 0.25, **more: Any) -> None:
    """As the writer's thread keeps it."""

    def write(conn: Any) -> None:
        row = {"request_id": id, "trace_hash": "t", "kind": "messages", "at": int(NOW * 1000), "before_id": "r0"}
        row |= {"client_name": "alice", "channel_id": "ch_main0001", "parts": PARTS, "why": json.dumps(why)}
        row |= {"again_tokens": tokens, "again_usd": usd, **more}
        names = ", ".join(row)
        conn.execute(f"INSERT INTO shapes ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))

    store.submit(write).result(PATIENCE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("tools changed", "Read"), "the definition of a tool changed: Read"),
        (Change("waited", n=420, of=300), "it waited 7\u202fmin, and the cache lives 5\u202fmin"),
        (Change("message inserted", n=3, of=9, many=2), "2 messages were inserted before message 3 of 9"),
    ],
)
def test_why_in_words(app: Flask, change: Change, words: str) -> None:
    with app.test_request_context("/"):
        assert cache_loss.Loss(change, "", 1, None).why == words


def test_every_reason_is_translated() -> None:
    assert cache_loss.TEXTS.keys() and not [text for text in cache_loss.TEXTS.values() if text not in SHAPES]


def test_a_request_says_why_and_what_it_cost(session: FlaskClient, store: Store, filled: list[str]) -> None:
    lose(store, filled[-1], Change("system changed", n=1, of=2))
    page = session.get(f"/requests/{filled[-1]}").text
    assert "The prompt cache was lost: system block 1 of 2 changed." in page
    assert (
        f"{format.count(40_000)} tokens were written again for nothing, which cost {format.money(0.25)}." in page
        and "/requests/r0" in page
    )
    assert "was lost" not in session.get(f"/requests/{filled[-2]}").text


def test_totals_of_clients_and_channels(app: Flask, session: FlaskClient, store: Store, filled: list[str]) -> None:
    for id, client, usd in ((filled[0], "alice", 0.5), (filled[1], "bob", 2.0), (filled[2], "alice", 0.25)):
        lose(store, id, Change("key"), usd=usd, client_name=client)
    lose(store, filled[3], Change("key"), at=int(NOW * 1000) - cache_loss.WEEK - 1)
    db = app.extensions[EXTENSION].db
    assert [(t.name, t.times, t.usd) for t in cache_loss.totals(db, "client_name", int(NOW * 1000))] == [
        ("bob", 1, 2.0),
        ("alice", 2, 0.75),
    ]
    page = session.get("/sessions").text
    assert "Written again for nothing" in page and "bob" in page


def test_a_session_says_it_of_each_request(session: FlaskClient, store: Store) -> None:
    trace, at = "c" * 32, int(NOW * 1000)
    row = {"kind": "messages", "trace_hash": trace, "state": "ok", "channel_id": "ch_main0001", "started_at": at}
    store.put_request({**row, "id": "r1", "input_tokens": 100, "cache_read_tokens": 0})
    lose(store, "r1", Change("tools added", "Skill"), usd=None, trace_hash=trace)
    page = session.get(f"/sessions/{trace}").text
    assert "tools came that were not there before: Skill" in page and "What is in the context" in page
