"""What it cost: by kind of token, by two dimensions, by client against its budget, and by the end of the month."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from ccx_addons.core.config import Client
from ccx_addons.io.rollup import DAY
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
    """What a client's limits count: dollars of this month and tokens of this day, both of UTC.

    ``usd``: None where nothing had a price. ``usd_resets``, ``tokens_reset``: Unix ms. ``share``: of the budget that is
    nearest to its end, None without one.
    """

    usd: float | None
    unpriced: int
    usd_limit: float
    usd_resets: int
    tokens: int
    tokens_limit: int
    tokens_reset: int
    share: float | None


def budgets(db: Reader, clients: tuple[Client, ...], now: int) -> dict[str, Budget]:
    """Client -> what it spent."""
    starts = [began("month", now, UTC), began("day", now, UTC)]
    ends = [began("month", now, UTC, -1), began("day", now, UTC, -1)]
    found: tuple[dict[str, Row], dict[str, Row]] = ({}, {})
    for row in sums.read(db, [(start, now + 1) for start in starts], now, ("client",)):
        found[row["n"]][row["a"]] = row
    return {
        client.name: _budget(client, found[0].get(client.name), found[1].get(client.name), ends) for client in clients
    }


def _budget(client: Client, month: Row | None, day: Row | None, ends: list[int]) -> Budget:
    usd, unpriced = (float(month["cost_usd"]), int(month["unpriced"])) if month else (0.0, 0)
    tokens = int(day["input_tokens"] + day["output_tokens"]) if day else 0
    limits = client.limits
    shares = [usd / limits.usd_per_month] if limits.usd_per_month else []
    shares += [tokens / limits.tokens_per_day] if limits.tokens_per_day else []
    return Budget(
        None if unpriced and not usd else round(usd, 6),
        unpriced,
        limits.usd_per_month,
        ends[0],
        tokens,
        limits.tokens_per_day,
        ends[1],
        round(max(shares), 4) if shares else None,
    )
