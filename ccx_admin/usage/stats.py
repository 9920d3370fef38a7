"""Figures of a time for the overview and the usage page: totals, tables, series, and what a month will cost.

Health checks and tests never count. A figure that is not known is None, never zero.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ccx_addons.io.rollup import COUNTS, DAY, DIMENSIONS, MEASURES, QUARTER, TTFT, attempts_of, quantile, tail
from ccx_addons.io.rollup_tables import COSTS
from ccx_admin.db import Reader, Row
from ccx_admin.usage import sums
from ccx_admin.usage.ranges import Range, RangeError

TOP: Final = 8
"""Series shown by name; the rest is summed up as "other"."""
MAX_TABLE: Final = 1_000
FILTERS: Final = tuple(DIMENSIONS)
"""Filters are exact: model=..., channel=<id>, client=..., key=<mask>, kind=..."""


def checked(by: Sequence[str], filters: Mapping[str, str] | None) -> dict[str, str]:
    for name in by:
        if name not in DIMENSIONS:
            raise RangeError(f"by: must be one of {', '.join(DIMENSIONS)}")
    for name in filters or {}:
        if name not in DIMENSIONS:
            raise RangeError(f"{name}: must be one of {', '.join(DIMENSIONS)}")
    return dict(filters or {})


def totals(db: Reader, span: Range, now: int, filters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Every figure of a range; see ``figures``."""
    found = checked((), filters)
    rows = sums.read(db, [(span.start, span.end)], now, filters=found, measures=MEASURES)
    return figures(rows[0] if rows else dict.fromkeys(MEASURES, 0))


