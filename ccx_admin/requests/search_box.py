"""The search box of the request list: a small grammar, bound SQL, paging by key.

``status:>=400 channel:main -model:haiku took:>30s text:"quota exceeded" opus``: terms are ANDed, ``a,b`` inside a
value is OR, ``-`` excludes, ``=x`` is exact where a value otherwise means "contains". A bare word is looked for in
models, channel, client and error; one like ``14:03`` or ``yesterday`` is a time of the reader's (zone.py). Values are
only ever bound, never part of the SQL.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Any, Final

from ccx_addons.core.config import KINDS
from ccx_addons.core.errors import CcxError
from ccx_addons.io import said
from ccx_addons.io.rollup import MOVED
from ccx_admin.db import Reader, Row
from ccx_admin.zone import MomentError, is_time, span

MAX_QUERY: Final = 500
MAX_TERMS: Final = 20
MAX_LIMIT: Final = 500
LIMIT: Final = 100
EVER: Final = 1 << 60
MANY: Final = 300_000
"""Requests that one page of a search looks at."""
EXPORT_STEP: Final = 500
MAX_EXPORT: Final = 100_000

STATES: Final = ("running", "ok", "failed", "client_left", "lost")
ENDS: Final = ("done", "cut", "error event", "idle", "client left", "empty", "converter error")

TERM: Final = re.compile(
    r'(?P<not>-)?(?:(?P<field>[a-z_]+):)?(?:(?P<exactly>=)?"(?P<quoted>(?:[^"]|"")*)"?|(?P<word>[^\s"]+))'
)
"""A quote inside of quotes is written twice."""
UNWRITTEN: Final = re.compile("[\x00\ud800-\udfff]")
"""What the index of words ends at, and what no database keeps."""
NUMBER: Final = re.compile(r"(>=|<=|>|<|=)?(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d|k|M)?")
FACTORS: Final = {"ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6, "d": 8.64e7}
COUNT_FACTORS: Final = {"k": 1e3, "M": 1e6}


class QueryError(CcxError):
    """The query cannot be understood; the text says which part."""


@dataclass(frozen=True, slots=True)
class Term:
    """One chip of the search box. ``field`` empty: a bare word."""

    field: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        sign, text = ("=", self.value[1:]) if self.value.startswith("=") and self.field else ("", self.value)
        if not text or re.search(r'[\s,"]', text) or (not self.field and ":" in text):
            text = '"' + text.replace('"', '""') + '"'
        return f"{'-' if self.negated else ''}{self.field}{':' if self.field else ''}{sign}{text}"


@dataclass(frozen=True, slots=True)
class Search:
    """``where`` is an SQL condition over table requests with the values in ``params``. ``first``, ``last``: nothing
    that began before or since then fits; Unix ms."""

    terms: tuple[Term, ...]
    where: str
    params: tuple[Any, ...]
    first: int = 0
    last: int = EVER


@dataclass(frozen=True, slots=True)
class Page:
    """``next``: the ``before`` of the following page; empty: this is the last. ``searched``: back to when (Unix ms), if
    the search ended there without having seen everything."""

    rows: list[dict[str, Any]]
    next: str
    searched: int = 0


# ---- conditions ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Now:
    """``ms``: Unix milliseconds. ``zone``: whose days and clocks are meant."""

    ms: int
    zone: tzinfo = UTC


type Condition = tuple[str, tuple[Any, ...]]
type Field = Callable[[str, str, Now], Condition]
"""(field name, one value, now) -> condition."""


def _text(*columns: str) -> Field:
    """Contains, in either case; ``=value``: equals. LIKE gets the value with its wildcards escaped."""

    def condition(name: str, value: str, now: Now) -> Condition:
        if value.startswith("="):
            return " OR ".join(f"lower({column}) = lower(?)" for column in columns), (value[1:],) * len(columns)
        pattern = f"%{re.sub(r'([%_!])', r'!\1', value)}%"
        return " OR ".join(f"{column} LIKE ? ESCAPE '!'" for column in columns), (pattern,) * len(columns)

    return condition


def _choice(column: str, choices: Sequence[str]) -> Field:
    def condition(name: str, value: str, now: Now) -> Condition:
        if value not in choices:
            raise QueryError(f"{name}: must be one of {', '.join(choices)}")
        return f"{column} = ?", (value,)

    return condition


def _number(column: str, factors: Mapping[str, float], default: float = 1.0) -> Field:
    """``factors``: unit -> its size in the column's unit; ``default``: of a number without unit."""

    def condition(name: str, value: str, now: Now) -> Condition:
        found = NUMBER.fullmatch(value)
        if not found or (found[3] and found[3] not in factors):
            units = f" with an optional unit ({', '.join(factors)})" if factors else ""
            raise QueryError(f"{name}: needs a number{units} after >, >=, <, <= or =")
        return f"{column} {found[1] or '='} ?", (float(found[2]) * (factors[found[3]] if found[3] else default),)

    return condition


