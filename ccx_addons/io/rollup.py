"""Totals by quarter of an hour, hour, day and conversation: what is counted and how it is added up.

Plain SQL, no database here.

A row of ``requests`` is final once, and gets its revision in the transaction that makes it final. So the rows a
transaction made final are those with a revision above the one it began with: each is added exactly once, and a
transaction that is rolled back and tried again adds nothing twice.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from ccx_addons.io.schema import BOUNDS, HISTOGRAM

QUARTER: Final = 900_000
HOUR: Final = 4 * QUARTER
DAY: Final = 24 * HOUR


def _buckets(value: str, columns: Sequence[str]) -> dict[str, str]:
    """SQL that counts a latency into its bucket; only good answers are measured."""
    value = f"iif(state = 'ok', {value}, NULL)"
    edges = [None, *BOUNDS, None]
    conditions = []
    for low, high in itertools.pairwise(edges):
        above = "" if low is None else f"{value} > {low}"
        below = "" if high is None else f"{value} <= {high}"
        conditions.append(" AND ".join(filter(None, (above, below))))
    return {column: f"total({condition})" for column, condition in zip(columns, conditions, strict=True)}


COUNTS: Final[Mapping[str, str]] = {
    "requests": "count(*)",
    "ok": "total(state = 'ok')",
    "failed": "total(state = 'failed')",
    "client_left": "total(state = 'client_left')",
    "lost": "total(state = 'lost')",
    "failovers": "total(attempts_n > 1)",
    "attempts": "total(attempts_n)",
    "input_tokens": "total(input_tokens)",
    "cache_read_tokens": "total(cache_read_tokens)",
    "cache_write_tokens": "total(cache_write_tokens)",
    "output_tokens": "total(output_tokens)",
    "reasoning_tokens": "total(reasoning_tokens)",
    "wasted_tokens": "total(iif(state <> 'ok', coalesce(input_tokens, 0) + coalesce(output_tokens, 0), 0))",
    "cost_usd": "total(cost_usd)",
    "unpriced": "total(cost_usd IS NULL AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0)",
    "stream_tokens": "total(iif(state = 'ok' AND total_ms > first_event_ms, output_tokens, 0))",
    "stream_ms": "total(iif(state = 'ok' AND total_ms > first_event_ms AND output_tokens IS NOT NULL,"
    " total_ms - first_event_ms, 0))",
}
"""Column of a roll-up -> how it comes from rows of requests. ``unpriced``: answers with tokens but without a price."""

MEASURES: Final[Mapping[str, str]] = {
    **COUNTS,
    **_buckets("coalesce(first_event_ms, ttfb_ms)", HISTOGRAM["ttft"]),
    **_buckets("total_ms", HISTOGRAM["total"]),
}

COUNTED: Final = "source = 'proxy' AND state <> 'running'"
"""Rows that count. Health checks and tests never do."""

KEYS: Final = ("kind", "channel_id", "model", "client_name", "key_mask")

GROUPS: Final = ", ".join(KEYS).replace("model", "iif(attempts_n = 0 AND status = 404, '', model)")
"""What is added up together: names of models that nobody serves are as many as clients make up, and count as one."""


def _add_up(table: str, start: str, length: int) -> str:
    added = ",\n    ".join(f"{name} = {table}.{name} + excluded.{name}" for name in MEASURES)
    return f"""
INSERT INTO {table} ({start}, {", ".join(KEYS)}, channel_name, {", ".join(MEASURES)})
SELECT started_at / {length} * {length}, {GROUPS}, max(channel_name), {", ".join(MEASURES.values())}
FROM requests INDEXED BY requests_rev
WHERE rev > :rev AND {COUNTED}
GROUP BY 1, {GROUPS}
ON CONFLICT DO UPDATE SET
    channel_name = excluded.channel_name,
    {added}
"""


_QUARTERS: Final = _add_up("rollup_quarter", "quarter", QUARTER)

ADD_UP: Final = (
    _QUARTERS,
    _add_up("rollup_hour", "hour", HOUR),
    _add_up("rollup_day", "day", DAY),
    """
INSERT INTO sessions (
    kind, trace_hash, rev, client_name, model, channel_id, channel_name, first_at, last_at,
    requests, failed, input_tokens, cache_read_tokens, output_tokens, cost_usd
)
SELECT
    kind, trace_hash, max(rev), client_name, model, channel_id, channel_name, started_at,
    coalesce(ended_at, started_at),
    count(*), total(state <> 'ok'), total(input_tokens), total(cache_read_tokens), total(output_tokens), total(cost_usd)
FROM requests INDEXED BY requests_rev
WHERE rev > :rev AND trace_hash <> '' AND source = 'proxy' AND state <> 'running'
GROUP BY kind, trace_hash
ON CONFLICT DO UPDATE SET
    rev = excluded.rev,
    client_name = excluded.client_name,
    model = excluded.model,
    channel_id = iif(excluded.channel_id = '', channel_id, excluded.channel_id),
    channel_name = iif(excluded.channel_name = '', channel_name, excluded.channel_name),
    first_at = iif(first_at = 0, excluded.first_at, min(first_at, excluded.first_at)),
    last_at = max(last_at, excluded.last_at),
    requests = requests + excluded.requests,
    failed = failed + excluded.failed,
    input_tokens = input_tokens + excluded.input_tokens,
    cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cost_usd = cost_usd + excluded.cost_usd
""",
)
"""Statements of the writer, at the end of each transaction. ``:rev``: the revision it began with."""

FILL: Final[Mapping[str, str]] = {"0002_quarter_hours": _QUARTERS}
"""Migration -> the statement that fills its new table from the rows there are, with ``:rev`` 0."""


def quantile(counts: Sequence[float], q: float) -> float | None:
    """The ``q``-quantile in milliseconds of a histogram over BOUNDS, interpolated in its bucket; None when empty."""
    wanted = q * sum(counts)
    if not wanted:
        return None
    below, low = 0.0, 0
    for count, high in zip(counts, (*BOUNDS, 2 * BOUNDS[-1]), strict=True):
        if count and below + count >= wanted:
            return low + (high - low) * (wanted - below) / count
        below, low = below + count, high
    return float(low)
