"""Searches that all admins share."""

import pytest
from flask.testing import FlaskClient

from tests.admin.conftest import Api


def test_saved_shown_replaced_and_deleted(api: Api, session: FlaskClient) -> None:
    assert api.get("/api/views") == {"views": []}
    api.do("POST", "/api/views", {"name": 'a/b "<i>"', "query": "state:failed since:24h"})
    api.do("POST", "/api/views", {"name": "B", "query": "kind:chat"})
    page = session.get("/requests").text
    assert "a/b &#34;&lt;i&gt;&#34;" in page and "state:failed" in page and 'href="/requests?q=kind:chat"' in page
    api.do("POST", "/api/views", {"name": "B", "query": "kind:gemini"})
    assert [view["query"] for view in api.get("/api/views")["views"]] == ["state:failed since:24h", "kind:gemini"]
    api.do("DELETE", "/api/views?name=B")
    api.do("DELETE", "/api/views?name=B", status=404)
    api.do("DELETE", "/api/views?name=a%2Fb%20%22%3Ci%3E%22")
    assert api.get("/api/views") == {"views": []}


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "query": "a"},
        {"name": "  ", "query": "a"},
        {"name": "x", "query": "colour:red"},
        {"name": "x" * 61, "query": "a"},
        {"query": "a"},
    ],
)
def test_what_is_no_view(api: Api, body: dict[str, str]) -> None:
    assert api("POST", "/api/views", body).status_code == 422