def _status(name: str, value: str, now: Now) -> Condition:
    if found := re.fullmatch(r"([1-5])xx", value):
        low = int(found[1]) * 100
        return "status >= ? AND status < ?", (low, low + 100)
    return _number("status", {})(name, value, now)


def _yes(test: str) -> Field:
    def condition(name: str, value: str, now: Now) -> Condition:
        if value not in ("yes", "no"):
            raise QueryError(f"{name}: must be yes or no")
        return (test if value == "yes" else f"NOT ({test})"), ()

    return condition


def _converted(name: str, value: str, now: Now) -> Condition:
    return _yes("converted <> ''")(name, value, now) if value in ("yes", "no") else _text("converted")(name, value, now)


def _prefix(column: str) -> Field:
    def condition(name: str, value: str, now: Now) -> Condition:
        return f"substr({column}, 1, ?) = ?", (len(value), value.lower())

    return condition


def _said(name: str, value: str, now: Now) -> Condition:
    """In the words of kept bodies."""
    return f"id IN ({said.FOUND})", (said.phrase(value),)


def _tried(name: str, value: str, now: Now) -> Condition:
    """Some attempt went to this channel, whoever answered in the end. Of a single attempt the row itself says it."""
    last, values = _text("channel_name", "channel_id")(name, value, now)
    any, more = _text("a.channel_name", "a.channel_id")(name, value, now)
    asked = f"EXISTS (SELECT 1 FROM attempts a WHERE a.request_id = requests.id AND ({any}))"
    return f"({last}) OR (attempts_n > 1 AND {asked})", (*values, *more)


def _moment(column: str, operator: str) -> Field:
    def condition(name: str, value: str, now: Now) -> Condition:
        return f"{column} {operator} ?", (times(value, now)[0],)

    return condition


def _during(name: str, value: str, now: Now) -> Condition:
    return "started_at >= ? AND started_at < ?", times(value, now)


def times(text: str, now: Now) -> tuple[int, int]:
    """The stretch of time that a value names. Raises QueryError."""
    try:
        return span(text, now.ms, now.zone)
    except MomentError as error:
        raise QueryError(str(error)) from None


FIELDS: Final[Mapping[str, Field]] = {
    "state": _choice("state", STATES),
    "status": _status,
    "kind": _choice("kind", KINDS),
    "channel": _text("channel_name", "channel_id"),
    "tried": _tried,
    "model": _text("model", "upstream_model"),
    "upstream": _text("upstream_model"),
    "client": _text("client_name"),
    "key": _text("key_mask"),
    "text": _text("error_message"),
    "said": _said,
    "error": _text("error_kind"),
    "end": _text("stream_end"),
    "source": _choice("source", ("proxy", "health", "test", "account", "handshake", "mirror")),
    "trace": _prefix("trace_hash"),
    "id": _prefix("id"),
    "ip": _text("client_ip"),
    "agent": _text("user_agent"),
    "took": _number("total_ms", FACTORS, 1000.0),
    "ttft": _number("coalesce(first_event_ms, ttfb_ms)", FACTORS, 1000.0),
    "in": _number("input_tokens", COUNT_FACTORS),
    "out": _number("output_tokens", COUNT_FACTORS),
    "cost": _number("cost_usd", {}),
    "attempts": _number("attempts_n", {}),
    "failover": _yes(MOVED),
    "converted": _converted,
    "stream": _yes("stream = 1"),
    "since": _moment("started_at", ">="),
    "until": _moment("started_at", "<"),
    "at": _during,
}
"""What can stand before the colon."""

