"""What it cost: by kind of token, by two dimensions, by client against its budget, and by the end of the month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final, Literal

from ccx_addons.core.config import Client
from ccx_addons.io.rollup import ANSWERED, DAY
from ccx_addons.scheduler.budgets import budgeted
from ccx_admin.db import Reader, Row
from ccx_admin.usage import stats, sums
from ccx_admin.usage.ranges import WEEK, Range, month_of
from ccx_admin.zone import began

KINDS: Final = (
    ("cost_input", "Prompt", ""),
    ("cost_cache_read", "Prompt from the cache", "cache_read_tokens"),
    ("cost_cache_write", "Written to the cache", "cache_write_tokens"),
    ("cost_output", "Answer", ""),
    ("cost_reasoning", "Thinking", "reasoning_tokens"),
    ("cost_other", "Fees, and what is not known by kind", ""),
)
"""(figure, words, the measure that counts its tokens; prompt and answer are what is left of them)."""
ACROSS: Final = 8
DOWN: Final = 20
"""Columns and rows of a table of two dimensions; the rest is summed up."""
LEAST: Final = 0.25
"""Days of which one may say what a day costs."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one kind of token cost, None where that is not known. ``share``: of everything. ``per_million``: dollars for
    as many tokens."""

    name: str
    words: str
    usd: float | None
    tokens: int | None
    share: float | None
    per_million: float | None
    before: float | None = None


def parts(totals: Mapping[str, Any]) -> list[Part]:
    """Of the totals of ``stats.compared``, those that cost something."""
    whole = totals["cost_usd"] or 0.0
    found = []
    for name, words, _measure in KINDS:
        tokens = _tokens(name, totals)
        usd = None if tokens and not totals[name] and totals["cost_other"] else totals[name]
        before = totals["before"][name] if totals.get("before") else None
        if usd or tokens:
            rate = usd / tokens * 1e6 if tokens and usd else None
            share = usd / whole if whole and usd is not None else None
            found.append(Part(name, words, usd, tokens, share, rate, before))
    return found if whole else []


def _tokens(name: str, totals: Mapping[str, Any]) -> int | None:
    match name:
        case "cost_input":
            return max(0, int(totals["input_tokens"] - totals["cache_read_tokens"] - totals["cache_write_tokens"]))
        case "cost_output":
            return max(0, int(totals["output_tokens"] - totals["reasoning_tokens"]))
        case "cost_other":
            return None
    return int(totals[next(measure for part, _words, measure in KINDS if part == name)])


# ---- two dimensions --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Cell:
    """``usd``: None where no answer had a price."""

    requests: int = 0
    tokens: int = 0
    usd: float | None = 0.0
    unpriced: int = 0

    def __add__(self, other: "Cell") -> "Cell":
        requests, tokens, unpriced = (
            getattr(self, name) + getattr(other, name) for name in ("requests", "tokens", "unpriced")
        )
        usd = (self.usd or 0.0) + (other.usd or 0.0)
        return Cell(requests, tokens, None if unpriced and not usd else usd, unpriced)


@dataclass(frozen=True, slots=True)
class Matrix:
    """``cells``: (row, column) -> what it was. ``rows``, ``columns``: names, dearest first; None: all the others."""

    rows: tuple[str | None, ...]
    columns: tuple[str | None, ...]
    cells: Mapping[tuple[str | None, str | None], Cell]
    row_sums: Mapping[str | None, Cell]
    column_sums: Mapping[str | None, Cell]


def matrix(
    db: Reader,
    span: Range,
    by: tuple[str, str],
    now: int,
    filters: Mapping[str, str] | None = None,
    most: tuple[int, int] = (DOWN, ACROSS),
) -> Matrix:
    found = [
        (row["a"], row["b"], _cell(row))
        for row in sums.read(db, [(span.start, span.end)], now, by, stats.checked(by, filters))
    ]
    rows = _shown([(a, cell) for a, _b, cell in found], most[0])
    columns = _shown([(b, cell) for _a, b, cell in found], most[1])
    cells: dict[tuple[str | None, str | None], Cell] = {}
    row_sums: dict[str | None, Cell] = {}
    column_sums: dict[str | None, Cell] = {}
    for a, b, cell in found:
        place = (a if a in rows else None, b if b in columns else None)
        cells[place] = cells.get(place, Cell()) + cell
        row_sums[place[0]] = row_sums.get(place[0], Cell()) + cell
        column_sums[place[1]] = column_sums.get(place[1], Cell()) + cell
    return Matrix(rows, columns, cells, row_sums, column_sums)


def _cell(row: Row) -> Cell:
    usd, unpriced = round(row["cost_usd"], 6), int(row["unpriced"])
    tokens = int(row["input_tokens"] + row["output_tokens"])
    return Cell(int(row["requests"]), tokens, None if unpriced and not usd else usd, unpriced)


def _shown(found: list[tuple[str, Cell]], most: int) -> tuple[str | None, ...]:
    amounts: dict[str, Cell] = {}
    for name, cell in found:
        amounts[name] = amounts.get(name, Cell()) + cell
    names = sorted(amounts, key=lambda name: (-(amounts[name].usd or 0.0), -amounts[name].requests, name))
    return (*names,) if len(names) <= most + 1 else (*names[:most], None)


# ---- months ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Month:
    """US dollars, None where nobody knows. ``same_days``: of the month before, up to this day and hour. ``expected``:
    at the end of the month, if the rest of it costs by the day what the last seven days did."""

    spent: float | None
    same_days: float | None
    last: float | None
    expected: float | None
    rate: float | None
    unpriced: int
    saved: float | None


def saved(figures: Mapping[str, Any] | Row) -> float | None:
    """What the cache made cheaper; None where it was used and nobody noted it."""
    return None if figures["cache_read_tokens"] and not figures["cache_saved"] else float(figures["cache_saved"])


def month(db: Reader, now: int, zone: tzinfo) -> Month:
    start, end = month_of(now, zone)
    before = began("month", now, zone, 1)
    counted = db.value("SELECT min(start) FROM rollups WHERE view = '' AND level = ?", (DAY,))
    asked = db.value("SELECT min(started_at) FROM requests INDEXED BY requests_list")
    since = max(now - WEEK, min(int(counted or now), int(asked or now)))
    stretches = [
        (start, now + 1),
        (before, min(before + now - start, start)),
        (before, start),
        (since, now + 1),
    ]
    found = {row["n"]: row for row in sums.read(db, stretches, now)}
    known = {n: None if row["unpriced"] and not row["cost_usd"] else float(row["cost_usd"]) for n, row in found.items()}
    days = (now - since) / DAY
    lately, spent = known.get(3), known.get(0)
    rate = lately / days if lately is not None and days >= LEAST else None
    expected = None if rate is None else (spent or 0.0) + rate * (end - now) / DAY
    unpriced = int(found[0]["unpriced"]) if 0 in found else 0
    return Month(spent, known.get(1), known.get(2), expected, rate, unpriced, saved(found[0]) if 0 in found else 0.0)


# ---- budgets ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Budget:
    """One limit of a day or a month (both of UTC). ``models``: in words; empty: all together. ``limit``: the setting's
    name. ``used``: dollars are None where nothing had a price. ``resets``: Unix ms. ``share``: of what may be used."""

    models: str
    limit: str
    most: float
    used: float | None
    resets: int
    share: float


@dataclass(frozen=True, slots=True)
class Spending:
    """What a client used: dollars of this month (None where nothing had a price) and tokens of this day, both of UTC,
    and its budgets, the one that is nearest to its end first."""

    usd: float | None
    unpriced: int
    tokens: int
    budgets: tuple[Budget, ...]


type Used = Mapping[str, Sequence[tuple[str, Row]]]
"""Client -> its models' names and what was used of them."""
SPANS: Final[Mapping[str, Literal["month", "day"]]] = {"month": "month", "day": "day"}


