"""The panel and its gateway know each other by a secret of this start."""

from collections.abc import Iterator

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_admin import create_app
from tests.admin.conftest import ADMIN_KEY, log_in

SECRET = "secret-of-this-start"
TOLD = {"x-ccx-gateway": SECRET, "x-forwarded-for": "1.2.3.4", "x-forwarded-proto": "https"}


@pytest.fixture
def behind(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setenv("CCX_PANEL_SECRET", SECRET)
    yield create_app(settings, store)


def seen(app: Flask) -> list[tuple[str | None, str, str]]:
    """What the application finds of each request: address, scheme, root."""
    found: list[tuple[str | None, str, str]] = []

    def look() -> None:
        assert "X-Ccx-Gateway" not in request.headers, "pages and logs need not know the secret"
        found.append((request.remote_addr, request.scheme, request.root_path))

    app.before_request_funcs.setdefault(None, []).insert(0, look)
    return found


@pytest.mark.parametrize("path", ["/login", "/api/status", "/api/live", "/static/app.css", "/nothing"])
@pytest.mark.parametrize("given", ["", "wrong", SECRET[:-1], "g\xe4nzlich"])
def test_nobody_else_is_answered(behind: Flask, path: str, given: str) -> None:
    headers = {**TOLD, "x-api-key": ADMIN_KEY, "x-ccx-gateway": given}
    answer = behind.test_client().get(path, headers=headers if given else {"x-api-key": ADMIN_KEY})
    assert answer.status_code == 403 and answer.content_type == "text/plain" and SECRET not in answer.text


def test_the_gateway_is_believed(behind: Flask) -> None:
    found = seen(behind)
    assert behind.test_client().get("/login", headers=TOLD).status_code == 200
    assert found == [("1.2.3.4", "https", "")]


def test_where_the_gateway_says_it_is_mounted(behind: Flask) -> None:
    found = seen(behind)
    page = behind.test_client().get("/channels", headers={**TOLD, "x-forwarded-prefix": "/ccx"})
    assert page.headers["location"] == "/ccx/login?next=/channels" and found == [("1.2.3.4", "https", "/ccx")]


def test_without_a_gateway_nobody_is_believed(app: Flask) -> None:
    found = seen(app)
    app.test_client().get("/login", headers=TOLD, environ_overrides={"SCRIPT_NAME": "/evil"})
    assert found == [("127.0.0.1", "http", "")]


def test_the_cookie_is_secure_when_the_browser_came_by_https(behind: Flask) -> None:
    client = behind.test_client()
    answer = log_in(client, headers=TOLD, base_url="https://localhost")
    assert answer.status_code == 303
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= parts


def test_a_guessing_address_is_the_one_that_the_gateway_names(behind: Flask) -> None:
    def statuses(client: FlaskClient, address: str) -> list[int]:
        headers = {**TOLD, "x-forwarded-for": address}
        return [client.get("/api/status", headers={**headers, "x-api-key": f"no{n}"}).status_code for n in range(6)]

    assert statuses(behind.test_client(), "10.0.0.1")[-1] == 429
    assert statuses(behind.test_client(), "10.0.0.2")[0] == 401
