from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.shape import Change
from ccx_addons.io.store import Store
from ccx_admin.sessions import page as sessions
from ccx_admin.sessions.cache_loss import Loss
from tests.admin import seed
from tests.admin.conftest import NOW


def row(channel: str, rate: float | None, kind: str = "messages") -> dict[str, Any]:
    prompt = None if rate is None else 1000
    return {
        "kind": kind,
        "channel_id": channel,
        "id": "r",
        "input_tokens": prompt,
        "cache_read_tokens": int(1000 * (rate or 0)),
    }


def test_steps_say_why_the_cache_was_lost() -> None:
    lost = Loss(Change("key"), "r0", 9000, 0.1)
    rows = [{**row("a", 0.9), "id": "r1"}, {**row("a", 0.0), "id": "r2"}]
    assert [(step.hit, step.lost) for step in sessions.steps(rows, {"r2": lost})] == [(0.9, None), (0.0, lost)]


def test_steps_say_who_moved() -> None:
    rows = [row("a", 0), row("", 0), row("c", 0, "chat"), row("b", 0), row("b", 0)]
    assert [step.moved for step in sessions.steps(rows, {})] == [
        False,
        False,
        False,
        True,
        False,
    ]


@pytest.mark.usefixtures("filled")
def test_trends_are_rates_of_each_conversation(app: Flask) -> None:
    found: list[dict[str, Any]] = [
        {"kind": "messages", "trace_hash": trace, "cost_usd": 1.0} for trace in (f"{0:032x}", "nobody's")
    ]
    with app.test_request_context("/"):
        sessions.look_back(app.extensions["ccx"], found)
        sessions.look_back(app.extensions["ccx"], [])
    assert found[0]["trend"] and all(0 <= rate <= 1 for rate in found[0]["trend"])
    assert found[1] == {"kind": "messages", "trace_hash": "nobody's", "cost_usd": 1.0, "trend": [], "unpriced": 0}


@pytest.mark.parametrize(("known", "shown"), [(0.0, "unknown"), (0.5, "≥ $0.5")])
def test_a_conversation_without_a_price_did_not_cost_nothing(
    session: FlaskClient, store: Store, known: float, shown: str
) -> None:
    for n, usd in enumerate((None, known or None)):
        line, _ = next(seed.rows(1, NOW - n, 0.1))
        line.update(kind="messages", state="ok", trace_hash="ab" * 16, cost_usd=usd, input_tokens=5, output_tokens=5)
        store.put_request({**line, "id": f"0199f000-0000-7000-8000-00000000000{n}"})
    store.flush(10)
    for path in ("/sessions", f"/sessions/{'ab' * 16}"):
        assert shown in session.get(path).text, path


@pytest.mark.usefixtures("filled")
def test_a_pin_is_shown(session: FlaskClient) -> None:
    trace = f"{0:032x}"
    token = session.get("/").text.partition('name="csrf-token" content="')[2].partition('"')[0]
    body = {"channels": ["ch_back0002"], "seconds": 900}
    answer = session.put(f"/api/sessions/{trace}/override", json=body, headers={"X-CSRF-Token": token})
    assert answer.status_code == 200, answer.text
    assert "pinned" in session.get("/sessions").text
    assert "pinned to ch_back0002" in session.get(f"/sessions/{trace}").text
