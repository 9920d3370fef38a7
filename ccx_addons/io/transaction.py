"""What one transaction of the writer is, whichever engine it writes to, and what the writer needs of that engine.

SQL is written once, in forms that SQLite and PostgreSQL both understand: named conflict targets, CASE or ``iif``, no
truth where a number is meant, an alias for each derived table, no rowid. What SQLite has beyond that, PostgreSQL's
schema defines as functions (postgres_schema.py); ``INDEXED BY``, ``?`` and ``:name`` are translated (postgres.py).
"""

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ccx_addons.core.mask import clean
from ccx_addons.core.read import LARGEST
from ccx_addons.io.rollup import CHUNK, FOLD, FOLDING

log: Final = logging.getLogger("ccx")

AT_ONCE: Final = (32, 8, 1)
"""Rows of one statement."""

OWN: Final = frozenset({"requests", "attempts", "shapes"})
"""Tables with rows of every request, each once in a transaction. Their values are the gateway's own, and are looked at
one by one only where the engine refuses them."""

WORDS: Final = frozenset({"error_message", "reason", "message", "detail", "result"})
"""Columns of free text, from wherever it came: secrets are masked in them once more."""


type Row = Mapping[str, Any]
type Job = Callable[["Transaction"], Any]


class Found(Protocol):
    """What a statement gave; rows are read by column's name or place."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    def execute(self, sql: str, params: Any = ..., /) -> Found:
        """``params``: a sequence for ``?``, or a mapping for ``:name``."""


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """Rows of a table that give the same columns. ``sent``: the names that the table has; ``is_whole``: it has all that
    are given; ``words``: where in them its columns of free text are."""

    is_own: bool
    sent: tuple[str, ...]
    is_whole: bool
    has_rev: bool
    words: tuple[int, ...]
    statements: Mapping[int, tuple[int, str]]
    """Number of rows -> how many values they have, and the statement that writes so many."""


class Transaction:
    """What a job may use. ``rev`` is the last revision given out.

    Rows of one form that follow each other are written by one statement: each step of a statement gives up the
    interpreter and has to win it back from the event loop. Those of OWN need not follow each other.
    """

    step = 1
    """By how much the revision grows from row to row."""

    def __init__(
        self,
        conn: Connection,
        columns: Mapping[str, Mapping[str, bool]],
        forms: dict[tuple[str, tuple[str, ...]], Form],
        now: int,
        rev: int,
    ) -> None:
        self._conn, self.columns, self.forms, self.now, self.rev = conn, columns, forms, now, rev
        self._waiting: dict[str, dict[Form, list[Any]]] = {}
        """Table -> the values of its rows, one behind the other."""
        self._looked: set[str] = set()

    @property
    def conn(self) -> Connection:
        """The connection, for whatever else a job does; it sees all that was written before."""
        self.flush()
        return self._conn

    def peek(self, sql: str, *values: Any) -> Any:
        """The first row of a query that need not see what this transaction has still to write."""
        return self._conn.execute(sql, values).fetchone()

    def is_first_look(self, what: str) -> bool:
        """Whether it is asked for this for the first time: what others wrote of it has been read then."""
        is_first = what not in self._looked
        self._looked.add(what)
        return is_first

    def upsert(self, table: str, row: Row) -> None:
        """Insert the row, or change the given columns of the one with its key. A final request stays as it is."""
        form = self.forms.get((table, names := tuple(row)))
        if form is None:
            form = self.forms[table, names] = _form(table, names, self.columns[table])
        values = self._values(table, form)
        start = len(values)
        given = row.values() if form.is_whole else [row[name] for name in form.sent]
        values.extend(given if form.is_own else map(plain, given))
        for n in form.words:
            if words := values[start + n]:
                values[start + n] = clean(str(words))
        if form.has_rev:
            self.rev += self.step
            values.append(self.rev)

    def _values(self, table: str, form: Form) -> list[Any]:
        """Where those of the next row go."""
        waiting = self._waiting.get(table)
        if waiting is None or (form not in waiting and not form.is_own):
            self._flush(table)
            waiting = self._waiting[table] = {}
        found = waiting.get(form)
        if found is None:
            found = waiting[form] = []
        return found

    def keep_words(self, request_id: str, side: str, words: str) -> None:
        """For said.FOUND, in place of those kept before."""
        conn, key = self.conn, (request_id, side)
        (place,) = conn.execute("SELECT rowid FROM bodies WHERE request_id = ? AND side = ?", key).fetchone()
        conn.execute("DELETE FROM said WHERE rowid = ?", (place,))
        if words:
            conn.execute("INSERT INTO said (rowid, words) VALUES (?, ?)", (place, words))

    def alone(self, counter: str) -> bool:
        """Whether no other process moves this counter now, until the transaction ends."""
        return True

    def edge(self, ms: int) -> int:
        """Before when rows are given up that are older than ``ms``."""
        return ms

    def drop_before(self, folded: int, limits: Mapping[str, int]) -> int:
        """Gives up whole stretches of time that are older than ``limits`` (table -> Unix ms, 0: never); how many."""
        return 0

    def reclaim(self, pages: int) -> None:
        """Gives some of the room back that deleted rows took."""
        self.conn.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()

    def flush(self) -> None:
        for table in list(self._waiting):
            self._flush(table)

    def forget(self) -> None:
        """What has not been written yet will not be."""
        self._waiting.clear()

    def _flush(self, table: str) -> None:
        for form, values in self._waiting.pop(table, {}).items():
            start = 0
            while left := len(values) - start:
                count, statement = next(found for found in form.statements.values() if found[0] <= left)
                self._send(statement, values[start : start + count])
                start += count

    def _send(self, statement: str, values: list[Any]) -> None:
        try:
            self._conn.execute(statement, values)
        except Exception:
            if (fit := [plain(value) for value in values]) == values:
                raise
            self._conn.execute(statement, fit)


def _form(table: str, names: tuple[str, ...], known: Mapping[str, bool]) -> Form:
    for name in names:
        if name not in known:
            log.warning("table %s has no column %s; it is not stored", table, name)
    sent = tuple(name for name in names if name in known and name != "rev")
    has_rev = "rev" in known
    columns = (*sent, "rev") if has_rev else sent
    statements = {size: (size * len(columns), _upsert(table, columns, known, size)) for size in AT_ONCE}
    words = tuple(n for n, name in enumerate(sent) if name in WORDS)
    return Form(table in OWN, sent, sent == names, has_rev, words, statements)


def _upsert(table: str, names: Sequence[str], known: Mapping[str, bool], rows: int) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join([f"({', '.join('?' * len(names))})"] * rows)
    key = ", ".join(f'"{name}"' for name, is_key in known.items() if is_key)
    return f"INSERT INTO {table} ({columns}) VALUES {marks} ON CONFLICT {on_conflict(table, names, key, known)}"


def on_conflict(table: str, names: Iterable[str], key: str, known: Mapping[str, bool]) -> str:
    """What becomes of the row that is there; ``known``: of each column whether it is one of the key."""
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if not known[name])
    guard = " WHERE requests.state = 'running'" if table == "requests" else ""
    return f"({key}) DO UPDATE SET {changes}{guard}" if changes else "DO NOTHING"


def plain(value: Any) -> Any:
    """A value as SQLite takes it: no half surrogates, no huge numbers, no NaN; structures as JSON."""
    match value:
        case str():
            return value if value.isascii() else value.encode(errors="replace").decode()
        case int():
            return max(-LARGEST, min(LARGEST, value))
        case float():
            return value if math.isfinite(value) else None
        case dict() | list() | tuple():
            return json.dumps(value, default=str)
    return value


# ---- the engine -----------------------------------------------------------------------------------------------------
class Folds:
    """The part of a Database that is the same for every engine."""

    folded_at: float = -math.inf

    def due(self) -> bool:
        """Whether there are FOLD requests to add up, or some, and EVERY seconds have gone by."""
        raise NotImplementedError

    def write(self, jobs: Sequence[Job], careful: bool = False) -> list[Any]:
        raise NotImplementedError

    def fold(self, whole: bool = False) -> bool:
        """Add finished requests to the roll-ups, FOLD of them at most, when it is time. True: there are more.
        ``whole``: whatever there is, at once."""
        if not whole and not self.due():
            return False
        more = True
        while more:
            self.folded_at = time.monotonic()
            (more,) = self.write([fold_step])
            if not whole:
                break
        return bool(more)


class Database(Protocol):
    """The connection that writes. Only the writer's thread calls it, but for ``read`` and ``name``. Every method may
    raise the engine's errors, OSError and StoreError."""

    @property
    def name(self) -> str:
        """For people; holds no secret."""

    @property
    def leads(self) -> bool:
        """Whether this gateway does what one has to do for all of them."""

    def ready(self) -> None:
        """Open, made and known to be the right one."""

    def write(self, jobs: Sequence[Job], careful: bool = False) -> list[Any]:
        """All jobs in one transaction, or none. ``careful``: a job that fails by itself gives its error as result."""

    def fold(self, whole: bool = False) -> bool:
        """Add finished requests to the roll-ups when it is time. True: there are more."""

    def check(self) -> None:
        """Look for damage, for a moment."""

    def is_trouble(self, error: BaseException) -> bool:
        """Whether the engine is to blame, and none of the rows."""

    def words_of(self, error: BaseException) -> str: ...

    def failed(self, error: BaseException) -> None:
        """After an error: close what cannot be trusted any more."""

    def read(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """What a query finds, on a connection of its own, from any thread. Raises StoreError."""

    def close(self) -> None: ...

    def leave(self) -> None:
        """Close for good."""


def run(job: Job, transaction: Transaction) -> Any:
    return job(transaction)


def run_alone(job: Job, transaction: Transaction, is_trouble: Callable[[BaseException], bool]) -> Any:
    """A job's own fault undoes this job only, and is returned."""
    transaction.conn.execute("SAVEPOINT job")
    try:
        result = job(transaction)
        transaction.flush()
    except Exception as error:
        if is_trouble(error):
            raise
        transaction.forget()
        transaction.conn.execute("ROLLBACK TO job")
        result = error
    transaction.conn.execute("RELEASE job")
    return result


def add_up(transaction: Transaction, statement: str, rev: int) -> None:
    transaction.conn.execute(statement, {"rev": rev, "now": transaction.rev})


def fold_step(transaction: Transaction, most: int = 0) -> bool:
    """Adds so many finished requests to the roll-ups, at most; 0: FOLD. True: more follow."""
    most = most or FOLD
    conn = transaction.conn
    if not transaction.alone("folded"):
        return False
    counters = dict(conn.execute("SELECT name, value FROM counter").fetchall())
    reach = {"rev": counters["folded"], "now": counters["rev"], "most": most}
    count, last = conn.execute(CHUNK, reach).fetchone()
    more = count >= most
    values = {**counters, "rev": counters["folded"], "last": last if more else max(counters["rev"], counters["folded"])}
    if not count:
        conn.execute("UPDATE counter SET value = ? WHERE name = 'folded'", (values["last"],))
        return False
    for statement in FOLDING:
        conn.execute(statement, values)
    return bool(more)


def lose(transaction: Transaction, ids: Iterable[str]) -> None:
    """Requests that nobody works on any more."""
    for id in ids:
        transaction.rev += transaction.step
        transaction.conn.execute(
            "UPDATE requests SET state = 'lost', phase = 'done', ended_at = ?, rev = ?"
            " WHERE id = ? AND state = 'running'",
            (transaction.now, transaction.rev, id),
        )
