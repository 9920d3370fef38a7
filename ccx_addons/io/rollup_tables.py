"""The tables of the totals, old and new, and how the old ones were taken over. Plain SQL; never edited once released.

``rollups``: one row for each value of a dimension, or each pair of two, and each stretch of time. ``rollup_cube``: one
for each combination of all dimensions and each day. The first versions kept combinations only, at three lengths.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

OLD_BOUNDS: Final = (
    *(50, 100, 150, 200, 300, 400, 500, 700, 1000, 1500),
    *(2000, 3000, 5000, 7000, 10000, 15000, 20000, 30000, 60000, 120000),
)  # fmt: skip
BOUNDS: Final = (
    *(5, 10, 16, 25, 40, 63, 100, 160),
    *(200, 250, 320, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3200),
    *(4000, 6300, 10000, 16000, 25000, 40000, 63000, 120000),
)  # fmt: skip
"""Upper bounds of the latency buckets in milliseconds, each a fixed share above the one before (ISO 3: R10 where most
answers begin, R5 elsewhere); one more bucket takes the rest."""
LENGTHS: Final = {"quarter": 900_000, "hour": 3_600_000, "day": 86_400_000}
OLD_COUNTS: Final = (
    "requests", "ok", "failed", "client_left", "lost", "failovers", "attempts", "input_tokens", "cache_read_tokens",
    "cache_write_tokens", "output_tokens", "reasoning_tokens", "wasted_tokens", "cost_usd", "unpriced", "stream_tokens",
    "stream_ms",
)  # fmt: skip
LATER_COUNTS: Final = ("ok_failovers",)
"""Good answers after more than one attempt."""
COSTS: Final = (
    "cost_input", "cost_cache_read", "cost_cache_write", "cost_output", "cost_reasoning", "cache_saved",
)  # fmt: skip
"""US dollars by kind of token, as far as a price list says; ``cache_saved``: what the cache made cheaper."""
REAL: Final = frozenset({"cost_usd", "stream_ms", *COSTS})
VIEWS: Final = (
    "", "kind", "channel", "model", "upstream", "client", "key", "channel model", "channel client", "model client",
)  # fmt: skip
OLD_COLUMNS: Final = {
    "kind": "kind", "channel": "channel_id", "model": "model", "upstream": "''", "client": "client_name",
    "key": "key_mask",
}  # fmt: skip
"""Dimension -> its column of the old tables, which did not know the upstream's name of a model."""


def columns(name: str, bounds: Sequence[int]) -> tuple[str, ...]:
    """Of a histogram."""
    return tuple(f"{name}_{n}" for n in range(len(bounds) + 1))


def old(name: str, start: str) -> str:
    buckets = ",\n    ".join(_count(bucket) for word in ("ttft", "total") for bucket in columns(word, OLD_BOUNDS))
    counts = ",\n    ".join(_count(count) for count in OLD_COUNTS)
    return f"""
CREATE TABLE {name} (
    {start} INTEGER NOT NULL,
    kind TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    model TEXT NOT NULL,
    client_name TEXT NOT NULL,
    key_mask TEXT NOT NULL,
    channel_name TEXT NOT NULL DEFAULT '',
    {counts},
    {buckets},
    PRIMARY KEY ({start}, kind, channel_id, model, client_name, key_mask)
) WITHOUT ROWID
"""


def _count(name: str) -> str:
    return f"{name} {'REAL' if name in REAL else 'INTEGER'} NOT NULL DEFAULT 0"


def _columns(names: Iterable[str]) -> str:
    return ",\n    ".join(map(_count, names))


