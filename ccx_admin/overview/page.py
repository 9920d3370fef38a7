"""/: problems first, then how much, how well, how fast and for how much; what runs now; the first three steps."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_admin.api.status import status_of
from ccx_admin.channels import views
from ccx_admin.channels.rests import together
from ccx_admin.clients import snippets
from ccx_admin.clients.page import MODEL, ROOT
from ccx_admin.panel import Panel, panel
from ccx_admin.requests import search_box
from ccx_admin.usage import ranges, stats
from ccx_admin.zone import zone

pages: Final = Blueprint("overview", __name__)

RUNNING: Final = 8
RECENT_FAILURES: Final = 6
SHOWN: Final = 8
"""Problems that are not folded: below them stands how everything else is."""
RANGES: Final = ("1h", "6h", "24h", "today", "7d", "30d", "month")
LOW_DISK: Final = 1 << 30
"""Bytes left on the disk of the database below which somebody should look."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Figures of a range and of the same time before, with one line for each tile."""

    now: Mapping[str, Any]
    before: Mapping[str, Any]
    lines: Mapping[str, list[float | None]]


@pages.get("/")
def index() -> str:
    current = panel()
    name = request.args.get("range", "24h")
    if name not in RANGES:
        name = "24h"
    state = status_of(current)
    first_run = not (state["first_run"]["has_channel"] and state["first_run"]["has_request"])
    flying = search_box.running(current.db, RUNNING)
    return render_template(
        "overview/page.html",
        state=state,
        first_run=first_run,
        problems=problems(state),
        shown=SHOWN,
        tiles=None if first_run else tiles_of(current, name),
        asking=asking(current) if first_run and state["first_run"]["has_channel"] else "",
        running=flying,
        failures=recent_failures(current),
        has_client=any(client.name != "default" for client in current.snapshot().clients)
        or state["first_run"]["has_request"],
        range=name,
        ranges=RANGES,
        late=current.snapshot().policy.timeouts.total * 1000,
        events=views.events(current.db, limit=6),
    )


def asking(current: Panel) -> str:
    """A first request that a shell on this machine can send; empty: no channel is active, or nobody has a key yet."""
    snapshot = current.snapshot()
    channel = next((channel for channel in snapshot.channels if channel.status == "active"), None)
    if channel is None or not current.settings.proxy_access_key:
        return ""
    names = (*channel.models.entries, *channel.allow.include)
    model = next((name for name in names if MODEL.fullmatch(name)), "")
    root = current.gateway_url if ROOT.fullmatch(current.gateway_url) else request.host_url
    prefix = f"/{channel.route_prefix}" if channel.route_prefix else ""
    return snippets.first_request(f"{root.rstrip('/')}{prefix}", channel.serves, model, key_file())


def key_file() -> str:
    """The .env in which PROXY_ACCESS_KEY stands; empty: it is nowhere but in the environment."""
    file = Path(os.environ.get("CCX_ENV_FILE", ""))
    try:
        return str(file.resolve()) if "PROXY_ACCESS_KEY=" in file.read_text("utf-8", "replace") else ""
    except (OSError, ValueError):
        return ""


def problems(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the status, what is the same of many keys once, and a disk that fills up."""
    found = together(state["problems"])
    if state["database"]["free_bytes"] < LOW_DISK:
        found.append({"level": "warning", "kind": "disk", "message": "", "free": state["database"]["free_bytes"]})
    return found


def tiles_of(current: Panel, name: str) -> Tiles:
    now = current.now_ms()
    span = ranges.range_of(name, now, zone=zone())
    summary = stats.summary(current.db, span, now)
    series = stats.history(current.db, span, now)["series"]
    line = series[0] if series else {measure: [] for measure in (*stats.SERIES, "ttft_p50")}
    asked = zip(line["requests"], line["ok"], line["client_left"], strict=True)
    lines = {
        "requests": [amount or None for amount in line["requests"]],
        "success": [ok / (all - left) if all - left else None for all, ok, left in asked],
        "ttft": line["ttft_p50"],
        "cost": [usd if asked else None for usd, asked in zip(line["cost_usd"], line["requests"], strict=True)],
    }
    return Tiles(summary["now"], summary["before"], lines)


def recent_failures(current: Panel) -> list[dict[str, Any]]:
    found = search_box.parse("state:failed,lost since:24h source:proxy", current.now_ms())
    return search_box.search(current.db, found, limit=RECENT_FAILURES).rows
