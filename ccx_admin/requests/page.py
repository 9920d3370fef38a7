"""/requests: one list over all kinds, in flight on top, with search, histogram and live rows."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_addons.core.config import KINDS
from ccx_admin.db import DatabaseUnavailable
from ccx_admin.i18n import _
from ccx_admin.panel import Panel, panel
from ccx_admin.requests import search_box
from ccx_admin.requests.chain import hops
from ccx_admin.requests.search_box import TIMES, Now, QueryError, Search, Term
from ccx_admin.shell import format
from ccx_admin.zone import MomentError, moment, zone

pages: Final = Blueprint("requests", __name__)

RANGES: Final = ("1h", "6h", "24h", "7d", "30d")
BUCKETS: Final = 80
MAX_ROWS: Final = 200
"""Rows that a script may ask for at once."""

QUICK: Final = (
    ("failed", "state:failed,lost"),
    ("failed over", "failover:yes"),
    ("broken streams", "end:cut,idle,empty,error"),
    ("converted", "converted:yes"),
    ("slow", "took:>30s"),
    ("client left", "state:client_left"),
    ("tests", "source:test"),
)
"""(word, term): searches of one click."""


COLUMNS: Final = (
    ("kind", "Kind"),
    ("client", "Client"),
    ("tokens", "Tokens"),
    ("ttft", "TTFT"),
    ("total", "Total"),
    ("speed", "tok/s"),
    ("cost", "Cost"),
    ("end", "End"),
)
"""(name, word): columns that a reader may leave out; the cookie says which are."""
HIDDEN: Final = "ccx_columns"


@dataclass(frozen=True, slots=True)
class Chip:
    """One term of the search, and the search without it."""

    text: str
    without: str


@dataclass(frozen=True, slots=True)
class Column:
    """One bucket of the histogram in units of the drawing: heights from the bottom up."""

    at: int
    until: int
    ok: float
    failover: float
    failed: float
    title: str


@dataclass(frozen=True, slots=True)
class Histogram:
    start: int
    end: int
    columns: tuple[Column, ...]
    total: int


pages.add_app_template_filter(hops)


@pages.get("/requests")
def index() -> str:
    current = panel()
    text = request.args.get("q", "").strip()
    before = request.args.get("before", "")
    found, error = parsed(text, current)
    rows: list[dict[str, Any]] = []
    following, flying = "", []
    if not error:
        try:
            page = search_box.search(current.db, found, before)
            rows, following = page.rows, page.next
        except (QueryError, DatabaseUnavailable) as failure:
            error = str(failure)
    if not before and not found.terms and not error:
        flying = search_box.running(current.db)
        known = {row["id"] for row in flying}
        rows = [row for row in rows if row["id"] not in known]
    return render_template(
        "requests/list.html",
        q=text,
        before=before,
        error=error,
        rows=rows,
        running=flying,
        following=following,
        chips=chips(found),
        quick=[(word, term, with_term(found, term)) for word, term in QUICK],
        ranges=[(name, in_range(found, name)) for name in RANGES],
        everything=in_range(found, ""),
        chosen=chosen_range(found),
        histogram=histogram_of(current, found) if not error else None,
        kinds=KINDS,
        columns=COLUMNS,
        hidden=hidden(),
        late=current.snapshot().policy.timeouts.total * 1000,
    )


@pages.get("/requests/rows")
def rows() -> str:
    """Rows by ids that match the search, as a fragment: what a live update puts into the list."""
    current = panel()
    ids = [id for id in request.args.get("ids", "").split(",") if id][:MAX_ROWS]
    found, error = parsed(request.args.get("q", "").strip(), current)
    shown: list[dict[str, Any]] = []
    if ids and not error:
        marks = ", ".join("?" * len(ids))
        sql = f"SELECT * FROM requests WHERE id IN ({marks}) AND ({found.where}) ORDER BY started_at, id"
        matching = current.db.rows(sql, (*ids, *found.params))
        shown = search_box.with_chains(current.db, [search_box.row_of(row) for row in matching])
    late = current.snapshot().policy.timeouts.total * 1000
    return render_template("requests/rows.html", rows=shown, late=late)


def hidden() -> list[str]:
    """Columns that this browser leaves out."""
    left_out = request.cookies.get(HIDDEN, "").split(".")
    return [name for name, _word in COLUMNS if name in left_out]


def parsed(text: str, current: Panel) -> tuple[Search, str]:
    """The search, and what is wrong with it; a wrong one finds everything."""
    try:
        return search_box.parse(text, current.now_ms(), zone()), ""
    except QueryError as error:
        return search_box.parse("", current.now_ms()), str(error)


# ---- terms -----------------------------------------------------------------------------------------------------------
def chips(found: Search) -> list[Chip]:
    return [Chip(shown(term), joined(t for t in found.terms if t is not term)) for term in found.terms]


def shown(term: Term) -> str:
    """A term for people: moments as times."""
    if term.field in ("since", "until") and len(term.value) > len("2026-01-31"):
        with suppress(MomentError):
            return f"{term.field}:{format.stamp(moment(term.value, 0, zone()), zone())}"
    return str(term)


def joined(terms: Any) -> str:
    return " ".join(str(term) for term in terms)


def with_term(found: Search, text: str) -> tuple[str, bool]:
    """The search with this term, or without it if it has it; whether it has it."""
    has = any(str(term) == text for term in found.terms)
    others = joined(term for term in found.terms if str(term) != text)
    return (others if has else f"{others} {text}".strip()), has


def in_range(found: Search, name: str) -> str:
    others = joined(term for term in found.terms if term.field not in TIMES)
    return f"{others} since:{name}".strip() if name else others


def chosen_range(found: Search) -> str:
    times = [term for term in found.terms if term.field in TIMES]
    return times[0].value if len(times) == 1 and times[0].field == "since" else "" if not times else "zoom"


# ---- the histogram ---------------------------------------------------------------------------------------------------
def histogram_of(current: Panel, found: Search) -> Histogram | None:
    """Over the time of the search, or over the last day. None: it cannot be read."""
    now = current.now_ms()
    first, last = search_box.stretch(found, Now(now, zone()))
    start, end = first if first is not None else now - 86_400_000, min(now, last if last is not None else now)
    if end <= start:
        return None
    try:
        counted = search_box.histogram(current.db, found, start, end, BUCKETS)
    except DatabaseUnavailable:
        return None
    width = max(1, (end - start) // BUCKETS)
    by_start = {entry["at"]: entry for entry in counted}
    highest = max((entry["ok"] + entry["failover"] + entry["failed"] for entry in counted), default=0) or 1
    columns = [column(at, width, by_start.get(at), highest) for at in range(start, end, width)]
    total = sum(entry["ok"] + entry["failover"] + entry["failed"] for entry in counted)
    return Histogram(start, end, tuple(columns), total)


def column(at: int, width: int, counted: dict[str, int] | None, highest: int) -> Column:
    found = counted or {"ok": 0, "failover": 0, "failed": 0}
    ok, failover, failed = (round(46 * found[name] / highest, 2) for name in ("ok", "failover", "failed"))
    title = _("{time}: {ok} ok, {failover} failed over, {failed} failed", time=format.stamp(at, zone()), **found)
    return Column(at, at + width, ok, failover, failed, title)
