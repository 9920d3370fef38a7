import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.ids import uuid7
from ccx_addons.io.capability import Finding
from ccx_addons.io.store import Store
from ccx_admin.bench import trial
from ccx_admin.channels import page as channels
from ccx_admin.settings import page as settings
from tests.admin import seed
from tests.admin.conftest import NOW


def test_since_id_is_before_every_id_of_its_time() -> None:
    at = 1_795_600_800.5
    assert channels.since_id(int(at * 1000)) <= uuid7(at)
    assert channels.since_id(int(at * 1000) + 1) > uuid7(at)


@pytest.mark.usefixtures("filled")
def test_activity_counts_attempts_that_others_made_good(app: Flask) -> None:
    with app.test_request_context("/"):
        found = channels.activity(app.extensions["ccx"])
    attempts = [a for _row, some in seed.rows(300, NOW, 1.0) for a in some]
    mine = [a for a in attempts if a["channel_id"] == "ch_main0001"]
    bad = sum(a["outcome"] != "ok" for a in mine)
    assert abs(found["ch_main0001"].attempts - len(mine)) <= 3  # the first half hour is cut
    assert found["ch_main0001"].success == pytest.approx(1 - bad / len(mine), abs=0.02)


def test_what_an_upstream_refused_is_shown_and_can_be_forgotten(session: FlaskClient, store: Store) -> None:
    page = "/channels/ch_main0001"
    assert "What this upstream refused" not in session.get(page).text
    now = int(NOW * 1000)
    place = {"kind": "messages", "channel_id": "ch_main0001", "model": "claude-x", "since": now, "updated_at": now}
    store.put_refusal({**place, "name": "top_k", "reason": "top_k is not <permitted>", "until": now + 60_000})
    store.put_refusal({**place, "name": "gone", "reason": "x", "until": None})
    store.put_refusal({**place, "name": "over", "reason": "x", "until": now - 1})
    assert store.flush()
    text = session.get(page).text
    assert "What this upstream refused" in text and "top_k is not &lt;permitted&gt;" in text and "claude-x" in text
    assert "/api/channels/ch_main0001/refusals/forget" in text and ">gone<" not in text and ">over<" not in text


@pytest.mark.usefixtures("filled")
def test_tests_are_no_activity(app: Flask) -> None:
    """Whether the panel asked the upstream itself, or a client's way was replayed."""
    panel = app.extensions["ccx"]

    def figures() -> tuple[object, object, object]:
        with app.test_request_context("/"):
            return channels.activity(panel), channels.errors(panel, "ch_main0001"), settings.last_day(panel)

    before = figures()
    channel = panel.snapshot().channel("ch_main0001")
    found = Finding(False, "m", 500, 12.0, error="it failed")
    for _ in range(9):
        trial.record(panel, channel, channel.keys[0], "messages", "m", found, int(NOW * 1000) - 60_000)
    assert panel.store.flush()
    assert figures() == before


@pytest.mark.usefixtures("filled")
def test_what_is_known_of_an_upstream_and_a_model(session: FlaskClient) -> None:
    page = session.get("/channels/ch_main0001?model=claude-opus-4-6").text
    known = page[page.index('id="known"') :]
    assert 'value="claude-opus-4-6"' in known and ">128000<" in known and "platform.claude.com/docs" in known
    other = session.get("/channels/ch_main0001?model=%3Cb%3E").text
    assert "&lt;b&gt;" in other and "defaults of its protocol" in other


def test_no_activity_is_not_a_rate() -> None:
    assert channels.Activity().success is None


@pytest.mark.usefixtures("filled")
def test_the_order_and_the_standby_pool(session: FlaskClient) -> None:
    page = session.get("/channels").text
    active, _, standby = page.partition('id="standby-list"')
    assert re.findall(r'class="channel[^"]*" data-id="([^"]+)"', active) == [
        "ch_main0001",
        "ch_back0002",
        "ch_codex003",
        "ch_gem00004",
    ]
    assert re.findall(r'class="channel[^"]*" data-id="([^"]+)"', standby) == ["ch_spare005"]


@pytest.mark.usefixtures("filled")
def test_a_state_has_its_reason_and_its_end(session: FlaskClient) -> None:
    page = session.get("/channels").text
    row = page[page.index('id="c-ch_main0001"') :].partition("</li>")[0]
    assert "#i-cross" in row
    assert "<span>open</span>" in row
    assert "5 failures in a row, last 529" in row
    assert f'data-until="{int(NOW * 1000) + 48_000}"' in row


@pytest.mark.usefixtures("filled")
def test_errors_are_grouped(app: Flask) -> None:
    with app.test_request_context("/"):
        found = channels.errors(app.extensions["ccx"], "ch_main0001")
    assert found
    assert [e["times"] for e in found] == sorted((e["times"] for e in found), reverse=True)
    assert len({(e["status"], e["error_message"]) for e in found}) == len(found)


def test_a_channel_shows_its_exact_address_and_masked_keys(session: FlaskClient) -> None:
    page = session.get("/channels/ch_back0002").text
    assert "POST https://open.bigmodel.cn/api/paas/v4/chat/completions" in page
    assert "0123…MNOP" in page


def test_a_blocked_key_says_why_and_can_be_unblocked(session: FlaskClient, store: Store) -> None:
    key = session.get("/api/channels/ch_main0001").json
    assert key
    id = key["channel"]["keys"][0]["id"]
    store.put_key_state(
        {
            "kind": "messages",
            "channel_id": "ch_main0001",
            "key_id": id,
            "state": "blocked",
            "reason": "the key is refused",
            "message": "invalid x-api-key",
            "until": None,
        }
    )
    store.flush(10)
    page = session.get("/channels/ch_main0001").text
    assert "<span>blocked</span>" in page
    assert "the key is refused" in page
    assert "invalid x-api-key" in page
    assert f"POST /api/channels/ch_main0001/keys/{id}/unblock" in page


@pytest.mark.parametrize(
    ("query", "first", "dropped"),
    [
        pytest.param("kind=messages&model=claude-opus-4-7", "main", "", id="in order"),
        pytest.param("kind=messages&model=claude-opus-4-7&pin=backup", "backup", "main", id="pinned"),
        pytest.param("kind=gemini&model=gemini-3.8-flash", "", "gemini", id="nobody"),
    ],
)
def test_why(session: FlaskClient, query: str, first: str, dropped: str) -> None:
    page = session.get(f"/channels/why?{query}").text
    tried, _, left = page.partition("Left out")
    names = re.findall(r'<a href="/channels/[^"]+"><b>(\w+)</b>', tried)
    assert (names[0] if names else "") == first
    assert not dropped or f">{dropped}</a>" in left


def test_why_answers_a_wrong_client(session: FlaskClient) -> None:
    assert 'class="message bad"' in session.get("/channels/why?kind=chat&model=x&client=nobody").text


@pytest.mark.parametrize(("text", "expected"), [("12", 12), ("", 0), ("x", 0), ("9" * 30, 0)])
def test_number(text: str, expected: int) -> None:
    assert channels.number(text) == expected
