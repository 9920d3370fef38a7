"""Pairs of a client's request and its mirror's, and what they say in sum."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from ccx_addons.core.errors import CcxError
from ccx_admin.db import Reader, Row
from ccx_admin.usage.ranges import Range

LIMIT: Final = 50
STEP: Final = 500
MOST: Final = 20_000
"""Pairs that a sum looks at: the newest ones."""
MAX_EXPORT: Final = 100_000

SIDES: Final = (
    "state", "status", "channel_name", "upstream_model", "total_ms", "input_tokens", "output_tokens", "cost_usd",
    "error_message",
)  # fmt: skip
TTFT: Final = "coalesce({0}.first_event_ms, {0}.ttfb_ms)"
FROM: Final = "FROM mirrored m JOIN requests a ON a.id = m.original JOIN requests b ON b.id = m.id"
COLUMNS: Final = ", ".join((
    "m.*", "a.client_name", "a.kind", "a.model", "a.stream",
    f"{TTFT.format('a')} AS original_ttft_ms", f"{TTFT.format('b')} AS ttft_ms",
    *(f"b.{name}" for name in SIDES), *(f"a.{name} AS original_{name}" for name in SIDES),
))  # fmt: skip

SORTS: Final[Mapping[str, str]] = {
    "time": "m.at",
    "ttft": TTFT.format("b"),
    "total": "b.total_ms",
    "in": "b.input_tokens",
    "out": "b.output_tokens",
    "cost": "b.cost_usd",
    "tools": "m.same_tools",
    "alike": "m.alike",
}
"""Name of a column -> what it is sorted by."""
PLACE: Final = re.compile(r"(-?\d{1,20}(?:\.\d{1,25})?(?:e-?\d{1,3})?)_([0-9A-Za-z-]{1,40})")


class PlaceError(CcxError):
    """The address names no place in the list."""


@dataclass(frozen=True, slots=True)
class Order:
    """``before``: the last pair of the page before; empty: the first page."""

    by: str = "time"
    down: bool = True
    before: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """``next``: ``before`` of the page that follows; empty: this is the last."""

    rows: list[dict[str, Any]]
    next: str


@dataclass(frozen=True, slots=True)
class Side:
    """One of both channels in sum. Tokens and dollars of all; ``each``: dollars of a request, where they are known."""

    requests: int
    ok: int
    ttft_ms: float | None
    total_ms: float | None
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    each: float | None
    unpriced: int

    @property
    def success(self) -> float | None:
        return self.ok / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class Sum:
    """Shares are of those pairs in which it can be said, None: in none. ``more``: there are older pairs."""

    client: Side
    mirror: Side
    same_tools: float | None
    same_arguments: float | None
    called: int
    alike: float | None
    same_end: float | None
    more: bool


def names(db: Reader) -> list[str]:
    """Of mirrors that have been asked, or were left out."""
    rows = db.rows("SELECT mirror FROM mirrored UNION SELECT mirror FROM mirror_left_out ORDER BY mirror")
    return [row["mirror"] for row in rows]


def page(db: Reader, mirror: str, span: Range, order: Order, limit: int = LIMIT) -> Page:
    """Raises PlaceError."""
    key = f"coalesce({SORTS[order.by]}, -1)"
    sign, word = ("<", "DESC") if order.down else (">", "ASC")
    values: list[Any] = [mirror, span.start, span.end]
    after = ""
    if order.before:
        place = PLACE.fullmatch(order.before)
        if place is None:
            raise PlaceError("the pair that this page follows is not known")
        after = f" AND ({key}, m.id) {sign} (?, ?)"
        values += [float(place[1]), place[2]]
    rows = db.rows(
        f"SELECT {COLUMNS}, {key} AS place {FROM} WHERE m.mirror = ? AND m.at >= ? AND m.at < ?{after}"
        f" ORDER BY {key} {word}, m.id {word} LIMIT ?",
        (*values, limit + 1),
    )
    shown = [dict(row) for row in rows[:limit]]
    return Page(shown, f"{shown[-1]['place']}_{shown[-1]['id']}" if len(rows) > limit else "")


def every(db: Reader, mirror: str, span: Range) -> Iterator[dict[str, Any]]:
    """All pairs, newest first, in steps, so that no read stays open for long."""
    before, left = "", MAX_EXPORT
    while left > 0:
        found = page(db, mirror, span, Order(before=before), min(STEP, left))
        yield from found.rows
        left -= len(found.rows)
        before = found.next
        if not before:
            return


def summary(db: Reader, mirror: str, span: Range) -> Sum:
    rows = db.rows(
        f"SELECT m.same_tools, m.same_arguments, m.alike, m.stop, m.original_stop, a.state AS original_state, b.state,"
        f" {TTFT.format('a')} AS original_ttft_ms, {TTFT.format('b')} AS ttft_ms,"
        " a.total_ms AS original_total_ms, b.total_ms, a.input_tokens AS original_input_tokens, b.input_tokens,"
        " a.output_tokens AS original_output_tokens, b.output_tokens, a.cost_usd AS original_cost_usd, b.cost_usd"
        f" {FROM} WHERE m.mirror = ? AND m.at >= ? AND m.at < ? ORDER BY m.at DESC, m.id DESC LIMIT ?",
        (mirror, span.start, span.end, MOST + 1),
    )
    more, rows = len(rows) > MOST, rows[:MOST]
    good = [row for row in rows if row["state"] == row["original_state"] == "ok"]
    return Sum(
        side(rows, "original_"),
        side(rows, ""),
        share(row["same_tools"] for row in rows),
        share(row["same_arguments"] for row in rows),
        sum(row["same_tools"] is not None for row in rows),
        middle(row["alike"] for row in rows),
        share(row["stop"] == row["original_stop"] for row in good),
        more,
    )


def side(rows: Sequence[Row], prefix: str) -> Side:
    """Times are those of good answers."""
    good = [row for row in rows if row[f"{prefix}state"] == "ok"]
    costs = [row[f"{prefix}cost_usd"] for row in good]
    known = [usd for usd in costs if usd is not None]
    return Side(
        len(rows),
        len(good),
        middle(row[f"{prefix}ttft_ms"] for row in good),
        middle(row[f"{prefix}total_ms"] for row in good),
        sum(row[f"{prefix}input_tokens"] or 0 for row in rows),
        sum(row[f"{prefix}output_tokens"] or 0 for row in rows),
        sum(row[f"{prefix}cost_usd"] or 0.0 for row in rows) if known else None,
        sum(known) / len(known) if known else None,
        len(costs) - len(known),
    )


def middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def share(values: Iterable[int | bool | None]) -> float | None:
    known = [bool(value) for value in values if value is not None]
    return sum(known) / len(known) if known else None


def left_out(db: Reader, mirror: str, span: Range) -> dict[str, int]:
    """Why -> how many requests were not mirrored; counted by the hour."""
    rows = db.rows(
        "SELECT why, sum(n) AS n FROM mirror_left_out WHERE mirror = ? AND at > ? AND at < ?"
        " GROUP BY why ORDER BY sum(n) DESC, why",
        (mirror, span.start - 3_600_000, span.end),
    )
    return {row["why"]: row["n"] for row in rows}


# ---- one request -----------------------------------------------------------------------------------------------------
def of_request(db: Reader, id: str) -> list[dict[str, Any]]:
    """The pairs that a request belongs to: as the client's, or as a mirror's."""
    rows = db.rows(f"SELECT {COLUMNS} {FROM} WHERE m.original = ? OR m.id = ? ORDER BY m.at", (id, id))
    return [dict(row) for row in rows]


def of_channel(db: Reader, channel: str, since: int) -> tuple[int, float]:
    """Requests that mirrors asked of a channel, and dollars."""
    row = db.row(
        "SELECT count(*) AS n, coalesce(sum(r.cost_usd), 0) AS usd FROM mirrored m CROSS JOIN requests r"
        " WHERE r.id = m.id AND m.at >= ? AND r.channel_id = ?",
        (since, channel),
    )
    return (row["n"], row["usd"]) if row else (0, 0.0)
