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


def test_a_socket_of_which_nothing_is_heard_is_not_called_live(tab: Tab) -> None:
    """Some proxies hold back what a socket says."""
    tab.page.route_web_socket("**/api/live*", lambda socket: None)
    tab.page.clock.install()
    tab.go("/channels")
    tab.page.clock.fast_forward(51_000)
    expect(tab.page.locator("#live")).to_have_text("polling")
