"""Requests as files: CSV, JSON lines, and HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/)."""

import base64
import csv
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from ccx_addons.core.code_assist import VERSION, is_enclosed
from ccx_addons.core.endpoints import ACCOUNT, ENDPOINTS
from ccx_addons.core.kept import line_in
from ccx_addons.core.mask import Secrets
from ccx_admin.access import audit
from ccx_admin.db import Reader
from ccx_admin.shell.format import moment

COLUMNS: Final = (
    "id", "started_at", "ended_at", "state", "kind", "operation", "stream", "client_name", "client_ip", "user_agent",
    "model", "upstream_model", "channel_id", "channel_name", "key_mask", "converted", "attempts_n", "status",
    "error_kind", "error_message", "stream_end", "ttfb_ms", "first_event_ms", "total_ms", "input_tokens",
    "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "usage_source", "cost_usd",
    "price_source", "bytes_in", "bytes_out", "source", "trace_hash", "losses",
)  # fmt: skip
FACTS: Final = (
    "id", "state", "attempts_n", "error_message", "channel_name", "upstream_model", "input_tokens",
    "cache_read_tokens", "output_tokens", "cost_usd",
)  # fmt: skip
"""What a HAR file says beside its own form, for ``ccx replay`` to compare with."""
FORMULA: Final = re.compile(r'^(?=[\t\r\n])|(?:^|[;,\t\r\n])"*(?=[=+@＝＋－＠-])')
"""What stands before that which a spreadsheet may take for a formula: nothing, or a separator, since many split at
semicolons or tabs instead, and then our quotes are none (owasp.org/www-community/attacks/CSV_Injection)."""


MOMENTS: Final = frozenset({"started_at", "ended_at", "at", "resets"})
"""Columns in Unix ms."""


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = COLUMNS, zone: tzinfo = UTC) -> Iterator[str]:
    """``zone``: whose days and hours the times are of; each says how far that is from UTC."""
    yield line(columns)
    for row in rows:
        yield line([stamp(row[name], zone) if name in MOMENTS else cell(row[name]) for name in columns])


def stamp(ms: float | None, zone: tzinfo) -> str:
    found = moment(ms, zone)
    return "" if found is None else found.isoformat(timespec="milliseconds")


