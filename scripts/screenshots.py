"""Pictures of every page of the panel: light and dark, wide and narrow, over made-up traffic.

``python -m scripts.screenshots FOLDER [--rows N] [--only requests,channels] [--language zh]``
``python -m scripts.screenshots --readme docs`` makes the README's two, small enough for a repository.
"""

import argparse
import base64
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, ViewportSize, sync_playwright
from werkzeug.serving import make_server

from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_admin import create_app
from scripts import browsers
from tests.admin import seed

KEY: Final = "admin-key-for-the-pictures-0123"
README: Final = {"width": 1280, "height": 770}
MOST_BYTES: Final = 150_000
"""Bytes of one picture: a repository keeps all of them for ever."""
WEBP: Final = """async (png) => {
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d").drawImage(picture, 0, 0);
  const packed = await canvas.convertToBlob({ type: "image/webp", quality: 0.82 });
  return Array.from(new Uint8Array(await packed.arrayBuffer()));
}"""
SIZES: Final = {"wide": (1280, 800), "narrow": (390, 844)}


@contextmanager
def serving(folder: Path, rows: int, config: str = seed.CONFIG, rhythm: float = 0.0) -> Iterator[tuple[str, list[str]]]:
    """A panel over ``rows`` made-up requests: its address and the ids."""
    (folder / "ccx.yaml").write_text(config)
    store = Store.open(folder / "ccx.db", boot_id="pictures", worker=-1)
    ids = seed.fill(store, rows, time.time(), days=1.0, running=2 if rows > 1 else 0, rhythm=rhythm) if rows else []
    settings = Settings(
        admin_access_key=KEY,
        proxy_access_key="proxy-key-for-the-pictures-0123",
        ccx_config=str(folder / "ccx.yaml"),
        ccx_data_dir=str(folder),
    )
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, create_app(settings, store, ack_wait=0.2), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", ids
    finally:
        server.shutdown()
        thread.join(5)
        store.close(5)


def log_in(page: Page, root: str) -> None:
    page.goto(f"{root}/login")
    page.fill('input[name="key"]', KEY)
    page.press('input[name="key"]', "Enter")
    page.wait_for_url(f"{root}/")


def pages_of(ids: list[str]) -> dict[str, str]:
    found = {
        "overview": "/",
        "requests": "/requests",
        "mirrors": "/requests/mirrors",
        "channels": "/channels",
        "channel": "/channels/ch_back0002",
        "new": "/channels/new?template=glm",
        "why": "/channels/why?kind=messages&model=claude-opus-4-7",
        "sessions": "/sessions",
        "usage": "/usage?range=24h",
        "clients": "/clients",
        "test": "/test?channel=ch_back0002",
        "settings": "/settings",
        "file": "/settings?tab=file",
        "events": "/settings?tab=events",
        "about": "/settings?tab=about",
        "login": "/login",
    }
    if ids:
        found |= {
            "detail": f"/requests/{ids[-1]}",
            "session": f"/sessions/{0:032x}",
            "search": "/requests?q=failover:yes",
        }
    return found


def for_the_readme(folder: Path, rows: int) -> None:
    """``panel-light.webp`` and ``panel-dark.webp``: the overview over a day of traffic."""
    with (
        tempfile.TemporaryDirectory() as data,
        serving(Path(data), rows, rhythm=0.55) as (root, _ids),
        sync_playwright() as p,
    ):
        browser = p.chromium.launch(executable_path=browsers.bring(), args=["--no-sandbox"])
        for theme in ("light", "dark"):
            size = ViewportSize(width=README["width"], height=README["height"])
            page = browser.new_context(viewport=size, color_scheme="dark" if theme == "dark" else "light").new_page()
            log_in(page, root)
            page.wait_for_timeout(1500)
            png = base64.b64encode(page.screenshot()).decode()
            packed = bytes(browser.new_page().evaluate(WEBP, png))
            assert len(packed) < MOST_BYTES, f"{len(packed)} bytes are too many"
            (folder / f"panel-{theme}.webp").write_bytes(packed)
        browser.close()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--language", default="en")
    parser.add_argument("--themes", default="light,dark")
    parser.add_argument("--whole", action="store_true", help="the whole page, not only what fits the window")
    parser.add_argument("--readme", action="store_true", help="the README's pictures, in docs")
    given = parser.parse_args(arguments)
    if given.readme:
        for_the_readme(given.folder, given.rows)
        return 0
    given.folder.mkdir(parents=True, exist_ok=True)
    config = seed.CONFIG if given.rows else "version: 1\n"
    path = browsers.bring()
    with (
        tempfile.TemporaryDirectory() as data,
        serving(Path(data), given.rows, config) as (root, ids),
        sync_playwright() as p,
    ):
        browser = p.chromium.launch(executable_path=path, args=["--no-sandbox"])
        wanted = {n: a for n, a in pages_of(ids).items() if not given.only or n in given.only.split(",")}
        for theme in given.themes.split(","):
            for name, (width, height) in SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if theme == "dark" else "light",
                    locale="zh-CN" if given.language == "zh" else "en-GB",
                )
                page = context.new_page()
                page.on("console", lambda m: print(m.type, m.text) if m.type in ("error", "warning") else None)
                page.on("pageerror", lambda error: print("page error", error))
                log_in(page, root)
                for place, address in wanted.items():
                    if place == "login":
                        continue
                    page.goto(root + address)
                    page.wait_for_timeout(500)
                    if place == "search" and page.locator("tr[data-id] a").count():
                        page.locator("tr[data-id] a").first.click()
                        page.wait_for_timeout(500)
                    page.screenshot(path=str(given.folder / f"{place}-{theme}-{name}.png"), full_page=given.whole)
                if "login" in wanted:
                    context.clear_cookies()
                    page.goto(f"{root}/login")
                    page.screenshot(path=str(given.folder / f"login-{theme}-{name}.png"))
                context.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
