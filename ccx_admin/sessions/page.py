"""/sessions: conversations, where they stay, and why their prompt cache was lost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_addons.core.config import KINDS
from ccx_addons.io.rollup import COUNTS
from ccx_admin.api.problem import not_found
from ccx_admin.channels import views
from ccx_admin.db import Row
from ccx_admin.panel import Panel, panel
from ccx_admin.requests import search_box
from ccx_admin.requests.bars import newest
from ccx_admin.sessions import cache_loss, context, tree
from ccx_admin.sessions.cache_loss import Loss
from ccx_admin.sessions.turns import PAGE, turns

pages: Final = Blueprint("sessions", __name__)

SHOWN: Final = 100
WORKING: Final = 15 * 60_000
"""Milliseconds since its last request in which a conversation counts as working."""
TIMELINE: Final = 300


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a conversation. ``hit``: share of its prompt from the cache."""

    row: Mapping[str, Any]
    hit: float | None
    moved: bool
    lost: Loss | None


@pages.get("/sessions")
def index() -> str:
    current = panel()
    kind = request.args.get("kind", "")
    found = views.sessions(current.db, current.now_ms(), kind if kind in KINDS else "", SHOWN)
    look_back(current, found)
    now = current.now_ms()
    return render_template(
        "sessions/list.html",
        working=tree.ordered([s for s in found if now - s["last_at"] < WORKING]),
        idle=tree.ordered([s for s in found if now - s["last_at"] >= WORKING]),
        lost_clients=cache_loss.totals(current.db, "client_name", now),
        lost_channels=cache_loss.totals(current.db, "channel_id", now),
        kind=kind,
        kinds=KINDS,
        names=names(current),
    )


def names(current: Panel) -> dict[str, str]:
    return {channel.id: channel.name for channel in current.snapshot().channels}


def look_back(current: Panel, sessions: Sequence[dict[str, Any]]) -> None:
    """Tells each what its latest requests say: ``trend``, their hit rates, oldest first, and ``unpriced``, how many had
    no price. A cost of nothing but those is unknown."""
    traces = [session["trace_hash"] for session in sessions]
    trends: dict[tuple[str, str], list[float]] = {}
    unpriced: Counter[tuple[str, str]] = Counter()
    for row in latest(current, traces) if traces else ():
        place = row["kind"], row["trace_hash"]
        if row["input_tokens"]:
            rate = (row["cache_read_tokens"] or 0) / row["input_tokens"]
            trends.setdefault(place, []).append(round(rate, 3))
        unpriced[place] += row["unpriced"]
    for session in sessions:
        place = session["kind"], session["trace_hash"]
        session.update(trend=trends.get(place, [])[-40:], unpriced=unpriced[place])
        if unpriced[place] and not session["cost_usd"]:
            session["cost_usd"] = None


def latest(current: Panel, traces: Sequence[str]) -> list[Row]:
    marks, now = ", ".join("?" * len(traces)), current.now_ms()
    return current.db.rows(
        f"SELECT kind, trace_hash, input_tokens, cache_read_tokens, {COUNTS['unpriced']} AS unpriced"
        " FROM requests WHERE id IN (SELECT id FROM"
        f" requests INDEXED BY requests_list WHERE started_at > ? AND state = 'ok' AND trace_hash IN ({marks})"
        " ORDER BY started_at DESC LIMIT 4000) ORDER BY started_at",
        (newest(current.db, now - 7 * 86_400_000, now), *traces),
    )


@pages.get("/sessions/<trace>")
def one(trace: str) -> str:
    current = panel()
    known = current.db.rows(f"SELECT kind, first_at, last_at FROM sessions WHERE {tree.OF_TRACE}", (trace[:64],))
    first, last = min((s["first_at"] for s in known), default=0), max((s["last_at"] for s in known), default=0)
    rows = current.db.rows(
        "SELECT * FROM requests WHERE id IN (SELECT id FROM requests INDEXED BY requests_list"
        " WHERE started_at >= ? AND started_at <= ? AND trace_hash = ? ORDER BY started_at DESC LIMIT ?)"
        " OR id IN (SELECT id FROM requests INDEXED BY requests_running WHERE state = 'running'"
        " AND trace_hash = ?) ORDER BY started_at, id",
        (first, last, trace[:64], TIMELINE, trace[:64]),
    )
    if not known and not rows:
        raise not_found("session", trace)
    shown = search_box.with_chains(current.db, [search_box.row_of(row) for row in rows])
    lost = cache_loss.losses(current.db, [row["id"] for row in shown])
    sessions = views.sessions(current.db, current.now_ms(), trace=trace[:64])
    agents = tree.agents(current.db, trace[:64], first, last)
    look_back(current, [*sessions, *agents])
    pages = max(1, -(-len(shown) // PAGE))
    number = min(max(1, request.args.get("page", 1, int)), pages)
    return render_template(
        "sessions/session.html",
        trace=trace,
        sessions=sessions,
        parents=[tree.parent(current.db, session) for session in sessions],
        agents=agents,
        turns=turns(current, shown[(number - 1) * PAGE : number * PAGE]),
        page=number,
        pages=pages,
        steps=list(reversed(steps(shown, lost))),
        again=cache_loss.total(lost),
        context=context.session(current.db, shown, current.snapshot()),
        channels=[(channel.id, channel.name) for channel in current.snapshot().channels],
        names=names(current),
        override=next((s["override"] for s in sessions if s["override"]), None),
        late=current.snapshot().policy.timeouts.total * 1000,
    )


def steps(rows: Sequence[Mapping[str, Any]], lost: Mapping[str, Loss]) -> list[Step]:
    """Oldest first. Kinds are apart."""
    found: list[Step] = []
    places: dict[str, str] = {}
    for row in rows:
        rate = (row["cache_read_tokens"] or 0) / row["input_tokens"] if row["input_tokens"] else None
        moved = bool(row["channel_id"]) and places.get(row["kind"], row["channel_id"]) != row["channel_id"]
        found.append(Step(row, rate, moved, lost.get(row["id"])))
        if row["channel_id"]:
            places[row["kind"]] = row["channel_id"]
    return found
