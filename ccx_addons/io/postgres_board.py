"""What machines with one PostgreSQL tell each other: how each of them is, and the versions of their configuration.

One connection, of one thread. Times are the server's, so that machines whose clocks differ agree who was heard last.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Final

import psycopg

from ccx_addons.core.errors import ConfigErrors, StoreError
from ccx_addons.io import postgres_schema as schema
from ccx_addons.io.board import SHARED, Beat, Shared
from ccx_addons.io.postgres import Link, Row, words_of
from ccx_addons.io.sealed import PLAIN, Seal, is_sealed

CHANNEL: Final = "ccx_board"
PATIENCE: Final = 5.0
LOCK: Final = 0x63637802
"""Held while a version becomes the newest one: only one machine at a time."""
KEPT_DAYS: Final = 7
"""So long a machine that says nothing any more is shown."""
MOST_VERSIONS: Final = 200
NOW: Final = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
BEAT: Final = f"""
INSERT INTO instances (seen_at, {", ".join(Beat._fields)})
VALUES ({NOW}, {", ".join(["%s"] * len(Beat._fields))})
ON CONFLICT (machine) DO UPDATE SET seen_at = excluded.seen_at,
    {", ".join(f"{name} = excluded.{name}" for name in Beat._fields if name != "machine")}
"""


class Board:
    """Every method raises StoreError, after which the next one connects anew."""

    def __init__(self, url: str, machine: str, seal: Seal = PLAIN) -> None:
        self.url, self.machine, self.seal = url, machine, seal
        self.link: Link | None = None
        self.missed = False

    def heard(self) -> bool:
        """Whether a version may be new: told, or missed while there was no connection."""
        with self._errors() as link:
            news, self.missed = self.missed or bool(link.heard()), False
            return news

    def offset(self) -> float:
        """Seconds that this machine's clock is ahead of the server's, as far as the way there and back lets one say."""
        with self._errors() as link:
            before = time.time()
            ((at,),) = link.raw("SELECT extract(epoch FROM clock_timestamp())::double precision").fetchall()
            return (before + time.time()) / 2 - float(at)

    def beat(self, beat: Beat) -> None:
        with self._errors() as link:
            link.raw(BEAT, tuple(beat))
            link.raw(f"DELETE FROM instances WHERE seen_at < {NOW} - %s", (KEPT_DAYS * 86_400_000,))

    # ---- versions ---------------------------------------------------------------------------------------------------
    def since(self, revision: str) -> list[Shared]:
        """What followed a version, oldest first; all that are kept, where nobody knows it. What this machine cannot
        read is left out, unless it is the newest."""
        sql = (
            "SELECT revision, parent, text, at, who FROM (SELECT * FROM config_versions WHERE state = %(shared)s"
            " AND n > coalesce((SELECT max(n) FROM config_versions WHERE state = %(shared)s"
            " AND revision = %(revision)s), 0) ORDER BY n DESC LIMIT %(most)s) newest ORDER BY n"
        )
        with self._errors() as link:
            found = link.raw(sql, {"shared": SHARED, "revision": revision, "most": MOST_VERSIONS}).fetchall()
            return list(self._read(found))

    def _read(self, rows: list[Row]) -> Iterator[Shared]:
        for n, row in enumerate(rows, 1):
            try:
                text = self.seal.opened(row["text"], row["revision"])
            except ConfigErrors:
                if n == len(rows):
                    raise
            else:
                yield Shared(row["revision"], row["parent"], text, row["at"] / 1000, row["who"])

    def newest(self) -> str:
        """Its revision; empty: there is none."""
        with self._errors() as link:
            return _newest(link)

    def publish(self, version: Shared) -> bool:
        """For all machines. False: another version has followed ``parent`` meanwhile."""
        with self._errors() as link, self._alone():
            if _newest(link) != version.parent:
                return False
            self._insert(link, version, SHARED)
            sql = "DELETE FROM config_versions WHERE n <= (SELECT max(n) FROM config_versions) - %s"
            link.raw(sql, (2 * MOST_VERSIONS,))
            link.raw("SELECT pg_notify(%s, '')", (CHANNEL,))
            return True

    def offer(self, version: Shared) -> bool:
        """Somebody changed the file of one machine by hand. False: it is known already."""
        with self._errors() as link, self._alone():
            known = "SELECT 1 FROM config_versions WHERE revision = %s AND (state = %s OR machine = %s)"
            if link.raw(known, (version.revision, SHARED, self.machine)).fetchone():
                return False
            self._insert(link, version, "offered")
            return True

    def _insert(self, link: Link, version: Shared, state: str) -> None:
        newest = link.raw("SELECT revision, text FROM config_versions ORDER BY n DESC LIMIT 1").fetchone()
        if newest and is_sealed(newest["text"]):
            # Who cannot read what is there writes nothing beside it.
            self.seal.opened(newest["text"], newest["revision"])
        sql = (
            "INSERT INTO config_versions (revision, parent, text, at, who, machine, state)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        )
        text, at = self.seal.closed(version.text, version.revision), int(version.at * 1000)
        link.raw(sql, (version.revision, version.parent, text, at, version.who, self.machine, state))

    def _seal_all(self, link: Link) -> None:
        """What is not sealed yet, or with a secret of before."""
        old = "SELECT n, revision, text FROM config_versions WHERE left(text, %s) <> %s"
        if not self.seal.mark or not link.raw(old, (len(self.seal.mark), self.seal.mark)).fetchall():
            return
        with self._alone():
            for row in link.raw(old, (len(self.seal.mark), self.seal.mark)).fetchall():
                with contextlib.suppress(ConfigErrors):  # of a secret that nobody told this machine
                    text = self.seal.closed(self.seal.opened(row["text"], row["revision"]), row["revision"])
                    link.raw("UPDATE config_versions SET text = %s WHERE n = %s", (text, row["n"]))

    def settle(self, n: int, state: str) -> None:
        with self._errors() as link:
            link.raw("UPDATE config_versions SET state = %s WHERE n = %s AND state = 'offered'", (state, n))

    # ---- the connection ---------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def _errors(self) -> Iterator[Link]:
        try:
            if self.link is None:
                self._open()
            assert self.link
            yield self.link
        except psycopg.Error as error:
            self.close()
            raise StoreError(words_of(error)) from error

    def _open(self) -> None:
        self.link, self.missed = Link(self.url, f"ccx {self.machine} board", PATIENCE), True
        schema.make(self.link)
        self.link.script(f"LISTEN {CHANNEL}")
        self._seal_all(self.link)

    def close(self) -> None:
        if self.link:
            with contextlib.suppress(psycopg.Error):
                self.link.close()
        self.link = None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """A transaction of which there is one at a time."""
        assert self.link
        self.link.script("BEGIN")
        try:
            self.link.raw("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            yield
            self.link.script("COMMIT")
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                self.link.script("ROLLBACK")
            raise


def _newest(link: Link) -> str:
    sql = "SELECT revision FROM config_versions WHERE state = %s ORDER BY n DESC LIMIT 1"
    found = link.raw(sql, (SHARED,)).fetchone()
    return str(found[0]) if found else ""
