"""PostgreSQL's tables, made of the same description as SQLite's (schema.py), and what SQLite's SQL needs there.

There are no migrations: what the description has and the database lacks is added, under a lock. A database that knows
more than this version, of tables or of functions, is left as it is, so that an older one may go on beside a newer one.

``rev`` of a row is the number of the transaction that wrote it, above a base: ``counter`` says as ``rev`` up to where
everything has been seen. Who reads ``rev > last AND rev <= now`` misses nothing, and sees nothing twice, however many
write at once. Requests and what hangs on them are parted by day, by the time with which their ids begin.
"""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ccx_addons.io.database import Table, described
from ccx_addons.io.postgres import Link
from ccx_addons.io.schema import MIGRATIONS

LOCK: Final = 0x63637801
MEETING: Final = Path(__file__).parent / "meeting" / "postgres.sql"
DAY: Final = 86_400_000
AHEAD: Final = 7
"""Days for which parts are made ahead."""
PARTED: Final = {
    "attempts": "request_id",
    "candidates": "request_id",
    "bodies": "request_id",
    "shapes": "request_id",
    "requests": "id",
}
"""Table -> the column with a request's id."""
KEPT: Final = {"counter": "kept_counter"}
"""Tables behind a view."""
TYPES: Final = {
    "INTEGER": "bigint",
    "REAL": "double precision",
    "TEXT": 'text COLLATE "C"',
    "BLOB": "bytea",
}
NARROW: Final = {"requests_list": "CREATE INDEX requests_list ON requests (started_at, id)"}
"""Indexes that hold whole rows for SQLite: PostgreSQL's may not be as wide."""

FUNCTIONS_VERSION: Final = 2
"""One more with every change of FUNCTIONS or MEETING: who knows fewer leaves them as they are. Versions that run beside
each other call the same functions, so what one takes and gives stays: another shape needs another name."""
FUNCTIONS: Final = """
CREATE OR REPLACE FUNCTION iif(boolean, anycompatible, anycompatible) RETURNS anycompatible
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $1 THEN $2 ELSE $3 END';
CREATE OR REPLACE FUNCTION max(anycompatible, anycompatible) RETURNS anycompatible
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $1 >= $2 THEN $1 WHEN $1 < $2 THEN $2 END';
CREATE OR REPLACE FUNCTION min(anycompatible, anycompatible) RETURNS anycompatible
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $1 <= $2 THEN $1 WHEN $1 > $2 THEN $2 END';
CREATE OR REPLACE FUNCTION ccx_add(double precision, boolean) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $2 THEN $1 + 1 ELSE $1 END';
CREATE OR REPLACE AGGREGATE total(double precision)
    (SFUNC = float8pl, STYPE = double precision, INITCOND = '0', COMBINEFUNC = float8pl, PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE total(boolean)
    (SFUNC = ccx_add, STYPE = double precision, INITCOND = '0', COMBINEFUNC = float8pl, PARALLEL = SAFE);
CREATE OR REPLACE FUNCTION json_extract(text, text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT CASE WHEN $1 <> '''' THEN jsonb_path_query_first($1::jsonb, $2::jsonpath) #>> ''{}'' END';
CREATE OR REPLACE FUNCTION ccx_words(text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT translate($1, $x$!"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~$x$, repeat(' ', 32)) $$;
CREATE OR REPLACE FUNCTION ccx_phrase(text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT (nullif(phraseto_tsquery(''simple'', ccx_words($1))::text, '''') || '':*'')::tsquery';
CREATE OR REPLACE FUNCTION ccx_rev() RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT value + pg_current_xact_id()::text::bigint FROM kept_counter WHERE name = ''base''';
CREATE OR REPLACE VIEW counter AS
    SELECT name, value FROM kept_counter
    UNION ALL SELECT 'rev', value + pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1
        FROM kept_counter WHERE name = 'base';
CREATE OR REPLACE RULE counter_update AS ON UPDATE TO counter
    DO INSTEAD UPDATE kept_counter SET value = NEW.value WHERE name = OLD.name;
"""
OWN: Final = """
CREATE TABLE IF NOT EXISTS instances (
    machine text PRIMARY KEY, boot_id text NOT NULL, version text NOT NULL, workers bigint NOT NULL,
    started_at bigint NOT NULL, seen_at bigint NOT NULL, clock_offset double precision NOT NULL,
    revision text NOT NULL, refused text NOT NULL, why text NOT NULL, secrets text NOT NULL, queue bigint NOT NULL,
    engines text NOT NULL);
CREATE TABLE IF NOT EXISTS config_versions (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, revision text NOT NULL, parent text NOT NULL,
    text text NOT NULL, at bigint NOT NULL, who text NOT NULL, machine text NOT NULL, state text NOT NULL);
CREATE TABLE IF NOT EXISTS boots (
    boot_id text NOT NULL, worker bigint NOT NULL, seen_at timestamptz NOT NULL, PRIMARY KEY (boot_id, worker));
CREATE TABLE IF NOT EXISTS made (name text NOT NULL PRIMARY KEY, value text NOT NULL);
ALTER TABLE bodies ADD COLUMN IF NOT EXISTS words tsvector;
CREATE INDEX IF NOT EXISTS bodies_words ON bodies USING gin (words) WHERE words IS NOT NULL;
"""
"""``instances`` and ``config_versions``: what machines tell each other (postgres_board.py). ``boots``: who was there
when, by the server's clock. ``made``: of which description the tables were made."""
BASE: Final = """
UPDATE kept_counter SET value = greatest(value, newest.rev + 1 - pg_current_xact_id()::text::bigint)
FROM (SELECT coalesce(max(rev), 0) AS rev FROM requests) newest WHERE name = 'base'
"""
"""Transactions of a server that was set up anew begin with small numbers again."""