ROLLUPS: Final = f"""
CREATE TABLE rollups (
    view TEXT NOT NULL,                         -- names of dimensions, see VIEWS
    level INTEGER NOT NULL,                     -- milliseconds: a quarter of an hour, an hour, a day
    start INTEGER NOT NULL,
    a TEXT NOT NULL,
    b TEXT NOT NULL,                            -- the values of the dimensions; empty: there is none
    label TEXT NOT NULL DEFAULT '',             -- a channel's name
    {_columns((*OLD_COUNTS, *LATER_COUNTS, *COSTS, *columns("ttft", BOUNDS)))},
    PRIMARY KEY (view, level, start, a, b)
) WITHOUT ROWID
"""
CUBE: Final = f"""
CREATE TABLE rollup_cube (
    start INTEGER NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    model TEXT NOT NULL,
    upstream TEXT NOT NULL,
    client TEXT NOT NULL,
    key_mask TEXT NOT NULL,
    label TEXT NOT NULL DEFAULT '',
    {_columns((*OLD_COUNTS, *LATER_COUNTS, *COSTS))},
    PRIMARY KEY (start, kind, channel, model, upstream, client, key_mask)
) WITHOUT ROWID
"""


ATTEMPTS: Final = """
CREATE TABLE rollup_attempts (
    start INTEGER NOT NULL,                     -- of a quarter of an hour
    channel_id TEXT NOT NULL,
    key_mask TEXT NOT NULL,
    asked INTEGER NOT NULL DEFAULT 0,
    bad INTEGER NOT NULL DEFAULT 0,             -- gave no answer, although the client was there
    last INTEGER NOT NULL DEFAULT 0,            -- when the last of them began
    PRIMARY KEY (start, channel_id, key_mask)
) WITHOUT ROWID
"""


def _moved() -> dict[str, str]:
    """New bucket -> the sum of the old ones whose middle, on a logarithmic scale, is in it."""
    found: dict[str, list[str]] = {}
    for n, (low, high) in enumerate(itertools.pairwise((OLD_BOUNDS[0] // 2, *OLD_BOUNDS, 2 * OLD_BOUNDS[-1]))):
        middle = (low * high) ** 0.5
        place = next((n for n, bound in enumerate(BOUNDS) if middle <= bound), len(BOUNDS))
        found.setdefault(f"ttft_{place}", []).append(f"total(ttft_{n})")
    return {column: " + ".join(parts) for column, parts in found.items()}


def _taken(table: str, start: str, target: str, places: dict[str, str]) -> str:
    """The totals of the time before the first request that is still kept whole; later ones are counted anew."""
    values = places | {name: f"total({name})" for name in OLD_COUNTS}
    values["label"] = "max(channel_name)" if "channel_id" in places.values() else "''"
    values |= _moved() if target == "rollups" else {}
    names = ", ".join(f'"{name}"' for name in values)
    return f"""
INSERT INTO {target} ({names}) SELECT {", ".join(values.values())} FROM {table}
WHERE {start} < (SELECT value FROM counter WHERE name = 'history')
GROUP BY {", ".join(sql for sql in places.values() if not sql.isdecimal() and not sql.startswith("'"))}
"""


def taken_over() -> Iterator[str]:
    """Statements that make the new tables of the old ones. ``history``: rows that started before, and had been written
    when the tables were made (``history_rev``), are in them already. ``folded``: the last revision that is counted."""
    yield ROLLUPS
    yield CUBE
    yield ATTEMPTS
    yield from (f"ALTER TABLE requests ADD COLUMN {name} REAL" for name in COSTS)
    yield "INSERT INTO counter VALUES ('folded', 0)"
    yield "INSERT INTO counter SELECT 'history_rev', value FROM counter WHERE name = 'rev'"
    yield f"""
INSERT INTO counter SELECT 'history', iif(EXISTS (SELECT 1 FROM rollup_day),
    coalesce((SELECT (min(started_at) / {LENGTHS["day"]} + 1) * {LENGTHS["day"]} FROM requests), value), 0)
    FROM counter WHERE name = 'rev'
"""
    for word, length in LENGTHS.items():
        for view in VIEWS:
            if word == "quarter" and view:
                continue
            a, b = ([OLD_COLUMNS[name] for name in view.split()] + ["''", "''"])[:2]
            places = {"view": f"'{view}'", "level": str(length), "start": word, "a": a, "b": b}
            yield _taken(f"rollup_{word}", word, "rollups", places)
    cube = {"key_mask" if name == "key" else name: sql for name, sql in OLD_COLUMNS.items()}
    yield _taken("rollup_day", "day", "rollup_cube", {"start": "day", **cube})
    yield from (f"DROP TABLE rollup_{word}" for word in LENGTHS)