def summary(db: Reader, span: Range, now: int, filters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """``now`` and ``before`` (see ``Range.before``) of a range."""
    return {
        "range": span.name,
        "start": span.start,
        "end": span.end,
        "now": totals(db, span, now, filters),
        "before": totals(db, span.before, now, filters),
    }


def table(db: Reader, span: Range, by: str, now: int, filters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """One entry with all figures for each value of a dimension, most requests first: ``name``, ``label``, figures."""
    found = checked((by,), filters)
    rows = sums.read(db, [(span.start, span.end)], now, (by,), found, MEASURES, MAX_TABLE)
    return [{"name": row["a"], "label": _label(by, row), **figures(row)} for row in rows]


def compared(
    db: Reader, span: Range, by: str, now: int, filters: Mapping[str, str] | None = None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The table with ``before`` in each entry, None where there was nothing; and the totals, with theirs."""
    found = checked((by,), filters)
    before = span.before
    stretches = [(span.start, span.end), (before.start, before.end)]
    parts: tuple[list[Row], list[Row]] = ([], [])
    for row in sums.read(db, stretches, now, (by,), found, MEASURES):
        parts[row["n"]].append(row)
    olds = {row["a"]: figures(row) for row in parts[1]}
    rows = [
        {"name": row["a"], "label": _label(by, row), **figures(row), "before": olds.get(row["a"])}
        for row in parts[0][:MAX_TABLE]
    ]
    now_, then = (figures({name: sum(row[name] for row in part) for name in MEASURES}) for part in parts)
    return rows, {**now_, "before": then if then["requests"] else None}


def _label(by: str, row: Row) -> str:
    return str(row["label"] if by == "channel" else row["a"])


def by_channel(db: Reader, span: Range, now: int) -> dict[str, dict[str, Any]]:
    """Channel id -> its figures."""
    return {entry["name"]: entry for entry in table(db, span, "channel", now)}


# ---- over time -------------------------------------------------------------------------------------------------------
SERIES: Final = (
    "requests", "ok", "failed", "client_left", "lost", "failovers", "input_tokens", "cache_read_tokens",
    "cache_write_tokens", "output_tokens", "reasoning_tokens", "cost_usd", "unpriced",
)  # fmt: skip
"""What a chart can draw, beside ``ttft_p50`` and ``ttft_p95``."""
MEASURES_DRAWN: Final = (*SERIES, *TTFT)


def history(
    db: Reader, span: Range, now: int, by: str = "", filters: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """``times`` (bucket starts) and ``series``: each has ``name``, ``label`` and one list for each name in SERIES.

    With ``by``, the TOP values have a series each, the others together are the one named "other".
    """
    dimensions = (by,) if by else ()
    found = checked(dimensions, filters)
    level = sums.levels_of(sums.view_of({*dimensions, *found}))[-1]
    edges = span.coarser(level).edges
    rows = sums.read(db, list(itertools.pairwise(edges)), now, dimensions, found, MEASURES_DRAWN, bars=True)
    names = _top(rows, by) if by else {"": ""}
    count = len(edges) - 1
    sums_of: dict[str, list[list[float] | None]] = {name: [None] * count for name in names}
    for row in rows:
        name = row["a"] if row["a"] in names else "other"
        bars, n = sums_of.setdefault(name, [None] * count), row["n"]
        values = tuple(row)[-len(MEASURES_DRAWN) :]  # by place: by name, each is looked for among all columns
        before = bars[n]
        bars[n] = list(values) if before is None else [one + more for one, more in zip(before, values, strict=True)]
    return {
        "range": span.name,
        "by": by,
        "start": span.start,
        "end": span.end,
        "bucket_ms": edges[1] - edges[0],
        "times": edges[:-1],
        "series": [_drawn(name, names.get(name, "other"), bars) for name, bars in sums_of.items()],
    }


def _top(rows: Iterable[Row], by: str) -> dict[str, str]:
    """Names and labels of the largest values."""
    amounts: dict[str, float] = {}
    labels: dict[str, str] = {}
    for row in rows:
        amounts[row["a"]] = amounts.get(row["a"], 0) + row["requests"]
        labels[row["a"]] = _label(by, row)
    names = sorted(amounts, key=lambda name: (-amounts[name], name))
    shown = names if len(names) <= TOP + 1 else names[:TOP]
    return {name: labels[name] for name in shown}


def _drawn(name: str, label: str, bars: Sequence[Sequence[float] | None]) -> dict[str, Any]:
    """One series from what was measured in each bar; None: nothing was."""
    nothing = (0.0,) * len(MEASURES_DRAWN)
    columns = list(zip(*(bar or nothing for bar in bars), strict=True)) or [()] * len(MEASURES_DRAWN)
    counts = list(zip(*columns[len(SERIES) :], strict=True))
    drawn = {
        measure: [_plain(measure, value) for value in column] for measure, column in zip(SERIES, columns, strict=False)
    }
    return {
        "name": name,
        "label": label or name,
        **drawn,
        "ttft_p50": [quantile(bar, 0.5) for bar in counts],
        "ttft_p95": [quantile(bar, 0.95) for bar in counts],
    }


def _plain(measure: str, value: float) -> float:
    return round(value, 6) if measure in ("cost_usd", "stream_ms", *COSTS) else int(value)


# ---- figures ---------------------------------------------------------------------------------------------------------
def figures(row: Row | Mapping[str, Any]) -> dict[str, Any]:
    """The measures of a roll-up and what follows from them; None: not known, because there was nothing.

    ``success_rate``: of requests that were not given up by the client. ``cache_hit_rate``: of input tokens.
    ``cost_usd``: None where no answer had a price; ``cost_is_lower_bound``: some had none. ``cost_other``: fees, and
    what is not known by kind of token. ``tokens_per_s``: output while streaming.
    """
    found: dict[str, Any] = {name: _plain(name, row[name]) for name in COUNTS}
    judged = found["requests"] - found["client_left"]
    split = sum(found[name] for name in COSTS if name.startswith("cost_"))
    return {
        **found,
        "cost_usd": None if found["unpriced"] and not found["cost_usd"] else found["cost_usd"],
        "cost_other": max(0.0, round(found["cost_usd"] - split, 6)),
        "success_rate": _share(found["ok"], judged),
        "failover_rate": _share(found["failovers"], found["requests"]),
        "cache_hit_rate": _share(found["cache_read_tokens"], found["input_tokens"]),
        "cost_is_lower_bound": found["unpriced"] > 0,
        "tokens_per_s": _share(found["stream_tokens"], found["stream_ms"] / 1000, 1),
        **{f"ttft_p{percent}": quantile([row[column] for column in TTFT], percent / 100) for percent in (50, 95)},
    }


def _share(part: float, whole: float, digits: int = 4) -> float | None:
    return round(part / whole, digits) if whole else None


def change(now: float | None, before: float | None) -> float | None:
    """By which share a figure grew; None: it cannot be said."""
    return None if now is None or not before else round(now / before - 1, 4)


# ---- attempts --------------------------------------------------------------------------------------------------------
def attempts(db: Reader, start: int) -> list[Row]:
    """``start`` (of a quarter of an hour), ``channel_id``, ``key_mask``, ``asked``, ``bad``, ``last``; see
    ``rollup_attempts``. A key may have two rows for the same quarter."""
    return db.rows(
        "SELECT start, channel_id, key_mask, asked, bad, last FROM rollup_attempts WHERE start >= :start"
        f" UNION ALL SELECT * FROM ({attempts_of(f'({tail()})')}) fresh WHERE start >= :start",
        {"start": start // QUARTER * QUARTER},
    )


def strip(db: Reader, now: int, buckets: int = 48, length: int = DAY) -> dict[str, list[tuple[int, int]]]:
    """Channel id -> (attempts, those without an answer) for each part of the last day."""
    width = length // buckets
    start = now // width * width + width - length
    found: dict[str, list[tuple[int, int]]] = {}
    for row in attempts(db, start):
        n = (row["start"] - start) // width
        if 0 <= n < buckets:
            parts = found.setdefault(row["channel_id"], [(0, 0)] * buckets)
            parts[n] = (parts[n][0] + row["asked"], parts[n][1] + int(row["bad"]))
    return found
