"""What people do in the panel."""

import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from ccx_addons.io import versions
from ccx_admin import edits as edit
from tests.admin import seed
from tests.browser.conftest import Site, Tab, open_tab
from tests.wire.program import Fake


def put(site: Site, **more: object) -> dict[str, object]:
    """One more request, now."""
    row, attempts = next(iter(seed.rows(1, time.time(), 0.001)))
    row.update(more, started_at=int(time.time() * 1000))
    site.store.put_request(row)
    site.store.put_attempts([{**attempt, "request_id": row["id"]} for attempt in attempts])
    site.store.flush(10)
    return row


def config_of(site: Site) -> str:
    return (site.folder / "ccx.yaml").read_text()


# ---- requests --------------------------------------------------------------------------------------------------------
def test_new_rows_appear_and_end_by_themselves(tab: Tab) -> None:
    tab.go("/requests")
    tab.live()
    row = put(tab.site, state="running", phase="waiting", status=0, stream_end="", error_message="")
    place = tab.page.locator(f"#running #r-{row['id']}")
    expect(place).to_contain_text("waiting for the first token")
    tab.site.store.put_request(
        {
            **row,
            "state": "failed",
            "phase": "done",
            "status": 200,
            "stream_end": "cut",
            "error_message": "the stream broke",
        }
    )
    done = tab.page.locator(f"#finished #r-{row['id']}")
    expect(done).to_contain_text("cut")
    expect(done).to_contain_text("the stream broke")
    expect(place).to_have_count(0)


def test_rows_that_do_not_match_stay_away(tab: Tab) -> None:
    tab.go("/requests?q=model:only-this")
    row = put(tab.site, model="only-this-one", state="ok")
    other = put(tab.site, model="another", state="ok")
    tab.go("/requests?q=model:only-this")
    tab.live()
    put(tab.site, model="another", state="ok")
    mine = put(tab.site, model="only-this-too", state="ok")
    expect(tab.page.locator(f"#r-{mine['id']}")).to_be_visible()
    expect(tab.page.locator(f"#r-{row['id']}")).to_be_visible()
    expect(tab.page.locator(f"#r-{other['id']}")).to_have_count(0)


def test_nothing_moves_under_the_reader(tab: Tab) -> None:
    tab.go("/requests")
    tab.live()
    tab.page.mouse.wheel(0, 1500)
    expect(tab.page.locator("#requests thead")).not_to_be_in_viewport()
    row = put(tab.site, state="ok")
    fresh = tab.page.locator("#fresh")
    expect(fresh).to_have_text("1 new")
    expect(tab.page.locator(f"#r-{row['id']}")).to_have_count(0)
    fresh.click()
    expect(tab.page.locator(f"#r-{row['id']}")).to_be_visible()


def test_a_search_is_saved_for_all_and_forgotten(tab: Tab) -> None:
    tab.go("/requests?q=kind:messages")
    tab.page.get_by_role("button", name="Save", exact=True).click()
    name = 'the <b>"slow"</b> ones/50% #1 \u202e🙂'
    tab.page.locator("#save-view").get_by_label("Name").fill(name)
    with tab.page.expect_navigation():
        tab.page.locator("#save-view").get_by_role("button", name="Save").click()
    tab.go("/requests")
    tab.page.get_by_text("Views", exact=True).click()
    tab.page.get_by_role("link", name=name).click()
    expect(tab.page.locator(".chip.on")).to_have_text("kind:messages")
    tab.page.on("dialog", lambda dialog: dialog.accept())
    tab.page.get_by_text("Views", exact=True).click()
    with tab.page.expect_navigation():
        tab.page.locator(".views").get_by_role("button").click()
    tab.page.get_by_text("Views", exact=True).click()
    expect(tab.page.locator(".views")).to_contain_text("No search has been saved yet")


