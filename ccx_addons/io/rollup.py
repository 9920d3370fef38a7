"""Totals by dimension, by pairs of dimensions and by conversation: what is counted and how it is added up.

Plain SQL, no database here.

A row of ``requests`` is final once, and gets its revision in the transaction that makes it final. The writer folds them
in the order of their revisions, some hundreds at once, and notes the last one in the same transaction: each is added
exactly once, however a process ends. Who reads adds the rows above that revision himself (``tail``), so that a figure
is right at every moment. Conversations are added up at the end of each transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ccx_addons.io.rollup_tables import BOUNDS, COSTS, LENGTHS, VIEWS, columns

QUARTER: Final = LENGTHS["quarter"]
HOUR: Final = LENGTHS["hour"]
DAY: Final = LENGTHS["day"]
TTFT: Final = columns("ttft", BOUNDS)
"""Columns of the buckets of the time to the first event."""

FOLD: Final = 1_000
"""Revisions that are folded at once."""
EVERY: Final = 20.0
"""Seconds after which fewer are folded, too."""

MOVED: Final = (
    "attempts_n > 1 AND EXISTS (SELECT 1 FROM attempts WHERE request_id = requests.id AND n < requests.attempts_n"
    " AND verdict IN ('next_model', 'next_key', 'next_channel'))"
)
"""SQL over requests: whether another model, key or channel was asked. To ask the same one again is no failover."""

COUNTS: Final[Mapping[str, str]] = {
    "requests": "1",
    "ok": "iif(state = 'ok', 1, 0)",
    "failed": "iif(state = 'failed', 1, 0)",
    "client_left": "iif(state = 'client_left', 1, 0)",
    "lost": "iif(state = 'lost', 1, 0)",
    "failovers": f"iif({MOVED}, 1, 0)",
    "ok_failovers": f"iif(state = 'ok' AND {MOVED}, 1, 0)",
    "attempts": "attempts_n",
    "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "output_tokens": "output_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "wasted_tokens": "iif(state IN ('failed', 'lost'), coalesce(input_tokens, 0) + coalesce(output_tokens, 0), 0)",
    "cost_usd": "cost_usd",
    "unpriced": "iif(cost_usd IS NULL AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0, 1, 0)",
    "stream_tokens": "iif(state = 'ok' AND total_ms > first_event_ms, output_tokens, 0)",
    "stream_ms": "iif(state = 'ok' AND total_ms > first_event_ms AND output_tokens IS NOT NULL,"
    " total_ms - first_event_ms, 0)",
    **{name: name for name in COSTS},
}
"""Column of a roll-up -> what one row of requests adds to it. ``unpriced``: answers with tokens but without a price."""

MEASURES: Final = (*COUNTS, *TTFT)

COUNTED: Final = "source = 'proxy' AND state <> 'running'"
"""Rows that count. Health checks and tests never do."""

ANSWERED: Final = ("ok", "client_left")
"""States of requests that were answered; their columns are named alike."""

DIMENSIONS: Final[Mapping[str, str]] = {
    "kind": "kind",
    "channel": "channel_id",
    "model": "iif(attempts_n = 0 AND status = 404, '', model)",
    "upstream": "upstream_model",
    "client": "client_name",
    "key": "key_mask",
}
"""Dimension -> its value of a row of requests. ``model`` is the client's name, ``upstream`` the one that was billed.
Names of models that nobody serves are as many as clients make up, and count as one."""

LEVELS: Final[Mapping[int, frozenset[str]]] = {
    QUARTER: frozenset({""}),
    HOUR: frozenset(VIEWS),
    DAY: frozenset(VIEWS),
}
"""Length of its stretches in ms -> the views that are kept so finely. All dimensions together are kept by day, without
TTFT."""


# ---- rows of requests ------------------------------------------------------------------------------------------------
def _bucket(value: str) -> str:
    """SQL of the number of a latency's bucket; only good answers are measured."""
    cases = " ".join(f"WHEN {value} <= {bound} THEN {n}" for n, bound in enumerate(BOUNDS))
    return f"CASE WHEN state <> 'ok' OR {value} IS NULL THEN NULL {cases} ELSE {len(BOUNDS)} END"


_ROW: Final[Mapping[str, str]] = {
    "id": "id",
    "at": "started_at",
    **{f'"{name}"': sql for name, sql in DIMENSIONS.items()},
    "label": "channel_name",
    **COUNTS,
    "ttft": _bucket("coalesce(first_event_ms, ttfb_ms)"),
}


def counted_rows(source: str, where: str, more: str = "") -> str:
    """A SELECT of what each row adds: ``at``, the dimensions, ``label``, COUNTS, and ``ttft``, the number of its
    bucket. ``source``: requests and which index is used; ``more``: columns before them."""
    columns = ", ".join(f"{sql} AS {name}" for name, sql in _ROW.items())
    return f"SELECT {more}{columns} FROM {source} WHERE {COUNTED} AND {where}"


def tail(most: int = 20 * FOLD) -> str:
    """Rows that are not folded yet, as ``counted_rows``; of the last ``most`` revisions only, so that pages stay quick
    while an update adds up what an earlier version has written."""
    return counted_rows("requests INDEXED BY requests_rev", fresh(most))


