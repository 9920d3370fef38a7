"""The connection that writes data/ccx.db: opening, locks, migrations, damage, and what one transaction is.

Beside ``ccx.db`` there are two kinds of lock files, both locked with flock(2), which the kernel releases with the
process, however it ends: ``ccx.db.lock`` is held while a process opens, creates or moves the database, and every worker
holds a shared lock on ``ccx.db.boot-ID`` while it lives. Nobody holding it means: that boot is dead, and the rows it
left running become ``lost``. Process numbers would not do, they are used again (and always small in a container).
"""

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import sqlite_utils
from sqlite_utils.migrations import Migrations

from ccx_addons.core.errors import StoreError
from ccx_addons.io.rollup import ADD_UP, EVERY, FOLD, TEMPORARY
from ccx_addons.io.schema import MIGRATIONS
from ccx_addons.io.transaction import Folds, Form, Job, Transaction, add_up, lose, run, run_alone

log: Final = logging.getLogger("ccx")

BUSY: Final = 0.25
CHECK: Final = 1.0
AGAIN: Final = 0.1
"""Seconds: waiting for another writer, most that the check for damage takes, between two interruptions."""
WAL_BYTES: Final = 64 << 20
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
NEWER: Final = "was made by a newer version of CCX; install that version, or restore a backup of before"
DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


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
class Column:
    """``key``: its place in the table's key, from 1; 0: none."""

    name: str
    type: str
    is_needed: bool
    default: str | None
    key: int


@dataclass(frozen=True, slots=True)
class Table:
    """``counts``: it gives its rows their numbers."""

    name: str
    columns: tuple[Column, ...]
    indexes: tuple[tuple[str, str], ...]
    counts: bool


@lru_cache(1)
def described() -> tuple[Table, ...]:
    """What MIGRATIONS come to, but for the index of words: what another engine makes its tables of."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as conn:
        for _, statements in MIGRATIONS:
            for statement in statements:
                conn.execute(statement)
        plain = "SELECT name FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
        return tuple(_described(conn, name) for (name,) in conn.execute(plain).fetchall())


def _described(conn: sqlite3.Connection, name: str) -> Table:
    columns = [
        Column(column, kind, bool(needed), default, key)
        for _, column, kind, needed, default, key in conn.execute(f"PRAGMA table_info({name})")
    ]
    found = "SELECT name, sql FROM sqlite_schema WHERE type = '{}' AND tbl_name = ? AND sql IS NOT NULL ORDER BY name"
    indexes = conn.execute(found.format("index"), (name,)).fetchall()
    ((_, sql),) = conn.execute(found.format("table"), (name,)).fetchall()
    return Table(name, tuple(columns), tuple(indexes), "AUTOINCREMENT" in sql)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among all processes."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def at_most(conn: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Interrupts what the connection is at by then, or begins later: SQLITE_INTERRUPT. A progress handler would not end
    a check for damage, which is one step of SQLite's machine before 3.41, however large the file is."""
    over = threading.Event()

    def watch() -> None:
        wait = seconds
        while not over.wait(wait):
            conn.interrupt()
            wait = AGAIN

    watcher = threading.Thread(target=watch, name="ccx-at-most", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode of the file now at ``path``; zeros: none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


class Database(Folds):
    """transaction.Database for SQLite; its errors are sqlite3.Error."""

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

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def leads(self) -> bool:
        return True

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
                try:
                    self._connect()
                    self._migrate()
                    self.journal = [_identity(part) for part in self._parts()]
                    if self.first:
                        self._mark_lost()
                except BaseException:
                    self.close()  # half open is not open
                    raise
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
            raise StoreError(f"{self.path} {NEWER}")
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
            self.write([partial(lose, ids=lost)])

    # ---- writing ----
    def write(self, jobs: Sequence[Job], careful: bool = False) -> list[Any]:
        """All jobs in one transaction, or none. ``careful``: a job that fails by itself gives its error as result."""
        assert self.conn
        conn = self.conn
        conn.execute("BEGIN IMMEDIATE")
        try:
            (start,) = conn.execute("SELECT value FROM counter WHERE name = 'rev'").fetchone()
            transaction = Transaction(conn, self.columns, self.forms, int(self.clock() * 1000), start)
            one = partial(run_alone, is_trouble=self.is_trouble) if careful else run
            results = [one(job, transaction) for job in jobs]
            transaction.flush()
            if transaction.rev != start:
                one(partial(add_up, statement=ADD_UP, rev=start), transaction)
                conn.execute("UPDATE counter SET value = ? WHERE name = 'rev'", (transaction.rev,))
            conn.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                conn.rollback()
            raise
        return results

    def due(self) -> bool:
        assert self.conn
        folded, rev = (self._counter(name) for name in ("folded", "rev"))
        return rev - folded >= FOLD or (rev > folded and time.monotonic() - self.folded_at >= EVERY)

    def _counter(self, name: str) -> int:
        assert self.conn
        (value,) = self.conn.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
        return int(value)

    def check(self) -> None:
        """At most CHECK seconds; the next ``ready`` acts on what was found."""
        if self.conn is None:
            return
        try:
            with at_most(self.conn, CHECK):
                found = self.conn.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error:
            return
        if found != ("ok",):
            self.damaged = self.identity
            self.close()

    def is_trouble(self, error: BaseException) -> bool:
        return code_of(error) in TROUBLE or isinstance(error, OSError | StoreError)

    def words_of(self, error: BaseException) -> str:
        return getattr(error, "sqlite_errorname", "") or str(error)

    def read(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        address = f"{self.path.as_uri()}?mode=ro"
        try:
            with contextlib.closing(sqlite3.connect(address, uri=True, timeout=1.0)) as connection:
                return connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be read: {error}") from error

    def failed(self, error: BaseException) -> None:
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
        """Close for good. The file has everything in it then, whoever else still reads: somebody may copy it alone."""
        if self.conn:
            with contextlib.suppress(sqlite3.Error):
                self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.close()
        self._release_boot()
        with contextlib.suppress(OSError), _locked(self._beside("lock")):
            self._alive(self.boot_id)