def test_columns_are_left_out_and_stay_so(tab: Tab) -> None:
    tab.go("/requests")
    head = tab.page.locator("#requests thead")
    expect(head.get_by_text("Cost", exact=True)).to_be_visible()
    tab.page.get_by_text("Columns", exact=True).click()
    tab.page.locator("#columns").get_by_label("Cost").uncheck()
    expect(head.get_by_text("Cost", exact=True)).to_be_hidden()
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("#columns")).not_to_have_attribute("open", "")
    expect(tab.page.locator("#columns > summary")).to_be_focused()
    tab.page.keyboard.press("Enter")
    tab.page.locator("#search").focus()
    expect(tab.page.locator("#columns")).not_to_have_attribute("open", "")
    tab.go("/requests?q=kind:messages")
    expect(head.get_by_text("Cost", exact=True)).to_be_hidden()
    tab.page.get_by_text("Columns", exact=True).click()
    tab.page.locator("#columns").get_by_label("Cost").check()
    expect(head.get_by_text("Cost", exact=True)).to_be_visible()


@pytest.mark.parametrize("clipboard", ["that of the page", "none, over plain http"])
def test_the_link_to_a_request_is_copied(tab: Tab, clipboard: str) -> None:
    if clipboard.startswith("none"):
        tab.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    path = f"/requests/{tab.site.ids[-1]}"
    tab.go(path + "?tab=routing")
    tab.page.evaluate("document.addEventListener('copy', () => (window.copied = String(document.activeElement.value)))")
    tab.page.get_by_role("button", name="Copy the link").click()
    expect(tab.page.locator(".toast")).to_contain_text("Copied")
    ours = "window.copied" if clipboard.startswith("none") else "navigator.clipboard.readText()"
    assert tab.page.evaluate(ours) == tab.site.root + path


def test_keys_move_and_open(tab: Tab) -> None:
    tab.go("/requests")
    tab.page.keyboard.press("j")
    tab.page.keyboard.press("j")
    expect(tab.page.locator("tr.current")).to_have_count(1)
    id = tab.page.locator("tr.current").get_attribute("data-id")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url(f"**/requests/{id}")
    tab.page.clock.set_fixed_time(time.time())  # the second key comes in time, however busy the machine is
    tab.page.keyboard.press("g")
    tab.page.keyboard.press("c")
    tab.page.wait_for_url("**/channels")
    tab.page.keyboard.press("?")
    expect(tab.page.locator("#help")).to_be_visible()


def test_the_histogram_zooms(tab: Tab) -> None:
    tab.go("/requests")
    box = tab.page.locator("svg.bars").bounding_box()
    assert box
    tab.page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 20)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20, steps=4)
    tab.page.mouse.up()
    tab.page.wait_for_url(re.compile(r"since%3A\d{4}-\d\d-\d\dT\d\d%3A"))
    expect(tab.page.locator(".chip.on")).to_have_count(2)


def test_the_histogram_zooms_by_keys(tab: Tab) -> None:
    tab.go("/requests")
    bars = tab.page.get_by_role("slider", name="Requests over time")
    bars.press("ArrowLeft")
    bars.press("Shift+ArrowLeft")
    expect(bars).to_have_attribute("aria-valuetext", re.compile(" – "))
    expect(tab.page.locator(".brush")).to_be_visible()
    bars.press("Enter")
    tab.page.wait_for_url(re.compile(r"since%3A\d{4}-\d\d-\d\dT\d\d%3A"))


def test_every_time_is_the_readers(chromium: Browser, site: Site) -> None:
    """Rows, tips, the search's chips and words for days are all of one clock, from the first page on."""
    context, tab = open_tab(chromium, site, timezone_id="Asia/Shanghai")
    try:
        row = put(site, state="ok")
        at = datetime.fromtimestamp(int(str(row["started_at"])) / 1000, ZoneInfo("Asia/Shanghai"))
        tab.go(f"/requests?q=today+since:{at:%H:%M}+id:{row['id']}")
        expect(tab.page.locator("tr[data-id] time")).to_have_text(f"{at:%H:%M:%S}")
        tab.go(f"/requests?q=since:{at:%Y-%m-%dT%H:%M:%S}%2B08:00+id:{row['id']}")
        expect(tab.page.locator(".chip.on").first).to_contain_text(f"since:{at:%Y-%m-%d %H:%M:%S}")
        expect(tab.page.locator("tr[data-id]")).to_have_count(1)
        tab.go("/clients?edit=alice-laptop")
        tab.page.locator('#edit [name="expires"]').fill("2033-01-02T03:04")
        with tab.page.expect_navigation():
            tab.page.locator("#edit").get_by_role("button", name="Save").click()
        assert "2033-01-01T19:04:00Z" in config_of(site)
        expect(tab.page.locator('#edit [name="expires"]')).to_have_value("2033-01-02T03:04")
        expect(tab.page.locator("#clients")).to_contain_text("2033-01-02 03:04")
    finally:
        context.close()
    assert tab.errors == []