def budgets(db: Reader, clients: tuple[Client, ...], now: int) -> dict[str, Spending]:
    """Client -> what it used."""
    stretches = [(began(span, now, UTC), now + 1) for span in SPANS.values()]
    by_client = sums.read(db, stretches, now, ("client",))
    whole: list[dict[str, list[tuple[str, Row]]]] = [{}, {}]
    for row in by_client:
        whole[row["n"]][row["a"]] = [("", row)]
    some: list[dict[str, list[tuple[str, Row]]]] = [{}, {}]
    if any(words and any(most) for client in clients for words, _, most in budgeted(client)):
        for row in sums.read(db, stretches, now, ("model", "client")):
            some[row["n"]].setdefault(row["b"], []).append((row["a"], row))
    return {client.name: _spending(client, whole, some, now) for client in clients}


def _spending(client: Client, whole: Sequence[Used], some: Sequence[Used], now: int) -> Spending:
    found = []
    for words, models, most in budgeted(client):
        for name, limit in zip(most._fields, most, strict=True):
            if limit:
                what, _, word = name.split("_")
                span = SPANS[word]
                rows = (some if words else whole)[[*SPANS].index(span)].get(client.name, ())
                used, unpriced = _used(what, [row for model, row in rows if not words or models.allows(model)])
                known = None if unpriced and not used else used
                found.append(Budget(words, name, limit, known, began(span, now, UTC, -1), round(used / limit, 4)))
    usd, unpriced = _used("usd", [row for _, row in whole[0].get(client.name, ())])
    tokens, _ = _used("tokens", [row for _, row in whole[1].get(client.name, ())])
    found.sort(key=lambda budget: -budget.share)
    return Spending(None if unpriced and not usd else usd, unpriced, int(tokens), tuple(found))


def _used(what: str, rows: Sequence[Row]) -> tuple[float, int]:
    """And of how many answers no price is known."""
    if what == "usd":
        return round(sum(row["cost_usd"] for row in rows), 6), int(sum(row["unpriced"] for row in rows))
    names = {"tokens": ("input_tokens", "output_tokens"), "requests": ANSWERED}[what]
    return int(sum(row[name] for row in rows for name in names)), 0
