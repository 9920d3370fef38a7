"""An existing ccx.db into an empty PostgreSQL: every row and every total, in one transaction."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ccx_addons.core.errors import StoreError
from ccx_addons.io import postgres_schema as schema
from ccx_addons.io.database import Table, described, newer
from ccx_addons.io.follow import connect
from ccx_addons.io.postgres import Failure, Link, words_of
from ccx_addons.io.postgres_database import CASTS, KEEP_WORDS, text_of

PATIENCE: Final = 3600.0
LEFT: Final = frozenset({"command_acks", "commands"})
"""What means nothing to another start."""


def copy(source: Path, url: str) -> Mapping[str, int]:
    """How many rows of each table. Raises StoreError."""
    try:
        with (
            contextlib.closing(connect(source)) as conn,
            contextlib.closing(Link(url, "ccx copies", PATIENCE)) as link,
        ):
            return _copy(conn, link)
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be read: {error}") from error
    except Failure as error:
        raise StoreError(f"PostgreSQL: {words_of(error)}") from error


def _copy(conn: sqlite3.Connection, link: Link) -> dict[str, int]:
    if newer(conn):
        raise StoreError("the database was made by a newer version of CCX")
    schema.make(link)
    if link.execute("SELECT 1 FROM requests LIMIT 1").fetchone():
        raise StoreError("the PostgreSQL database already has a log: copy into an empty one")
    link.script("BEGIN")
    for statement in _parts(conn):
        link.script(statement)
    counts = {table.name: _copy_table(conn, link, table) for table in described() if table.name not in LEFT}
    sql = "SELECT b.request_id, b.side, s.words FROM said s JOIN bodies b ON b.rowid = s.rowid"
    for request_id, side, words in conn.execute(sql):
        link.raw(KEEP_WORDS, (text_of(words), text_of(words), request_id, side))
    link.script(schema.BASE)
    link.script("COMMIT")
    return counts


def _parts(conn: sqlite3.Connection) -> Iterator[str]:
    """Of each day that has requests."""
    days = "SELECT DISTINCT started_at / ? * ? FROM requests WHERE started_at > 0"
    for (start,) in conn.execute(days, (schema.DAY, schema.DAY)).fetchall():
        yield from schema.parts_of(start)


def _copy_table(conn: sqlite3.Connection, link: Link, table: Table) -> int:
    name = schema.KEPT.get(table.name, table.name)
    if name in schema.KEPT.values():
        for counter, value in conn.execute("SELECT name, value FROM counter WHERE name <> 'rev'").fetchall():
            link.raw("UPDATE kept_counter SET value = %s WHERE name = %s", (value, counter))
        return 0
    there = {row[1] for row in conn.execute(f"PRAGMA table_info({table.name})")}
    columns = [column for column in table.columns if column.name in there]
    names = ", ".join(f'"{column.name}"' for column in columns)
    casts = [CASTS[column.type] for column in columns]

    def rows() -> Iterator[list[Any]]:
        for row in conn.execute(f"SELECT {names} FROM {table.name}"):
            yield [None if value is None else cast(value) for value, cast in zip(row, casts, strict=True)]

    count = link.copy(f"COPY {name} ({names}) FROM STDIN", rows())
    if table.counts:
        link.raw(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT coalesce(max(id), 1) FROM {name}))")
    return count
