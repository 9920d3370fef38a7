"""The log's writer: one thread, one connection, batches. It never stands in the way of traffic.

Callers only append to a queue in memory. A locked, full, deleted or corrupt database costs log rows late or, past the
queue's bound, not at all; it never costs a request. A finished request is on disk within about 100 ms.
"""

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

from ccx_addons.io.schema import MIGRATIONS, PUT_ATTEMPT, PUT_CANDIDATE, PUT_EVENT, PUT_REQUEST

log: Final = logging.getLogger("ccx")

BATCH_EVERY: Final = 0.05
"""Seconds between two looks at the queue."""
MAX_QUEUE: Final = 50_000
BUSY: Final = 2.0
"""Seconds that SQLite itself waits for a lock."""
COMPLAIN_EVERY: Final = 60.0

type Row = Mapping[str, Any]


class Store:
    """``put_*`` may be called from the event loop: they append and return."""

    def __init__(self, path: Path, boot_id: str) -> None:
        self.path = path
        self.boot_id = boot_id
        self.dropped = 0
        self._running: dict[str, Row] = {}
        self._final: deque[tuple[str, Row]] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._closing = False
        self._complained = -COMPLAIN_EVERY
        self._identity: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._write_for_ever, name="ccx-store", daemon=True)

    @classmethod
    def open(cls, path: Path, *, boot_id: str, worker: int = 0) -> "Store":
        """Migrates, marks what a dead gateway left running as lost (first worker only), and starts the writer."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = cls(path, boot_id)
        try:
            connection = store._connect()
        except sqlite3.Error as error:
            store._complain(error)
        else:
            if worker == 0:
                store._close_boots(connection)
            connection.close()
        store._thread.start()
        return store

    # ---- for the event loop -----------------------------------------------------------------------------------------
    def put_request(self, row: Row, *, final: bool) -> None:
        """A row of a request: only the newest of a running one is kept, a final one always."""
        with self._lock:
            if not final:
                if len(self._running) < MAX_QUEUE:
                    self._running[row["id"]] = row
                else:
                    self.dropped += 1
                return
            self._running.pop(row["id"], None)
            self._append(PUT_REQUEST, row)

    def put_attempts(self, rows: list[Row]) -> None:
        self._put(PUT_ATTEMPT, rows)

    def put_candidates(self, rows: list[Row]) -> None:
        self._put(PUT_CANDIDATE, rows)

    def put_event(self, level: str, kind: str, message: str, detail: str = "") -> None:
        row = {"at": int(time.time() * 1000), "level": level, "kind": kind, "message": message, "detail": detail}
        self._put(PUT_EVENT, [row])

    def _put(self, statement: str, rows: list[Row]) -> None:
        with self._lock:
            for row in rows:
                self._append(statement, row)

    def _append(self, statement: str, row: Row) -> None:
        if len(self._final) >= MAX_QUEUE:
            self._final.popleft()
            self.dropped += 1
        self._final.append((statement, row))

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until everything put so far is on disk. False: it could not be written in time."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            self._idle.clear()
            self._wake.set()
            self._idle.wait(0.05)
            with self._lock:
                if not self._final and not self._running:
                    return True
        return False

    def close(self) -> None:
        self.flush()
        self._closing = True
        self._wake.set()
        self._thread.join(5)

    # ---- the writer's thread ----------------------------------------------------------------------------------------
    def _write_for_ever(self) -> None:
        connection: sqlite3.Connection | None = None
        while not self._closing:
            self._wake.wait(BATCH_EVERY)
            self._wake.clear()
            with self._lock:
                batch = [*self._final, *((PUT_REQUEST, row) for row in self._running.values())]
                final = len(self._final)
            if batch:
                try:
                    connection = self._same_file(connection) or self._connect()
                    self._write(connection, batch)
                except sqlite3.DatabaseError as error:
                    self._complain(error)
                    self._after_error(connection, error)
                    connection = None
                    time.sleep(0.2)  # noqa: TID251  # the writer's own thread, not the event loop
                    continue
                except OSError as error:
                    self._complain(error)
                    continue
                self._written(batch, final)
            self._idle.set()
        if connection:
            connection.close()

    def _written(self, batch: list[tuple[str, Row]], final: int) -> None:
        with self._lock:
            for _ in range(min(final, len(self._final))):
                self._final.popleft()
            for _, row in batch[final:]:
                if self._running.get(row["id"]) is row:
                    del self._running[row["id"]]

    def _write(self, connection: sqlite3.Connection, batch: list[tuple[str, Row]]) -> None:
        """One transaction. ``rev`` counts over all processes, so that a reader can ask for what is new."""
        connection.execute("begin immediate")
        try:
            (rev,) = connection.execute("select value from counters where name = 'rev'").fetchone()
            for statement, row in batch:
                if statement is PUT_REQUEST:
                    rev += 1
                    connection.execute(statement, {**row, "rev": rev})
                else:
                    connection.execute(statement, row)
            connection.execute("update counters set value = ? where name = 'rev'", (rev,))
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise

    def _connect(self) -> sqlite3.Connection:
        """A migrated connection. Raises sqlite3.Error or OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.path.exists():
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        with _Exclusive(self.path):
            MIGRATIONS.apply(Database(connection))
        self._identity = _identity(self.path)
        return connection

    def _same_file(self, connection: sqlite3.Connection | None) -> sqlite3.Connection | None:
        """The connection, unless somebody deleted or replaced the file under it."""
        if connection and _identity(self.path) != self._identity:
            connection.close()
            return None
        return connection

    def _after_error(self, connection: sqlite3.Connection | None, error: sqlite3.DatabaseError) -> None:
        """A corrupt file is put aside and a new one begun; everything else is tried again."""
        if connection:
            connection.close()
        if "malformed" in str(error) or "not a database" in str(error):
            aside = self.path.with_name(f"{self.path.name}.corrupt-{int(time.time())}")
            for suffix in ("", "-wal", "-shm"):
                broken = self.path.with_name(self.path.name + suffix)
                if broken.exists():
                    broken.rename(aside.with_name(aside.name + suffix))
            log.error("the database was corrupt; it is kept as %s and a new one is begun", aside.name)

    def _close_boots(self, connection: sqlite3.Connection) -> None:
        """Requests of an earlier boot that are still running were lost with it."""
        now = int(time.time() * 1000)
        connection.execute(
            "update requests set state = 'lost', phase = 'done', ended_at = ? where state = 'running' and boot_id != ?",
            (now, self.boot_id),
        )
        connection.execute("insert or ignore into boots values (?, ?, ?, null)", (self.boot_id, os.getpid(), now))

    def _complain(self, error: Exception) -> None:
        if time.monotonic() - self._complained >= COMPLAIN_EVERY:
            self._complained = time.monotonic()
            log.error("the request log cannot be written (%s); requests go on, rows are kept in memory", error)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _Exclusive:
    """One process migrates at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f".{path.name}.lock")

    def __enter__(self) -> None:
        self.file = self.path.open("a")
        try:
            import fcntl  # not on Windows, where one worker is the rule
        except ImportError:
            return
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.file.close()
