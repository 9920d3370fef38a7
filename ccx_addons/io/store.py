"""The writer of data/ccx.db: one thread and one connection per process, and callers that never wait.

A caller puts rows into a bounded queue in memory; the thread writes what has gathered every 50 ms in one transaction.
Whatever happens to the file (locked, full, slow, corrupt, deleted, replaced), callers notice nothing: the thread keeps
its batch, complains once a minute, tries again, and what no longer fits is dropped, oldest first, updates of running
requests before everything else, and counted in an event.
"""

import contextlib
import errno
import json
import logging
import math
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self

from ccx_addons.core.errors import StoreError
from ccx_addons.core.ids import uuid7
from ccx_addons.core.kept import Side, Times
from ccx_addons.io import said, shapes
from ccx_addons.io.chores import Chores
from ccx_addons.io.database import Database as Sqlite
from ccx_addons.io.files import cannot
from ccx_addons.io.place import Place, is_postgres
from ccx_addons.io.retention import KEPT_BODIES, cap_bodies, retain
from ccx_addons.io.transaction import Connection, Database, Job, Row, Transaction

log: Final = logging.getLogger("ccx")

WINDOW: Final = 0.05
"""Seconds that rows gather before they are written."""
BUSY_WINDOW: Final = 0.2
MUCH: Final = 32
"""Seconds that they gather after a batch of so many: fewer transactions, and longer statements, for the same rows."""
SETTLE: Final = 0.1
"""Seconds that a running request's row waits: most requests are over by then, and only their last row is written."""
BATCH: Final = 1000
"""Jobs per transaction: other processes want to write, too."""
QUEUE: Final = 20_000
QUEUE_BYTES: Final = 64 << 20
"""Most jobs, and most bytes of bodies, that wait in memory."""
RETRY: Final = 0.25
IDLE: Final = 1.0
START: Final = 5.0
"""Seconds: pause after a failure, look at the file when idle, most that a start waits for the database."""
SILENT: Final = 3.0
"""Seconds without an answer after which a question is trouble."""
QUIET: Final = 60.0
"""Seconds between two complaints in the log."""

CAP_PARTS: Final = 64
"""Kept bodies take at most one part in so many more than they may, in each process."""

UNUSABLE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR})
"""A start with one of these ends with a clear line: the data directory is wrong, and nobody would see the log."""


# ---- jobs ------------------------------------------------------------------------------------------------------------
def _upsert_all(transaction: Transaction, table: str, rows: Iterable[Row]) -> None:
    for row in rows:
        transaction.upsert(table, row)


def _finished(transaction: Transaction, row: Row, attempts: Iterable[Row], candidates: Iterable[Row]) -> None:
    _upsert_all(transaction, "attempts", attempts)
    _upsert_all(transaction, "candidates", candidates)
    transaction.upsert("requests", row)


def _upsert_running(transaction: Transaction, row: Callable[[], Row]) -> None:
    transaction.upsert("requests", row())


def _submitted(transaction: Transaction, call: Callable[[Connection], Any]) -> Any:
    return call(transaction.conn)


def _command(transaction: Transaction, kind: str, args: Row, ttl: float) -> int:
    row = (transaction.now, transaction.now + int(ttl * 1000), kind, json.dumps(args))
    sql = "INSERT INTO commands (at, expires_at, kind, args) VALUES (?, ?, ?, ?) RETURNING id"
    (id,) = transaction.conn.execute(sql, row).fetchone()
    return int(id)


def _remove(transaction: Transaction, table: str, key: Row) -> None:
    if not key.keys() <= transaction.columns[table].keys():
        raise ValueError(f"table {table} has no such key")
    where = " AND ".join(f'"{name}" = ?' for name in key)
    transaction.conn.execute(f"DELETE FROM {table} WHERE {where}", tuple(key.values()))


def _drop_deliveries(transaction: Transaction, most: int) -> None:
    transaction.conn.execute(
        "DELETE FROM deliveries WHERE outcome <> 'waiting' AND at < (SELECT at FROM deliveries"
        " ORDER BY at DESC LIMIT 1 OFFSET ?)",
        (most,),
    )


