"""The writer's connection to PostgreSQL: what one transaction is there, and the housekeeping that SQLite does not need.

A batch is repeated until it is known to be written: after a lost answer to COMMIT the server is asked what became of
that transaction (``pg_xact_status``). Rows of one table are written sorted by their keys, so that writers do not wait
for each other in a ring; where they do, the server ends one of them, and its batch is tried again.

A boot lives as long as its workers say so every BEAT seconds, by the server's clock. What others left running is lost
after LOST seconds of silence, and only a worker says so that has itself been connected for as long: when the server was
away, nobody was silent.
"""

import contextlib
import logging
import math
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import psycopg

from ccx_addons.core.errors import StoreError
from ccx_addons.core.mask import clean
from ccx_addons.io import postgres_schema as schema
from ccx_addons.io.database import described
from ccx_addons.io.postgres import WAITING, Link, is_trouble, words_of
from ccx_addons.io.rollup import ADD_UP_TOGETHER, EVERY, FOLD, TEMPORARY
from ccx_addons.io.transaction import (
    OWN,
    WORDS,
    Folds,
    Job,
    Row,
    Transaction,
    add_up,
    lose,
    on_conflict,
    plain,
    run,
    run_alone,
)

log: Final = logging.getLogger("ccx")

BEAT: Final = 5.0
LOST: Final = 30.0
"""Seconds: how often a worker says that it lives, and for how long that is believed."""
LOOK: Final = 1.0
"""Seconds between two looks whether there is something to fold."""
HOUSE: Final = 3600.0
"""Seconds between two rounds that make the parts of days to come."""
READ: Final = 5.0
"""Seconds that a reader waits."""
NEWS: Final = frozenset({"breakers", "key_state", "refusals", "overrides", "commands"})
"""Tables whose changes are told: few rows that others wait for."""
CHANNEL: Final = "ccx_news"
ARRAYS: Final = {"INTEGER": "bigint[]", "REAL": "double precision[]", "TEXT": "text[]", "BLOB": "bytea[]"}

KEEP_WORDS: Final = (
    "UPDATE bodies SET words = CASE WHEN %s <> '' THEN to_tsvector('simple', ccx_words(%s)) END"
    " WHERE request_id = %s AND side = %s"
)

type Cast = Callable[[Any], Any]


def text_of(value: Any) -> str:
    """PostgreSQL's text holds everything but NUL."""
    return str(value).replace("\0", "\ufffd")


CASTS: Final[Mapping[str, Cast]] = {"INTEGER": int, "REAL": float, "TEXT": text_of, "BLOB": bytes}


class Form:
    """Rows of a table that give the same columns, and the statement that writes any number of them."""

    def __init__(self, table: str, names: tuple[str, ...]) -> None:
        known = {column.name: column for column in TABLES[table].columns}
        for name in names:
            if name not in known:
                log.warning("table %s has no column %s; it is not stored", table, name)
        self.sent = tuple(name for name in names if name in known and name != "rev")
        self.has_rev = "rev" in known
        self.casts = tuple((name, CASTS[known[name].type], name in WORDS) for name in self.sent)
        columns = (*self.sent, "rev") if self.has_rev else self.sent
        self.key = tuple(n for n, name in enumerate(columns) if known[name].key)
        self.sql = _upsert(table, columns, known)