def line(values: Iterable[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(values)
    return out.getvalue()


def cell(value: Any) -> Any:
    """A value of a CSV cell that no spreadsheet takes for a formula. Fractions end at a millionth."""
    if value is None:
        return ""
    if isinstance(value, list):
        return cell("; ".join(f"{path}: {reason}" for path, reason in value))
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return FORMULA.sub(r"\g<0>'", value) if isinstance(value, str) else value


def as_jsonl(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row) + "\n"


# ---- bodies ----------------------------------------------------------------------------------------------------------
def bodies(db: Reader, id: str, secrets: Secrets, sides: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Side -> ``headers``, ``text`` (or ``base64`` of what is no text), ``size``, ``truncated``, ``at``, and ``times``
    (core/kept.py). No ``sides``: all."""
    wanted = f" AND side IN ({', '.join('?' * len(sides))})" if sides else ""
    sql = f"SELECT side, at, headers, body, size, truncated, times FROM bodies WHERE request_id = ?{wanted}"
    rows = db.rows(f"{sql} ORDER BY side", (id, *sides))
    if rows:
        audit.looked(id)
    return {row["side"]: _body(dict(row), secrets) for row in rows}


def _body(row: dict[str, Any], secrets: Secrets) -> dict[str, Any]:
    pairs = json.loads(row["headers"]) if row["headers"] else []
    found = {
        "headers": [[name, secrets.clean(str(value))] for name, value in pairs],
        "size": row["size"],
        "truncated": bool(row["truncated"]),
        "at": row["at"],
        "times": json.loads(row["times"]) if row["times"] else [],
    }
    content = secrets.clean_bytes(raw_of(row["body"]), cut=found["truncated"])
    try:
        return {**found, "text": content.decode()}
    except UnicodeDecodeError:
        return {**found, "base64": base64.b64encode(content).decode()}


def raw_of(stored: bytes) -> bytes:
    return zlib.decompress(stored)


def line_of(row: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[str, str]:
    """Method, and path with its query, as they were kept with what was ``asked``; else from kind and operation. Without
    a path: there is no such endpoint any more."""
    method, path = line_in(asked.get("headers", ()))
    return (method, path) if path else _guessed(row, str(asked.get("text", "")))


def _guessed(row: Mapping[str, Any], asked: str) -> tuple[str, str]:
    """``asked`` says whether it was to Code Assist."""
    prefix = f"/{row['route_prefix']}" if row["route_prefix"] else ""
    if row["operation"].startswith(ACCOUNT):
        return "POST", f"{prefix}/{VERSION}{row['operation'].removeprefix(ACCOUNT)}"
    internal = row["kind"] == "gemini" and is_enclosed(asked)
    fits = [
        endpoint
        for endpoint in ENDPOINTS
        if endpoint.kind == row["kind"]
        and endpoint.operation == row["operation"]
        and (endpoint.model_in == "envelope") == internal
        and endpoint.stream in (None, bool(row["stream"]))
    ]
    if not fits:
        return "POST", ""
    path = fits[0].pattern.replace("{model}", quote(row["model"], safe="")).replace("{id}", "ID")
    return fits[0].method, prefix + path + ("?alt=sse" if row["kind"] == "gemini" and row["stream"] else "")


# ---- HAR -------------------------------------------------------------------------------------------------------------
IN_HAR: Final = ("client_request", "client_response")


def as_har(db: Reader, rows: Iterable[Mapping[str, Any]], root: str, secrets: Secrets, version: str) -> Iterator[str]:
    """One HAR file, entry by entry: what clients sent and got."""
    creator = {"name": "CCX", "version": version}
    yield f'{{"log": {{"version": "1.2", "creator": {json.dumps(creator)}, "entries": ['
    for n, row in enumerate(rows):
        yield (",\n" if n else "\n") + json.dumps(har_entry(row, bodies(db, row["id"], secrets, IN_HAR), root))
    yield "\n]}}\n"


def har_entry(row: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]], root: str) -> dict[str, Any]:
    asked, answered = found.get("client_request", {}), found.get("client_response", {})
    first = row["first_event_ms"] or row["ttfb_ms"]
    total = row["total_ms"] or 0.0
    wait = min(first, total) if first is not None else total
    method, path = line_of(row, asked)
    query = parse_qsl(urlsplit(path).query, keep_blank_values=True)
    request: dict[str, Any] = {
        **_message(asked),
        "method": method,
        "url": (root or "http://127.0.0.1") + (path or "/"),
        "queryString": [{"name": name, "value": value} for name, value in query],
        "bodySize": row["bytes_in"] if row["bytes_in"] is not None else -1,
    }
    if asked.get("text") or "base64" in asked:
        request["postData"] = _content(asked)
    content: dict[str, Any] = {"size": row["bytes_out"] or 0, **_content(answered)}
    response = {
        **_message(answered),
        "status": row["status"],
        "statusText": "",
        "content": content,
        "redirectURL": "",
        "bodySize": row["bytes_out"] if row["bytes_out"] is not None else -1,
    }
    return {
        "startedDateTime": datetime.fromtimestamp(row["started_at"] / 1000, UTC).isoformat(timespec="milliseconds"),
        "time": total,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": max(0.0, total - wait)},
        "comment": f"{row['channel_name']} {row['model']} > {row['upstream_model']}",
        "_ccx": {name: row[name] for name in FACTS},
    }


def _content(found: Mapping[str, Any]) -> dict[str, str]:
    """A body, and what it is. ``encoding`` is HAR's for answers; of requests others write the same."""
    types = [value for name, value in found.get("headers", []) if name.lower() == "content-type"]
    content = {"mimeType": types[0] if types else "application/json"}
    if "base64" in found:
        return {**content, "text": found["base64"], "encoding": "base64"}
    return {**content, "text": found["text"]} if "text" in found else content


def _message(found: Mapping[str, Any]) -> dict[str, Any]:
    headers = [{"name": name, "value": value} for name, value in found.get("headers", []) if name[:1] != ":"]
    return {"httpVersion": "HTTP/1.1", "cookies": [], "headers": headers, "headersSize": -1}