def database_of(place: Place, boot_id: str, worker: int, clock: Callable[[], float]) -> Database:
    """Raises StoreError when the engine's driver is not there."""
    if isinstance(place, Path):
        return Sqlite(place, boot_id, worker, clock)
    if find_spec("psycopg") is None:
        raise StoreError("CCX_DATABASE_URL needs psycopg: pip install 'ccx[cluster]'")
    from ccx_addons.io.postgres_database import Database as Postgres

    return Postgres(str(place), boot_id, worker, clock)


# ---- the queue -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Health:
    """``dropped``: what was given up since the start. ``trouble``: why nothing is written, empty when all is well."""

    queued: int
    dropped: Mapping[str, int]
    trouble: str
    trouble_since: float | None


@dataclass(slots=True)
class _Queued:
    job: Job
    future: Future[Any] | None = None
    bytes: int = 0
    due: float = 0.0
    """Monotonic seconds before which it need not be written."""


@dataclass(slots=True)
class _Queue:
    """What waits. ``updates``: the newest row of each running request, in the order they are due."""

    jobs: deque[_Queued] = field(default_factory=deque)
    bodies: deque[_Queued] = field(default_factory=deque)
    updates: dict[str, _Queued] = field(default_factory=dict)
    body_bytes: int = 0

    def __len__(self) -> int:
        return len(self.jobs) + len(self.bodies) + len(self.updates)

    def due(self, now: float) -> list[_Queued]:
        """Takes the updates whose time has come."""
        found = []
        while self.updates and next(iter(self.updates.values())).due <= now:
            found.append(self.updates.pop(next(iter(self.updates))))
        return found

    def hasten(self) -> None:
        """What waits now is due."""
        for queued in self.updates.values():
            queued.due = 0.0