def test_a_running_stream_is_shown_as_it_grows(tab: Tab) -> None:
    row = put(
        tab.site, kind="messages", state="running", phase="streaming", status=0, stream_end="", stream=1, converted=""
    )
    tab.go(f"/requests/{row['id']}")
    tab.live()
    expect(tab.page.get_by_text("Waiting for text")).to_be_visible()
    events = (
        'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"c","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"It grows"}}\n\n'
    )
    tab.site.store.put_body(str(row["id"]), "client_response", events.encode(), [])
    tab.site.store.flush(10)
    expect(tab.page.locator("#answer")).to_contain_text("It grows")
    commands = tab.site.store.submit(lambda conn: conn.execute("SELECT kind FROM commands").fetchall()).result(60)
    assert ("watch",) in [tuple(command) for command in commands]  # before anything of the answer could be shown


# ---- channels --------------------------------------------------------------------------------------------------------
ORDER = "[...document.querySelectorAll('#channel-list .channel')].map((row) => row.dataset.id)"


def shows_order(tab: Tab, *ids: str) -> None:
    """Waits until these are the first channels."""
    tab.page.wait_for_function(f"(ids) => String({ORDER}.slice(0, ids.length)) === String(ids)", arg=ids)


def test_order_by_button(tab: Tab) -> None:
    tab.go("/channels")
    tab.page.get_by_role("button", name="Move backup up").click()
    expect(tab.page.locator(".toast")).to_contain_text("Order saved")
    tab.go("/channels")
    shows_order(tab, "ch_back0002", "ch_main0001")


def test_order_by_dragging(tab: Tab) -> None:
    tab.go("/channels")
    handle = tab.page.locator("#c-ch_codex003 .handle").bounding_box()
    target = tab.page.locator("#c-ch_main0001").bounding_box()
    assert handle
    assert target
    tab.page.mouse.move(handle["x"] + 5, handle["y"] + 5)
    tab.page.mouse.down()
    tab.page.mouse.move(target["x"] + 30, target["y"] + 30, steps=6)
    tab.page.mouse.move(target["x"] + 30, target["y"] + 4, steps=4)
    tab.page.mouse.up()
    expect(tab.page.locator(".toast")).to_contain_text("Order saved")
    shown = tab.page.evaluate(ORDER)
    assert shown.index("ch_codex003") < 2
    tab.go("/channels")
    shows_order(tab, *shown)


def test_an_order_that_nobody_knows_is_asked_about_and_put_back(tab: Tab) -> None:
    tab.go("/channels")
    tab.page.evaluate("document.getElementById('channel-list').dataset.revision = '0000000000000000'")
    tab.page.get_by_role("button", name="Move backup up").click()
    dialog = tab.page.get_by_role("dialog", name="Somebody else changed this meanwhile")
    expect(dialog).to_contain_text("Nobody knows any more")
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    shows_order(tab, "ch_main0001", "ch_back0002")
    tab.errors.clear()  # Chromium notes the 409


def by_ann(site: Site, **values: object) -> None:
    """Somebody else changes the first backup channel."""
    versions.edit(site.folder / "ccx.yaml", edit.patch_channel("ch_back0002", values), None, "ann", site.panel.settings, time.time())  # fmt: skip


def save_note(tab: Tab, note: str) -> None:
    tab.page.evaluate("document.querySelectorAll('#channel-form details').forEach((part) => (part.open = true))")
    tab.page.fill('#channel-form [name="note"]', note)
    tab.page.get_by_role("button", name="Show the change and save").click()
    tab.page.locator("#changes-save").click()


