from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.errors import StoreError
from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_admin import MAX_BODY, create_app
from ccx_admin.panel import EXTENSION


def test_the_session_cookie_is_for_this_site_only(app: Flask) -> None:
    assert app.config["SESSION_COOKIE_HTTPONLY"] and app.config["SESSION_COOKIE_SAMESITE"] == "Strict"
    assert len(app.config["SECRET_KEY"]) == 32


def test_every_start_has_its_own_secret(settings: Settings, store: Store, app: Flask) -> None:
    assert create_app(settings, store).config["SECRET_KEY"] != app.config["SECRET_KEY"]


@pytest.mark.parametrize(
    ("given", "environment", "address"),
    [
        ("http://a:1/", "", "http://a:1"),
        ("", "http://b:2", "http://b:2"),
        ("http://a:1", "http://b:2", "http://a:1"),
        ("", "", ""),
    ],
)
def test_the_gateways_address(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, given: str, environment: str, address: str
) -> None:
    monkeypatch.setenv("CCX_GATEWAY_URL", environment)
    assert create_app(settings, store, gateway_url=given).extensions[EXTENSION].gateway_url == address


def test_it_opens_its_own_store(settings: Settings, folder: Path) -> None:
    found = create_app(settings).extensions[EXTENSION].store
    assert found.path == folder / "ccx.db"
    found.close()


def test_a_place_that_holds_no_database(settings: Settings, folder: Path) -> None:
    (folder / "ccx.db").mkdir()
    with pytest.raises(StoreError):
        create_app(settings)


def test_a_request_is_bounded(browser: FlaskClient) -> None:
    answer = browser.post("/login", data=b"x" * (MAX_BODY + 1), content_type="application/x-www-form-urlencoded")
    assert answer.status_code in (400, 403, 413)


def test_pages_and_api_are_there(app: Flask) -> None:
    rules = {str(rule) for rule in app.url_map.iter_rules()}
    assert {"/", "/requests", "/channels", "/api/status", "/api/openapi.json", "/api/live", "/login"} <= rules
