"""/api/requests: the log of requests, one of them, its bodies, exports, and sending one again."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from flask import Blueprint
from werkzeug.wrappers import Response

from ccx_addons.core.mask import NOTHING
from ccx_addons.io import probe
from ccx_addons.io.version import version
from ccx_admin import own_gateway
from ccx_admin.access import audit
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import Failure, not_found
from ccx_admin.api.schema import Json, array, choice, free, integer, table, text
from ccx_admin.panel import Panel, panel
from ccx_admin.requests import bars, export, search_box
from ccx_admin.requests.search_box import Now, QueryError, Search
from ccx_admin.zone import zone

requests: Final = Blueprint("api_requests", __name__, url_prefix="/api")

REPLAYED_HEADERS: Final = ("content-type", "accept", "anthropic-version", "anthropic-beta", "openai-beta", "user-agent")
MEDIA: Final = {"csv": "text/csv", "jsonl": "application/jsonl", "har": "application/json"}


def parsed(text: str, current: Panel) -> Search:
    try:
        return search_box.parse(text, current.now_ms(), zone())
    except QueryError as error:
        raise Failure(422, "Search not understood", str(error)) from None


@operation(
    requests,
    "GET",
    "/requests",
    query={
        "q": text("search, e.g. status:>=400 channel:main took:>30s", maxLength=search_box.MAX_QUERY, default=""),
        "before": text("next of the page before", maxLength=80, default=""),
        "limit": integer("rows of a page; of a file the most", 1, search_box.MAX_EXPORT, default=100),
        "format": choice(("json", *MEDIA), default="json"),
    },
    answer=table({"rows": array(free()), "next": text(), "log": free("of a HAR file")}, more=True),
    media=("text/csv", "application/jsonl"),
)
def list_requests(query: dict[str, Json]) -> dict[str, Json] | Response:
    """Requests, newest first; ``running``: those in flight, on the first page. Other formats give a file."""
    current = panel()
    found = parsed(query["q"], current)
    if query["format"] != "json":
        return exported(current, found, query["format"], query["limit"])
    try:
        page = search_box.search(current.db, found, query["before"], query["limit"])
    except QueryError as error:
        raise Failure(422, "Invalid value", f"before: {error}") from None
    first = not query["before"] and not found.terms
    return {
        "rows": page.rows,
        "next": page.next,
        "running": search_box.running(current.db) if first else [],
        "terms": [{**asdict(term), "text": str(term)} for term in found.terms],
    }


def exported(current: Panel, found: Search, kind: str, limit: int) -> Response:
    rows = search_box.every(current.db, found, limit)
    lines: Iterator[str]
    match kind:
        case "csv":
            lines = export.as_csv(rows, zone=zone())
        case "jsonl":
            lines = export.as_jsonl(rows)
        case _:
            secrets = current.secrets()
            audit.looked("*")
            lines = export.as_har(current.db, rows, current.gateway_url, secrets, version())
    headers = {"Content-Disposition": f'attachment; filename="requests.{kind}"'}
    return Response(lines, content_type=f"{MEDIA[kind]}; charset=utf-8", headers=headers)


def the_request(id: str) -> dict[str, Any]:
    found = search_box.detail(panel().db, id)
    if found is None:
        raise not_found("request", id)
    return found


@operation(
    requests,
    "GET",
    "/requests/<id>",
    query={"format": choice(("json", "har"), default="json")},
    answer=table({"id": text()}, ("id",), more=True),
    errors=(404,),
)
def get_request(id: str, query: dict[str, Json]) -> dict[str, Json]:
    """One request with its attempts, why each channel was or was not chosen, and which bodies are kept."""
    found = the_request(id)
    if query["format"] == "har":
        current = panel()
        bodies = export.bodies(current.db, id, current.secrets(), export.IN_HAR)
        entry = export.har_entry(found, bodies, current.gateway_url)
        creator = {"name": "CCX", "version": version()}
        return {"id": id, "log": {"version": "1.2", "creator": creator, "entries": [entry]}}
    names = {channel.id: channel.name for channel in panel().snapshot().channels}
    for candidate in found["candidates"]:
        candidate["channel_name"] = names.get(candidate["channel_id"], candidate["channel_id"])
    return found


@operation(
    requests, "GET", "/requests/<id>/body", answer=table({"sides": free()}, ("sides",), more=True), errors=(404,)
)
def get_bodies(id: str) -> dict[str, Json]:
    """The captured bodies of a request by side, keys masked; ``why``: a sentence when there are none."""
    the_request(id)
    current = panel()
    sides = export.bodies(current.db, id, current.secrets())
    return {"sides": sides, "why": "" if sides else why_no_bodies(current)}


def why_no_bodies(current: Panel) -> str:
    match current.snapshot().policy.bodies.capture:
        case "off":
            return "bodies are not captured; policy.bodies.capture turns it on"
        case "errors":
            return "bodies are captured of failed requests only; policy.bodies.capture says so"
    return f"bodies are kept for {current.settings.body_retention_days} days, and none was captured or it is older"


@operation(requests, "DELETE", "/bodies", answer=table({"deleted": integer()}, ("deleted",)))
def delete_bodies() -> dict[str, Json]:
    """Delete every captured body now."""
    store = panel().store
    deleted = store.submit(lambda conn: conn.execute("DELETE FROM bodies").rowcount).result(30)
    store.put_event("info", "bodies", f"{deleted} bodies were deleted by hand")
    return {"deleted": deleted}


@operation(
    requests,
    "POST",
    "/requests/<id>/replay",
    body=table({"channel": text("name or id: only this channel", maxLength=64)}),
    answer=table({"status": integer(), "request_id": text(), "total_ms": {}}, ("status", "request_id"), more=True),
    errors=(404, 409),
)
def replay(id: str, body: dict[str, Json]) -> dict[str, Json]:
    """Send the captured request through the gateway again; the new one is logged with source ``test``."""
    row, current = the_request(id), panel()
    kept = current.db.row(
        "SELECT headers, body, truncated FROM bodies WHERE request_id = ? AND side = 'client_request'", (id,)
    )
    if kept is None:
        raise Failure(409, "No body", f"there is nothing to send again: {why_no_bodies(current)}")
    if kept["truncated"]:
        raise Failure(409, "Body cut", "only the first part of the body was kept; raise policy.bodies.max_kb")
    sent = export.raw_of(kept["body"])
    asked = export.bodies(current.db, id, NOTHING)["client_request"]
    method, path = export.line_of(row, asked)
    asks = own_gateway.headers(current, body.get("channel", ""))
    if not path:
        raise Failure(409, "No gateway", own_gateway.UNKNOWN)
    if method != "POST":
        raise Failure(409, "No body", f"there is nothing to send again: it was a {method} without a body")
    headers = {name.lower(): value for name, value in asked["headers"] if name.lower() in REPLAYED_HEADERS}
    found = probe.replay(current.gateway_url + path, headers | asks, sent)
    return {**asdict(found), "replay_of": id}


@operation(
    requests,
    "GET",
    "/requests/histogram",
    query={
        "q": text(maxLength=search_box.MAX_QUERY, default=""),
        "start": integer("Unix milliseconds; not given: a day ago"),
        "end": integer("Unix milliseconds; not given: now"),
        "buckets": integer(low=1, high=500, default=60),
    },
    answer=table({"buckets": array(free())}, ("buckets",), more=True),
)
def histogram(query: dict[str, Json]) -> dict[str, Json]:
    """Counts of ok, failed over, left and failed requests over time, for the same search, counted from ``since``."""
    current = panel()
    end = query.get("end", current.now_ms())
    start = query.get("start", end - 86_400_000)
    if start >= end:
        raise Failure(422, "Invalid value", "start: must be before end")
    moment = Now(current.now_ms(), zone())
    found = bars.histogram(current.db, parsed(query["q"], current), start, end, moment, query["buckets"])
    return {"start": found.start, "end": end, "since": found.since, "buckets": found.bars}