def test_what_two_people_changed_in_different_places_is_both_saved(tab: Tab) -> None:
    tab.go("/channels/ch_back0002")
    by_ann(tab.site, tags=["by-ann"])
    with tab.page.expect_navigation():
        save_note(tab, "mine")
    expect(tab.page.locator(".toast")).to_contain_text("Saved")
    assert "note: mine" in config_of(tab.site)
    assert "by-ann" in config_of(tab.site)


def test_what_two_people_changed_in_one_place_is_shown_three_ways(tab: Tab) -> None:
    tab.go("/channels/ch_back0002")
    by_ann(tab.site, note="theirs")
    save_note(tab, "mine")
    dialog = tab.page.get_by_role("dialog", name="Somebody else changed this meanwhile")
    expect(dialog.locator("tbody tr")).to_contain_text(["channels › backup › note"])
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator('#channel-form [name="note"]')).to_have_value("mine")
    save_note(tab, "mine")
    with tab.page.expect_navigation():
        dialog.get_by_role("button", name="Save with these choices").click()
    assert "note: mine" in config_of(tab.site)
    tab.errors.clear()  # Chromium notes the 409


def test_a_change_is_undone_from_its_word(tab: Tab) -> None:
    before = config_of(tab.site)
    tab.go("/channels")
    tab.page.get_by_role("button", name="Move backup up").click()
    expect(tab.page.locator(".toast")).to_contain_text("Order saved")
    tab.page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(tab.page.locator(".toast")).to_contain_text("Undone")
    assert config_of(tab.site) == before
    expect(tab.page.locator("#channel-list .channel").first).to_have_attribute("data-id", "ch_main0001")


def test_copying_over_plain_http(tab: Tab) -> None:
    """Where a page has no clipboard of its own."""
    tab.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.go("/clients?tool=curl")
    tab.page.evaluate("document.addEventListener('copy', () => (window.copied = String(document.activeElement.value)))")
    tab.page.locator(".snippet").get_by_role("button", name="Copy").first.click()
    expect(tab.page.locator(".toast")).to_contain_text("Copied")
    assert tab.page.evaluate("window.copied") == tab.page.locator("#snippet-1").inner_text()


def test_pasting_makes_a_channel(tab: Tab) -> None:
    tab.go("/channels/new")
    tab.page.locator("#paste textarea").fill(
        "export DEEPSEEK=https://api.deepseek.com/chat/completions key sk-0123456789abcdef0123456789abcdef"
    )
    expect(tab.page.locator("#urls")).to_contain_text("https://api.deepseek.com/v1/chat/completions")
    expect(tab.page.locator("#keys")).to_contain_text("sk-0…cdef")
    tab.page.get_by_role("button", name="Save", exact=True).click()
    tab.page.wait_for_url(re.compile(r"/channels/ch_\w+$"))
    undo = tab.page.locator(".toast").get_by_role("button", name="Undo")
    undo.hover()  # it stays while somebody is at it
    expect(tab.page.locator("h1")).to_contain_text("deepseek")
    assert "sk-0123456789abcdef0123456789abcdef" in config_of(tab.site)
    assert "sk-0123456789abcdef0123456789abcdef" not in tab.page.content()
    tab.expected += ("404",)
    undo.click()
    tab.page.wait_for_url(re.compile(r"/channels/?$"))
    assert "deepseek" not in config_of(tab.site)


def test_a_change_is_shown_before_it_is_saved(tab: Tab) -> None:
    tab.go("/channels/ch_back0002")
    tab.page.fill('#channel-form input[name="name"]', "cheap")
    tab.page.locator(".map-row input").nth(1).fill("glm-6")
    tab.page.fill("#map-test", "claude-opus-4-7")
    expect(tab.page.locator("#map-result")).to_contain_text("opus → glm-6")
    tab.page.get_by_role("button", name="Show the change and save").click()
    diff = tab.page.locator("#changes-diff")
    expect(diff.locator(".add").first).to_contain_text("cheap")
    before = config_of(tab.site)
    assert "cheap" not in before.replace("# cheap, but slow", "")
    with tab.page.expect_navigation():
        tab.page.locator("#changes-save").click()
    expect(tab.page.locator("h1")).to_contain_text("cheap")
    assert "opus: glm-6" in config_of(tab.site)
    assert "# cheap, but slow at night" in config_of(tab.site)