TIMES: Final = ("since", "until", "at")

WORD: Final = _text("model", "upstream_model", "channel_name", "client_name", "error_message")


NO_MIRRORS: Final = "source <> 'mirror'"
"""What mirrors ask is found only where it is looked for."""


def parse(text: str, now: int, zone: tzinfo = UTC) -> Search:
    """``now``: Unix milliseconds, and the reader's zone, for ``since:24h`` and ``since:09:00``. Raises QueryError."""
    if len(text) > MAX_QUERY:
        raise QueryError(f"the search is longer than {MAX_QUERY} characters")
    if UNWRITTEN.search(text):
        raise QueryError("the search has characters that cannot be written")
    terms: list[Term] = []
    conditions: list[str] = []
    params: list[Any] = []
    for found in TERM.finditer(text):
        quoted = found["quoted"] is not None
        value = (found["exactly"] or "") + found["quoted"].replace('""', '"') if quoted else found["word"]
        if not value:
            continue
        field = found["field"] or ("at" if not quoted and is_time(value) else "")
        term = Term(field, value, bool(found["not"]))
        where, values = _condition(term, quoted, Now(now, zone))
        terms.append(term)
        conditions.append(f"{'NOT ' if term.negated else ''}coalesce({where}, false)" if term.negated else f"({where})")
        params += values
    if len(terms) > MAX_TERMS:
        raise QueryError(f"the search has more than {MAX_TERMS} terms")
    if not any(term.field in ("source", "id") for term in terms):
        conditions.append(NO_MIRRORS)
    whole = Search(tuple(terms), " AND ".join(conditions) or "true", tuple(params))
    first, last = stretch(whole, Now(now, zone))
    return replace(whole, first=first or 0, last=EVER if last is None else last)


def exactly(field: str, value: str) -> str:
    """The search for one name, whatever is in it."""
    return str(Term(field, f"={value}"))


def _condition(term: Term, quoted: bool, now: Now) -> Condition:
    if not term.field:
        return WORD("", term.value, now)
    field = FIELDS.get(term.field)
    if field is None:
        raise QueryError(f"there is no field {term.field[:40]!r}; known are {', '.join(FIELDS)}")
    values = [term.value] if quoted else [value for value in term.value.split(",") if value]
    parts = [field(term.field, value, now) for value in values]
    if not parts:
        raise QueryError(f"{term.field}: has no value")
    return " OR ".join(f"({where})" for where, _ in parts), tuple(value for _, found in parts for value in found)


def stretch(found: Search, now: Now) -> tuple[int | None, int | None]:
    """From when to when a search looks; None: from the first, to the last."""
    starts, ends = [], []
    for term in found.terms:
        if term.negated or term.field not in TIMES or "," in term.value:
            continue
        start, end = times(term.value, now)
        if term.field != "until":
            starts.append(start)
        if term.field != "since":
            ends.append(end if term.field == "at" else start)
    return max(starts, default=None), min(ends, default=None)


# ---- reading ---------------------------------------------------------------------------------------------------------
PLACE: Final = re.compile(r"(\d{12,15})-([0-9a-f-]{1,40})")


def search(db: Reader, found: Search, before: str = "", limit: int = LIMIT) -> Page:
    """Rows, newest first. ``before``: ``next`` of the page before, or the id of a request. MANY requests are looked at
    and no more; ``next`` goes on where that ended."""
    limit = max(1, min(limit, MAX_LIMIT))
    place = _place(db, before) if before else (found.last, "")
    searched = (
        db.value(
            "SELECT started_at FROM requests INDEXED BY requests_list WHERE (started_at, id) < (?, ?)"
            " ORDER BY started_at DESC, id DESC LIMIT 1 OFFSET ?",
            (*place, MANY),
        )
        if found.terms
        else None
    )
    searched = None if searched is None or searched <= found.first else int(searched)
    rows = db.rows(
        "SELECT * FROM requests WHERE id IN (SELECT id FROM requests INDEXED BY requests_list"
        f" WHERE ({found.where}) AND (started_at, id) < (?, ?) AND started_at >= ?"
        " ORDER BY started_at DESC, id DESC LIMIT ?) ORDER BY started_at DESC, id DESC",
        (*found.params, *place, searched or 0, limit + 1),
    )
    shown, more = rows[:limit], len(rows) > limit
    following = f"{shown[-1]['started_at']}-{shown[-1]['id']}" if more else f"{searched}-0" if searched else ""
    chained = with_chains(db, [row_of(row) for row in shown])
    return Page(chained, following, 0 if more else searched or 0)


