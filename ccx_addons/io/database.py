"""The connection that writes data/ccx.db: opening, locks, migrations, damage, and what one transaction is.

Beside ``ccx.db`` there are two kinds of lock files, both locked with flock(2), which the kernel releases with the
process, however it ends: ``ccx.db.lock`` is held while a process opens, creates or moves the database, and every worker
holds a shared lock on ``ccx.db.boot-ID`` while it lives. Nobody holding it means: that boot is dead, and the rows it
left running become ``lost``. Process numbers would not do, they are used again (and always small in a container).
"""

import contextlib
import fcntl
import itertools
import json
import logging
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import sqlite_utils
from sqlite_utils.migrations import Migrations

from ccx_addons.core.errors import StoreError
from ccx_addons.core.mask import clean
from ccx_addons.io.rollup import ADD_UP, CHUNK, EVERY, FOLD, FOLDING, TEMPORARY
from ccx_addons.io.schema import MIGRATIONS

log: Final = logging.getLogger("ccx")

BUSY: Final = 0.25
CHECK: Final = 1.0
"""Seconds: waiting for another writer, most that the check for damage takes."""
WAL_BYTES: Final = 64 << 20
MOST: Final = 10**13
"""Larger whole numbers are cut: no sum of them overflows."""

TROUBLE: Final = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
"""Codes that blame the file, not the rows. https://www.sqlite.org/rescode.html"""
WAITING: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
"""Of these, the codes after which the connection is still good."""
DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
AT_ONCE: Final = (32, 8, 1)
"""Rows of one statement."""
WORDS: Final = frozenset({"error_message", "reason", "message", "detail", "result"})
"""Columns of free text, from wherever it came: secrets are masked in them once more."""

type Row = Mapping[str, Any]
type Job = Callable[["Transaction"], Any]
type Connection = sqlite3.Connection