def test_rows_of_one_name_are_a_chain(tab: Tab) -> None:
    tab.go("/channels/ch_back0002")
    tab.page.get_by_role("button", name="Add row").click()
    row = tab.page.locator("#map .map-row").last
    row.locator("input").nth(0).fill("opus")
    row.locator("input").nth(1).fill("glm-6-air")
    row.locator("select").select_option("low")
    tab.page.fill("#map-test", "claude-opus-4-7")
    expect(tab.page.locator("#map-result")).to_contain_text("opus → glm-5, then glm-6-air")
    with tab.page.expect_navigation():
        save_note(tab, "a chain")
    assert "opus: [glm-5, {to: glm-6-air, effort: low}]" in config_of(tab.site)
    with tab.page.expect_navigation():
        save_note(tab, "kept")
    assert "opus: [glm-5, {to: glm-6-air, effort: low}]" in config_of(tab.site)
    expect(tab.page.locator("#map .map-row select").nth(1)).to_have_value("low")


def test_a_key_is_added_and_never_shown(tab: Tab) -> None:
    tab.go("/channels/ch_main0001")
    tab.page.locator("#add-keys textarea").fill("sk-ant-api03-NEWNEWNEWNEWNEWNEW")
    tab.page.get_by_role("button", name="Add", exact=True).click()
    expect(tab.page.locator("#keys tbody tr")).to_have_count(3)
    assert "sk-ant-api03-NEWNEWNEWNEWNEWNEW" not in tab.page.content()


def test_a_key_is_edited(tab: Tab) -> None:
    tab.go("/channels/ch_main0001")
    tab.page.locator("#keys [data-open]").first.click()
    dialog = tab.page.locator("dialog[open]")
    dialog.get_by_label("Requests per minute").fill("30")
    dialog.get_by_label("Models").fill("claude-*, o3")
    with tab.page.expect_navigation():
        dialog.get_by_role("button", name="Save").click()
    expect(tab.page.locator("#keys tbody tr").first).to_contain_text("30 requests per minute")
    assert "models: [claude-*, o3]" in config_of(tab.site) and "limits: {rpm: 30}" in config_of(tab.site)
    tab.page.locator("#keys [data-open]").first.click()
    dialog.get_by_role("button", name="Back").click()
    expect(dialog).to_have_count(0)


# ---- the test page ---------------------------------------------------------------------------------------------------
@pytest.fixture
def bench(tab: Tab, fake: Fake) -> Tab:
    """The test page of a channel that answers; the imitated upstream stands for the gateway, too."""
    channel = f"{{name: one, id: ch_one, protocol: chat, base_urls: [{fake.url!r}], keys: [k-0123456789ab]}}"
    (tab.site.folder / "ccx.yaml").write_text(f"version: 1\nchannels:\n  - {channel}\n")
    tab.site.panel.gateway_url = fake.url
    tab.go("/test")
    return tab


def test_what_a_channel_can_do(bench: Tab) -> None:
    page = bench.page
    page.fill("#cap-models", "able\nblind")
    page.uncheck('input[name="checks"][value="tools"]')
    page.fill("#cap-rpm", "60")
    expect(page.locator("#cap-note")).to_contain_text("6 questions.")
    page.locator("form[data-capability]").get_by_role("button", name="Ask").click()
    matrix = page.locator("#matrix")
    expect(matrix).to_contain_text("ok")
    expect(matrix).to_contain_text("done")
    expect(matrix.locator("tbody tr").nth(1)).to_contain_text("it did not see the picture")


def test_a_test_is_stopped(bench: Tab) -> None:
    page = bench.page
    page.fill("#cap-models", "able")
    page.fill("#cap-rpm", "1")
    page.locator("form[data-capability]").get_by_role("button", name="Ask").click()
    page.locator("#matrix").get_by_role("button", name="Stop").click()
    expect(page.locator("#matrix")).to_contain_text("cancelled")


