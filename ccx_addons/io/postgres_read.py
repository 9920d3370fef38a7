"""A few connections to PostgreSQL that many threads read with."""

import queue
import threading
import time
from typing import Any, Final

import psycopg

from ccx_addons.io.postgres import Link, Params, Row, is_trouble, words_of

MOST: Final = 4
"""Connections of one process."""
FRESH: Final = 0.1
"""Seconds that what was newest is good for: many threads ask."""
SLACK: Final = 2.0
"""Seconds that the server may take to give up a query."""


class ReadError(Exception):
    """Its text holds no SQL. ``is_slow``: the query took too long."""

    def __init__(self, words: str, is_slow: bool = False) -> None:
        super().__init__(words)
        self.is_slow = is_slow


class Pool:
    """Threads wait for a connection as long as for a query."""

    def __init__(self, url: str, most: int = MOST) -> None:
        self.url = url
        self._free: queue.LifoQueue[Link | None] = queue.LifoQueue()
        for _ in range(most):
            self._free.put(None)
        self._lock = threading.Lock()
        self._newest, self._asked_at = 0, 0.0

    def rows(self, sql: str, params: Params, seconds: float) -> list[Row]:
        try:
            link = self._free.get(timeout=seconds)
        except queue.Empty:
            raise ReadError("too much is asked of the database just now", is_slow=True) from None
        is_old, until = link is not None, time.monotonic() + seconds / 2
        try:
            while True:
                try:
                    link = link or self._open(seconds)
                    return link.execute(sql, params).fetchall()
                except psycopg.errors.QueryCanceled:
                    raise ReadError("the query took too long", is_slow=True) from None
                except psycopg.Error as error:
                    lost = is_trouble(error)
                    if link and lost:
                        link.close()
                        link = None
                    if not (is_old and lost and time.monotonic() < until):
                        raise ReadError(f"the database cannot be read ({words_of(error)})") from error
                    is_old = False  # it ended while nobody looked: the server may be well again
        finally:
            self._free.put(link)

    def _open(self, seconds: float) -> Link:
        link = Link(self.url, "ccx panel", seconds + SLACK)
        link.raw("SELECT set_config('statement_timeout', %s, false)", (str(int(seconds * 1000)),))
        link.script("SET default_transaction_read_only = on")
        return link

    def version(self) -> int:
        """Grows with whatever is written."""
        with self._lock:
            now = time.monotonic()
            if now - self._asked_at >= FRESH:
                found: Any = self.rows("SELECT value FROM counter WHERE name = ?", ("rev",), SLACK)[0][0]
                self._newest, self._asked_at = int(found), time.monotonic()
            return self._newest
