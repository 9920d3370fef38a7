"""A team's panel: no channel, one, forty, five hundred; narrow, usual and wide; light and dark; English and Chinese.

Names are hostile: markup, quotes, templates, very long, right to left.
"""

import time
from pathlib import Path
from typing import Final, Literal

import pytest
from playwright.sync_api import Browser

from ccx_addons.io.store import Store
from tests.admin import crowd
from tests.browser.conftest import Site, open_tab, served
from tests.browser.test_pages import faults, too_wide

type Scheme = Literal["light", "dark"]

HOSTILE: Final = (
    '<img src=x onerror="window.hostile=1">',
    "</script><script>window.hostile=1</script>",
    "\"'&{{7*7}}${7*7}%s",
    "a-name-without-any-place-to-break-it-" * 4,
    "\u202egnp.exe\u202c مرحبا",
    "=cmd|' /C calc'!A0",
)
PATHS: Final = (
    "/",
    "/usage?range=30d&by=channel",
    "/usage?range=24h&by=client&show=cost",
    "/clients",
    "/channels",
    "/requests",
    "/sessions",
)
LOOKS: Final = (
    (0, 390, "light", "en-GB"),
    (0, 1600, "dark", "zh-CN"),
    (1, 1280, "dark", "zh-CN"),
    (40, 390, "dark", "zh-CN"),
    (40, 1280, "light", "en-GB"),
    (40, 1600, "dark", "en-GB"),
    (500, 1280, "light", "zh-CN"),
)
"""Channels, width, scheme, language."""


def config(count: int) -> str:
    """The team's, with a hostile name at every fourth channel."""
    text = crowd.config(count, min(count + 1, 30))
    for n in range(0, count, 4):
        found = crowd.channels(count)[n]["name"]
        name = HOSTILE[n // 4 % len(HOSTILE)][:60].replace("\\", "").replace('"', '\\"')
        text = text.replace(f'name: "{found}"', f'name: "{name} {n}"')
    return text


def fill(store: Store, count: int) -> None:
    found = crowd.rows(200, time.time(), 2.0, max(count, 1), 20)
    for n, (row, attempts) in enumerate(found):
        if n % 3 == 0:
            name = HOSTILE[n // 3 % len(HOSTILE)]
            row.update(model=name[:200], upstream_model=name[:200], client_name=name[:64], channel_name=name[:64])
            row.update(key_mask=name[:40], error_message=name, user_agent=name[:100])
        store.put_request(row)
        store.put_attempts(attempts)
        if n % 7 == 0:
            store.put_session(
                {"kind": row["kind"], "trace_hash": row["trace_hash"], "title": HOSTILE[n % len(HOSTILE)]}
            )
    store.flush(30)


@pytest.mark.parametrize(("count", "width", "scheme", "locale"), LOOKS)
def test_pages_hold_whatever_there_is(
    chromium: Browser, tmp_path: Path, count: int, width: int, scheme: Scheme, locale: str
) -> None:
    with served(tmp_path, config(count)) as site:
        assert site.panel.config().problems == ()
        if count:
            fill(site.store, count)
        look(chromium, site, width, scheme, locale)


def look(chromium: Browser, site: Site, width: int, scheme: Scheme, locale: str) -> None:
    context, tab = open_tab(
        chromium, site, viewport={"width": width, "height": 900}, color_scheme=scheme, locale=locale
    )
    for path in PATHS:
        tab.go(path)
        if "usage" in path:
            tab.page.wait_for_selector(".chart canvas")
        where = f"{path} at {width}, {scheme}, {locale}"
        assert too_wide(tab) <= 0, where
        assert tab.page.evaluate("window.hostile") is None, where
        assert faults(tab) == [], where
    context.close()
    assert tab.errors == []
