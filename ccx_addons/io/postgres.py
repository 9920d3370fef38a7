"""PostgreSQL by psycopg 3: connections that take this program's SQL and give rows by name and place.

The SQL is that of SQLite (transaction.py says which forms of it). ``translated`` does the rest, once for each text.
A connection belongs to one thread. It never hangs: whatever takes longer than its patience ends the connection, also
where the server is frozen and says nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.adapt import Buffer, Loader

from ccx_addons.io import said

PATIENCE: Final = 20.0
"""Seconds for one statement."""
CONNECT: Final = 4
"""Seconds to set up a connection."""
SESSION: Final = (
    "SET jit = off",  # sums of many columns: compiling them takes longer than adding them up
    "SET lock_timeout = '2s'",
    "SET idle_in_transaction_session_timeout = '60s'",
)
WAITING: Final = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure, errors.QueryCanceled)
"""After these the connection is still good, and the same is tried again."""
TOKENS: Final = re.compile(
    r"(?P<comment>--[^\n]*)|(?P<hint>\s+INDEXED BY \w+)|(?P<text>'(?:[^']|'')*'|\"[^\"]*\")|(?P<mark>\?)"
    r"|(?<!:):(?P<name>[a-z_]\w*)|(?P<like>\bLIKE\b)|(?P<percent>%)"
)
FOUND: Final = "SELECT request_id FROM bodies WHERE words @@ ccx_phrase(?)"
"""``said.FOUND`` here."""

Failure: Final = psycopg.Error

type Params = Sequence[Any] | Mapping[str, Any]


@lru_cache(2048)
def translated(sql: str) -> str:
    """SQL of SQLite's as psycopg takes it. LIKE knows no capitals in SQLite."""
    return TOKENS.sub(_token, sql.replace(said.FOUND, FOUND))


def _token(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "comment" | "hint":
            return ""
        case "mark":
            return "%s"
        case "name":
            return f"%({found['name']})s"
        case "like":
            return "ILIKE"
        case "percent":
            return "%%"
    return found[0].replace("%", "%%")


class Row(Sequence[Any]):
    """As sqlite3.Row: values by name, place or slice; ``dict(row)`` works."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[str, int], values: Sequence[Any]) -> None:
        self._places, self._values = places, values

    def keys(self) -> list[str]:
        return list(self._places)

    def __getitem__(self, key: Any) -> Any:
        return self._values[self._places[key] if isinstance(key, str) else key]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row | tuple) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(dict(zip(self._places, self._values, strict=True)))


def _rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    places = {column.name: n for n, column in enumerate(cursor.description or ())}
    return lambda values: Row(places, values)


class _Number(Loader):
    """Sums of whole numbers are whole numbers."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


class _Patient(psycopg.Connection[Any]):
    most: float = PATIENCE

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, self.most if timeout is None else timeout)


class Link:
    """One connection, each statement for itself unless BEGIN was said. Raises psycopg.Error."""

    def __init__(self, url: str, name: str, patience: float = PATIENCE) -> None:
        """``name``: whom the server shows for it."""
        self._conn = _Patient.connect(
            url,
            autocommit=True,
            row_factory=_rows,
            connect_timeout=CONNECT,
            application_name=name[:60],
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
        self._conn.most = patience
        self._conn.adapters.register_loader("numeric", _Number)
        for statement in SESSION:
            self._conn.execute(statement)

    def execute(self, sql: str, params: Params = (), /) -> psycopg.Cursor[Row]:
        return self._conn.execute(translated(sql).encode(), params)

    def raw(self, sql: str, params: Params = ()) -> psycopg.Cursor[Row]:
        """PostgreSQL's own SQL, with psycopg's marks."""
        return self._conn.execute(sql.encode(), params)

    def script(self, sql: str) -> None:
        """Statements without values, as they are."""
        self._conn.execute(sql.encode())

    def copy(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """COPY ... FROM STDIN; how many."""
        count = 0
        with self._conn.cursor().copy(sql.encode()) as copy:
            for row in rows:
                copy.write_row(row)
                count += 1
        return count

    def heard(self) -> list[str]:
        """What was told by NOTIFY since the last look, without asking the server."""
        return [found.payload for found in self._conn.notifies(timeout=0)]

    @property
    def closed(self) -> bool:
        return bool(self._conn.closed)

    def close(self) -> None:
        self._conn.close()


def is_trouble(error: BaseException) -> bool:
    """Whether the server or the way to it is to blame, and no value that was given."""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | errors.InternalError_)


def is_broken(error: BaseException) -> bool:
    """Whether a connection is of no more use: the answer to its statement may still come, and belong to nobody."""
    return is_trouble(error) and not isinstance(error, WAITING)


def words_of(error: BaseException) -> str:
    """In one line, without what a server adds of statements and values."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((primary or str(error) or type(error).__name__).split())[:300]
