from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.shape import Change
from ccx_admin.sessions import page as sessions
from ccx_admin.sessions.cache_loss import Loss


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
    trace = f"{0:032x}"
    with app.test_request_context("/"):
        found = sessions.trends_of(app.extensions["ccx"], [trace])
    assert {place[1] for place in found} == {trace}
    assert all(0 <= rate <= 1 for rates in found.values() for rate in rates)
    with app.test_request_context("/"):
        assert sessions.trends_of(app.extensions["ccx"], []) == {}


@pytest.mark.usefixtures("filled")
def test_a_pin_is_shown(session: FlaskClient) -> None:
    trace = f"{0:032x}"
    token = session.get("/").text.partition('name="csrf-token" content="')[2].partition('"')[0]
    body = {"channels": ["ch_back0002"], "seconds": 900}
    answer = session.put(f"/api/sessions/{trace}/override", json=body, headers={"X-CSRF-Token": token})
    assert answer.status_code == 200, answer.text
    assert "pinned" in session.get("/sessions").text
    assert "pinned to ch_back0002" in session.get(f"/sessions/{trace}").text
