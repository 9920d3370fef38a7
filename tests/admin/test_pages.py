"""Every page over no, one and many requests: it answers, its HTML is sound, it holds no inline code and no secret."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

import ccx_admin
from ccx_addons.core.endpoints import PANEL
from ccx_addons.core.verdict import LIMITS
from ccx_addons.io.store import Store
from ccx_admin.db import Params, Reader, Row
from ccx_admin.requests import detail as request_detail
from ccx_admin.settings import page as settings
from tests.admin import seed
from tests.admin.clients.test_own import enter
from tests.admin.conftest import ADMIN_KEY, NOW, PROXY_KEY
from tests.admin.every_page import every_page
from tests.admin.outline import outline
from tests.plans import scanned

PATHS: Final = (
    "/",
    "/?range=7d",
    "/requests",
    "/requests?q=state:failed",
    "/requests?q=nosuchfield:1",
    "/requests?q=yesterday",
    "/requests?show=errors",
    "/requests?show=latency",
    "/settings/alerts",
    "/settings/machines",
    "/requests/rows",
    "/requests/mirrors",
    "/channels",
    "/channels?kind=chat",
    "/channels/new",
    "/channels/new?template=glm",
    "/channels/why",
    "/channels/why?kind=messages&model=claude-opus-4-7",
    "/sessions",
    "/sessions?kind=messages",
    "/usage",
    "/usage?range=365d&by=kind&show=ttft",
    "/test",
    "/test?channel=ch_back0002",
    "/clients",
    "/clients?tool=codex&root=http://gateway:3000&model=gpt-5",
    *(f"/settings?tab={name}" for name, _word in settings.TABS),
)
CHANNELS: Final = ("/channels/ch_main0001", "/channels/ch_back0002", "/clients?edit=ci")


def check(html: str, whole: bool = True) -> None:
    found = outline(html)
    assert found.inline == []
    assert found.broken == []
    assert found.open == []
    assert found.nameless == []
    assert sorted({id for id in found.ids if found.ids.count(id) > 1}) == []
    if whole:
        assert sorted(set(found.references) - set(found.ids)) == []
    for secret in (*seed.SECRETS, ADMIN_KEY, PROXY_KEY):
        assert secret not in html


@pytest.fixture(params=[0, 1, 400], ids=["no requests", "one request", "many requests"])
def ids(request: pytest.FixtureRequest, store: Store) -> list[str]:
    return seed.fill(store, request.param, NOW, running=2 if request.param > 1 else 0) if request.param else []


def test_the_gateway_leads_to_every_page(app: Flask) -> None:
    """A first segment that it does not know as the panel's would be a channel's route prefix."""
    assert {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()} <= PANEL


@pytest.mark.parametrize("path", [*PATHS, *CHANNELS])
@pytest.mark.usefixtures("ids")
def test_page(session: FlaskClient, path: str) -> None:
    answer = session.get(path)
    assert answer.status_code == 200, answer.text
    check(answer.text, whole="rows" not in path)


@pytest.mark.parametrize("path", PATHS)
def test_page_without_configuration(session: FlaskClient, folder: Path, path: str) -> None:
    (folder / "ccx.yaml").write_text("version: 1\n")
    answer = session.get(path)
    assert answer.status_code == 200, answer.text
    check(answer.text, whole="rows" not in path)


@pytest.mark.parametrize("path", PATHS)
def test_page_with_a_broken_file(session: FlaskClient, folder: Path, path: str) -> None:
    session.get("/")
    (folder / "ccx.yaml").write_text(seed.CONFIG + "\nchanels: []\n")
    answer = session.get(path)
    assert answer.status_code == 200, answer.text
    check(answer.text, whole="rows" not in path)


@pytest.mark.parametrize("tab", [name for name, _word in request_detail.TABS])
def test_request_pages(session: FlaskClient, filled: list[str], tab: str) -> None:
    for id in (filled[0], filled[-1], *in_flight(session)):
        answer = session.get(f"/requests/{id}?tab={tab}")
        assert answer.status_code == 200, answer.text
        check(answer.text)


def in_flight(session: FlaskClient) -> list[str]:
    rows = session.get("/api/requests?limit=1").json
    assert rows
    return [row["id"] for row in rows["running"]]


@pytest.mark.usefixtures("filled")
def test_session_page(session: FlaskClient) -> None:
    trace = session.get("/api/sessions").json
    assert trace
    answer = session.get(f"/sessions/{trace['sessions'][0]['trace_hash']}")
    assert answer.status_code == 200
    check(answer.text)


@pytest.mark.parametrize("path", ["/requests/nosuch", "/channels/nosuch", "/sessions/nosuch", "/overview/x"])
def test_not_found(session: FlaskClient, path: str) -> None:
    answer = session.get(path)
    assert answer.status_code == 404
    check(answer.text)


@pytest.mark.parametrize("path", [path for path in PATHS if "rows" not in path])
@pytest.mark.usefixtures("filled")
def test_links_lead_somewhere(app: Flask, session: FlaskClient, path: str) -> None:
    adapter = app.url_map.bind("localhost")
    for link in outline(session.get(path).text).links:
        if link.startswith("/"):
            adapter.match(link.partition("?")[0].partition("#")[0])


def test_login_page(browser: FlaskClient) -> None:
    answer = browser.get("/login")
    check(answer.text)
    assert "/js/app.js" not in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_nobody_reads_without_login(browser: FlaskClient, path: str) -> None:
    answer = browser.get(path)
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/login")


@pytest.mark.parametrize("path", ["/", "/requests", "/channels", "/channels/ch_back0002", "/settings?tab=routing"])
@pytest.mark.usefixtures("filled")
def test_chinese(session: FlaskClient, path: str) -> None:
    answer = session.get(path, headers={"Accept-Language": "zh-CN"})
    check(answer.text)
    assert '<html lang="zh-CN"' in answer.text
    assert "总览" in answer.text


EVIL: Final = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


def test_logged_words_are_escaped(session: FlaskClient, store: Store) -> None:
    row, attempts = next(iter(seed.rows(1, NOW, 0.5)))
    named = (
        "model",
        "upstream_model",
        "client_name",
        "user_agent",
        "error_message",
        "channel_name",
        "stream_end",
        "state",
        "phase",
        "error_kind",
        "operation",
        "price_source",
        "kind",
        "converted",
        "source",
        "key_mask",
        "trace_hash",
    )
    row.update(dict.fromkeys(named, EVIL), attempts_n=2, losses='[["<b>", "<i>"]]')
    again = [
        {
            **attempt,
            "error_message": EVIL,
            "reason": EVIL,
            "outcome": EVIL,
            "verdict": EVIL,
            "channel_name": EVIL,
            "base_url": EVIL,
        }
        for attempt in attempts
    ]
    store.put_request(row)
    store.put_attempts(again)
    store.put_event("error", EVIL, EVIL)
    store.put_body(row["id"], "client_request", EVIL.encode(), [("x-evil", EVIL)])
    store.put_body(row["id"], "client_response", b"data: " + EVIL.encode() + b"\n\n", [("x-evil", EVIL)])
    store.flush(10)
    tabs = [f"/requests/{row['id']}?tab={name}" for name, _word in request_detail.TABS]
    for path in (
        *tabs,
        "/",
        "/requests",
        "/sessions",
        "/usage?range=24h",
        "/clients",
        "/settings?tab=events",
        "/channels/ch_main0001",
    ):
        answer = session.get(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path
        assert "<img src=x" not in answer.text, path
        assert outline(answer.text).inline == [], path


MOST = LIMITS.max + LIMITS.refused


def test_a_row_has_room_for_every_attempt(session: FlaskClient, store: Store) -> None:
    row, attempts = next(iter(seed.rows(1, NOW, 0.5)))
    store.put_request({**row, "attempts_n": MOST, "state": "failed", "status": 502})
    store.put_attempts(
        [
            {**attempts[0], "n": n, "channel_name": f"c{n}", "status": 500, "outcome": "status"}
            for n in range(1, MOST + 1)
        ]
    )
    store.flush(10)
    page = session.get("/requests").text
    assert all(f"c{n} " in page for n in range(1, MOST + 1))


# ---- how much is read ------------------------------------------------------------------------------------------------
MAY_BE_SCANNED: Final = {
    "/settings?tab=capture": {"bodies"},
}
"""What is kept of bodies is counted, on the page that says how much it is."""
API: Final = (
    "/api/alerts", "/api/channels", "/api/channels/ch_main0001", "/api/channels/ch_main0001/refusals", "/api/clients",
    "/api/clients/ci/last", "/api/events", "/api/live/changes?since=1", "/api/requests", "/api/requests?q=model:opus",
    "/api/requests?format=csv&limit=50", "/api/requests/histogram", "/api/requests/histogram?q=took:>30s",
    "/api/sessions", "/api/stats/budgets", "/api/stats/costs?range=30d", "/api/stats/history?range=30d&by=channel",
    "/api/stats/matrix?range=30d", "/api/stats/summary?range=30d", "/api/stats/table?range=30d&by=model", "/api/status",
    "/api/views", "/api/config/history", "/api/settings", "/api/templates", "/api/snippets",
)  # fmt: skip


@pytest.mark.usefixtures("filled")
def test_no_page_reads_through_what_grows_with_every_request(
    app: Flask, session: FlaskClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every query of every page, as SQLite would run it: none begins at one end of a large table without an end."""
    asked: list[str] = []
    plain = Reader.rows

    def rows(self: Reader, sql: str, params: Params = ()) -> list[Row]:
        asked.append(sql)
        return plain(self, sql, params)

    own = app.test_client()
    assert enter(own) == 303
    pages = [(session, path) for path in (*every_page(app, session), *API)] + [(own, "/clients/me")]
    assert len(pages) > 60
    monkeypatch.setattr(Reader, "rows", rows)
    with closing(sqlite3.connect(folder / "ccx.db")) as conn:
        for who, path in pages:
            asked.clear()
            assert who.get(path).status_code == 200, path
            for sql in asked:
                assert scanned(conn, sql) <= MAY_BE_SCANNED.get(path, set()), f"{path}: {sql}"


def test_a_form_that_needs_a_script_sends_nothing_without_it() -> None:
    """What a browser sends by itself has its fields in the address."""
    pages = Path(ccx_admin.__file__).parent.rglob("*.html")
    assert [
        (path.name, tag) for path in pages for tag in re.findall(r"<form(?![^>]* method=)[^>]*>", path.read_text())
    ] == []