def test_the_playground(bench: Tab) -> None:
    page = bench.page
    page.select_option("#play-protocol", "messages")
    page.fill("#play-model", "m-fake-slowchunks=40")
    page.fill("#play-prompt", "long:200")
    page.locator("#playground").get_by_role("button", name="Send").click()
    expect(page.locator("#play-answer")).to_contain_text("word3 word4")
    page.locator("#playground").get_by_role("button", name="Stop").click()
    expect(page.locator("#play-status")).to_contain_text("stopped")
    assert "word199" not in page.locator("#play-answer").inner_text()
    page.fill("#play-model", "fake-modelnotfound")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#play-answer [role=alert]")).to_contain_text("fake-modelnotfound")


def test_the_menu_pauses_a_channel(tab: Tab) -> None:
    tab.go("/channels")
    tab.page.get_by_label("Actions for codex").click()
    tab.page.locator("#c-ch_codex003").get_by_role("button", name="Pause").click()
    expect(tab.page.locator("#c-ch_codex003")).to_contain_text("paused")


def test_many_channels_are_found_and_changed_at_once(tab: Tab) -> None:
    tab.go("/channels")
    tab.page.fill("#search", "ch_")
    expect(tab.page.locator("#channel-list .channel[data-id]")).to_have_count(4)
    tab.page.fill("#search", "open.bigmodel.cn")
    expect(tab.page.locator(".channel[data-id]")).to_have_count(1)
    tab.page.get_by_label("Choose backup").check()
    tab.page.fill("#search", "")
    expect(tab.page.locator(".channel[data-id]")).to_have_count(5)
    tab.page.get_by_label("Choose codex").check()
    expect(tab.page.locator("#bulk-count")).to_have_text("2")
    tab.page.locator("#bulk").get_by_role("button", name="Pause").click()
    expect(tab.page.locator("#changes-diff .add")).to_have_count(2)
    tab.page.locator("#changes-save").click()
    expect(tab.page.locator("#c-ch_codex003")).to_contain_text("paused")
    expect(tab.page.get_by_label("Choose codex")).to_be_checked()
    expect(tab.page.locator(".toast").get_by_role("button", name="Undo")).to_be_visible()
    tab.page.keyboard.press("z")
    expect(tab.page.locator("#c-ch_codex003")).not_to_contain_text("paused")


def test_a_key_is_replaced(tab: Tab) -> None:
    tab.go("/channels/keys?q=spare")
    tab.page.get_by_role("button", name="Replace").click()
    tab.page.fill('#replace-form [name="key"]', "sk-ant-api03-NEXTNEXTNEXTNEXTNEXT")
    with tab.page.expect_navigation():
        tab.page.locator("#replace-form").get_by_role("button", name="Save").click()
    expect(tab.page.locator("#keys tbody tr")).to_have_count(2)
    expect(tab.page.locator("#keys")).to_contain_text("ends")
    assert "sk-ant-api03-NEXTNEXTNEXTNEXTNEXT" not in tab.page.content()


# ---- clients and settings --------------------------------------------------------------------------------------------
def test_a_new_client_shows_its_key_once_and_sees_its_first_request(tab: Tab) -> None:
    tab.go("/clients?tool=curl&client=alice-laptop")
    tab.page.fill('#edit input[name="name"]', "bob")
    tab.page.get_by_role("button", name="Make the key").click()
    secret = tab.page.locator("#secret-text")
    expect(secret).to_have_text(re.compile(r"^ccx-"))
    key = secret.inner_text()
    expect(tab.page.locator("#snippet-1")).to_contain_text(key)
    expect(tab.page.locator("#clients")).to_contain_text("bob")
    expect(tab.page.locator("#first-request")).to_contain_text("bob")
    put(tab.site, client_name="bob", state="ok")
    expect(tab.page.locator("#first-request")).to_contain_text("Seen:")
    tab.go("/clients")
    assert key not in tab.page.content()
    expect(tab.page.locator("#clients")).to_contain_text("bob")