class Store:
    """Everything that is written. No ``put_`` method blocks or raises because of the database.

    Rows are mappings from column to value (schema.py); columns that are left out keep their value. Lists and mappings
    are stored as JSON. ``boot_id``: one for all workers of one start of the program.
    """

    def __init__(
        self,
        place: Place,
        *,
        boot_id: str = "",
        worker: int = 0,
        clock: Callable[[], float] = time.time,
        limit: int = QUEUE,
        body_limit: int = 0,
    ) -> None:
        self.place: Place = place if is_postgres(place) else Path(place).absolute()
        self.boot_id, self.worker, self.limit = boot_id or uuid7(), worker, limit
        self._database = database_of(self.place, self.boot_id, worker, clock)
        self._clock = clock
        self._queue = _Queue()
        self._body_limit = body_limit
        self._new_bytes = body_limit
        self._chores = Chores()
        self._lock = threading.Lock()
        self._wake, self._hurry, self._closing, self._opened = (threading.Event() for _ in range(4))
        self._dropped: Counter[str] = Counter()
        self._unreported: Counter[str] = Counter()
        self._refused: StoreError | None = None
        self._trouble = ""
        self._trouble_since: float | None = None
        self._complained = -math.inf
        self._asked_at = math.inf
        """Since when the engine has not answered what it is asked just now; monotonic seconds."""
        self._thread = threading.Thread(target=self._loop, name="ccx-store", daemon=True)

    @classmethod
    def open(
        cls,
        place: Place,
        *,
        boot_id: str = "",
        worker: int = 0,
        clock: Callable[[], float] = time.time,
        body_limit: int = 0,
    ) -> Self:
        """Open or create the database and start writing. Waits a few seconds at most, then goes on without it.

        ``body_limit``: bytes that kept bodies may take; the oldest go first. 0: no limit.

        Raises StoreError when the place cannot hold a database at all, or a newer version made the one that is there.
        """
        store = cls(place, boot_id=boot_id, worker=worker, clock=clock, body_limit=body_limit)
        store._thread.start()
        store._opened.wait(START)
        if store._refused:
            raise store._refused
        return store

    @property
    def leads(self) -> bool:
        """Whether this gateway does what one has to do for all that write here."""
        return self._database.leads

    @property
    def path(self) -> Path:
        """Of SQLite's file."""
        assert isinstance(self.place, Path)
        return self.place

    # ---- rows ----
    def put_request(self, row: Row, attempts: Iterable[Row] = (), candidates: Iterable[Row] = ()) -> None:
        """A finished request, once, with its attempts and what was chosen among, which the store keeps as they are."""
        queued = _Queued(partial(_finished, row=dict(row), attempts=attempts, candidates=candidates))
        with self._lock:
            self._queue.updates.pop(row["id"], None)
            self._queue.jobs.append(queued)
            self._fit()
        self._tell()

    def put_running(self, id: str, row: Callable[[], Row]) -> None:
        """A request that starts or goes on. ``row`` is called by the writer thread, and not at all for a request that
        is finished by then."""
        with self._lock:
            if id in self._queue.updates:
                return
            self._queue.updates[id] = _Queued(partial(_upsert_running, row=row), due=time.monotonic() + SETTLE)
            self._fit()
        self._tell()

    def put_attempts(self, rows: Iterable[Row]) -> None:
        self._put("attempts", *rows)

    def put_candidates(self, rows: Iterable[Row]) -> None:
        self._put("candidates", *rows)

    def put_body(
        self,
        request_id: str,
        side: Side,
        body: bytes,
        headers: Iterable[tuple[str, str]] = (),
        truncated: bool = False,
        redact: Callable[[bytes], bytes] = bytes,
        words: Callable[[bytes], str] | None = None,
        times: Callable[[bytes], Times] | None = None,
    ) -> None:
        """One side of a captured exchange; it may be put again while it grows. ``redact``; ``words``, which gives
        what can be searched for; and ``times``, which says of the body as it came when it did, run in the writer
        thread."""
        row = {"request_id": request_id, "side": side, "headers": list(headers), "truncated": truncated, "body": body}
        self._put_heavy(partial(self._put_body, row, redact, words, times), len(body), "bodies")

    def put_shape(self, draft: shapes.Draft, maker: shapes.Maker) -> None:
        """What a request is made of; ``maker`` works in the writer thread, behind the request's own row."""
        self._put_heavy(partial(shapes.keep, draft=draft, maker=maker), len(draft.raw), "shapes")

    def drop_bodies(self, request_id: str) -> None:
        """What was put of a request that is not kept after all."""
        with self._lock:
            self._queue.bodies.append(_Queued(partial(_remove, table="bodies", key={"request_id": request_id})))
            self._fit()
        self._tell()

    def put_event(self, level: str, kind: str, message: str, detail: str = "") -> None:
        """``level``: info, warning or error."""
        self._put("events", self._event(level, kind, message, detail))

    def put_breaker(self, row: Row) -> None:
        self._put("breakers", row)

    def put_key_state(self, row: Row) -> None:
        self._put("key_state", row)

    def put_key_use(self, row: Row) -> None:
        self._put("key_use", row)

    def put_mirrored(self, row: Row) -> None:
        self._put("mirrored", row)

    def put_refusal(self, row: Row) -> None:
        self._put("refusals", row)

    def put_affinity(self, row: Row) -> None:
        self._put("affinity", row)

    def put_session(self, row: Row) -> None:
        """``title`` and ``parent`` of a conversation; the rest of its row is counted from its requests."""
        self._put("sessions", row)

    def put_override(self, row: Row) -> None:
        self._put("overrides", row)

    def put_response_session(self, row: Row) -> None:
        self._put("response_sessions", row)

    def put_issued(self, rows: Iterable[Row]) -> None:
        self._put("issued", *rows)

    def put_alert(self, row: Row) -> None:
        """What is wrong now and was told."""
        self._put("alerts", row)

    def put_delivery(self, row: Row, most: int) -> None:
        """How the telling of one receiver goes; of those that are over, the last ``most`` are kept."""
        self._put("deliveries", row)
        self._add(partial(_drop_deliveries, most=most))

    def remove(self, table: str, key: Row) -> None:
        """Delete the rows of a state table with these values, e.g. ``remove("overrides", {"kind": ...})``."""
        self._add(partial(_remove, table=table, key=dict(key)))

    def command(self, kind: str, args: Row, ttl: float = 60.0) -> Future[int]:
        """Tell the workers something; the result is the command's id. Workers that start later do it, too, in ``ttl``
        seconds."""
        return self._add(partial(_command, kind=kind, args=dict(args), ttl=ttl), Future())

    def ack_command(self, id: int, result: str = "") -> None:
        """This worker has done it."""
        row = {"command_id": id, "boot_id": self.boot_id, "worker": self.worker, "result": result}
        self._put("command_acks", {**row, "at": int(self._clock() * 1000)})

    def submit[T](self, call: Callable[[Connection], T]) -> Future[T]:
        """Run ``call`` inside a transaction of the writer thread. It may run again after a failure; the future has the
        result of the one that was committed."""
        return self._add(partial(_submitted, call=call), Future())

    def read(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row of a query (``rows``)."""
        return next(iter(self.rows(sql, *values)), None)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query finds, on a read-only connection of its own; for other threads than the event loop's.

        Raises StoreError.
        """
        return self._database.read(sql, values)

    def retention(self, days: int, body_days: int) -> None:
        """Delete what is older, in small steps between the batches; 0: keep for ever. Roll-ups stay much longer."""
        self._chores.begin("what is old", partial(retain, days=days, body_days=body_days))
        self._tell()

    # ---- state ----
    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything put before is in the file. False: it is not, after ``timeout`` seconds."""
        if not self._thread.is_alive():
            return False
        with self._lock:
            self._queue.hasten()  # the thread may be past the look at ``_hurry``
        self._hurry.set()
        done = self.submit(lambda conn: None)
        try:
            done.result(timeout)
        except Exception:
            return False
        return True

    def health(self) -> Health:
        with self._lock:
            silent = time.monotonic() - self._asked_at
            if self._trouble or silent < SILENT:
                return Health(len(self._queue), dict(self._dropped), self._trouble, self._trouble_since)
            words = f"no answer for {silent:.0f} s"
            return Health(len(self._queue), dict(self._dropped), words, self._clock() - silent)

    def close(self, timeout: float = 5.0) -> None:
        """Write what is left, as far as ``timeout`` seconds allow, and stop."""
        self.flush(timeout)
        self._closing.set()
        self._hurry.set()
        self._wake.set()
        self._thread.join(timeout)

    # ---- putting ----
    def _event(self, level: str, kind: str, message: str, detail: str = "") -> Row:
        head = {"at": int(self._clock() * 1000), "boot_id": self.boot_id, "worker": self.worker}
        return {**head, "level": level, "kind": kind, "message": message, "detail": detail}

    def _put(self, table: str, *rows: Row) -> None:
        self._add(partial(_upsert_all, table=table, rows=[dict(row) for row in rows]))

    def _add[F: Future[Any] | None](self, job: Job, future: F = None) -> F:  # type: ignore[assignment]
        with self._lock:
            self._queue.jobs.append(_Queued(job, future))
            self._fit()
        self._tell()
        return future

    def _put_heavy(self, job: Job, size: int, what: str) -> None:
        """What holds so many bytes until it is written."""
        with self._lock:
            if self._queue.body_bytes + size > QUEUE_BYTES:
                self._drop(what, 1)
                return
            self._queue.body_bytes += size
            self._queue.bodies.append(_Queued(job, bytes=size))
            self._fit()
        self._tell()

    def _tell(self) -> None:
        if not self._wake.is_set():
            self._wake.set()

    def _fit(self) -> None:
        """Under the lock: give up what is worth least."""
        queue = self._queue
        if len(queue) <= self.limit:
            return
        if queue.updates:
            self._drop("updates of running requests", len(queue.updates))
            queue.updates.clear()
        elif queue.bodies:
            queue.body_bytes -= queue.bodies.popleft().bytes
            self._drop("bodies", 1)
        else:
            oldest = queue.jobs.popleft()
            if oldest.future:
                oldest.future.cancel()
            self._drop("rows", 1)

    def _drop(self, what: str, count: int) -> None:
        self._dropped[what] += count
        self._unreported[what] += count

    # ---- the thread ----
    def _loop(self) -> None:
        self._first_open()
        size = 0
        while not self._refused:
            if self._queue.updates or self._wake.wait(IDLE):
                self._hurry.wait(WINDOW if size < MUCH else BUSY_WINDOW)
            hurry = self._hurry.is_set()
            self._wake.clear()
            self._hurry.clear()
            closing = self._closing.is_set()
            written, size = True, 0
            while written and (batch := self._take(math.inf if hurry else time.monotonic())):
                size += len(batch)
                written = self._persist(batch)
            if closing or not written:
                break
            try:
                with self._asking():
                    self._database.ready()  # made again even while there is nothing to write
                    self._cap_bodies()
                    if self._database.fold() | self._chores.step(self._database):
                        self._wake.set()
            except Exception as error:
                self._database.failed(error)
                if time.monotonic() - self._complained >= QUIET:
                    self._complained = time.monotonic()
                    log.warning("totals, and what is old or too much, are left for later: %s", error)
        self._database.leave()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        self._asked_at = time.monotonic()
        try:
            yield
        finally:
            self._asked_at = math.inf

    def _first_open(self) -> None:
        try:
            self._database.ready()
        except StoreError as error:
            self._refused = error
        except OSError as error:
            if error.errno in UNUSABLE:
                self._refused = StoreError(cannot(Path(self._database.name), error))
            else:
                self._failed(error)
        except Exception as error:
            self._failed(error)
        self._opened.set()
        if self.worker == 0:
            self._database.check()

    def _take(self, now: float = math.inf) -> list[_Queued]:
        """What is due at ``now`` (monotonic seconds), by default everything."""
        with self._lock:
            queue = self._queue
            batch = [queue.jobs.popleft() for _ in range(min(BATCH, len(queue.jobs)))]
            batch += queue.due(now)
            batch += queue.bodies
            queue.bodies, queue.body_bytes = deque(), 0
            dropped, self._unreported = self._unreported, Counter()
        if dropped:
            words = ", ".join(f"{count} {what}" for what, count in dropped.items())
            row = self._event("warning", "store", f"the queue was full; dropped: {words}")
            batch.append(_Queued(partial(_upsert_all, table="events", rows=(row,))))
        return batch

    def _persist(self, batch: Sequence[_Queued]) -> bool:
        """Write the batch, however long it takes. False: closing ended it, and nothing more will be written."""
        jobs = [queued.job for queued in batch]
        careful = False
        while True:
            try:
                with self._asking():
                    self._database.ready()
                    results = self._database.write(jobs, careful)
            except Exception as error:
                if not careful and not self._database.is_trouble(error):
                    careful = True  # one of the rows is to blame
                    self._database.close()
                    continue
                self._failed(error)
                if self._closing.wait(RETRY):
                    left = [*batch, *self._take()]
                    log.error("stopping while the request log cannot be written; %d rows are lost", len(left))
                    for queued in left:
                        if queued.future:
                            queued.future.cancel()
                    return False
            else:
                self._recovered()
                break
        for queued, result in zip(batch, results, strict=True):
            self._settle(queued, result)
        return True

    def _put_body(
        self,
        row: Row,
        redact: Callable[[bytes], bytes],
        words: Callable[[bytes], str] | None,
        times: Callable[[bytes], Times] | None,
        transaction: Transaction,
    ) -> None:
        body, moments = redact(row["body"]), times(row["body"]) if times else ""
        packed = zlib.compress(body, 1)
        new = {"at": transaction.now, "body": packed, "size": len(body), "times": moments or ""}
        transaction.upsert("bodies", {**row, **new})
        if words:
            said.keep(transaction, row["request_id"], row["side"], words(body))
        self._new_bytes += len(packed)

    def _cap_bodies(self) -> None:
        """Looks whether there is too much when a part of what is allowed has come since the last look; outside of any
        transaction, since it reads all of them."""
        if self._body_limit and self._new_bytes > self._body_limit // CAP_PARTS:
            self._new_bytes = 0
            ((kept,),) = self._database.read(KEPT_BODIES, ())
            if kept > self._body_limit:
                self._chores.begin("bodies", partial(cap_bodies, excess=kept - self._body_limit))

    def _settle(self, queued: _Queued, result: Any) -> None:
        if isinstance(result, Exception) and not queued.future:
            log.error("a row cannot be stored: %s", result)
            self._drop("rows", 1)
        elif isinstance(result, Exception) and queued.future:
            queued.future.set_exception(result)
        elif queued.future:
            queued.future.set_result(result)

    def _failed(self, error: Exception) -> None:
        self._database.failed(error)
        reason = self._database.words_of(error)
        if self._trouble_since is None:
            self._trouble_since = self._clock()
        self._trouble = reason
        if time.monotonic() - self._complained >= QUIET:
            self._complained = time.monotonic()
            log.warning("the request log cannot be written (%s); %d rows wait in memory", reason, len(self._queue))

    def _recovered(self) -> None:
        if self._trouble_since is None:
            return
        lasted = self._clock() - self._trouble_since
        reason, self._trouble, self._trouble_since = self._trouble, "", None
        if lasted > RETRY * 4:
            log.info("the request log is written again, after %.0f s (%s)", lasted, reason)
            self.put_event("warning", "store", f"nothing could be written for {lasted:.0f} s", reason)
