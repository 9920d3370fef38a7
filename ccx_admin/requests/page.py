"""/requests: one list over all kinds, in flight on top, with search, histogram and live rows."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ccx_addons.core.config import KINDS
from ccx_admin.db import DatabaseUnavailable
from ccx_admin.i18n import _
from ccx_admin.panel import Panel, panel
from ccx_admin.requests import bars, errors, search_box
from ccx_admin.requests import heat as heat_map
from ccx_admin.requests.api import why_no_bodies
from ccx_admin.requests.chain import hops
from ccx_admin.requests.saved import saved
from ccx_admin.requests.search_box import TIMES, Now, QueryError, Search, Term
from ccx_admin.sessions.tree import OF_TRACE
from ccx_admin.shell import format
from ccx_admin.zone import MomentError, moment, zone

pages: Final = Blueprint("requests", __name__)

RANGES: Final = ("1h", "6h", "24h", "7d", "30d")
BUCKETS: Final = 96
"""Bars of a day are quarters."""
PARTS: Final = ("ok", "failover", "left", "failed")
"""Of a bar, from the bottom up."""
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


SHOW: Final = (("list", "List"), ("errors", "Errors"), ("latency", "Latency"))
"""(name, word): forms in which what was found is shown."""

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
    left: float
    failed: float
    title: str


@dataclass(frozen=True, slots=True)
class Histogram:
    start: int
    end: int
    columns: tuple[Column, ...]
    total: int
    since: int
    """What began before was not counted."""


ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
TRACE: Final = re.compile(r"[0-9a-f]{32}")
STRETCH: Final = re.compile(rf"[{errors.MARK}\x00-\x1f]+")
"""Where the words of a group are not searched for as they are."""
STRETCHES: Final = 3
"""Stretches of a group's words that are searched for."""

pages.add_app_template_filter(hops)


@pages.get("/requests")
def index() -> str | Response:
    current = panel()
    text = request.args.get("q", "").strip()
    if place := named(current, text.lower()):
        return redirect(place, 303)
    before = request.args.get("before", "")
    show = request.args.get("show", "list")
    show = show if show in dict(SHOW) else "list"
    found, error = parsed(text, current)
    if show != "list" and not error:
        return other_view(current, show, text, found)
    rows: list[dict[str, Any]] = []
    following, flying, searched = "", [], 0
    if not error:
        try:
            page = search_box.search(current.db, found, before)
            rows, following, searched = page.rows, page.next, page.searched
        except (QueryError, DatabaseUnavailable) as failure:
            error = str(failure)
    if not before and not found.terms and not error:
        flying = search_box.running(current.db)
        known = {row["id"] for row in flying}
        rows = [row for row in rows if row["id"] not in known]
    return render_template(
        "requests/list.html",
        before=before,
        error=error,
        rows=rows,
        running=flying,
        following=following,
        searched=searched,
        unkept=unkept(current, found),
        histogram=histogram_of(current, found) if not error else None,
        columns=COLUMNS,
        hidden=hidden(),
        late=current.snapshot().policy.timeouts.total * 1000,
        **toolbar(current, text, found),
    )


def named(current: Panel, text: str) -> str:
    """The page of what an answer's ``x-ccx-request-id`` names, or a session's trace; empty: the text is neither."""
    if ID.fullmatch(text) and current.db.value("SELECT id FROM requests WHERE id = ?", (text,)):
        return url_for("request_detail.index", id=text)
    if TRACE.fullmatch(text) and current.db.value(f"SELECT 1 FROM sessions WHERE {OF_TRACE}", (text,)):
        return url_for("sessions.one", trace=text)
    return ""


def unkept(current: Panel, found: Search) -> str:
    """Why words that are searched for may not be there; empty: none are, or all bodies are kept."""
    is_asked = any(term.field == "said" for term in found.terms)
    return why_no_bodies(current) if is_asked and current.snapshot().policy.bodies.capture != "all" else ""


