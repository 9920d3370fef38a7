"""Charts draw what is shown, and tables are put in order."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Tab

SHOWN = "document.querySelector('.chart').plot.data.map((column) => [...column])"
"""Times, then what is drawn of each series."""


def chart(tab: Tab, path: str) -> None:
    tab.go(path)
    tab.page.wait_for_selector(".chart .u-legend")


def shows(tab: Tab, series: list[list[float]]) -> None:
    """Waits until these are the first series that are drawn."""
    tab.page.wait_for_function(f"(want) => JSON.stringify({SHOWN}.slice(1, want.length + 1)) === JSON.stringify(want)", arg=series)  # fmt: skip


def test_a_hidden_series_leaves_no_gap_in_the_stack(tab: Tab) -> None:
    chart(tab, "/usage?range=24h&by=client")
    before = tab.page.evaluate(SHOWN)
    names = tab.page.locator(".chart .u-legend .u-series:not(:first-child) th")
    bottom = before[-1]
    assert sum(bottom) > 0
    names.last.click()  # the one at the bottom of every bar
    shows(tab, [[value - hidden for value, hidden in zip(drawn, bottom, strict=True)] for drawn in before[1:-1]])
    names.last.click()
    shows(tab, before[1:])


def test_the_legend_is_used_by_keys(tab: Tab) -> None:
    chart(tab, "/usage?range=24h&by=client")
    name = tab.page.locator(".chart .u-legend .u-series:not(:first-child) th").first
    name.focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(".chart .u-legend .u-series.u-off")).to_have_count(1)


def test_no_label_of_an_axis_stands_twice(tab: Tab) -> None:
    tab.go("/usage")
    found = tab.page.evaluate(
        """async () => {
            const app = document.querySelector('script[src$="app.js"]').src;
            const { moments, amounts } = await import(new URL('charts.js', app));
            const { count } = await import(new URL('words.js', app));
            const start = new Date(2026, 10, 24, 18).getTime() / 1000;
            const every = (hours, n) => Array.from({ length: n }, (_x, i) => start + i * hours * 3600);
            return [moments(every(4, 6), 4 * 3600), moments(every(12, 5), 86400), amounts([1000, 1010, 1020, 1100], count)];
        }"""
    )
    assert found[0] == ["18:00", "22:00", "11-25", "06:00", "10:00", "14:00"]
    assert [label for label in found[1] if label] == ["11-24", "11-25", "11-26"]
    assert found[2] == ["1k", "", "", "1.1k"]


def test_tables_are_sorted_by_their_heads(tab: Tab) -> None:
    tab.go("/usage?range=24h&by=model")
    table = tab.page.locator('table[data-sort="usage"]')

    def in_order(column: int, text: bool = False, down: bool = False) -> None:
        """Waits until a column is in this order, with more than three rows."""
        tab.page.wait_for_function(
            """([column, text, down]) => {
                const cells = [...document.querySelectorAll(`table[data-sort="usage"] tbody tr > :nth-child(${column})`)];
                const values = cells.map((cell) => (text ? cell.querySelector(".name").innerText : Number(cell.dataset.value)));
                const after = (one, other) => (down ? one <= other : one >= other);
                return values.length > 3 && values.every((value, n) => n === 0 || after(value, values[n - 1]));
            }""",
            arg=[column, text, down],
        )

    table.get_by_role("button", name="Cost").click()
    in_order(2, down=True)
    table.get_by_role("button", name="Cost").click()
    in_order(2)
    expect(table.locator("th").nth(1)).to_have_attribute("aria-sort", "ascending")
    table.get_by_role("button", name="Model").click()
    in_order(1, text=True)


def test_a_sparkline_draws_nothing_where_nothing_was(tab: Tab) -> None:
    tab.go("/?range=7d")
    paths = [path.get_attribute("d") or "" for path in tab.page.locator(".tile .spark path").all()]
    assert paths and all(not re.search(r"NaN|undefined|None", path) for path in paths)
    ttft = paths[2]
    points = re.findall(r"[ML](\d+)", ttft)
    assert 0 < len(points) < 60, "requests came on one day of seven"
