from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from ccx_admin.settings import page as settings
from ccx_admin.settings.api import PRESETS
from tests.admin import seed
from tests.admin.conftest import Api


def test_every_tab_has_content() -> None:
    assert set(settings.CONTENT) == {name for name, _word in settings.TABS}


@pytest.mark.usefixtures("filled")
def test_presets_are_reckoned_on_the_last_day(app: Flask, session: FlaskClient) -> None:
    with app.test_request_context("/"):
        found = settings.routing(app.extensions["ccx"])
    assert [preset.name for preset in found["presets"]] == list(PRESETS)
    assert [preset.chosen for preset in found["presets"]] == [False, True, False]
    assert found["samples"] >= 300
    assert 'aria-pressed="true"' in session.get("/settings").text


def test_the_editor_shows_no_secret_and_saves_what_it_shows(session: FlaskClient, api: Api, folder: Path) -> None:
    page = session.get("/settings?tab=file").text
    assert "kept:" in page
    text = api.get("/api/config")["text"]
    token = page.partition('name="csrf-token" content="')[2].partition('"')[0]
    revision = page.partition('data-revision="')[2].partition('"')[0]
    answer = session.put(
        "/api/config", json={"text": text + "# a word\n"}, headers={"X-CSRF-Token": token, "If-Match": revision}
    )
    assert answer.status_code == 200, answer.text
    assert (folder / "ccx.yaml").read_text() == seed.CONFIG + "# a word\n"


def test_faults_of_the_file_have_their_line(session: FlaskClient, folder: Path) -> None:
    (folder / "ccx.yaml").write_text(seed.CONFIG.replace("protocol: gemini", "protocol: gemeni"))
    page = session.get("/settings?tab=file").text
    assert "gemeni" in page
    assert 'role="alert"' in page


def test_history_shows_differences_without_secrets(session: FlaskClient, api: Api) -> None:
    api.do("POST", "/api/channels/ch_main0001/suspend")
    version = api.get("/api/config/history")["versions"][1]["revision"]
    page = session.get(f"/settings?tab=history&from={version}").text
    assert '<span class="add">+    status: suspended' in page
    assert "POST /api/config/rollback" in page and "channel main paused" in page
    assert all(secret not in page for secret in seed.SECRETS)


@pytest.mark.parametrize("query", ["from=nosuch", "from=../../etc/passwd", "from=&to=x"])
def test_history_of_nothing(session: FlaskClient, query: str) -> None:
    page = session.get(f"/settings?tab=history&{query}")
    assert page.status_code == 200
    assert 'class="diff"' not in page.text


@pytest.mark.usefixtures("filled")
def test_events_by_kind(session: FlaskClient) -> None:
    page = session.get("/settings?tab=events&kind=breaker").text
    assert "main opened" in page
    assert "the gateway started" not in page


def test_about_tells_no_key(session: FlaskClient) -> None:
    page = session.get("/settings?tab=about").text
    assert "ADMIN_ACCESS_KEY" in page
    assert "admin-key-for" not in page


@pytest.mark.parametrize(("most", "words"), [(10, "3 bodies, 6"), (3, "more than 3 bodies, and more than 6")])
def test_kept_bodies_are_counted_as_far_as_it_takes_no_time(
    session: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch, most: int, words: str
) -> None:
    monkeypatch.setattr(settings, "COUNTED", most)
    for n in range(3):
        store.put_body(f"r{n}", "client_request", b"{}")
    store.flush()
    assert words in session.get("/settings?tab=capture").text
