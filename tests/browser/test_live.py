"""What a page says of its connection."""

from playwright.sync_api import expect

from tests.browser.conftest import Tab


def test_a_panel_without_a_network_says_so(tab: Tab) -> None:
    tab.go("/channels")
    tab.live()
    tab.expected += ("ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED", "WebSocket connection")
    tab.page.context.set_offline(True)
    expect(tab.page.locator("#live")).to_have_text("no connection")
    tab.page.context.set_offline(False)
    tab.live()
