"""Pages on lines that are slow or break: nothing is done twice, nothing is lost without a word."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Tab
from tests.patience import wait_for


def held(tab: Tab, pattern: str | re.Pattern[str]) -> list[Route]:
    """What is asked from now on, and waits for the test."""
    found: list[Route] = []
    tab.page.route(pattern, lambda route: found.append(route))
    return found


def wait(tab: Tab, come: Callable[[], bool]) -> None:
    def look() -> bool:
        tab.page.wait_for_timeout(5)
        return come()

    wait_for(look)


def test_what_is_pressed_too_early_is_told(tab: Tab) -> None:
    late = held(tab, "**/js/app.js")
    tab.page.goto(f"{tab.site.root}/clients", wait_until="commit")
    tab.page.get_by_role("button", name="Make the key").click(force=True)
    told = tab.page.locator("#too-early")
    expect(told).to_be_visible()
    wait(tab, lambda: bool(late))
    for route in late:
        route.continue_()
    expect(told).to_be_hidden()
    expect(tab.page.locator("html")).to_have_attribute("data-ready", "")
    expect(tab.page.locator("#not-whole")).to_be_hidden()


@pytest.mark.parametrize("name", ["js/words.js", "vendor/Sortable.min.js"])
def test_a_script_that_never_comes_is_told(tab: Tab, name: str) -> None:
    """And what does not need it works."""
    tab.page.route(f"**/{name}", lambda route: route.fulfill(status=404))
    tab.go("/channels")
    expect(tab.page.locator("#not-whole")).to_be_visible()
    expect(tab.page.locator("#channel-list .channel").first).to_be_visible()
    if name.startswith("vendor"):
        tab.page.keyboard.press("?")
        expect(tab.page.locator("#help")).to_be_visible()
    tab.page.unroute(f"**/{name}")
    tab.errors.clear()  # Chromium notes the 404
    tab.go("/channels")
    expect(tab.page.locator("#not-whole")).to_be_hidden()


def test_a_second_press_does_nothing_until_the_next_page_is_there(tab: Tab) -> None:
    tab.go("/settings/alerts")
    edit = tab.page.locator("#edit")
    edit.get_by_label("Name").fill("once")
    edit.locator('[name="url"]').fill("https://hooks.example.com/x")
    saving = held(tab, "**/api/alerts")
    again = "document.querySelector('#edit form').requestSubmit()"
    tab.page.evaluate(f"addEventListener('beforeunload', () => setTimeout(() => {again}))")
    edit.get_by_role("button", name="Add").dblclick()
    wait(tab, lambda: bool(saving))
    with tab.page.expect_navigation():
        saving[0].continue_()
    expect(tab.page.locator("#alerts tbody tr")).to_have_count(1)
    assert len(saving) == 1


def test_moves_of_a_channel_on_a_slow_line_add_up(tab: Tab) -> None:
    tab.go("/channels")
    asked = held(tab, "**/api/channels/order")
    up = tab.page.get_by_role("button", name="Move gemini up")
    up.click()
    up.click()
    up.click()
    wait(tab, lambda: bool(asked))
    asked.pop().continue_()
    wait(tab, lambda: bool(asked))
    asked.pop().continue_()
    expect(tab.page.locator(".toast")).to_have_text(re.compile("Order saved"))
    assert asked == []
    tab.go("/channels")
    expect(tab.page.locator("#channel-list .channel").first).to_have_attribute("data-id", "ch_gem00004")


def test_an_answer_that_was_passed_comes_to_nothing(tab: Tab) -> None:
    tab.go("/settings?tab=file")
    text = tab.page.locator(".editor")
    asked = held(tab, "**/api/config/validate")
    text.fill("version: 1\nnonsense: 1\n")
    wait(tab, lambda: len(asked) == 1)
    text.fill("version: 1\n")
    wait(tab, lambda: len(asked) == 2)
    asked[1].continue_()
    expect(tab.page.locator("#yaml-problems")).to_have_text("Valid")
    with tab.page.expect_response("**/api/config/validate"):
        asked[0].continue_()
    expect(tab.page.locator("#yaml-problems")).to_have_text("Valid")
    tab.page.evaluate("document.getElementById('yaml').dataset.saved = ''")


def test_a_search_is_not_passed_by_rows_that_were_asked_for_before_it(tab: Tab) -> None:
    tab.page.add_init_script("window.setInterval = () => 0")  # nothing is fetched anew by the clock
    tab.go("/channels")
    rows = tab.page.locator(".channel[data-id]")
    expect(rows).to_have_count(5)
    asked = held(tab, re.compile(r"/channels(\?q=\w+)?$"))
    tab.page.evaluate("htmx.trigger('#channels', 'ccx:refresh')")
    wait(tab, lambda: len(asked) == 1)
    tab.page.fill("#search", "codex")
    wait(tab, lambda: len(asked) == 2)
    for route in reversed(asked):
        with tab.page.expect_response(route.request.url):
            route.continue_()
    tab.page.wait_for_function("!document.querySelector('.htmx-request')")
    expect(rows).to_have_count(1)