def test_who_is_told_is_made_and_changed(tab: Tab) -> None:
    tab.go("/settings/alerts")
    edit = tab.page.locator("#edit")
    edit.get_by_label("Name").fill("team/x #1")
    edit.get_by_label("Form").select_option("slack")
    edit.locator('[name="url"]').fill("https://hooks.example.com/very-secret-part")
    edit.get_by_label("disk low").check()
    with tab.page.expect_navigation():
        edit.get_by_role("button", name="Add").click()
    row = tab.page.locator("#alerts tbody tr").first
    expect(row).to_contain_text("team/x #1")
    expect(row).to_contain_text("disk low")
    row.get_by_role("link", name="Edit").click()
    expect(edit.locator('[name="url"]')).to_have_value("")
    edit.get_by_label("Form").select_option("plain")
    edit.get_by_label("Secret that signs").fill("hush-hush-hush-hush")
    with tab.page.expect_navigation():
        edit.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("JSON")
    expect(row).to_contain_text("yes")
    assert "very-secret-part" in config_of(tab.site) and "very-secret-part" not in tab.page.content()
    row.get_by_role("button", name="Switch off").click()
    expect(row).to_contain_text("off")


def test_a_preset_is_chosen(tab: Tab) -> None:
    tab.go("/settings")
    tab.page.get_by_role("button", name="Gentle").click()
    expect(tab.page.locator('.preset[aria-pressed="true"]')).to_contain_text("Gentle")
    assert "consecutive: 10" in config_of(tab.site)


def test_the_file_is_checked_while_it_is_written(tab: Tab) -> None:
    tab.go("/settings?tab=file")
    text = tab.page.locator(".editor")
    text.fill(text.input_value().replace("protocol: gemini", "protocol: gemeni"))
    expect(tab.page.locator("#yaml-problems")).to_contain_text("protocol")
    tab.page.locator("#yaml-problems [data-line]").first.click()
    chosen = text.evaluate("(field) => field.value.slice(field.selectionStart, field.selectionEnd)")
    assert "gemeni" in chosen and "\n" not in chosen
    text.fill(text.input_value().replace("protocol: gemeni", "protocol: gemini").replace("name: local", "name: here"))
    expect(tab.page.locator("#yaml-problems")).to_contain_text("Valid")
    tab.page.get_by_role("button", name="Show the change and save").click()
    expect(tab.page.locator("#changes-diff")).to_contain_text("name: here")
    with tab.page.expect_navigation():
        tab.page.locator("#changes-save").click()
    expect(tab.page.locator(".editor")).to_have_value(re.compile("name: here"))
    assert config_of(tab.site) == seed.CONFIG.replace("name: local", "name: here")


def test_language_and_theme_are_remembered(chromium: Browser, site: Site) -> None:
    context, tab = open_tab(chromium, site, locale="zh-CN")
    expect(tab.page.locator(".tabs")).to_contain_text("总览")
    tab.page.get_by_role("link", name="English").click()
    expect(tab.page.locator(".tabs")).to_contain_text("Overview")
    tab.page.get_by_role("link", name="Theme: auto").click()
    tab.page.get_by_role("link", name="Theme: light").click()
    expect(tab.page.locator("html")).to_have_attribute("data-theme", "dark")
    context.close()
    assert tab.errors == []


@pytest.mark.parametrize("path", ["/", "/channels", "/sessions"])
def test_pages_follow_what_happens(tab: Tab, path: str) -> None:
    tab.go(path)
    tab.live()
    row = (
        put(tab.site, model="a-model-never-seen", state="running", phase="streaming", trace_hash="ab" * 16)
        if path == "/"
        else put(tab.site, state="ok", model="a-model-never-seen", trace_hash="ab" * 16)
    )
    if path == "/channels":
        tab.site.store.put_breaker(
            {
                "kind": "responses",
                "channel_id": "ch_codex003",
                "state": "open",
                "reason": "a reason never seen",
                "until": int(time.time() * 1000) + 60_000,
                "base_url": "https://api.openai.com/v1",
            }
        )
        put(tab.site, state="ok")
        expect(tab.page.locator("#c-ch_codex003")).to_contain_text("a reason never seen")
    else:
        expect(tab.page.locator("main")).to_contain_text("a-model-never-seen")
    assert row
