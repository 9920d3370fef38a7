"""Totals and time series for the overview and the usage page, from minutes of requests or from the roll-ups.

Buckets below a quarter of an hour are counted from the rows of requests, larger ones from the roll-ups, with the same
measures: a figure does not depend on where it was read. Health checks and tests never count.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from ccx_addons.core.errors import CcxError
from ccx_addons.io.rollup import COUNTED, COUNTS, DAY, HOUR, MEASURES, QUARTER, quantile
from ccx_addons.io.schema import HISTOGRAM
from ccx_admin.db import Reader, Row
from ccx_admin.zone import began

MINUTE: Final = 60_000
TOP: Final = 8
"""Series shown by name; the rest is summed up as "other"."""
MAX_TABLE: Final = 1_000

SPANS: Final[Mapping[str, tuple[int, int]]] = {
    "1h": (HOUR, MINUTE),
    "6h": (6 * HOUR, 5 * MINUTE),
    "24h": (DAY, QUARTER),
    "today": (0, QUARTER),
    "7d": (7 * DAY, HOUR),
    "30d": (30 * DAY, 4 * HOUR),
    "90d": (90 * DAY, 12 * HOUR),
    "180d": (180 * DAY, DAY),
    "365d": (365 * DAY, 2 * DAY),
    "year": (0, 2 * DAY),
}
"""Range -> its length and its bucket in ms: never more than 200 points. Length 0: since the day or the year began."""

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
MAX_POINTS: Final = 1_500

DIMENSIONS: Final[Mapping[str, str]] = {
    "model": "model",
    "channel": "channel_id",
    "client": "client_name",
    "key": "key_mask",
    "kind": "kind",
}
FILTERS: Final = DIMENSIONS
"""Filters are exact: model=..., channel=<id>, client=..., key=<mask>, kind=..."""


class RangeError(CcxError):
    """Not a range, bucket or dimension; the text names the possible ones."""


@dataclass(frozen=True, slots=True)
class Range:
    """``start`` inclusive, ``end`` exclusive, ``bucket``: Unix ms, all on borders of ``bucket``."""

    name: str
    start: int
    end: int
    bucket: int

    @property
    def before(self) -> "Range":
        """The time of the same length just before."""
        return Range(self.name, 2 * self.start - self.end, self.start, self.bucket)

    @property
    def times(self) -> list[int]:
        return list(range(self.start, self.end, self.bucket))


def range_of(name: str, now: int, bucket: str = "", zone: tzinfo = UTC) -> Range:
    """A named range up to ``now`` (Unix ms). ``zone``: whose day and year it is."""
    if name not in SPANS:
        raise RangeError(f"range: must be one of {', '.join(SPANS)}")
    if bucket and bucket not in BUCKETS:
        raise RangeError(f"bucket: must be one of {', '.join(BUCKETS)}")
    length, width = SPANS[name]
    width = BUCKETS.get(bucket, width)
    end = -(-(now + 1) // width) * width
    start = (end - length if length else began("year" if name == "year" else "day", now, zone)) // width * width
    if (end - start) // width > MAX_POINTS:
        raise RangeError(f"bucket: {bucket} gives more than {MAX_POINTS} points for {name}")
    return Range(name, start, end, width)


# ---- reading ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Source:
    """Where a range is read from: a FROM clause, the column of the time, SQL of each measure."""

    table: str
    time: str
    counted: str
    measures: Mapping[str, str]


_SUMS: Final = {name: f"total({name})" for name in MEASURES}
REQUESTS: Final = Source("requests", "started_at", COUNTED, MEASURES)
SOURCES: Final[Mapping[int, Source]] = {
    DAY: Source("rollup_day", "day", "1", _SUMS),
    HOUR: Source("rollup_hour", "hour", "1", _SUMS),
    QUARTER: Source("rollup_quarter", "quarter", "1", _SUMS),
}
"""Length of its buckets in ms -> roll-up, the longest first."""


def source_of(bucket: int) -> Source:
    return next((source for length, source in SOURCES.items() if bucket % length == 0), REQUESTS)


def _where(source: Source, span: Range, filters: Mapping[str, str]) -> tuple[str, list[Any]]:
    conditions = [source.counted, f"{source.time} >= ?", f"{source.time} < ?"]
    values: list[Any] = [span.start, span.end]
    for name, value in filters.items():
        if name not in DIMENSIONS:
            raise RangeError(f"{name}: must be one of {', '.join(DIMENSIONS)}")
        conditions.append(f"{DIMENSIONS[name]} = ?")
        values.append(value)
    return " AND ".join(conditions), values


def _column(by: str) -> str:
    if by not in DIMENSIONS:
        raise RangeError(f"by: must be one of {', '.join(DIMENSIONS)}")
    return DIMENSIONS[by]


def totals(db: Reader, span: Range, filters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Every figure of a range; see ``figures``."""
    source = source_of(span.bucket)
    where, params = _where(source, span, filters or {})
    measures = ", ".join(f"{sql} AS {name}" for name, sql in source.measures.items())
    row = db.row(f"SELECT {measures} FROM {source.table} WHERE {where}", params)
    assert row
    return figures(row)


