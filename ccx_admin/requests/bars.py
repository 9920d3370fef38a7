"""How many requests of a search there were over time.

Over days, a search for channels, clients, kinds or outcomes is answered from the roll-ups, which know no tests. What
they do not know is counted request by request, the newest ones, as many as take no time.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ccx_addons.io.rollup import HOUR, MOVED, QUARTER
from ccx_admin.db import Reader, Row
from ccx_admin.requests.search_box import TIMES, Now, Search, Term, stretch
from ccx_admin.usage import sums

MANY: Final = 300_000
"""Entries of the index that are looked at."""
DIMENSIONS: Final = ("kind", "channel", "client", "key")
"""Fields of a search that are dimensions of the roll-ups."""
STATES: Final[Mapping[str, tuple[str, ...]]] = {
    "ok": ("ok", "failover"),
    "failed": ("failed",),
    "lost": ("lost",),
    "client_left": ("left",),
}
"""State -> the parts of a bar that it is in."""
MEASURES: Final = ("requests", "ok", "ok_failovers", "client_left", "failed", "lost")


@dataclass(frozen=True, slots=True)
class Bars:
    """``bars``: ``at`` (Unix ms), ``ok``, ``failover`` (ok after more than one attempt), ``left`` (by the client),
    ``failed``. ``since``: what began before was not counted. ``start``: where the first bar begins, and each of
    them is ``width`` ms wide."""

    bars: list[dict[str, int]]
    since: int
    start: int
    width: int


def step(start: int, end: int, buckets: int) -> int:
    """How long a bar is, ms: whole hours where a stretch is long, else whole quarters, so that each has as many of
    them."""
    width = max(1, (end - start) // max(1, min(buckets, 500)))
    unit = HOUR if width > HOUR else QUARTER if width > QUARTER else 1
    return -(-width // unit) * unit


def begin(start: int, width: int) -> int:
    """Where the first bar of a stretch begins: with an hour or a quarter, as its bars do."""
    return start - start % (min(width, HOUR) if width >= QUARTER else 1)


def histogram(db: Reader, found: Search, start: int, end: int, now: Now, buckets: int = 60) -> Bars:
    """Over ``start`` to ``end`` (Unix ms)."""
    width = step(start, end, buckets)
    start = begin(start, width)
    chosen = _chosen(found)
    if chosen is not None and width >= (HOUR if chosen[0] else QUARTER):
        limits = stretch(found, now)
        return Bars(_summed(db, *chosen, (start, end, width), limits, now.ms), start, start, width)
    return _counted(db, found, start, end, width)


# ---- from the roll-ups -----------------------------------------------------------------------------------------------
def _chosen(found: Search) -> tuple[list[Term], frozenset[str]] | None:
    """The terms that are dimensions, two at most, and the parts of the bars that are asked for; None: only the requests
    themselves know."""
    dimensions: list[Term] = []
    parts = frozenset(("ok", "failover", "left", "failed", "lost"))
    for term in found.terms:
        if term.negated or (term.field in TIMES and "," in term.value):
            return None
        if term.field in DIMENSIONS:
            dimensions.append(term)
        elif term.field == "state" and "running" not in term.value:
            parts &= {part for state in term.value.split(",") if state for part in STATES[state]}
        elif term.field not in TIMES and (term.field, term.value) != ("source", "proxy"):
            return None
    fields = {term.field for term in dimensions}
    fits = len(fields) == len(dimensions) < 3 and sums.view_of(fields) is not None
    return (dimensions, parts) if fits else None


def _matches(term: Term) -> Callable[[str, str], bool]:
    """As the search box finds names: anywhere in them, or the whole of it after ``=``."""

    def one(value: str, name: str) -> bool:
        if term.field == "kind":
            return name == value
        return name.lower() == value[1:].lower() if value.startswith("=") else value.lower() in name.lower()

    values = [value for value in term.value.split(",") if value]
    return lambda name, label: any(
        one(value, name) or (term.field == "channel" and one(value, label)) for value in values
    )


def _summed(
    db: Reader,
    terms: list[Term],
    parts: frozenset[str],
    drawn: tuple[int, int, int],
    limits: tuple[int | None, int | None],
    now: int,
) -> list[dict[str, int]]:
    """The running hour or quarter is drawn, too, unless the search ends before it."""
    start, end, width = drawn
    level = HOUR if terms else QUARTER
    first, last = limits[0] or start, limits[1] or end + level
    edges = [max(first, min(at, last)) // level * level for at in (*range(start, end, width), end + level - 1)]
    stretches = [(low, max(low, high)) for low, high in itertools.pairwise(edges)]
    rows = sums.read(db, stretches, now, [term.field for term in terms], measures=MEASURES, bars=True)
    tests = [_matches(term) for term in terms]
    counted: dict[int, dict[str, int]] = {}
    for row in rows:
        if all(test(row[name], row["label"]) for test, name in zip(tests, ("a", "b"), strict=False)):
            bar = counted.setdefault(
                row["n"], {"at": start + row["n"] * width, "ok": 0, "failover": 0, "left": 0, "failed": 0}
            )
            _add(bar, row, parts)
    return [counted[n] for n in sorted(counted)]


def _add(bar: dict[str, int], row: Row, parts: frozenset[str]) -> None:
    if "ok" in parts:
        bar["ok"] += int(row["ok"] - row["ok_failovers"])
        bar["failover"] += int(row["ok_failovers"])
    bar["left"] += int(row["client_left"]) if "left" in parts else 0
    bar["failed"] += int(sum(row[name] for name in ("failed", "lost") if name in parts))


# ---- from the requests -----------------------------------------------------------------------------------------------
def newest(db: Reader, start: int, end: int) -> int:
    """Where the last MANY requests between two moments begin, or ``start``; Unix ms."""
    since = db.value(
        "SELECT started_at FROM requests INDEXED BY requests_list WHERE started_at >= ? AND started_at < ?"
        " ORDER BY started_at DESC LIMIT 1 OFFSET ?",
        (start, end, MANY),
    )
    return start if since is None else int(since)


def _counted(db: Reader, found: Search, start: int, end: int, width: int) -> Bars:
    first = newest(db, start, end)
    rows = db.rows(
        f"SELECT (started_at - ?) / ? AS n, total(state = 'ok' AND NOT ({MOVED})) AS ok,"
        f" total(state = 'ok' AND {MOVED}) AS failover, total(state = 'client_left') AS left,"
        " total(state IN ('failed', 'lost')) AS failed"
        f" FROM requests WHERE started_at >= ? AND started_at < ? AND ({found.where}) GROUP BY n ORDER BY n",
        (start, width, first, end, *found.params),
    )
    bars: list[dict[str, Any]] = [
        {"at": start + row["n"] * width, **{name: int(row[name]) for name in ("ok", "failover", "left", "failed")}}
        for row in rows
    ]
    return Bars(bars, first, start, width)