def toolbar(current: Panel, text: str, found: Search, show: str = "list") -> dict[str, Any]:
    """What the search and its chips need."""
    return {
        "q": text,
        "show": show,
        "shows": SHOW,
        "chips": chips(found),
        "quick": [(word, term, with_term(found, term)) for word, term in QUICK],
        "ranges": [(name, in_range(found, name)) for name in RANGES],
        "everything": in_range(found, ""),
        "chosen": chosen_range(found),
        "kinds": KINDS,
        "views": saved(current.db),
    }


def other_view(current: Panel, show: str, text: str, found: Search) -> str:
    """What a search finds, not as rows."""
    error, groups, heat = "", [], None
    try:
        if show == "errors":
            groups = errors.errors(current.db, found)
        else:
            start, end = span_of(current, found)
            heat = heat_map.heat(current.db, found, start, end) if end > start else None
    except DatabaseUnavailable as failure:
        error = str(failure)
    return render_template(
        f"requests/{show}.html",
        error=error,
        groups=groups[: errors.SHOWN],
        heat=heat,
        bounds=heat_map.BOUNDS,
        columns_n=heat_map.COLUMNS,
        rows_n=heat_map.ROWS,
        like=lambda group: joined([*(t for t in found.terms if t.field not in ("text", "status")), *like(group)]),
        taken=lambda cell: joined([*(t for t in found.terms if t.field not in (*TIMES, "took")), *of_cell(cell)]),
        **toolbar(current, text, found, show),
    )


def like(group: errors.Group) -> list[Term]:
    """What finds a group's errors: their status, and the longest stretches of words that all of them have."""
    parts = (part.strip().lstrip("=") for part in STRETCH.split(group.words))
    longest = sorted((part for part in parts if len(part) > 1), key=len, reverse=True)[:STRETCHES]
    status = [Term("status", str(group.status))] if group.status else []
    return status + [Term(group.place, part[:100]) for part in longest]


def of_cell(cell: heat_map.Cell) -> list[Term]:
    since, until = (format.moment(at, zone()) for at in (cell.start, cell.end))
    assert since and until
    terms = [Term("since", since.isoformat(timespec="seconds")), Term("until", until.isoformat(timespec="seconds"))]
    terms += [Term("took", f">{cell.low}ms")] if cell.low else []
    return terms + ([Term("took", f"<={cell.high}ms")] if cell.high else [])


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
def span_of(current: Panel, found: Search) -> tuple[int, int]:
    """The time of the search, or the last day. Unix ms."""
    now = current.now_ms()
    first, last = search_box.stretch(found, Now(now, zone()))
    return first if first is not None else now - 86_400_000, min(now, last if last is not None else now)


def histogram_of(current: Panel, found: Search) -> Histogram | None:
    """None: it cannot be read."""
    start, end = span_of(current, found)
    if end <= start:
        return None
    try:
        drawn = bars.histogram(current.db, found, start, end, Now(current.now_ms(), zone()), BUCKETS)
    except DatabaseUnavailable:
        return None
    counted = drawn.bars
    by_start = {entry["at"]: entry for entry in counted}
    highest = max((sum(entry[name] for name in PARTS) for entry in counted), default=0) or 1
    columns = [column(at, drawn.width, by_start.get(at), highest) for at in range(drawn.start, end, drawn.width)]
    total = sum(entry[name] for entry in counted for name in PARTS)
    return Histogram(drawn.start, end, tuple(columns), total, drawn.since)


def column(at: int, width: int, counted: dict[str, int] | None, highest: int) -> Column:
    found = {name: counted[name] if counted else 0 for name in PARTS}
    ok, failover, left, failed = (round(46 * found[name] / highest, 2) for name in PARTS)
    title = _(
        "{time}: {ok} ok, {failover} failed over, {left} left, {failed} failed",
        time=format.stamp(at, zone()),
        **found,
    )
    return Column(at, at + width, ok, failover, left, failed, title)
