"""Every page of the panel by its address, so that a new page is in every walk over them."""

from collections.abc import Mapping
from typing import Final

from flask import Flask
from flask.testing import FlaskClient

from ccx_admin.requests import detail as request_detail
from ccx_admin.requests.page import SHOW
from ccx_admin.settings.page import TABS

MORE: Final[Mapping[str, tuple[str, ...]]] = {
    "overview.index": ("?range=7d",),
    "requests.index": (
        *(f"?show={name}" for name, _ in SHOW), "?q=state:failed+since:7d", "?q=model:opus", "?q=client:nobody",
    ),
    "requests.rows": ("?ids=",),
    "request_detail.index": tuple(f"?tab={name}" for name, _ in request_detail.TABS),
    "channels.index": ("?sort=name", "?q=main"),
    "channels.why": ("?kind=messages&model=claude-opus-4-7",),
    "sessions.index": ("?kind=messages",),
    "usage.index": ("?range=30d&by=client&show=cost", "?range=90d&by=model"),
    "clients.index": ("?edit=alice-laptop",),
    "settings.index": tuple(f"?tab={name}" for name, _ in TABS),
}  # fmt: skip
"""Endpoint -> further forms of the page."""
OUTSIDE: Final = frozenset({"static", "sso.away", "sso.back", "own.index", "own.login", "auth.login", "bench.progress"})
"""What is no page of somebody who is logged in, and a test's matrix, which needs one that runs."""


def every_page(app: Flask, session: FlaskClient) -> list[str]:
    """Addresses of all pages, with what they need taken from the database. The API is not among them."""
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.rule.startswith("/api") or rule.endpoint in OUTSIDE:
            continue
        path = rule.rule
        for name in rule.arguments:
            path = path.replace(f"<{name}>", _sample(session, rule.endpoint, name))
        found += [path, *(path + more for more in MORE.get(rule.endpoint, ()))]
    return found


def _sample(session: FlaskClient, endpoint: str, name: str) -> str:
    match endpoint, name:
        case "channels.one", "id":
            return str(session.get("/api/channels").get_json()["channels"][0]["id"])
        case (("request_detail.index" | "compare.index"), "id"):
            return str(session.get("/api/requests").get_json()["rows"][0]["id"])
        case "sessions.one", "trace":
            return str(session.get("/api/sessions").get_json()["sessions"][0]["trace_hash"])
    raise AssertionError(f"say which {name} the page {endpoint} is looked at with")
