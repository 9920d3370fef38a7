"""Following the log from a thread that only reads: whether something changed, and what is there at one moment."""

import contextlib
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, Protocol

from ccx_addons.core.errors import StoreError
from ccx_addons.io.place import Place
from ccx_addons.io.transaction import Connection

BUSY: Final = 1.0
"""Seconds a reader waits for the database."""


class Source(Protocol):
    """Every method raises StoreError, after which the next look opens anew."""

    def has_news(self) -> bool:
        """Whether something may be new since the last snapshot."""

    def snapshot(self) -> contextlib.AbstractContextManager[Connection]:
        """All that is read in it is of one moment."""

    def living(self) -> Collection[str]:
        """The boots of other gateways that are there now; within a snapshot."""

    def close(self) -> None: ...


def source_of(place: Place) -> Source:
    if isinstance(place, Path):
        return Sqlite(place)
    from ccx_addons.io.postgres_follow import Postgres

    return Postgres(place)


class Sqlite:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.conn: sqlite3.Connection | None = None
        self.identity: tuple[int, int] = (0, 0)
        self.seen = self.version = -1

    def has_news(self) -> bool:
        try:
            self._open()
            assert self.conn
            (self.version,) = self.conn.execute("PRAGMA data_version").fetchone()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreError(str(error)) from error
        return self.version != self.seen

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        assert self.conn
        try:
            self.conn.execute("BEGIN")
            yield self.conn
            self.conn.execute("COMMIT")
        except sqlite3.Error as error:
            self.close()
            raise StoreError(str(error)) from error
        self.seen = self.version

    def living(self) -> Collection[str]:
        return ()

    def _open(self) -> None:
        place = self.path.stat()
        if self.conn and (place.st_dev, place.st_ino) != self.identity:
            self.close()
        if self.conn is None:
            self.identity = (place.st_dev, place.st_ino)
            self.conn = connect(self.path)

    def close(self) -> None:
        if self.conn:
            self.conn.close()
        self.conn, self.seen = None, -1


def connect(path: Path) -> sqlite3.Connection:
    """Read only, from whatever thread looks."""
    conn = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False
    )
    conn.row_factory = sqlite3.Row
    return conn
