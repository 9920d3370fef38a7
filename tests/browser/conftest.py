"""A real Chromium in front of a real panel with made-up traffic."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from werkzeug.serving import make_server

from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_admin import create_app
from ccx_admin.panel import EXTENSION, Panel
from scripts import browsers
from tests.admin import seed

KEY: Final = "admin-key-for-the-browser-0123456789"
WIDE: Final = {"width": 1280, "height": 800}
NARROW: Final = {"width": 390, "height": 844}
PATIENCE: Final = 60_000
"""Milliseconds for a condition to come true."""
expect.set_options(timeout=PATIENCE)
ONLY_WHOLE: Final = """
const root = () => document.documentElement;
const close = () => root()?.setAttribute("aria-disabled", "true");
const open = () => root().removeAttribute("aria-disabled");
if (document.readyState !== "complete") {
  new MutationObserver((_, self) => root() && (close(), self.disconnect())).observe(document, { childList: true });
  close();
  addEventListener("load", open);
}
navigation.addEventListener("navigate", (event) => event.destination.sameDocument || close());
navigation.addEventListener("navigateerror", open);
"""
"""A page that is coming or going is disabled: whatever a test does next waits for the whole one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser beside busy neighbours takes many times as long; only what hangs is to be ended."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(600))


@dataclass
class Site:
    """A panel that is being served. ``folder`` holds its ccx.yaml."""

    root: str
    store: Store
    folder: Path
    panel: Panel
    ids: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = browsers.find()
    assert path, "scripts/test brings a browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def served(folder: Path, config: str) -> Iterator[Site]:
    """A panel over a folder, with this ccx.yaml and no request."""
    (folder / "ccx.yaml").write_text(config)
    store = Store.open(folder / "ccx.db", boot_id="browser", worker=-1)
    settings = Settings(
        admin_access_key=KEY,
        proxy_access_key="proxy-key-for-the-browser-0123456789",
        ccx_config=str(folder / "ccx.yaml"),
        ccx_data_dir=str(folder),
    )
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = create_app(settings, store, ack_wait=0.05)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(f"http://127.0.0.1:{server.server_port}", store, folder, app.extensions[EXTENSION])
    server.shutdown()
    thread.join(PATIENCE / 1000)
    store.close(5)


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Over 120 requests, or as many as the test's marker parameter says."""
    with served(tmp_path, seed.CONFIG) as site:
        count = getattr(request, "param", 120)
        site.ids = seed.fill(site.store, count, time.time(), running=2 if count > 1 else 0) if count else []
        yield site


@dataclass
class Tab:
    """A page that notes everything that went wrong on it."""

    page: Page
    site: Site
    errors: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ("closed before the connection is established",)
    """What is no error, whenever it comes: a page may be left before its socket is open."""

    def note(self, words: str) -> None:
        if not any(part in words for part in self.expected):
            self.errors.append(words)

    def go(self, path: str) -> None:
        self.page.goto(self.site.root + path)
        self.page.wait_for_load_state("load")

    def live(self) -> None:
        """Until the socket is open."""
        self.page.wait_for_selector("#live.on")


def open_tab(chromium: Browser, site: Site, **options: Any) -> tuple[BrowserContext, Tab]:
    context = chromium.new_context(
        viewport=options.pop("viewport", WIDE), locale=options.pop("locale", "en-GB"), **options
    )
    context.set_default_timeout(PATIENCE)
    context.add_init_script(ONLY_WHOLE)
    page = context.new_page()
    tab = Tab(page, site)
    page.on("console", lambda m: tab.note(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: tab.errors.append(str(error)))
    page.goto(f"{site.root}/login")
    page.fill('input[name="key"]', KEY)
    page.press('input[name="key"]', "Enter")
    page.wait_for_url(f"{site.root}/")
    return context, tab


@pytest.fixture
def tab(chromium: Browser, site: Site) -> Iterator[Tab]:
    context, tab = open_tab(chromium, site)
    yield tab
    context.close()
    assert tab.errors == []