def summary(db: Reader, span: Range, filters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """``now`` and ``before`` (the same length of time earlier) of a range."""
    return {
        "range": span.name,
        "start": span.start,
        "end": span.end,
        "now": totals(db, span, filters),
        "before": totals(db, span.before, filters),
    }


def table(db: Reader, span: Range, by: str, filters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """One entry with all figures for each value of a dimension, most requests first: ``name``, ``label``, figures."""
    column = _column(by)
    source = source_of(span.bucket)
    where, params = _where(source, span, filters or {})
    measures = ", ".join(f"{sql} AS {name}" for name, sql in source.measures.items())
    rows = db.rows(
        f"SELECT {column} AS name, {_label(by)} AS label, {measures} FROM {source.table} WHERE {where}"
        f" GROUP BY {column} ORDER BY requests DESC, name LIMIT ?",
        (*params, MAX_TABLE),
    )
    return [{"name": row["name"], "label": row["label"], **figures(row)} for row in rows]


def _label(by: str) -> str:
    return "max(channel_name)" if by == "channel" else _column(by)


SERIES: Final = (
    "requests", "ok", "failed", "client_left", "failovers", "input_tokens", "cache_read_tokens", "cache_write_tokens",
    "output_tokens", "reasoning_tokens", "cost_usd", "unpriced",
)  # fmt: skip
"""What a chart can draw, beside ``ttft_p50`` and ``ttft_p95``."""


def history(db: Reader, span: Range, by: str = "", filters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """``times`` (bucket starts) and ``series``: each has ``name``, ``label`` and one list for each name in SERIES.

    With ``by``, the TOP values have a series each, the others together are the one named "other".
    """
    source = source_of(span.bucket)
    where, params = _where(source, span, filters or {})
    column, label = (_column(by), _label(by)) if by else ("''", "''")
    measures = ", ".join(f"{source.measures[name]} AS {name}" for name in (*SERIES, *HISTOGRAM["ttft"]))
    rows = db.rows(
        f"SELECT ({source.time} - ?) / ? AS n, {column} AS name, {label} AS label, {measures} FROM {source.table}"
        f" WHERE {where} GROUP BY n, name ORDER BY n",
        (span.start, span.bucket, *params),
    )
    names = _top(rows) if by else {"": ""}
    count = len(span.times)
    found = {name: _empty(name, label, count) for name, label in names.items()}
    for row in rows:
        series = found.get(row["name"]) or found.setdefault("other", _empty("other", "other", count))
        _add(series, row)
    return {
        "range": span.name,
        "by": by,
        "start": span.start,
        "end": span.end,
        "bucket_ms": span.bucket,
        "times": span.times,
        "series": [_finished(series) for series in found.values()],
    }


def _top(rows: Iterable[Row]) -> dict[str, str]:
    """Names and labels of the largest values."""
    sums: dict[str, float] = {}
    labels: dict[str, str] = {}
    for row in rows:
        sums[row["name"]] = sums.get(row["name"], 0) + row["requests"]
        labels[row["name"]] = row["label"]
    names = sorted(sums, key=lambda name: (-sums[name], name))
    shown = names if len(names) <= TOP + 1 else names[:TOP]
    return {name: labels[name] for name in shown}


def _empty(name: str, label: str, count: int) -> dict[str, Any]:
    ttft: list[list[float]] = [[0] * len(HISTOGRAM["ttft"]) for _ in range(count)]
    return {"name": name, "label": label or name, **{m: [0] * count for m in SERIES}, "ttft": ttft}


def _add(series: dict[str, Any], row: Row) -> None:
    n = row["n"]
    for measure in SERIES:
        series[measure][n] += row[measure]
    for bucket, column in enumerate(HISTOGRAM["ttft"]):
        series["ttft"][n][bucket] += row[column]


def _finished(series: dict[str, Any]) -> dict[str, Any]:
    counts = series.pop("ttft")
    for measure in SERIES:
        series[measure] = [_plain(measure, value) for value in series[measure]]
    series["ttft_p50"] = [quantile(bucket, 0.5) for bucket in counts]
    series["ttft_p95"] = [quantile(bucket, 0.95) for bucket in counts]
    return series


def _plain(measure: str, value: float) -> float:
    return round(value, 6) if measure in ("cost_usd", "stream_ms") else int(value)


# ---- figures ---------------------------------------------------------------------------------------------------------
def figures(row: Row) -> dict[str, Any]:
    """The measures of a roll-up and what follows from them; None: not known, because there was nothing.

    ``success_rate``: of requests that were not given up by the client. ``cache_hit_rate``: of input tokens.
    ``cost_is_lower_bound``: some answers have no price. ``tokens_per_s``: output while streaming.
    """
    found: dict[str, Any] = {name: _plain(name, row[name]) for name in COUNTS}
    judged = found["requests"] - found["client_left"]
    return {
        **found,
        "success_rate": _share(found["ok"], judged),
        "failover_rate": _share(found["failovers"], found["requests"]),
        "cache_hit_rate": _share(found["cache_read_tokens"], found["input_tokens"]),
        "cost_is_lower_bound": found["unpriced"] > 0,
        "tokens_per_s": _share(found["stream_tokens"], found["stream_ms"] / 1000, 1),
        **{
            f"{name}_p{percent}": quantile([row[column] for column in columns], percent / 100)
            for name, columns in HISTOGRAM.items()
            for percent in (50, 95)
        },
    }


def _share(part: float, whole: float, digits: int = 4) -> float | None:
    return round(part / whole, digits) if whole else None


def by_channel(db: Reader, span: Range) -> dict[str, dict[str, Any]]:
    """Channel id -> its figures."""
    return {entry["name"]: entry for entry in table(db, span, "channel")}


def strip(db: Reader, now: int, buckets: int = 48, length: int = DAY) -> dict[str, list[list[int]]]:
    """Channel id -> [requests, failed] for each part of the last day: the activity strip of the channel list."""
    width = length // buckets
    start = now // width * width + width - length
    rows = db.rows(
        "SELECT channel_id, (started_at - ?) / ? AS n, count(*) AS requests, total(state = 'failed') AS failed"
        f" FROM requests INDEXED BY requests_list WHERE started_at >= ? AND {COUNTED} GROUP BY channel_id, n",
        (start, width, start),
    )
    found: dict[str, list[list[int]]] = {}
    for row in rows:
        if 0 <= row["n"] < buckets:
            found.setdefault(row["channel_id"], [[0, 0] for _ in range(buckets)])[row["n"]] = [
                row["requests"],
                int(row["failed"]),
            ]
    return found
