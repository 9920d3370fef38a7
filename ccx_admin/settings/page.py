"""/settings: policy, capture, prices, the file with its history, events, and what this is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_addons.core.config import BreakerPolicy
from ccx_addons.core.neutral import Usage
from ccx_addons.io import versions
from ccx_addons.io.prices import cost
from ccx_admin.access import audit
from ccx_admin.api.status import status_of
from ccx_admin.channels import views
from ccx_admin.channels.activity import since_id
from ccx_admin.db import row_id
from ccx_admin.panel import Panel, panel
from ccx_admin.settings import hidden, what_if
from ccx_admin.settings.api import PRESETS, environment, get_settings, text_of
from ccx_admin.usage import ranges, stats

pages: Final = Blueprint("settings", __name__)

TABS: Final = (
    ("routing", "Routing"),
    ("capture", "Bodies"),
    ("prices", "Prices"),
    ("file", "File"),
    ("history", "History"),
    ("events", "Events"),
    ("audit", "Who did what"),
    ("about", "About"),
)
UNPRICED: Final = 20
WHAT_IF_ROWS: Final = 50_000
EVENTS: Final = 100
COUNTED: Final = 10_000
"""Kept bodies that are counted; where there are as many, there may be more."""
BREAKER: Final = (
    ("window", "samples looked at", 3, 200, "1"),
    ("failure_rate", "part of failures that opens", 0, 1, "0.05"),
    ("consecutive", "failures in a row that open", 1, 100, "1"),
    ("pause", "seconds of rest after one failure; doubled with each in a row", 0, 60, "any"),
    ("max_age", "seconds a sample counts", 1, 86_400, "1"),
    ("backoff", "seconds open the first time", 1, 3_600, "1"),
    ("max_backoff", "most seconds open", 1, 86_400, "1"),
)
TIMEOUTS: Final = (
    ("total", "whole exchange, all attempts"),
    ("connect", "connect and TLS"),
    ("first_byte", "first byte"),
    ("first_event", "first meaningful event"),
    ("first_event_alive", "first meaningful event, with pings"),
    ("idle", "silence in a stream"),
    ("tool_idle", "silence in a tool call or while thinking"),
    ("heartbeat", "comments for silent streams"),
)

ATTEMPTS: Final = (
    ("max", "attempts that took an upstream's time"),
    ("refused", "further ones, refused at once"),
    ("per_key", "tries on one key"),
)


@dataclass(frozen=True, slots=True)
class Preset:
    """``openings``: how often it would have opened in the last day. ``chosen``: the policy is this one."""

    name: str
    values: Mapping[str, Any]
    openings: int
    chosen: bool


@pages.get("/settings")
def index() -> str:
    current = panel()
    wanted = request.args.get("tab", "routing")
    tab = wanted if wanted in dict(TABS) else "routing"
    return render_template(
        "settings/page.html",
        tab=tab,
        tabs=TABS,
        revision=current.config().revision,
        broken=current.config().problems,
        **CONTENT[tab](current),
    )


# ---- what each tab needs ---------------------------------------------------------------------------------------------
def routing(current: Panel) -> dict[str, Any]:
    breaker = current.snapshot().policy.breaker
    samples = last_day(current)
    presets = [
        Preset(
            name,
            values,
            what_if.openings(samples, with_preset(breaker, values)),
            all(getattr(breaker, field) == value for field, value in values.items()),
        )
        for name, values in PRESETS.items()
    ]
    return {
        "policy": get_settings()["policy"],
        "presets": presets,
        "now_openings": what_if.openings(samples, breaker),
        "samples": len(samples),
        "breaker_fields": BREAKER,
        "timeout_fields": TIMEOUTS,
        "attempt_fields": ATTEMPTS,
        "defaults": BreakerPolicy(),
    }


def with_preset(breaker: BreakerPolicy, values: Mapping[str, Any]) -> BreakerPolicy:
    return replace(breaker, **values)


def last_day(current: Panel) -> list[what_if.Sample]:
    start = current.now_ms() - 86_400_000
    rows = current.db.rows(
        "SELECT channel_id || ' ' || base_url AS place, started_at, outcome, status FROM attempts"
        " WHERE request_id >= ? AND started_at >= ? AND source = 'proxy' ORDER BY request_id DESC LIMIT ?",
        (since_id(start), start, WHAT_IF_ROWS),
    )
    found = [what_if.Sample(row["place"], row["started_at"], row["outcome"], row["status"]) for row in rows]
    return sorted(found, key=lambda sample: sample.at)


def capture(current: Panel) -> dict[str, Any]:
    """Of very many bodies, the oldest are counted: a row is as large as its body."""
    oldest = "SELECT size, at FROM bodies ORDER BY at LIMIT ?"
    sums = "count(*) AS n, total(size) AS bytes, min(at) AS oldest"
    kept = current.db.row(f"SELECT {sums} FROM ({oldest}) AS counted", (COUNTED,))
    return {"policy": get_settings()["policy"], "kept": kept, "counted": COUNTED, "settings": current.settings}


def prices(current: Panel) -> dict[str, Any]:
    return {"prices": get_settings()["prices"], "unpriced": unpriced(current)[:UNPRICED]}


def unpriced(current: Panel) -> list[dict[str, Any]]:
    """Figures of upstream models that had no price when they answered, and have none now."""
    now, overrides = current.now_ms(), current.snapshot().prices
    asked = stats.table(current.db, ranges.range_of("90d", now), "upstream", now)
    missing = [
        entry
        for entry in asked
        if entry["unpriced"]
        and entry["name"]
        and cost(entry["name"], Usage(1, 1), "", overrides, now / 1000).usd is None
    ]
    return sorted(missing, key=lambda entry: -entry["unpriced"])


def file(current: Panel) -> dict[str, Any]:
    config = current.config()
    clean = config.secrets.clean
    return {
        "text": hidden.hidden(config.text),
        "problems": [(clean(p.path), p.line, clean(p.message)) for p in config.problems],
        "warnings": config.snapshot.warnings,
        "in_force": views.in_force(current.db),
        "path": current.config_path.name,
    }


def history(current: Panel) -> dict[str, Any]:
    found = versions.history(current.config_path)
    known = {version.revision for version in found}
    before, after = request.args.get("from", ""), request.args.get("to", "")
    shown = ""
    if before in known and (not after or after in known):
        left, right = text_of(before), text_of(after)
        shown = hidden.diff(left, right) or " "
    return {"versions": found, "diff": shown, "compared": before, "compared_to": after}


def events(current: Panel) -> dict[str, Any]:
    kind, before = request.args.get("kind", ""), request.args.get("before", "")
    found = views.events(current.db, kind, row_id(before), EVENTS)
    clean = current.secrets().clean
    for event in found:
        event["message"], event["detail"] = (clean(event[name]) for name in ("message", "detail"))
    kinds = [row["kind"] for row in current.db.rows("SELECT DISTINCT kind FROM events ORDER BY kind")]
    return {"events": found, "kinds": kinds, "kind": kind, "more": len(found) == EVENTS}


def did(current: Panel) -> dict[str, Any]:
    who, before = request.args.get("who", ""), request.args.get("before", "")
    found = audit.entries(current, who, row_id(before), EVENTS)
    users = [(user.name, user.role, user.enabled, user.key_mask) for user in current.snapshot().users]
    return {"did": found, "people": audit.people(current), "who": who, "more": len(found) == EVENTS, "users": users}


def about(current: Panel) -> dict[str, Any]:
    return {"state": status_of(current), "environment": environment(current.settings)}


CONTENT: Final = {
    "routing": routing,
    "capture": capture,
    "prices": prices,
    "file": file,
    "history": history,
    "events": events,
    "audit": did,
    "about": about,
}