def _upsert(table: str, columns: Sequence[str], known: Mapping[str, Any]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = ", ".join(f"%s::{ARRAYS[known[name].type]}" for name in columns)
    key = ", ".join(f'"{column.name}"' for column in known.values() if column.key)
    action = on_conflict(table, columns, key, COLUMNS[table])
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT {action}"


TABLES: Final = {table.name: table for table in described()}
COLUMNS: Final = {table.name: {column.name: bool(column.key) for column in table.columns} for table in TABLES.values()}


class Doubt(NamedTuple):
    """A batch whose COMMIT was not answered: its transaction, its results, and the id of a request that it wrote, where
    it wrote one."""

    jobs: Sequence[Job]
    xid: str
    results: list[Any]
    request: str


class Write(Transaction):
    """As transaction.Transaction. All rows of a transaction have one revision."""

    step = 0
    request = ""
    """Id of one that was written."""

    def __init__(self, link: Link, forms: dict[tuple[str, tuple[str, ...]], Form], now: int, rev: int) -> None:
        super().__init__(link, COLUMNS, {}, now, rev)
        self.link, self.known, self.touched = link, forms, set[str]()
        self._rows: dict[str, dict[Form, dict[Any, list[Any]]]] = {}

    def upsert(self, table: str, row: Row) -> None:
        form = self.known.get((table, names := tuple(row)))
        if form is None:
            form = self.known[table, names] = Form(table, names)
        values = [_value(row[name], cast, is_words) for name, cast, is_words in form.casts]
        if form.has_rev:
            values.append(self.rev)
        key = tuple(values[n] for n in form.key)
        others = [rows for other, rows in self._rows.get(table, {}).items() if other is not form]
        if others and (table not in OWN or any(key in rows for rows in others)):
            self._flush(table)
        rows = self._rows.setdefault(table, {}).setdefault(form, {})
        place = key or len(rows)
        if not (table == "requests" and place in rows and _is_final(form, rows[place])):
            rows[place] = values

    def flush(self) -> None:
        for table in sorted(self._rows):
            self._flush(table)

    def forget(self) -> None:
        self._rows.clear()

    def _flush(self, table: str) -> None:
        for form, rows in self._rows.pop(table, {}).items():
            self.touched.add(table)
            ordered = [rows[key] for key in sorted(rows)]
            if table == "requests":
                self.request = ordered[0][form.sent.index("id")]
            self.link.raw(form.sql, [list(column) for column in zip(*ordered, strict=True)])

    def keep_words(self, request_id: str, side: str, words: str) -> None:
        self.flush()
        clean = text_of(words)
        self.link.raw(KEEP_WORDS, (clean, clean, request_id, side))

    def alone(self, counter: str) -> bool:
        sql = "SELECT value FROM kept_counter WHERE name = %s FOR UPDATE SKIP LOCKED"
        return self.link.raw(sql, (counter,)).fetchone() is not None

    def drop_before(self, folded: int, limits: Mapping[str, int]) -> int:
        """Parts of days that are over."""
        gone = 0
        if not self.link.raw("SELECT pg_try_advisory_xact_lock(%s)", (schema.LOCK + 1,)).fetchall()[0][0]:
            return 0
        for table in schema.PARTED:
            limit = limits["bodies"] if table == "bodies" else limits["requests"]
            for part in self._parts(table) if limit else ():
                if part < schema.part_of(table, limit) and self._is_done(part.removeprefix(f"{table}_"), folded):
                    self.link.script(f"DROP TABLE {part}")
                    gone += 1
        return gone

    def _parts(self, table: str) -> list[str]:
        sql = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1"
        return [name for (name,) in self.link.raw(sql, (table,)) if re.fullmatch(rf"{table}_\d{{8}}", name)]

    def _is_done(self, day: str, folded: int) -> bool:
        if self.link.raw("SELECT to_regclass(%s)", (f"requests_{day}",)).fetchall()[0][0] is None:
            return True
        sql = f"SELECT 1 FROM requests_{day} WHERE state = 'running' OR rev > %s LIMIT 1"
        return self.link.raw(sql, (folded,)).fetchone() is None

    def edge(self, ms: int) -> int:
        return ms // schema.DAY * schema.DAY

    def reclaim(self, pages: int) -> None:
        """The server does it."""


def _value(value: Any, cast: Cast, is_words: bool) -> Any:
    if value is None:
        return None
    value = plain(value)
    if is_words and value:
        value = clean(str(value))
    return None if value is None else cast(value)


def _is_final(form: Form, values: Sequence[Any]) -> bool:
    return "state" in form.sent and values[form.sent.index("state")] != "running"


class Database(Folds):
    """transaction.Database for PostgreSQL."""

    def __init__(self, url: str, boot_id: str, worker: int, clock: Callable[[], float]) -> None:
        self.url, self.boot_id, self.worker, self.clock = url, boot_id, worker, clock
        self.link: Link | None = None
        self.forms: dict[tuple[str, tuple[str, ...]], Form] = {}
        self.doubt: Doubt | None = None
        self.first, self.leads = True, False
        self.since = self.beat_at = self.look_at = self.house_at = -math.inf

    @property
    def name(self) -> str:
        return "PostgreSQL"

    @property
    def who(self) -> str:
        return f"ccx {platform.node()}:{self.worker}"

    # ---- opening ----
    def ready(self) -> None:
        if self.link is None:
            link = Link(self.url, self.who)
            try:
                schema.make(link)
                for statement in TEMPORARY:
                    link.script(re.sub(r"\b(TEXT|INTEGER|REAL)\b", lambda found: schema.TYPES[found[0]], statement))
            except BaseException:
                link.close()
                raise
            self.link, self.since = link, time.monotonic()
            self.beat_at = self.house_at = -math.inf
        now = time.monotonic()
        if now - self.house_at >= HOUSE:
            self.house_at = now
            self._make_parts()
        if now - self.beat_at >= BEAT:
            self.beat_at = now
            self._live()

    def _live(self) -> None:
        """Says that this worker lives, and looks for those that do not."""
        assert self.link
        self.link.raw(
            "INSERT INTO boots VALUES (%s, %s, clock_timestamp()) ON CONFLICT (boot_id, worker)"
            " DO UPDATE SET seen_at = excluded.seen_at",
            (self.boot_id, self.worker),
        )
        where = "boot_id NOT IN (SELECT boot_id FROM boots)"
        values = {"boot": self.boot_id, "worker": self.worker}
        if self.first:
            where += " OR boot_id = %(boot)s AND worker = %(worker)s"
        if time.monotonic() - self.since > LOST:
            self.link.raw("DELETE FROM boots WHERE seen_at < clock_timestamp() - %s * interval '1 s'", (LOST,))
        sql = f"SELECT id FROM requests WHERE state = 'running' AND ({where})"
        if lost := [id for (id,) in self.link.raw(sql, values)]:
            doubt, self.doubt = self.doubt, None
            try:
                self.write([partial(lose, ids=lost)])
            finally:
                self.doubt = doubt
        self.first = False
        ((oldest,),) = self.link.raw("SELECT min(boot_id) FROM boots WHERE worker >= 0").fetchall()
        self.leads = oldest in (None, self.boot_id)

    def _make_parts(self) -> None:
        """In transactions of their own: a part cannot be made where its rows are already elsewhere."""
        assert self.link
        for statement in schema.new_parts(int(self.clock() * 1000)):
            try:
                self.link.script(statement)
            except psycopg.errors.CheckViolation as error:
                log.debug("a part of a day was not made: %s", words_of(error))
            except (psycopg.errors.DuplicateTable, psycopg.errors.UniqueViolation, *WAITING) as error:
                log.debug("another worker makes the parts: %s", words_of(error))

    # ---- writing ----
    def write(self, jobs: Sequence[Job], careful: bool = False) -> list[Any]:
        assert self.link
        link = self.link
        if self.doubt and self.doubt.jobs is jobs and (done := self._settled()) is not None:
            return done
        link.script("BEGIN")
        try:
            ((rev, xid),) = link.raw("SELECT ccx_rev(), pg_current_xact_id()::text").fetchall()
            transaction = Write(link, self.forms, int(self.clock() * 1000), rev)
            one = partial(run_alone, is_trouble=is_trouble) if careful else run
            results = [one(job, transaction) for job in jobs]
            transaction.flush()
            if "requests" in transaction.touched or any(isinstance(job, partial) and job.func is lose for job in jobs):
                one(partial(add_up, statement=ADD_UP_TOGETHER, rev=rev - 1), transaction)
            if transaction.touched & NEWS:
                link.raw("SELECT pg_notify(%s, %s)", (CHANNEL, "state"))
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                link.script("ROLLBACK")
            raise
        self.doubt = Doubt(jobs, xid, results, transaction.request)
        link.script("COMMIT")
        self.doubt = None
        return results

    def _settled(self) -> list[Any] | None:
        """What the server says of a batch whose COMMIT was not answered; None: it is to be written again."""
        assert self.link and self.doubt
        _, xid, results, request = self.doubt
        try:
            ((state,),) = self.link.raw("SELECT pg_xact_status(%s::text::xid8)", (xid,)).fetchall()
        except psycopg.DataError:  # the server has never heard of it
            state = "aborted"
        if state == "in progress":
            raise StoreError("a transaction that was broken off is still under way")
        if request and state == "committed" and not self._wrote(xid, request):
            state = "aborted"
        self.doubt = None
        return results if state == "committed" else None

    def _wrote(self, xid: str, request: str) -> bool:
        """A server that was killed gives the number of what it had not kept to the next transaction."""
        assert self.link
        row = self.link.raw("SELECT xmin::text FROM requests WHERE id = %s", (request,)).fetchone()
        return row is not None and int(row[0]) == int(xid) % 2**32

    def due(self) -> bool:
        assert self.link
        now = time.monotonic()
        if now - self.look_at < LOOK:
            return False
        self.look_at = now
        if now - self.folded_at >= EVERY:
            return True
        counters = {name: value for name, value in self.link.raw("SELECT name, value FROM counter")}
        sql = "SELECT count(*) FROM (SELECT 1 FROM requests WHERE rev > %s LIMIT %s) waiting"
        ((waiting,),) = self.link.raw(sql, (counters["folded"], FOLD)).fetchall()
        return bool(waiting >= FOLD)

    def check(self) -> None:
        """The server looks after its own."""

    def is_trouble(self, error: BaseException) -> bool:
        return is_trouble(error) or isinstance(error, OSError | StoreError)

    def words_of(self, error: BaseException) -> str:
        return words_of(error)

    def failed(self, error: BaseException) -> None:
        if not isinstance(error, WAITING) or (self.link and self.link.closed):
            self.close()

    def read(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            with contextlib.closing(Link(self.url, f"{self.who} reads", READ)) as link:
                rows = link.execute(sql, values).fetchall()
        except psycopg.Error as error:
            raise StoreError(f"PostgreSQL cannot be read: {words_of(error)}") from error
        return [tuple(row) for row in rows]

    def close(self) -> None:
        if self.link:
            with contextlib.suppress(psycopg.Error):
                self.link.close()
        self.link = None

    def leave(self) -> None:
        if self.link:
            with contextlib.suppress(psycopg.Error):
                self.link.raw("DELETE FROM boots WHERE boot_id = %s AND worker = %s", (self.boot_id, self.worker))
        self.close()
