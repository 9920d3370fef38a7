from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_admin.sessions import page as sessions


def row(channel: str, rate: float | None, key: str = "k", kind: str = "messages") -> dict[str, Any]:
    prompt = None if rate is None else 1000
    return {
        "kind": kind,
        "channel_id": channel,
        "key_mask": key,
        "input_tokens": prompt,
        "cache_read_tokens": int(1000 * (rate or 0)),
    }


@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        pytest.param([row("a", 0), row("a", 0.9), row("a", 0.95)], ["", "", ""], id="kept"),
        pytest.param([row("a", 0.96), row("b", 0.0)], ["", "channel"], id="another channel"),
        pytest.param([row("a", 0.96), row("a", 0.0, "other")], ["", "key"], id="another key"),
        pytest.param([row("a", 0.96), row("a", 0.1)], ["", "time"], id="ran out"),
        pytest.param([row("a", 0.9), row("b", 0.0, kind="chat"), row("a", 0.9)], ["", "", ""], id="kinds are apart"),
        pytest.param([row("a", 0.5), row("b", 0.4)], ["", ""], id="a little less"),
        pytest.param([row("a", 0.9), row("a", None), row("b", 0.0)], ["", "", "channel"], id="over one without tokens"),
    ],
)
def test_steps_say_why_the_cache_was_lost(rows: list[dict[str, Any]], lost: list[str]) -> None:
    assert [step.lost for step in sessions.steps(rows)] == lost


def test_steps_say_who_moved() -> None:
    assert [step.moved for step in sessions.steps([row("a", 0), row("", 0), row("b", 0), row("b", 0)])] == [
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