def fresh(most: int = 20 * FOLD) -> str:
    """The condition of ``tail``."""
    counter = "(SELECT value FROM counter WHERE name = '{}')".format
    return f"rev > max({counter('folded')}, {counter('rev')} - {most})"


def sums(measures: Iterable[str]) -> dict[str, str]:
    """Measure -> how it is added up from ``counted_rows``."""
    return {name: f"total({name})" if name in COUNTS else _in_bucket(name) for name in measures}


def _in_bucket(column: str) -> str:
    name, _, number = column.partition("_")
    return f"total(iif({name} = {number}, requests, 0))"


# ---- folding ---------------------------------------------------------------------------------------------------------
def _typed(names: Iterable[str], kind: str) -> str:
    return ", ".join(f"{name} {kind}" for name in names)


_ALL: Final = ", ".join(f'"{name}"' for name in DIMENSIONS)
TEMPORARY: Final = (
    f'CREATE TEMP TABLE fold_rows ("start" INTEGER, {_typed(map('"{}"'.format, DIMENSIONS), "TEXT")}, ttft INTEGER,'
    f" label TEXT, {_typed(COUNTS, 'REAL')})",
    f'CREATE TEMP TABLE fold_sums ("start" INTEGER, {_typed(("view", "a", "b", "label"), "TEXT")},'
    f" {_typed(MEASURES, 'REAL')})",
)
"""Tables of the connection that folds. ``fold_rows``: rows that are alike in time and all dimensions are one, so that
each of the many sums that follow goes over few."""
PLACES: Final = {
    "rollups": 'view, level, "start", a, b',
    "rollup_cube": '"start", kind, channel, model, upstream, client, key_mask',
}
"""Table -> its key."""


def place(view: str) -> tuple[str, str]:
    """The columns of ``counted_rows`` that are ``a`` and ``b`` of a view."""
    names = [f'"{name}"' for name in view.split()]
    a, b = (*names, "''", "''")[:2]
    return a, b


def _sum_up(view: str) -> str:
    a, b = place(view)
    label = "max(label)" if "channel" in view.split() else "''"
    groups = [name for name in (a, b) if name != "''"]
    return (
        f'INSERT INTO fold_sums (view, "start", a, b, label, {", ".join(MEASURES)})'
        f" SELECT '{view}', \"start\", {a}, {b}, {label},"
        f" {', '.join(sums(MEASURES).values())} FROM fold_rows GROUP BY {', '.join(['2', *groups])}"
    )


def _added(table: str, measures: Iterable[str]) -> str:
    changes = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in measures)
    return f"ON CONFLICT ({PLACES[table]}) DO UPDATE SET label = excluded.label, {changes}"


def _add_up(level: int) -> str:
    views = ", ".join(f"'{view}'" for view in sorted(LEVELS[level]))
    return (
        f'INSERT INTO rollups (view, level, "start", a, b, label, {", ".join(MEASURES)})'
        f' SELECT view, {level}, "start" / {level} * {level} AS at, a, b, max(label),'
        f" {', '.join(f'total({name})' for name in MEASURES)} FROM fold_sums WHERE view IN ({views})"
        f" GROUP BY view, at, a, b {_added('rollups', MEASURES)}"
    )


CUBE: Final = {name: "key_mask" if name == "key" else name for name in DIMENSIONS}
"""Dimension -> its column of ``rollup_cube``."""
_CUBE: Final = (
    f'INSERT INTO rollup_cube ("start", {", ".join(CUBE.values())}, label, {", ".join(COUNTS)})'
    f' SELECT "start" / {DAY} * {DAY} AS day, {_ALL}, max(label), {", ".join(sums(COUNTS).values())}'
    f" FROM fold_rows WHERE true GROUP BY day, {_ALL} {_added('rollup_cube', COUNTS)}"
)

ATTEMPT_SUMS: Final = {
    "asked": "count(*)",
    "bad": "total(iif(outcome NOT IN ('ok', 'client_left'), 1, 0))",
    "last": "coalesce(max(started_at), 0)",
}
"""Column of ``rollup_attempts`` -> how it comes from attempts. One that was made good elsewhere is bad all the same."""


def attempts_of(rows: str) -> str:
    """A SELECT of sums as in ``rollup_attempts`` for the attempts of the requests in ``rows``."""
    measures = ", ".join(f"{sql} AS {name}" for name, sql in ATTEMPT_SUMS.items())
    return (
        f'SELECT f.at / {QUARTER} * {QUARTER} AS "start", a.channel_id, a.key_mask, {measures}'
        f" FROM {rows} f CROSS JOIN attempts a WHERE a.request_id = f.id GROUP BY 1, 2, 3"
    )


CHUNK: Final = (
    "SELECT count(*), max(rev) FROM (SELECT rev FROM requests INDEXED BY requests_rev"
    " WHERE rev > :rev AND rev <= :now ORDER BY rev LIMIT :most) chunk"
)
"""How many rows follow a revision up to that of ``:now``, at most ``:most``, and the last of them."""