def make(link: Link) -> None:
    """Whatever is missing. One process does it while the others wait."""
    link.script("BEGIN")
    try:
        link.script("SET LOCAL lock_timeout = '30s'")
        link.raw("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if not _is_made(link):
            link.script(";".join(statements(int(time.time() * 1000))))
            marks = {"print": fingerprint(), "steps": " ".join(steps())}
            for name, value in marks.items():
                sql = "INSERT INTO made VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
                link.raw(sql, (name, value))
        link.script(BASE)
        link.script("COMMIT")
    except BaseException:
        if not link.closed:
            link.script("ROLLBACK")
        raise


def _is_made(link: Link) -> bool:
    if link.raw("SELECT to_regclass('made')").fetchall()[0][0] is None:
        return False
    known = {row["name"]: row["value"] for row in link.raw("SELECT name, value FROM made")}
    newer = set(known.get("steps", "").split()) - set(steps())
    return bool(newer) or known.get("print") == fingerprint()


def steps() -> list[str]:
    """All that this version knows, by name."""
    return [*(name for name, _ in MIGRATIONS), *(f"functions_{n}" for n in range(1, FUNCTIONS_VERSION + 1))]


def fingerprint() -> str:
    return hashlib.sha256("\0".join(statements(0)).encode()).hexdigest()


def statements(now: int) -> Iterator[str]:
    """All of it; each may be said again. ``now``: Unix ms, above which revisions begin."""
    tables = described()
    for table in tables:
        yield from _table(table)
    yield (
        f"INSERT INTO kept_counter VALUES ('base', {now}), ('folded', 0), ('history', 0), ('history_rev', 0)"
        " ON CONFLICT DO NOTHING"
    )
    yield OWN
    yield FUNCTIONS
    yield MEETING.read_text("utf-8")


def _table(table: Table) -> Iterator[str]:
    name = KEPT.get(table.name, table.name)
    columns = []
    for column in table.columns:
        text = f'"{column.name}" {TYPES[column.type]}'
        if table.counts and column.key:
            text += " GENERATED BY DEFAULT AS IDENTITY"
        elif column.is_needed or column.key:
            text += " NOT NULL"
        columns.append(text + (f" DEFAULT {column.default}" if column.default is not None else ""))
    key = ", ".join(f'"{column.name}"' for column in sorted(table.columns, key=lambda c: c.key) if column.key)
    parts = [*columns, f"PRIMARY KEY ({key})"] if key else columns
    by = f" PARTITION BY RANGE ({PARTED[name]})" if name in PARTED else ""
    yield f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(parts)}){by}"
    if by:
        yield f"CREATE TABLE IF NOT EXISTS {name}_rest PARTITION OF {name} DEFAULT"
    for column, text in zip(table.columns, columns, strict=True):
        if not column.key:
            yield f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {text}"
    for index, sql in table.indexes:
        yield NARROW.get(index, sql).replace("INDEX ", "INDEX IF NOT EXISTS ", 1)


# ---- days ------------------------------------------------------------------------------------------------------------
def first_id(ms: int) -> str:
    """The smallest id of a moment: ids begin with their time (RFC 9562, version 7)."""
    text = f"{ms:012x}"
    return f"{text[:8]}-{text[8:]}"


def part_of(table: str, ms: int) -> str:
    return f"{table}_{time.strftime('%Y%m%d', time.gmtime(ms // 1000))}"


def new_parts(now: int) -> Iterator[str]:
    """Statements that make the parts of the days to come."""
    today = now // DAY * DAY
    for start in range(today, today + (AHEAD + 1) * DAY, DAY):
        yield from parts_of(start)


def parts_of(start: int) -> Iterator[str]:
    for table in PARTED:
        yield (
            f"CREATE TABLE IF NOT EXISTS {part_of(table, start)} PARTITION OF {table}"
            f" FOR VALUES FROM ('{first_id(start)}') TO ('{first_id(start + DAY)}')"
        )
