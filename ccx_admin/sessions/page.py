"""/sessions: conversations, where they stay, and why their prompt cache was lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_addons.core.config import KINDS
from ccx_admin.api.problem import not_found
from ccx_admin.channels import views
from ccx_admin.panel import Panel, panel
from ccx_admin.requests import search_box

pages: Final = Blueprint("sessions", __name__)

SHOWN: Final = 100
WORKING: Final = 15 * 60_000
"""Milliseconds since its last request in which a conversation counts as working."""
TIMELINE: Final = 300
DROP: Final = 0.3
"""A hit rate lower by this much than the request before is a lost cache, if the channel changed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a conversation. ``hit``: share of its prompt from the cache; ``lost``: why it fell."""

    row: Mapping[str, Any]
    hit: float | None
    moved: bool
    lost: str


@pages.get("/sessions")
def index() -> str:
    current = panel()
    kind = request.args.get("kind", "")
    found = views.sessions(current.db, current.now_ms(), kind if kind in KINDS else "", SHOWN)
    trends = trends_of(current, [session["trace_hash"] for session in found])
    for session in found:
        session["trend"] = trends.get((session["kind"], session["trace_hash"]), [])
    now = current.now_ms()
    return render_template(
        "sessions/list.html",
        working=[s for s in found if now - s["last_at"] < WORKING],
        idle=[s for s in found if now - s["last_at"] >= WORKING],
        kind=kind,
        kinds=KINDS,
        names=names(current),
    )


def names(current: Panel) -> dict[str, str]:
    return {channel.id: channel.name for channel in current.snapshot().channels}


def trends_of(current: Panel, traces: Sequence[str]) -> dict[tuple[str, str], list[float]]:
    """(kind, trace) -> hit rates of its latest requests, oldest first."""
    if not traces:
        return {}
    marks = ", ".join("?" * len(traces))
    rows = current.db.rows(
        "SELECT kind, trace_hash, input_tokens, cache_read_tokens FROM requests WHERE rowid IN (SELECT rowid FROM"
        f" requests INDEXED BY requests_list WHERE started_at > ? AND state = 'ok' AND trace_hash IN ({marks})"
        " ORDER BY started_at DESC LIMIT 4000) ORDER BY started_at",
        (current.now_ms() - 7 * 86_400_000, *traces),
    )
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row["input_tokens"]:
            rate = (row["cache_read_tokens"] or 0) / row["input_tokens"]
            found.setdefault((row["kind"], row["trace_hash"]), []).append(round(rate, 3))
    return {place: rates[-40:] for place, rates in found.items()}


@pages.get("/sessions/<trace>")
def one(trace: str) -> str:
    current = panel()
    known = current.db.rows("SELECT kind FROM sessions WHERE trace_hash = ?", (trace[:64],))
    rows = current.db.rows(
        "SELECT * FROM requests WHERE rowid IN (SELECT rowid FROM requests INDEXED BY requests_list"
        " WHERE trace_hash = ? ORDER BY started_at DESC LIMIT ?) ORDER BY started_at, id",
        (trace[:64], TIMELINE),
    )
    if not known and not rows:
        raise not_found("session", trace)
    shown = search_box.with_chains(current.db, [search_box.row_of(row) for row in rows])
    sessions = [s for s in views.sessions(current.db, current.now_ms(), limit=1000) if s["trace_hash"] == trace]
    return render_template(
        "sessions/session.html",
        trace=trace,
        sessions=sessions,
        steps=list(reversed(steps(shown))),
        channels=[(channel.id, channel.name) for channel in current.snapshot().channels],
        names=names(current),
        override=next((s["override"] for s in sessions if s["override"]), None),
        late=current.snapshot().policy.timeouts.total * 1000,
    )


def steps(rows: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Oldest first. Kinds are apart. A cache belongs to one channel and key: whoever moves begins anew."""
    found: list[Step] = []
    lasts: dict[str, Mapping[str, Any]] = {}
    rates: dict[str, float] = {}
    for row in rows:
        last, rate_before = lasts.get(row["kind"]), rates.get(row["kind"])
        rate = (row["cache_read_tokens"] or 0) / row["input_tokens"] if row["input_tokens"] else None
        moved = last is not None and bool(row["channel_id"]) and row["channel_id"] != last["channel_id"]
        fell = rate is not None and rate_before is not None and rate_before - rate > DROP
        lost = ""
        if fell and last is not None:
            lost = "channel" if moved else "key" if row["key_mask"] != last["key_mask"] else "time"
        found.append(Step(row, rate, moved, lost))
        if row["channel_id"]:
            lasts[row["kind"]] = row
        if rate is not None:
            rates[row["kind"]] = rate
    return found
