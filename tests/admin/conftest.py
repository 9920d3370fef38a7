"""A panel over a real database and a real ccx.yaml; the clock stands at NOW."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_admin import create_app
from ccx_admin.panel import EXTENSION
from tests.admin import seed

ADMIN_KEY: Final = "admin-key-for-the-panel-0123456789"
PROXY_KEY: Final = "proxy-key-for-the-client-0123456789"
NOW: Final = 1_795_600_800.0
"""2026-11-25T10:00:00Z."""


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Api:
    """Calls with the admin key."""

    client: FlaskClient

    def __call__(self, method: str, path: str, json: Any = None, **more: Any) -> TestResponse:
        headers = {"x-api-key": ADMIN_KEY, **more.pop("headers", {})}
        return self.client.open(path, method=method, json=json, headers=headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        answer = self("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json

    def do(self, method: str, path: str, json: Any = None, status: int = 200, **more: Any) -> Any:
        answer = self(method, path, json, **more)
        assert answer.status_code == status, answer.text
        return answer.json


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ccx.yaml").write_text(seed.CONFIG)
    return tmp_path


@pytest.fixture
def store(folder: Path, clock: Clock) -> Iterator[Store]:
    store = Store.open(folder / "ccx.db", boot_id="test", worker=-1, clock=clock)
    yield store
    store.close()


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(
        admin_access_key=ADMIN_KEY,
        proxy_access_key=PROXY_KEY,
        ccx_config=str(folder / "ccx.yaml"),
        ccx_data_dir=str(folder),
    )


@pytest.fixture
def app(settings: Settings, store: Store, clock: Clock) -> Flask:
    app = create_app(settings, store, clock=clock, ack_wait=0.0)
    app.testing = False
    app.extensions[EXTENSION].test_secret = "the-test-secret"
    return app


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """Not logged in."""
    return app.test_client()


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app.test_client(use_cookies=False))


@pytest.fixture
def filled(store: Store, clock: Clock) -> list[str]:
    """300 requests over the last day, two in flight; the ids, oldest first."""
    return seed.fill(store, 300, clock(), days=1.0, running=2)


def token_of(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def log_in(browser: FlaskClient, key: str = ADMIN_KEY, **more: Any) -> TestResponse:
    token = token_of(browser.get("/login", **more))
    return browser.post("/login", data={"key": key, "csrf_token": token}, **more)


@pytest.fixture
def session(browser: FlaskClient) -> FlaskClient:
    """Logged in."""
    assert log_in(browser).status_code == 303
    return browser


@pytest.fixture
def config_text(folder: Path) -> str:
    return (folder / "ccx.yaml").read_text()
