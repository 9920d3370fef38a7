"""Every page in a browser: no error, no breach of the content policy, no serious accessibility fault, nothing too wide."""

from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import NARROW, WIDE, Site, Tab, open_tab

AXE: Final = (Path(__file__).parent / "vendor/axe.min.js").read_text()
PATHS: Final = (
    "/",
    "/requests",
    "/channels",
    "/channels/ch_back0002",
    "/channels/new?template=glm",
    "/channels/why?kind=messages&model=claude-opus-4-7",
    "/sessions",
    f"/sessions/{0:032x}",
    "/usage?range=24h",
    "/clients",
    "/test?channel=ch_back0002",
    "/settings",
    "/settings?tab=capture",
    "/settings?tab=prices",
    "/settings?tab=file",
    "/settings?tab=history",
    "/settings?tab=events",
    "/settings?tab=about",
)
RARE: Final = (
    "/channels/keys",
    "/requests?show=errors",
    "/requests?show=latency",
    "/requests/mirrors",
    "/settings?tab=audit",
    "/settings/alerts",
    "/settings/machines",
)
"""Looked at in two of the four looks."""
TABS: Final = ("conversation", "sent", "received", "routing", "cost", "raw")
RUN_AXE: Final = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"


def faults(tab: Tab) -> list[str]:
    """Serious ones, with the first place of each. Scripts of the test pass beside the page's policy."""
    tab.page.evaluate(AXE)
    found: list[dict[str, Any]] = tab.page.evaluate(RUN_AXE)
    serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    return [
        f"{fault['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for fault in serious
        for node in fault["nodes"][:3]
    ]


def too_wide(tab: Tab) -> int:
    return int(tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_pages_are_sound(chromium: Browser, site: Site, viewport: dict[str, int], scheme: str) -> None:
    context, tab = open_tab(chromium, site, viewport=viewport, color_scheme=scheme, bypass_csp=False)
    rare = RARE if (viewport is WIDE) == (scheme == "light") else ()
    for path in (*PATHS, *rare, *(f"/requests/{site.ids[-1]}?tab={name}" for name in TABS)):
        tab.go(path)
        assert faults(tab) == [], path
        assert too_wide(tab) <= 0, path
    context.clear_cookies()
    tab.go("/login")
    assert faults(tab) == []
    context.close()
    assert tab.errors == []


@pytest.mark.parametrize("site", [0, 1], indirect=True, ids=["no request", "one request"])
def test_nearly_empty_pages_are_sound(chromium: Browser, site: Site) -> None:
    context, tab = open_tab(chromium, site)
    for path in ("/", "/requests", "/channels", "/sessions", "/usage", "/clients"):
        tab.go(path)
        assert faults(tab) == [], path
    context.close()
    assert tab.errors == []


def test_reading_needs_no_script(chromium: Browser, site: Site) -> None:
    context, tab = open_tab(chromium, site, java_script_enabled=False)
    tab.go("/requests?q=kind:messages")
    expect(tab.page.locator("tr[data-id]").nth(10)).to_be_visible()
    tab.page.locator("tr.ok[data-id] a").first.click()
    expect(tab.page.locator(".sentence")).to_contain_text("answered")
    tab.go("/channels/why?kind=messages&model=claude-opus-4-7")
    expect(tab.page.get_by_text("Tried in this order")).to_be_visible()
    tab.go("/requests?q=nothing-like-this")
    expect(tab.page.get_by_text("Nothing matches")).to_be_visible()
    context.close()


def test_times_are_those_of_the_browser(chromium: Browser, site: Site) -> None:
    context, tab = open_tab(chromium, site, timezone_id="Asia/Shanghai")
    tab.go(f"/requests/{site.ids[-1]}")
    time = tab.page.locator("time").first
    moment = time.get_attribute("datetime") or ""
    hour = (int(moment[11:13]) + 8) % 24
    expect(time).to_contain_text(f" {hour:02d}:")
    context.close()
