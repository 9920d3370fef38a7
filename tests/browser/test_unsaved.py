"""What somebody writes into a form stays until it is saved or given up."""

import pytest
from playwright.sync_api import Dialog, Route, expect

from ccx_admin.i18n import COOKIE
from tests.browser.conftest import KEY, Tab


def test_an_edit_outlives_its_session(tab: Tab) -> None:
    tab.go("/channels/ch_back0002")
    tab.page.evaluate("document.querySelectorAll('#channel-form details').forEach((part) => (part.open = true))")
    tab.page.fill('#channel-form [name="note"]', "written before")
    tab.expected += ("401", "403", "WebSocket connection")
    tab.page.context.clear_cookies()
    save = tab.page.get_by_role("button", name="Show the change and save")
    save.click()
    told = tab.page.locator(".toast", has_text="You are logged out")
    with tab.page.context.expect_page() as other:
        told.get_by_role("link", name="Log in").click()
    other.value.fill('input[name="key"]', KEY)
    other.value.press('input[name="key"]', "Enter")
    other.value.wait_for_url(f"{tab.site.root}/")
    tab.page.context.add_cookies([{"name": COOKIE, "value": "zh", "url": tab.site.root}])  # problems are told in it
    save.click()
    expect(told).to_have_count(0)
    with tab.page.expect_navigation():
        tab.page.locator("#changes-save").click()
    expect(tab.page.locator('#channel-form [name="note"]')).to_have_value("written before")
    assert "note: written before" in (tab.site.folder / "ccx.yaml").read_text()


@pytest.mark.parametrize(
    ("path", "field", "button"),
    [("/channels/ch_main0001", "#add-keys textarea", "Add"), ("/test?channel=ch_main0001", "#play-prompt", "Send")],
)
def test_what_has_no_place_in_the_configuration_outlives_its_session_too(
    tab: Tab, path: str, field: str, button: str
) -> None:
    tab.go(path)
    tab.page.fill(field, "written before")
    tab.expected += ("401", "WebSocket connection")
    tab.page.context.clear_cookies()
    tab.page.get_by_role("button", name=button, exact=True).click()
    expect(tab.page.locator(".toast", has_text="You are logged out")).to_be_visible()
    expect(tab.page.locator(field)).to_have_value("written before")


def test_what_was_written_is_not_lost_and_not_left_out(tab: Tab) -> None:
    tab.go("/clients")
    tab.page.fill('#edit [name="name"]', "new")
    tab.page.fill('#edit [name="model_limits"]', "*-opus-* rpm=10 tokens_per_day:5")
    tab.page.get_by_role("button", name="Make the key").click()
    expect(tab.page.locator(".toast")).to_contain_text("tokens_per_day:5: this needs a name, = and a number")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    tab.page.on("dialog", stay)
    with tab.page.expect_event("dialog"):
        tab.page.evaluate("setTimeout(() => location.assign('/usage'))")
    assert asked == ["beforeunload"]
    tab.page.fill('#edit [name="model_limits"]', "*-opus-* rpm=10 tokens_per_day=5")
    tab.page.get_by_role("button", name="Make the key").click()
    expect(tab.page.locator("#secret")).to_be_visible()
    tab.go("/usage")
    assert asked == ["beforeunload"]


def test_what_is_written_before_the_scripts_have_come_is_kept_secret_and_saved(tab: Tab) -> None:
    late: list[Route] = []
    tab.page.route("**/js/app.js*", lambda route: late.append(route))
    tab.page.goto(f"{tab.site.root}/settings/alerts", wait_until="commit")
    edit = tab.page.locator("#edit")
    edit.get_by_label("Name").fill("early", force=True)
    edit.locator('[name="url"]').fill("https://hooks.example.com/very-secret-part", force=True)
    edit.get_by_role("button", name="Add").click(force=True)
    while not late:
        tab.page.wait_for_timeout(10)
    with tab.page.expect_event("load"):
        late[0].continue_()
    assert tab.page.url == f"{tab.site.root}/settings/alerts"
    edit.get_by_role("button", name="Add").click()
    expect(tab.page.locator("#alerts tbody tr").first).to_contain_text("early")
    assert "very-secret-part" in (tab.site.folder / "ccx.yaml").read_text()
