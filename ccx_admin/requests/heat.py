"""/requests/latency: how long requests took over time, as a map: darker where there are more."""

import bisect
from dataclasses import dataclass
from typing import Final

from ccx_admin.db import Reader
from ccx_admin.requests.bars import newest
from ccx_admin.requests.search_box import Search

BOUNDS: Final = (
    *(100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000),
    *(7000, 10_000, 15_000, 20_000, 30_000, 45_000, 60_000, 90_000, 120_000, 300_000),
)  # fmt: skip
"""Upper bounds of the rows in ms; one more row takes the rest."""
COLUMNS: Final = 60
ROWS: Final = len(BOUNDS) + 1
SHADES: Final = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """``column`` from the left, ``row`` from below; ``shade`` 1 to SHADES. ``low``, ``high``: ms that were taken."""

    column: int
    row: int
    count: int
    shade: int
    start: int
    end: int
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Heat:
    start: int
    end: int
    cells: tuple[Cell, ...]
    total: int


def heat(db: Reader, found: Search, start: int, end: int) -> Heat:
    """Of requests that were answered, the last ones."""
    width = max(1, (end - start) // COLUMNS)
    edges = " ".join(f"WHEN total_ms <= {bound} THEN {n}" for n, bound in enumerate(BOUNDS))
    rows = db.rows(
        f"SELECT (started_at - ?) / ? AS at, CASE {edges} ELSE {len(BOUNDS)} END AS took, count(*) AS n"
        " FROM requests INDEXED BY requests_list"
        f" WHERE started_at >= ? AND started_at < ? AND state = 'ok' AND total_ms IS NOT NULL AND ({found.where})"
        " GROUP BY at, took",
        (start, width, newest(db, start, end), end, *found.params),
    )
    counts = sorted({row["n"] for row in rows})
    steps = [counts[len(counts) * n // SHADES] for n in range(1, SHADES)] if counts else []
    cells = tuple(
        Cell(
            row["at"],
            row["took"],
            row["n"],
            1 + bisect.bisect_right(steps, row["n"]) if len(counts) > 1 else SHADES,
            start + row["at"] * width,
            start + (row["at"] + 1) * width,
            BOUNDS[row["took"] - 1] if row["took"] else 0,
            BOUNDS[row["took"]] if row["took"] < len(BOUNDS) else None,
        )
        for row in rows
    )
    return Heat(start, end, cells, sum(row["n"] for row in rows))
