"""Reading data/ccx.db: read-only, one connection a thread, opened again when the file is replaced."""

import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ccx_addons.core.errors import CcxError

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


class Reader:
    """Rows come as sqlite3.Row; every method raises DatabaseUnavailable or QueryTooSlow, nothing else."""

    def __init__(self, path: Path | str, time_limit: float = TIME) -> None:
        self.path = Path(path).absolute()
        self.time_limit = time_limit
        self._local = threading.local()

    def rows(self, sql: str, params: Params = ()) -> list[Row]:
        """All rows of one SELECT. Values come in only through ``params``."""
        conn = self._connection()
        until = time.monotonic() + self.time_limit
        conn.set_progress_handler(lambda: time.monotonic() > until, STEPS)
        try:
            return conn.execute(sql, params).fetchall()
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise QueryTooSlow from None
            self.close()
            raise DatabaseUnavailable(f"the database cannot be read ({error.sqlite_errorname})") from error

    def row(self, sql: str, params: Params = ()) -> Row | None:
        """The first row."""
        found = self.rows(sql, params)
        return found[0] if found else None

    def value(self, sql: str, params: Params = ()) -> Any:
        """The first column of the first row; None: there is no row."""
        found = self.row(sql, params)
        return found[0] if found else None

    def data_version(self) -> int:
        """A number that changes when another process has committed something, or the file was replaced."""
        version = int(self.value("PRAGMA data_version"))
        return version + (int(self._local.opened) << 32)

    def close(self) -> None:
        """Close this thread's connection; the next query opens another."""
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
