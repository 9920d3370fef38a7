"""Errors by their words."""

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from ccx_admin.requests.errors import grouped, words_of
from tests.admin.conftest import NOW


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("messages.12.content.3: ids toolu_01ABCdef without", "messages.7.content.0: ids toolu_99XYZabc without"),
        ("Rate limit of 30000 per minute; try in 1.5s", "Rate limit of 40000 per minute; try in 22s"),
        ("request req_011CSHoEeqs5C35K failed", "request req_9zzzzzzzzzzzzzzz failed"),
        (
            "trace 01a2254a-218b-7d9b-9b24-8930997ad398",
            "trace 01a22550-ffff-7d9b-9b24-8930997ad399",
        ),
        ("see https://a.example/x?y=1 now", "see https://b.example/z now"),
        ("file 8f14e45fceea167a5a36dedd4bea2543 gone", "file c9f0f895fb98ab9159f51fd0297e236d gone"),
    ],
)
def test_what_differs_is_left_out(first: str, second: str) -> None:
    assert words_of(first) == words_of(second) != first


@pytest.mark.parametrize("text", ["Overloaded", "prompt is too long", "a tool_result without tool_use", "模型过载", ""])
def test_words_stay(text: str) -> None:
    assert words_of(text) == text


def test_other_words_are_others() -> None:
    assert words_of("limit of 5 requests") != words_of("limit of 5 tokens")


def row(text: str, n: int, first: int, last: int, id: str, channel: str = "a", **more: Any) -> dict[str, Any]:
    found = {"error_message": text, "error_kind": "", "status": 429, "channel_name": channel, "model": "m"}
    return {**found, "n": n, "first": first, "last": last, "id": id, **more}


def test_groups() -> None:
    rows = [
        row("limit 5", 2, 10, 20, "x"),
        row("limit 6", 3, 5, 40, "y", "b"),
        row("other", 4, 1, 2, "z"),
        row("limit 7", 1, 7, 8, "w", status=500),
    ]
    found = grouped(rows)
    assert [(g.words, g.status, g.times, g.first, g.last, g.example) for g in found] == [
        ("limit …", 429, 5, 5, 40, "y"),
        ("other", 429, 4, 1, 2, "z"),
        ("limit …", 500, 1, 7, 8, "w"),
    ]
    assert found[0].channels == {"b": 3, "a": 2} and found[0].text == "limit 6"


@pytest.mark.parametrize(
    ("message", "more", "others"),
    [
        (
            "the key 'bob' has used its 5 dollars of this month",
            {},
            ["the key 'al' has used its 5 dollars of this month"],
        ),
        ('the field "tool_7" is "not known" here', {}, ["the field is not known here"]),
        ("<html>\r\n<h1>502 Bad\tGateway</h1>\n</html>", {}, ["<html>404 Not Found</html>"]),
        ("=1 is 50% of 2_0!", {}, ["is of"]),
        ("7", {}, []),
        ("", {"error_kind": "lost"}, ["the upstream was lost"]),
    ],
)
def test_a_group_leads_to_its_requests(
    session: FlaskClient, store: Store, message: str, more: dict[str, str], others: list[str]
) -> None:
    at = int(NOW * 1000)
    row = {"started_at": at, "state": "failed", "status": 429, "kind": "chat"}
    store.put_request({**row, "id": "wanted", "error_message": message, **more})
    store.put_request({**row, "id": "fine", "error_message": message, **more, "status": 500})
    for n, other in enumerate(others):
        store.put_request({**row, "id": f"other{n}", "error_message": other})
    store.flush()
    page = session.get("/requests?show=errors&q=status:429").text
    links = [html.unescape(each) for each in re.findall(r'error-words"><a href="([^"]+)', page)]
    found = [re.findall(r'href="/requests/(wanted|fine|other0)"', session.get(each).text) for each in links]
    assert sorted(found) == sorted([["wanted"], *(["other0"] for _ in others)])


def test_page(session: FlaskClient, store: Store) -> None:
    at = int(NOW * 1000)
    for n in range(3):
        store.put_request(
            {"id": f"r{n}", "started_at": at - n, "state": "failed", "status": 400, "kind": "chat"}
            | {"error_message": f"item {n}7 is <b>bad</b>", "channel_name": "<i>main</i>"}
        )
    store.put_request({"id": "ok", "started_at": at, "state": "ok", "error_message": "fine"})
    store.flush()
    page = session.get("/requests?show=errors").text
    assert "item … is &lt;b&gt;bad&lt;/b&gt;" in page and "<b>3</b>" in page and "fine" not in page
    assert "&lt;i&gt;main" in page
    nothing = session.get("/requests?show=errors&q=channel:none").text
    assert "No errors" in nothing
    assert session.get("/requests?show=errors&q=colour:red").status_code == 200
