"""follow.Source for PostgreSQL: news are told by NOTIFY, and what nobody tells of is looked for once a second."""

import contextlib
import platform
import time
from collections.abc import Collection, Iterator
from typing import Final

import psycopg

from ccx_addons.core.errors import StoreError
from ccx_addons.io.postgres import Link, words_of
from ccx_addons.io.postgres_database import CHANNEL, LOST
from ccx_addons.io.transaction import Connection

EVERY: Final = 1.0
"""Seconds after which there may be news that nobody told of: places of conversations, what others spent."""
PATIENCE: Final = 5.0
LIVING: Final = f"SELECT DISTINCT boot_id FROM boots WHERE seen_at > clock_timestamp() - interval '{LOST} s'"


class Postgres:
    def __init__(self, url: str) -> None:
        self.url = url
        self.link: Link | None = None
        self.looked_at = 0.0
        self.told = False

    def has_news(self) -> bool:
        with self._errors():
            if self.link is None:
                self.link = Link(self.url, f"ccx {platform.node()} follows", PATIENCE)
                self.link.script(f"LISTEN {CHANNEL}")
                self.told = True
            self.told = bool(self.link.heard()) or self.told
        return self.told or time.monotonic() - self.looked_at >= EVERY

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        assert self.link
        with self._errors():
            self.link.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self.told = False  # what is told from here on may be missing in it
            yield self.link
            self.link.script("COMMIT")
        self.looked_at = time.monotonic()

    def living(self) -> Collection[str]:
        assert self.link
        with self._errors():
            return [boot_id for (boot_id,) in self.link.raw(LIVING)]

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            self.close()
            raise StoreError(words_of(error)) from error

    def close(self) -> None:
        if self.link:
            with contextlib.suppress(psycopg.Error):
                self.link.close()
        self.link = None
