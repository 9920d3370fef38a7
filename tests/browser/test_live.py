"""What a page says of its connection."""

import re
from datetime import datetime, timedelta

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


def test_a_page_out_of_the_browsers_memory_asks_at_once_whether_somebody_is_logged_in(tab: Tab) -> None:
    """Going back after the log-out shows such a page."""
    tab.page.clock.install()
    tab.go("/channels")
    tab.live()
    tab.page.clock.pause_at(datetime.now() + timedelta(seconds=30))  # no timer asks
    tab.expected += ("401", "WebSocket connection")
    tab.page.context.clear_cookies()
    tab.page.evaluate("""() => {
        dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
        dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    }""")
    tab.page.wait_for_url(re.compile("/login"))