def code_of(error: BaseException) -> int:
    """SQLite's primary result code; 0: the error is not the database's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


# ---- the connection --------------------------------------------------------------------------------------------------
def _schema() -> Migrations:
    migrations = Migrations("ccx")
    for name, statements in MIGRATIONS:

        def apply(db: sqlite_utils.Database, statements: Sequence[str] = statements) -> None:
            for statement in statements:
                db.conn.execute(statement)

        migrations(name=name)(apply)
    return migrations


SCHEMA: Final = _schema()


def newer(conn: sqlite3.Connection) -> bool:
    """Whether a later version of the program has changed this database."""
    db = sqlite_utils.Database(conn, recursive_triggers=False, execute_plugins=False)
    return bool({migration.name for migration in SCHEMA.applied(db)} - {name for name, _ in MIGRATIONS})


@dataclass(frozen=True, slots=True)
class Form:
    """Rows of a table that give the same columns. ``sent``: the names that the table has; ``words``: where in them its
    columns of free text are."""

    table: str
    sent: tuple[str, ...]
    is_whole: bool
    has_rev: bool
    words: tuple[int, ...]
    statements: Mapping[int, str]
    """Number of rows -> the statement that writes so many."""


class Transaction:
    """What a job may use. ``rev`` is the last revision given out.

    Rows of one form that follow each other are written by one statement: each step of a statement gives up the
    interpreter and has to win it back from the event loop.
    """

    def __init__(
        self,
        conn: sqlite3.Connection,
        columns: Mapping[str, Mapping[str, bool]],
        forms: dict[tuple[str, tuple[str, ...]], Form],
        now: int,
        rev: int,
    ) -> None:
        self._conn, self.columns, self.forms, self.now, self.rev = conn, columns, forms, now, rev
        self._waiting: dict[str, tuple[Form, list[Sequence[Any]]]] = {}

    @property
    def conn(self) -> sqlite3.Connection:
        """The connection, for whatever else a job does; it sees all that was written before."""
        self.flush()
        return self._conn

    def upsert(self, table: str, row: Row) -> None:
        """Insert the row, or change the given columns of the one with its key. A final request stays as it is."""
        form = self.forms.get((table, names := tuple(row)))
        if form is None:
            form = self.forms[table, names] = _form(table, names, self.columns[table])
        given = row.values() if form.is_whole else [row[name] for name in form.sent]
        values = [None if value is None else _plain(value) for value in given]
        for n in form.words:
            values[n] = values[n] and clean(str(values[n]))
        if form.has_rev:
            self.rev += 1
            values.append(self.rev)
        waiting = self._waiting.get(table)
        if waiting is None or waiting[0] is not form:
            self._flush(table)
            waiting = self._waiting[table] = (form, [])
        waiting[1].append(values)

    def flush(self) -> None:
        for table in list(self._waiting):
            self._flush(table)

    def forget(self) -> None:
        """What has not been written yet will not be."""
        self._waiting.clear()

    def _flush(self, table: str) -> None:
        form, rows = self._waiting.pop(table, (None, []))
        at = 0
        while form and at < len(rows):
            size = next(size for size in AT_ONCE if size <= len(rows) - at)
            values = tuple(itertools.chain.from_iterable(rows[at : at + size]))
            self._conn.execute(form.statements[size], values)
            at += size


def _form(table: str, names: tuple[str, ...], known: Mapping[str, bool]) -> Form:
    for name in names:
        if name not in known:
            log.warning("table %s has no column %s; it is not stored", table, name)
    sent = tuple(name for name in names if name in known and name != "rev")
    has_rev = "rev" in known
    statements = {size: _upsert(table, (*sent, "rev") if has_rev else sent, known, size) for size in AT_ONCE}
    words = tuple(n for n, name in enumerate(sent) if name in WORDS)
    return Form(table, sent, sent == names, has_rev, words, statements)


def _upsert(table: str, names: Sequence[str], known: Mapping[str, bool], rows: int) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if not known[name])
    marks = ", ".join([f"({', '.join('?' * len(names))})"] * rows)
    guard = " WHERE requests.state = 'running'" if table == "requests" else ""
    key = ", ".join(f'"{name}"' for name, is_key in known.items() if is_key)
    action = f"({key}) DO UPDATE SET {changes}{guard}" if changes else "DO NOTHING"
    return f"INSERT INTO {table} ({columns}) VALUES {marks} ON CONFLICT {action}"


def _plain(value: Any) -> Any:
    """A value as SQLite takes it: no half surrogates, no huge numbers, no NaN; structures as JSON."""
    kind = type(value)
    if (kind is str and value.isascii()) or (kind is int and -MOST <= value <= MOST):
        return value
    match value:
        case str():
            return value if value.isascii() else value.encode(errors="replace").decode()
        case int():
            return max(-MOST, min(MOST, value))
        case float():
            return value if math.isfinite(value) else None
        case dict() | list() | tuple():
            return json.dumps(value, default=str)
    return value


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among all processes."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode of the file now at ``path``; zeros: none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


class Database:
    """The connection. Only the writer thread calls it; every method may raise sqlite3.Error, OSError, StoreError."""

    def __init__(self, path: Path, boot_id: str, worker: int, clock: Callable[[], float]) -> None:
        self.path, self.boot_id, self.worker, self.clock = path, boot_id, worker, clock
        self.conn: sqlite3.Connection | None = None
        self.identity = (0, 0)
        self.damaged = (0, 0)
        self.journal: list[tuple[int, int]] = []
        self.columns: dict[str, dict[str, bool]] = {}
        self.forms: dict[tuple[str, tuple[str, ...]], Form] = {}
        self.boot_fd = -1
        self.first = True
        self.folded_at = -math.inf

    # ---- opening ----
    def ready(self) -> None:
        """Open unless the right file is open already."""
        if self.conn and _identity(self.path) != self.identity:
            log.warning("%s was deleted or replaced; opening it again", self.path)
            with _locked(self._beside("lock")):
                self._drop_journal()
            self.close()
        if self.conn is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self._beside("lock")):
                self._make_place()
                self._hold_boot()
                self._connect()
                self._migrate()
                self.journal = [_identity(part) for part in self._parts()]
                if self.first:
                    self._mark_lost()
                    self.first = False

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{ending}")

    def _parts(self) -> list[Path]:
        return [self.path.with_name(self.path.name + ending) for ending in ("-wal", "-shm")]

    def _make_place(self) -> None:
        """Move a damaged database aside, and its journal with it; then make sure that the file is ours alone."""
        if self.damaged != (0, 0) and _identity(self.path) == self.damaged:
            aside = self._beside(f"corrupt-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(self.clock()))}")
            self.path.rename(aside)
            for part, ending in zip(self._parts(), ("-wal", "-shm"), strict=True):
                with contextlib.suppress(FileNotFoundError):
                    part.rename(aside.with_name(aside.name + ending))
            log.error("%s is damaged; it was moved to %s and a new one is made", self.path, aside.name)
        self.damaged = (0, 0)
        if not self.path.exists():
            for part in self._parts():  # a journal without its database would be taken for the new one's
                part.unlink(missing_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self.path.chmod(0o600)

    def _drop_journal(self) -> None:
        """The journal of a file that is gone would be played into the new one. While the old connection is open no
        other file can have the same identity, so another worker's new journal stays."""
        for part, known in zip(self._parts(), self.journal, strict=False):
            if known != (0, 0) and _identity(part) == known:
                part.unlink(missing_ok=True)

    def _connect(self) -> None:
        conn = sqlite3.connect(
            self.path, timeout=BUSY, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self.conn, self.identity = conn, _identity(self.path)
        conn.execute("PRAGMA auto_vacuum = INCREMENTAL")
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = NORMAL")
        conn.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        conn.execute("PRAGMA temp_store = MEMORY")

    def _migrate(self) -> None:
        assert self.conn
        db = sqlite_utils.Database(self.conn, recursive_triggers=False, execute_plugins=False)
        if newer(self.conn):
            raise StoreError(f"{self.path} was made by a newer version of CCX")
        if SCHEMA.pending(db):
            self.conn.execute("BEGIN IMMEDIATE")
            SCHEMA.apply(db)
            self.conn.execute("COMMIT")
        for statement in TEMPORARY:
            self.conn.execute(statement)
        self.columns = {
            table: {name: bool(key) for _, name, _, _, _, key in self.conn.execute(f"PRAGMA table_info({table})")}
            for (table,) in self.conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        }

    # ---- who lives ----
    def _hold_boot(self) -> None:
        path = self._beside(f"boot-{self.boot_id}")
        if self.boot_fd >= 0 and path.exists():
            return
        self._release_boot()
        self.boot_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.boot_fd, fcntl.LOCK_SH)

    def _release_boot(self) -> None:
        if self.boot_fd >= 0:
            os.close(self.boot_fd)
            self.boot_fd = -1

    def _alive(self, boot_id: str) -> bool:
        """Under the lock. Takes the lock file of a dead boot away."""
        path = self._beside(f"boot-{boot_id}")
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(fd)

    def _mark_lost(self) -> None:
        """Rows that dead boots left running, and those of this worker's forerunner in the same boot."""
        assert self.conn
        prefix = self._beside("boot-").name
        for path in self.path.parent.glob(f"{prefix}*"):
            self._alive(path.name.removeprefix(prefix))
        running = self.conn.execute("SELECT id, boot_id, worker FROM requests WHERE state = 'running'").fetchall()
        alive = {boot_id: self._alive(boot_id) for boot_id in {boot_id for _, boot_id, _ in running}}
        mine = (self.boot_id, self.worker)
        lost = [id for id, boot_id, worker in running if not alive[boot_id] or (boot_id, worker) == mine]
        if lost:
            self.write([partial(_lose, ids=lost)])

    # ---- writing ----
    def write(self, jobs: Sequence[Job], careful: bool = False) -> list[Any]:
        """All jobs in one transaction, or none. ``careful``: a job that fails by itself gives its error as result."""
        assert self.conn
        conn = self.conn
        conn.execute("BEGIN IMMEDIATE")
        try:
            (start,) = conn.execute("SELECT value FROM counter WHERE name = 'rev'").fetchone()
            transaction = Transaction(conn, self.columns, self.forms, int(self.clock() * 1000), start)
            run = _run_alone if careful else _run
            results = [run(job, transaction) for job in jobs]
            transaction.flush()
            if transaction.rev != start:
                for statement in ADD_UP:
                    run(partial(_add_up, statement=statement, rev=start, now=transaction.rev), transaction)
                conn.execute("UPDATE counter SET value = ? WHERE name = 'rev'", (transaction.rev,))
            conn.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                conn.rollback()
            raise
        return results

    def fold(self, whole: bool = False) -> bool:
        """Add finished requests to the roll-ups, FOLD of them at most, when there are as many or some time has gone by.
        True: there are more. ``whole``: whatever there is, at once."""
        assert self.conn
        if not whole and not self._due():
            return False
        self.folded_at = time.monotonic()
        (more,) = self.write([fold_step])
        return self.fold(whole) if whole and more else bool(more)

    def _due(self) -> bool:
        assert self.conn
        folded, rev = (self._counter(name) for name in ("folded", "rev"))
        return rev - folded >= FOLD or (rev > folded and time.monotonic() - self.folded_at >= EVERY)

    def _counter(self, name: str) -> int:
        assert self.conn
        (value,) = self.conn.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
        return int(value)

    def check(self) -> None:
        """Look for damage, at most CHECK seconds. Raises sqlite3.DatabaseError, and the next ``ready`` acts on it."""
        assert self.conn
        until = time.monotonic() + CHECK
        self.conn.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        try:
            found = self.conn.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError:
            return
        finally:
            self.conn.set_progress_handler(None, 0)
        if found != ("ok",):
            self.damaged = self.identity
            self.close()

    def failed(self, error: BaseException) -> None:
        """After an error: close what cannot be trusted any more."""
        code = code_of(error)
        if code in DAMAGE:
            self.damaged = self.identity
        if code not in WAITING:
            self.close()

    def close(self) -> None:
        if self.conn:
            with contextlib.suppress(sqlite3.Error):
                self.conn.close()
        self.conn = None

    def leave(self) -> None:
        """Close for good."""
        self.close()
        self._release_boot()
        with contextlib.suppress(OSError), _locked(self._beside("lock")):
            self._alive(self.boot_id)