def _place(db: Reader, before: str) -> tuple[int, str]:
    if place := PLACE.fullmatch(before):
        return int(place[1]), place[2]
    started = db.value("SELECT started_at FROM requests WHERE id = ?", (before[:64],))
    if started is None:
        raise QueryError("the request that this page follows is gone")
    return int(started), before


def running(db: Reader, limit: int = LIMIT) -> list[dict[str, Any]]:
    """What is in flight, newest first."""
    rows = db.rows(
        f"SELECT * FROM requests WHERE state = 'running' AND {NO_MIRRORS} ORDER BY started_at DESC LIMIT ?", (limit,)
    )
    return with_chains(db, [row_of(row) for row in rows])


def every(db: Reader, found: Search, limit: int = MAX_EXPORT) -> Iterator[dict[str, Any]]:
    """All rows for an export, in steps, so that no read stays open for long."""
    before, left = "", min(limit, MAX_EXPORT)
    while left > 0:
        page = search(db, found, before, min(EXPORT_STEP, left))
        yield from page.rows
        left -= len(page.rows)
        before = page.next
        if not before:
            return


def row_of(row: Row) -> dict[str, Any]:
    """The columns of a request as JSON, with ``losses`` unpacked and ``tokens_per_s``."""
    found: dict[str, Any] = dict(row)
    found["stream"] = bool(row["stream"])
    found["losses"] = json.loads(row["losses"]) if row["losses"] else []
    found["tokens_per_s"] = speed(row["output_tokens"], row["first_event_ms"], row["total_ms"])
    return found


def speed(output: int | None, first_ms: float | None, total_ms: float | None) -> float | None:
    """Output tokens per second between the first event and the end."""
    if not output or first_ms is None or total_ms is None or total_ms <= first_ms:
        return None
    return round(output / (total_ms - first_ms) * 1000, 1)


COLUMNS_OF_HOPS: Final = "request_id, channel_id, channel_name, key_mask, upstream_model, status, outcome, verdict"


def with_chains(db: Reader, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adds ``chain``: the attempts of requests that needed more than one, in order."""
    several = [row["id"] for row in rows if row["attempts_n"] > 1]
    chains: dict[str, list[dict[str, Any]]] = {id: [] for id in several}
    marks = ", ".join("?" * len(several))
    sql = f"SELECT {COLUMNS_OF_HOPS} FROM attempts WHERE request_id IN ({marks})"
    for attempt in db.rows(f"{sql} ORDER BY request_id, n", several) if several else ():
        chains[attempt["request_id"]].append({name: attempt[name] for name in attempt.keys()[1:]})
    for row in rows:
        row["chain"] = chains.get(row["id"], [])
    return rows


def detail(db: Reader, id: str) -> dict[str, Any] | None:
    """One request with ``attempts``, ``candidates`` and ``bodies`` (their sides and sizes only)."""
    row = db.row("SELECT * FROM requests WHERE id = ?", (id[:64],))
    if row is None:
        return None
    found = with_chains(db, [row_of(row)])[0]
    found["attempts"] = [dict(a) for a in db.rows("SELECT * FROM attempts WHERE request_id = ? ORDER BY n", (id,))]
    found["candidates"] = [
        dict(c) for c in db.rows('SELECT * FROM candidates WHERE request_id = ? ORDER BY "order"', (id,))
    ]
    sides = "SELECT side, at, size, truncated FROM bodies WHERE request_id = ? ORDER BY at, side"
    found["bodies"] = [dict(body) for body in db.rows(sides, (id,))]
    return found
