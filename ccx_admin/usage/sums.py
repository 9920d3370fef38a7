"""Sums of measures over stretches of time, read where they are cheapest: days, hours, quarters of an hour, requests.

A stretch is cut into pieces, each of a length that the roll-ups keep; what is smaller than all of them is counted from
the requests themselves, as are those that are not folded yet. So a figure does not depend on where it was read, and
costs the same however many requests there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ccx_addons.io.retention import KEPT
from ccx_addons.io.rollup import (
    COUNTS,
    CUBE,
    DAY,
    DIMENSIONS,
    LEVELS,
    counted_rows,
    tail,
)
from ccx_addons.io.rollup_tables import VIEWS
from ccx_admin.db import Reader, Row

ROWS: Final = 0
"""The level of requests themselves."""
ALL: Final = 1 << 40

type Piece = tuple[int, int, int]
"""(level, start, end)."""


def view_of(dimensions: set[str]) -> str | None:
    """The view that knows these dimensions; None: only the cube does."""
    name = " ".join(dimension for dimension in DIMENSIONS if dimension in dimensions)
    return name if name in VIEWS else None


def levels_of(view: str | None) -> list[int]:
    """Longest first."""
    if view is None:
        return [DAY]
    return sorted((level for level, views in LEVELS.items() if view in views), reverse=True)


def pieces(start: int, end: int, levels: Sequence[int], now: int, oldest: int) -> Iterator[Piece]:
    """``oldest``: when the first request began that is still there. What is no longer kept so finely is read from the
    whole day or hour it belongs to."""
    if end > now:
        end = -(-max(end, start) // DAY) * DAY
    yield from _cut(start, end, levels, now, oldest)


def _cut(start: int, end: int, levels: Sequence[int], now: int, oldest: int) -> Iterator[Piece]:
    if start >= end:
        return
    if not levels:
        yield ROWS, start, end
        return
    level, *finer = levels
    first, last = -(-start // level) * level, end // level * level
    edges = [(start, first), (last, end)] if first <= last else [(start, end)]
    if first < last:
        yield level, first, last
    for low, high in edges:
        known = now - KEPT[finer[0]] * DAY if finer else oldest
        if low >= high:
            continue
        if low >= known:
            yield from _cut(low, high, finer, now, oldest)
        else:
            yield level, low // level * level, -(-high // level) * level


def read(
    db: Reader,
    stretches: Sequence[tuple[int, int]],
    now: int,
    by: Sequence[str] = (),
    filters: Mapping[str, str] | None = None,
    measures: Sequence[str] = tuple(COUNTS),
    most: int = ALL,
    bars: bool = False,
) -> list[Row]:
    """One row for each stretch (``n``: which) and each combination of values of the dimensions ``by``: ``a``, ``b``,
    ``label``, and the measures. ``filters``: dimension -> its value. Most requests first. ``bars``: stretches follow
    each other, and none may count what is in another."""
    chosen = filters or {}
    view = view_of({*by, *chosen})
    oldest = 0 if bars else db.value("SELECT min(started_at) FROM requests INDEXED BY requests_list") or now
    found = [
        (n, *piece) for n, (s, e) in enumerate(stretches) for piece in pieces(s, e, levels_of(view), now, int(oldest))
    ]
    if not found:
        return []
    values = ", ".join(f"({n}, {level}, {s}, {e})" for n, level, s, e in found)
    params: list[str] = []
    parts = []
    if any(level for _n, level, _s, _e in found):
        parts += [_kept(view, by, chosen, measures), _fresh(by, chosen, measures)]
        params += [*chosen.values()] * 2
    if any(level == ROWS for _n, level, _s, _e in found):
        parts.append(_rows(by, chosen, measures))
        params += chosen.values()
    totals = ", ".join(f"total({name}) AS {name}" for name in measures)
    return db.rows(
        f"WITH span(n, level, s, e) AS (VALUES {values})"
        f" SELECT n, a, b, max(label) AS label, {totals} FROM ({' UNION ALL '.join(parts)}) parts"
        f" GROUP BY n, a, b ORDER BY n, requests DESC, a, b LIMIT {most}",
        params,
    )


def _columns(by: Sequence[str], values: Mapping[str, str]) -> str:
    a, b = ([values[name] for name in by] + ["''", "''"])[:2]
    return f"n, {a} AS a, {b} AS b, label"


def _kept(view: str | None, by: Sequence[str], filters: Mapping[str, str], measures: Sequence[str]) -> str:
    names = list(DIMENSIONS) if view is None else view.split()
    values = (
        {name: f"r.{CUBE[name]}" for name in names} if view is None else dict(zip(names, ("r.a", "r.b"), strict=False))
    )
    table = "rollup_cube" if view is None else "rollups"
    place = "span.level > 0" if view is None else f"r.view = '{view}' AND r.level = span.level"
    conditions = "".join(f" AND {values[name]} = ?" for name in filters)
    kept = [name if view is not None or name in COUNTS else f"0 AS {name}" for name in measures]
    return (
        f"SELECT {_columns(by, values)}, {', '.join(kept)} FROM span CROSS JOIN {table} r"
        f" WHERE {place} AND r.start >= s AND r.start < e{conditions}"
    )


def _fresh(by: Sequence[str], filters: Mapping[str, str], measures: Sequence[str]) -> str:
    """Of finished requests that are not folded yet."""
    values = {name: f't."{name}"' for name in DIMENSIONS}
    conditions = "".join(f" AND {values[name]} = ?" for name in filters)
    return (
        f"SELECT {_columns(by, values)}, {', '.join(_of_row(name) for name in measures)}"
        f" FROM ({tail()}) t CROSS JOIN span WHERE level > 0 AND t.at >= s AND t.at < e{conditions}"
    )


def _rows(by: Sequence[str], filters: Mapping[str, str], measures: Sequence[str]) -> str:
    values = {name: f'"{name}"' for name in DIMENSIONS}
    conditions = "".join(f" AND {values[name]} = ?" for name in filters)
    rows = counted_rows(
        "span CROSS JOIN requests INDEXED BY requests_list", "level = 0 AND started_at >= s AND started_at < e", "n, "
    )
    chosen = ", ".join(_of_row(name) for name in measures)
    return f"SELECT {_columns(by, values)}, {chosen} FROM ({rows}) each WHERE true{conditions}"


def _of_row(measure: str) -> str:
    if measure in COUNTS:
        return measure
    name, _, number = measure.partition("_")
    return f"iif({name} = {number}, 1, 0) AS {measure}"