# ---- jobs of its own -------------------------------------------------------------------------------------------------
def _run(job: Job, transaction: Transaction) -> Any:
    return job(transaction)


def _run_alone(job: Job, transaction: Transaction) -> Any:
    """A job's own fault undoes this job only, and is returned."""
    transaction.conn.execute("SAVEPOINT job")
    try:
        result = job(transaction)
        transaction.flush()
    except Exception as error:
        if code_of(error) in TROUBLE:
            raise
        transaction.forget()
        transaction.conn.execute("ROLLBACK TO job")
        result = error
    transaction.conn.execute("RELEASE job")
    return result


def _add_up(transaction: Transaction, statement: str, rev: int, now: int) -> None:
    transaction.conn.execute(statement, {"rev": rev, "now": now})


def fold_step(transaction: Transaction) -> bool:
    """Adds FOLD finished requests to the roll-ups, at most. True: more follow."""
    conn = transaction.conn
    counters = dict(conn.execute("SELECT name, value FROM counter").fetchall())
    reach = {"rev": counters["folded"], "now": counters["rev"], "most": FOLD}
    count, last = conn.execute(CHUNK, reach).fetchone()
    more = count >= FOLD
    values = {**counters, "rev": counters["folded"], "last": last if more else max(counters["rev"], counters["folded"])}
    if not count:
        conn.execute("UPDATE counter SET value = ? WHERE name = 'folded'", (values["last"],))
        return False
    for statement in FOLDING:
        conn.execute(statement, values)
    return bool(more)


def _lose(transaction: Transaction, ids: Iterable[str]) -> None:
    for id in ids:
        transaction.rev += 1
        transaction.conn.execute(
            "UPDATE requests SET state = 'lost', phase = 'done', ended_at = ?, rev = ? WHERE id = ?",
            (transaction.now, transaction.rev, id),
        )
