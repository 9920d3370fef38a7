"""Stretches of time that figures are asked for, what each is compared with, and the bars of their charts.

Days and months are the reader's. Hours are kept for some months only (retention.py); what is older is cut at the days
of UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from typing import Final

from ccx_addons.core.errors import CcxError
from ccx_addons.io.retention import KEPT
from ccx_addons.io.rollup import DAY, HOUR, QUARTER
from ccx_admin.zone import MomentError, began, local, span, unix

MINUTE: Final = 60_000
WEEK: Final = 7 * DAY

LENGTHS: Final[Mapping[str, int]] = {
    "1h": HOUR,
    "6h": 6 * HOUR,
    "24h": DAY,
    "7d": WEEK,
    "30d": 30 * DAY,
    "90d": 90 * DAY,
    "180d": 180 * DAY,
    "365d": 365 * DAY,
}
CALENDAR: Final = ("today", "month", "last month", "year")
NAMES: Final = ("1h", "6h", "24h", "today", "7d", "30d", "month", "last month", "90d", "180d", "365d", "year")
"""What can be asked for by name; beside them ``2026-10``, ``yesterday``, ``2026-10-05..2026-10-20`` (zone.py)."""

BUCKETS: Final[Mapping[str, int]] = {
    "1m": MINUTE,
    "5m": 5 * MINUTE,
    "15m": QUARTER,
    "1h": HOUR,
    "4h": 4 * HOUR,
    "12h": 12 * HOUR,
    "24h": DAY,
    "48h": 2 * DAY,
}
WIDTHS: Final = (
    (HOUR, MINUTE), (6 * HOUR, 5 * MINUTE), (DAY, QUARTER), (8 * DAY, HOUR), (32 * DAY, 4 * HOUR), (100 * DAY, DAY),
    (200 * DAY, DAY), (400 * DAY, 2 * DAY),
)  # fmt: skip
"""(up to this length, the width of a bar)."""
MAX_POINTS: Final = 1_500
MAX_LENGTH: Final = 800 * DAY


class RangeError(CcxError):
    """Not a range, bucket or dimension; the text names the possible ones."""


@dataclass(frozen=True, slots=True)
class Range:
    """``start`` inclusive, ``end`` exclusive, Unix ms. ``bucket``: how long a bar is, of a day's bars about.

    ``borders``: where the bars begin, and the end; empty: each is ``bucket`` long. ``back``: what it is compared with;
    zeros: the time of the same length just before.
    """

    name: str
    start: int
    end: int
    bucket: int
    borders: tuple[int, ...] = ()
    back: tuple[int, int] = (0, 0)
    asked: bool = False
    """Whether somebody asked for bars of this width."""

    @property
    def before(self) -> "Range":
        start, end = self.back if self.back[1] else (2 * self.start - self.end, self.start)
        return Range(self.name, start, end, self.bucket)

    @property
    def edges(self) -> list[int]:
        return list(self.borders or (*range(self.start, self.end, self.bucket), self.end))

    def coarser(self, level: int) -> "Range":
        """With bars that are cheap to read where nothing shorter than ``level`` is kept: a day or two of requests may
        be counted one by one, more may not."""
        if self.asked or self.end - self.start <= (2 * DAY if level == DAY else 6 * HOUR):
            return self
        start, end = self.start // level * level, -(-self.end // level) * level
        starts = range(start, end, level) if self.bucket < level else sorted({at // level * level for at in self.times})
        edges = (*starts, end)
        return Range(self.name, self.start, self.end, max(self.bucket, level), edges, self.back)

    @property
    def times(self) -> list[int]:
        return self.edges[:-1]


def range_of(name: str, now: int, bucket: str = "", zone: tzinfo = UTC) -> Range:
    """A range by its name or as people write times. ``now``: Unix ms. Raises RangeError."""
    if bucket and bucket not in BUCKETS:
        raise RangeError(f"bucket: must be one of {', '.join(BUCKETS)}")
    start, end, back = _stretch(name, now, zone)
    if end - start > MAX_LENGTH or start < 0:
        raise RangeError("range: is longer than two years")
    width = BUCKETS.get(bucket) or next(
        (width for length, width in WIDTHS if end - start <= length), 7 * DAY if end > start else DAY
    )
    if name in LENGTHS:
        end = -(-end // width) * width
        start = end - LENGTHS[name]
    if (end - start) // width > MAX_POINTS:
        raise RangeError(f"bucket: {bucket} gives more than {MAX_POINTS} points for {name}")
    return Range(name, start, end, width, _borders(start, end, width, now, zone), back, bool(bucket))


def _stretch(name: str, now: int, zone: tzinfo) -> tuple[int, int, tuple[int, int]]:
    """(start, end, what it is compared with)."""
    until = (now // MINUTE + 1) * MINUTE
    if name in LENGTHS:
        return now + 1 - LENGTHS[name], now + 1, (0, 0)
    match name:
        case "today":
            return _so_far(began("day", now, zone), began("day", now, zone, 1), until)
        case "month":
            return _so_far(began("month", now, zone), began("month", now, zone, 1), until)
        case "year":
            return _so_far(began("year", now, zone), began("year", now, zone, 1), until)
        case "last month":
            first, second, third = (began("month", now, zone, back) for back in (2, 1, 0))
            return second, third, (first, second)
    try:
        start, end = span(name, now, zone)
    except MomentError as error:
        raise RangeError(f"range: must be one of {', '.join(NAMES)}, or a time: {error}") from None
    if end <= start:
        raise RangeError("range: ends before it begins")
    return start, min(end, max(until, start + MINUTE)), (0, 0)


def _so_far(start: int, before: int, until: int) -> tuple[int, int, tuple[int, int]]:
    """A day, month or year that is not over is compared with the same part of the one before."""
    return start, until, (before, min(before + until - start, start))


def _borders(start: int, end: int, width: int, now: int, zone: tzinfo) -> tuple[int, ...]:
    if width < DAY:
        return ()
    if start < now - KEPT[HOUR] * DAY:
        first = start // DAY * DAY
        return (*range(first, -(-end // DAY) * DAY, width), -(-end // DAY) * DAY)
    found, days = [], 0
    midnight = local(start, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    while (at := unix(midnight + timedelta(days=days))) < end:
        found.append(max(at, start))
        days += width // DAY
    return (*found, end)


def month_of(now: int, zone: tzinfo) -> tuple[int, int]:
    """When the reader's month began, and when it ends."""
    return began("month", now, zone), began("month", now, zone, -1)
