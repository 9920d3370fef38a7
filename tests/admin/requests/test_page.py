import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from ccx_admin.requests import page as requests
from ccx_admin.requests import search_box
from tests.admin import seed
from tests.admin.conftest import NOW

MS = int(NOW * 1000)


def parsed(text: str) -> search_box.Search:
    return search_box.parse(text, MS)


def test_chips_say_what_is_left_without_them() -> None:
    found = requests.chips(parsed('status:>=400 -model:haiku "quota exceeded"'))
    assert [(chip.text, chip.without) for chip in found] == [
        ("status:>=400", '-model:haiku "quota exceeded"'),
        ("-model:haiku", 'status:>=400 "quota exceeded"'),
        ('"quota exceeded"', "status:>=400 -model:haiku"),
    ]


def test_a_chip_shows_a_moment_as_a_time() -> None:
    assert requests.chips(parsed(f"since:{MS}"))[0].text == "since:2026-11-25 10:00:00 UTC"


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        pytest.param("", "24h", "since:24h", id="nothing yet"),
        pytest.param("opus since:1h", "7d", "opus since:7d", id="another range"),
        pytest.param("since:1 until:2 opus", "", "opus", id="everything"),
    ],
)
def test_in_range(text: str, name: str, expected: str) -> None:
    assert requests.in_range(parsed(text.replace("since:1 until:2", f"since:{MS - 5} until:{MS}")), name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("opus", "", id="all"),
        pytest.param("since:24h", "24h", id="a range"),
        pytest.param(f"since:{MS - 5} until:{MS}", "zoom", id="a part of the histogram"),
    ],
)
def test_chosen_range(text: str, expected: str) -> None:
    assert requests.chosen_range(parsed(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("opus", ("opus failover:yes", False), id="adds"),
        pytest.param("opus failover:yes", ("opus", True), id="takes away"),
    ],
)
def test_with_term(text: str, expected: tuple[str, bool]) -> None:
    assert requests.with_term(parsed(text), "failover:yes") == expected


@pytest.mark.parametrize("term", [term for _word, term in requests.QUICK])
def test_quick_searches_are_understood(term: str) -> None:
    assert parsed(term).terms


def test_the_list_shows_the_chain_and_the_error(session: FlaskClient, store: Store) -> None:
    rows = list(seed.rows(200, NOW, 1.0))
    row, attempts = next((row, attempts) for row, attempts in rows if len(attempts) == 2)
    lost = next(row for row, _ in rows if row["state"] == "failed")
    store.put_request(row)
    store.put_attempts(attempts)
    store.put_request(lost)
    store.flush(10)
    page = session.get("/requests").text
    chain = page[page.index(f'id="r-{row["id"]}"') :].partition("</tr>")[0]
    assert re.search(
        r"main.*?#i-cross.*?" + str(attempts[0]["status"]) + r".*?#i-arrow.*?backup.*?#i-check", chain, re.S
    )
    assert "messages&gt;chat" in chain
    assert lost["error_message"] in page[page.index(f'id="r-{lost["id"]}"') :].partition("</tr>")[0]


@pytest.mark.usefixtures("filled")
def test_running_rows_come_first_and_once(session: FlaskClient) -> None:
    page = session.get("/requests").text
    states = re.findall(r'data-state="(\w+)"', page)
    assert states[:2] == ["running", "running"]
    assert "running" not in states[2:]


@pytest.mark.usefixtures("filled")
def test_pages_follow_each_other(session: FlaskClient) -> None:
    seen: list[str] = []
    path = "/requests"
    while path:
        page = session.get(path).text
        seen += re.findall(r'<tr id="r-([^"]+)"', page)
        found = re.search(r'id="older" rel="next" href="([^"]+)"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == len(set(seen)) == 302


def test_rows_are_only_those_that_match(session: FlaskClient, filled: list[str]) -> None:
    wanted = ",".join(filled[:50])
    every = session.get("/requests/rows", query_string={"ids": wanted}).text
    some = session.get("/requests/rows", query_string={"ids": wanted, "q": "kind:messages"}).text
    assert every.count("<tr ") == 50
    assert 0 < some.count("<tr ") < 50
    assert some.count("k-messages") >= some.count("<tr ")


def test_a_wrong_search_says_what_is_wrong(session: FlaskClient) -> None:
    page = session.get("/requests?q=colour:red").text
    assert 'role="alert"' in page
    assert "there is no field &#39;colour&#39;" in page


@pytest.mark.parametrize("query", ["", "kind:messages", "model:claude", "since:3h", "since:7d", "since:2h until:1h"])
def test_every_bar_stands_in_its_column(app: Flask, filled: list[str], query: str) -> None:
    """Sums and columns agree about how wide a bar is, and where the first one begins."""
    assert filled
    with app.test_request_context("/"):
        current = app.extensions["ccx"]
        found = search_box.parse(query, current.now_ms())
        drawn = requests.histogram_of(current, found)
    assert drawn and drawn.total
    heights = [round(c.ok + c.failover + c.left + c.failed, 1) for c in drawn.columns]
    assert max(heights) == 46 and sum(heights) / max(heights) <= drawn.total
    in_columns = sum(
        int(count)
        for column in drawn.columns
        for count in re.findall(r": (\d+) ok, (\d+) .*, (\d+) left, (\d+)", column.title)[0]
    )
    assert in_columns == drawn.total


@pytest.mark.usefixtures("filled")
def test_the_histogram_counts_every_request(session: FlaskClient) -> None:
    found = re.findall(
        r"<title>[^:]+:\d\d:\d\d UTC: (\d+) ok, (\d+) failed over, (\d+) left, (\d+) failed</title>",
        session.get("/requests").text,
    )
    assert sum(int(n) for counts in found for n in counts) == 300


@pytest.mark.parametrize(
    ("capture", "q", "is_told"),
    [("off", "said:x", True), ("errors", "said:x", True), ("all", "said:x", False), ("off", "x", False)],
)
def test_words_that_are_not_kept_are_not_looked_for_in_vain(
    session: FlaskClient, folder: Path, capture: str, q: str, is_told: bool
) -> None:
    file = folder / "ccx.yaml"
    file.write_text(file.read_text() + f"policy: {{bodies: {{capture: '{capture}'}}}}\n")
    page = session.get(f"/requests?q={q}").text
    assert "Nothing matches" in page and ("policy.bodies.capture" in page) is is_told


def test_an_id_alone_leads_to_what_it_names(session: FlaskClient, filled: list[str]) -> None:
    found = {
        text: session.get("/requests", query_string={"q": text}).location
        for text in (
            filled[3],
            f" {filled[3].upper()} ",
            f"{0:032x}",
            filled[3][:-1],
            f"{filled[3][:-4]}ffff",
            f"{2**127:032x}",
        )
    }
    request, trace = f"/requests/{filled[3]}", f"/sessions/{0:032x}"
    assert list(found.values()) == [request, request, trace, None, None, None]
