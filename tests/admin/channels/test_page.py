import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.io.capability import Finding
from ccx_addons.io.store import Store
from ccx_admin.bench import trial
from ccx_admin.channels import page as channels
from ccx_admin.channels.activity import activity
from ccx_admin.settings import page as settings
from tests.admin import seed
from tests.admin.conftest import NOW, Api


@pytest.mark.usefixtures("filled")
def test_tests_are_no_activity(app: Flask) -> None:
    """Whether the panel asked the upstream itself, or a client's way was replayed."""
    panel = app.extensions["ccx"]

    def figures() -> tuple[object, object, object]:
        with app.test_request_context("/"):
            panel.activity = None
            return activity(panel), channels.errors(panel, "ch_main0001"), settings.last_day(panel)

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


def test_why_says_that_no_channel_takes_the_kind(session: FlaskClient) -> None:
    page = session.get("/channels/why?kind=images&model=x").text
    assert "No channel takes requests of Images" in page
    assert "No channel takes" not in session.get("/channels/why?kind=messages&model=x").text


@pytest.mark.parametrize("name", ["two words", 'with "quotes"', "a,b", "<b>", "zwölf"])
def test_a_name_with_anything_in_it_leads_to_its_requests(
    session: FlaskClient, api: Api, store: Store, name: str
) -> None:
    api.do("PATCH", "/api/channels/ch_main0001", {"name": name})
    seed.fill(store, 3, NOW)
    store.put_request({"id": "one", "started_at": int(NOW * 1000) - 5, "state": "ok", "channel_name": name})
    store.flush()
    page = session.get("/channels").text
    row = page[page.index('id="c-ch_main0001"') :].partition("</li>")[0]
    link = re.search(r'href="(/requests[^"]+)"', row)
    assert link
    shown = session.get(unescape(link[1])).text
    assert re.findall(r'<tr[^>]* data-id="([^"]+)"', shown) == ["one"]


def test_what_an_upstream_refused_is_shown_and_can_be_forgotten(session: FlaskClient, store: Store) -> None:
    page = "/channels/ch_main0001"
    assert "What this upstream refused" not in session.get(page).text
    now = int(NOW * 1000)
    place = {"kind": "messages", "channel_id": "ch_main0001", "model": "claude-x", "since": now, "updated_at": now}
    store.put_refusal({**place, "name": "top_k", "reason": "top_k is not <permitted>", "until": now + 60_000})
    store.put_refusal({**place, "name": "effort!=low|high", "reason": "x", "until": now + 60_000})
    store.put_refusal({**place, "name": "gone", "reason": "x", "until": None})
    store.put_refusal({**place, "name": "over", "reason": "x", "until": now - 1})
    assert store.flush()
    text = session.get(page).text
    assert "effort is left out where it is none of low, high" in text and "top_k is left out" in text
    assert "What this upstream refused" in text and "top_k is not &lt;permitted&gt;" in text and "claude-x" in text
    assert "/api/channels/ch_main0001/refusals/forget" in text and ">gone<" not in text and ">over<" not in text
