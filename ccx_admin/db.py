"""Reading the log for the panel: from SQLite's file, one connection a thread, or PostgreSQL, a few for all threads."""

import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from ccx_addons.core.errors import CcxError
from ccx_addons.io.place import Place, is_postgres

if TYPE_CHECKING:
    from ccx_addons.io.postgres_read import Pool, ReadError

type Params = Sequence[Any] | Mapping[str, Any]
type Row = sqlite3.Row

TIME: Final = 5.0
"""Seconds after which a query is given up."""
STEPS: Final = 20_000
"""SQLite instructions between two looks at the clock."""


def row_id(text: str) -> int:
    """The id of a row as a query names it; 0: it names none that SQLite could have."""
    return int(text) if text.isdecimal() and len(text) < 19 else 0


class DatabaseUnavailable(CcxError):
    """The database cannot be read now. Its text holds no SQL."""


class QueryTooSlow(DatabaseUnavailable):
    def __init__(self) -> None:
        super().__init__("the search took too long; narrow it down, for example by time")


class Source(Protocol):
    """Raises DatabaseUnavailable or QueryTooSlow, nothing else."""

    def rows(self, sql: str, params: Params, seconds: float) -> list[Row]: ...

    def version(self) -> int:
        """Another number when another process may have committed something."""

    def bytes(self) -> int:
        """What it takes on the disk."""

    def workers(self, own: int) -> int:
        """How many write to it now. ``own``: those of this machine."""

    def close(self) -> None:
        """This thread reads no more for now."""


class Reader:
    """Rows come as sqlite3.Row or its like; every method raises DatabaseUnavailable or QueryTooSlow, nothing else."""

    def __init__(self, place: Place, time_limit: float = TIME) -> None:
        self.source = _source_of(place)
        self.time_limit = time_limit

    def rows(self, sql: str, params: Params = ()) -> list[Row]:
        """All rows of one SELECT. Values come in only through ``params``."""
        return self.source.rows(sql, params, self.time_limit)

    def row(self, sql: str, params: Params = ()) -> Row | None:
        """The first row."""
        found = self.rows(sql, params)
        return found[0] if found else None

    def value(self, sql: str, params: Params = ()) -> Any:
        """The first column of the first row; None: there is no row."""
        found = self.row(sql, params)
        return found[0] if found else None

    def data_version(self) -> int:
        """A number that changes when another process has committed something, or the database was replaced."""
        return self.source.version()

    def bytes(self) -> int:
        return self.source.bytes()

    def workers(self, own: int) -> int:
        return self.source.workers(own)

    def close(self) -> None:
        """Close this thread's connection; the next query opens another."""
        self.source.close()


def _source_of(place: Place) -> Source:
    if not is_postgres(place):
        return Sqlite(Path(place).absolute())
    from ccx_addons.io.postgres_read import Pool, ReadError

    return Postgres(Pool(place), ReadError)


class Postgres:
    """``failure``: what the pool raises."""

    def __init__(self, pool: "Pool", failure: type["ReadError"]) -> None:
        self.pool, self.failure = pool, failure

    def rows(self, sql: str, params: Params, seconds: float) -> list[Row]:
        try:
            return cast(list[Row], self.pool.rows(sql, params, seconds))
        except self.failure as error:
            raise QueryTooSlow if error.is_slow else DatabaseUnavailable(str(error)) from error

    def version(self) -> int:
        try:
            return self.pool.version()
        except self.failure as error:
            raise DatabaseUnavailable(str(error)) from error

    def bytes(self) -> int:
        return int(self.rows("SELECT pg_database_size(current_database())", (), TIME)[0][0])

    def workers(self, own: int) -> int:
        living = "SELECT count(*) FROM boots WHERE worker >= 0 AND seen_at > clock_timestamp() - interval '30 s'"
        return int(self.rows(living, (), TIME)[0][0])

    def close(self) -> None:
        """Connections are nobody's."""


class Sqlite:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    def rows(self, sql: str, params: Params, seconds: float) -> list[Row]:
        conn = self._connection()
        until = time.monotonic() + seconds
        conn.set_progress_handler(lambda: time.monotonic() > until, STEPS)
        try:
            return conn.execute(sql, params).fetchall()
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise QueryTooSlow from None
            self.close()
            raise DatabaseUnavailable(f"the database cannot be read ({error.sqlite_errorname})") from error

    def version(self) -> int:
        version = int(self.rows("PRAGMA data_version", (), TIME)[0][0])
        return version + (int(self._local.opened) << 32)

    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.path.parent.glob(f"{self.path.name}*") if path.is_file())

    def workers(self, own: int) -> int:
        return own

    def close(self) -> None:
        conn: sqlite3.Connection | None = getattr(self._local, "conn", None)
        self._local.conn = None
        if conn is not None:
            conn.close()

    def _connection(self) -> sqlite3.Connection:
        conn: sqlite3.Connection | None = getattr(self._local, "conn", None)
        identity = self._identity()
        if conn is not None and self._local.identity == identity:
            return conn
        self.close()
        try:
            conn = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=1.0)
        except sqlite3.Error as error:
            raise DatabaseUnavailable("there is no database yet") from error
        conn.row_factory = sqlite3.Row
        self._local.conn, self._local.identity = conn, identity
        self._local.opened = getattr(self._local, "opened", 0) + 1
        return conn

    def _identity(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError:
            raise DatabaseUnavailable("there is no database yet") from None
        return found.st_dev, found.st_ino