_NEW: Final = "rev > :rev AND rev <= :last AND NOT (rev <= :history_rev AND started_at < :history)"
_FOLDED: Final = "requests INDEXED BY requests_rev"

_ATTEMPTS: Final = (
    f'INSERT INTO rollup_attempts ("start", channel_id, key_mask, {", ".join(ATTEMPT_SUMS)})'
    f" {attempts_of(f'(SELECT id, started_at AS at FROM {_FOLDED} WHERE {COUNTED} AND {_NEW})')}"
    ' ON CONFLICT ("start", channel_id, key_mask) DO UPDATE SET'
    " asked = rollup_attempts.asked + excluded.asked, bad = rollup_attempts.bad + excluded.bad,"
    " last = max(rollup_attempts.last, excluded.last)"
)

FOLDING: Final = (
    f'INSERT INTO fold_rows ("start", {_ALL}, ttft, label, {", ".join(COUNTS)})'
    f' SELECT at / {QUARTER} * {QUARTER} AS "start", {_ALL}, ttft, max(label), {", ".join(sums(COUNTS).values())}'
    f" FROM ({counted_rows(_FOLDED, _NEW)}) counted GROUP BY 1, {_ALL}, ttft",
    *(_sum_up(view) for view in VIEWS),
    *(_add_up(level) for level in LEVELS),
    _CUBE,
    _ATTEMPTS,
    "DELETE FROM fold_rows",
    "DELETE FROM fold_sums",
    "UPDATE counter SET value = :last WHERE name = 'folded'",
)
"""Adds the rows with revisions above ``:rev`` up to ``:last``. ``:history``, ``:history_rev``: what was counted by an
earlier version."""

_OVER: Final = "rev > :rev AND rev <= :now AND trace_hash <> '' AND source = 'proxy' AND state <> 'running'"
_SESSIONS: Final = """
INSERT INTO sessions (
    kind, trace_hash, rev, client_name, model, channel_id, channel_name, first_at, last_at,
    requests, failed, input_tokens, cache_read_tokens, output_tokens, cost_usd
)
"""
_MERGED: Final = """
ON CONFLICT (kind, trace_hash) DO UPDATE SET
    rev = excluded.rev,
    client_name = excluded.client_name,
    model = excluded.model,
    channel_id = iif(excluded.channel_id = '', sessions.channel_id, excluded.channel_id),
    channel_name = iif(excluded.channel_name = '', sessions.channel_name, excluded.channel_name),
    first_at = iif(sessions.first_at = 0, excluded.first_at, min(sessions.first_at, excluded.first_at)),
    last_at = max(sessions.last_at, excluded.last_at),
    requests = sessions.requests + excluded.requests,
    failed = sessions.failed + excluded.failed,
    input_tokens = sessions.input_tokens + excluded.input_tokens,
    cache_read_tokens = sessions.cache_read_tokens + excluded.cache_read_tokens,
    output_tokens = sessions.output_tokens + excluded.output_tokens,
    cost_usd = sessions.cost_usd + excluded.cost_usd
"""

ADD_UP: Final = f"""{_SESSIONS}
SELECT
    kind, trace_hash, rev, client_name, model, channel_id, channel_name, started_at,
    max(coalesce(ended_at, started_at), started_at),
    1, state IN ('failed', 'lost'), coalesce(input_tokens, 0), coalesce(cache_read_tokens, 0),
    coalesce(output_tokens, 0), coalesce(cost_usd, 0)
FROM requests INDEXED BY requests_rev WHERE {_OVER} ORDER BY rev
{_MERGED}"""
"""The writer's statement at the end of each transaction: ``:rev`` is the revision it began with, ``:now`` its last one.
Row by row, which is the quickest for SQLite."""

ADD_UP_TOGETHER: Final = f"""
WITH fresh AS (
    SELECT kind, trace_hash, rev, client_name, model, channel_id, channel_name, started_at, ended_at, state,
        input_tokens, cache_read_tokens, output_tokens, cost_usd,
        row_number() OVER (PARTITION BY kind, trace_hash ORDER BY rev DESC, ended_at DESC, id DESC) AS back,
        row_number() OVER (
            PARTITION BY kind, trace_hash ORDER BY iif(channel_id = '', 1, 0), rev DESC, ended_at DESC, id DESC
        ) AS place
    FROM requests INDEXED BY requests_rev
    WHERE {_OVER}
)
{_SESSIONS}
SELECT
    kind, trace_hash, max(rev), max(iif(back = 1, client_name, '')), max(iif(back = 1, model, '')),
    max(iif(place = 1, channel_id, '')), max(iif(place = 1, channel_name, '')),
    min(started_at), max(max(coalesce(ended_at, started_at), started_at)),
    count(*), sum(iif(state IN ('failed', 'lost'), 1, 0)), sum(coalesce(input_tokens, 0)),
    sum(coalesce(cache_read_tokens, 0)), sum(coalesce(output_tokens, 0)), sum(coalesce(cost_usd, 0))
FROM fresh WHERE true GROUP BY kind, trace_hash ORDER BY kind, trace_hash
{_MERGED}"""
"""The same for an engine that changes a row once in a statement."""


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
