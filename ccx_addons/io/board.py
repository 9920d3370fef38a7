"""What machines with one database tell each other: how each of them is, and the versions of their configuration."""

import platform
from typing import Final, NamedTuple, Protocol

from ccx_addons.core.settings import Settings
from ccx_addons.io.place import is_postgres, place_of

SHARED: Final = "shared"
"""State of a version that was for all machines; others are ``offered``, ``taken`` or ``dropped``."""
MOST_OFFSET: Final = 2.0
"""Seconds that a machine's clock may differ from the database's before somebody should know."""


class Beat(NamedTuple):
    """How a machine is. ``clock_offset``: seconds that it is ahead of the server. ``revision``: of the configuration in
    force; ``refused`` and ``why``: the newest one, where it is not valid here. ``secrets``: JSON, name -> mark of its
    value; ``engines``: JSON, name -> what is wrong, empty where nothing is."""

    machine: str
    boot_id: str
    version: str
    workers: int
    started_at: int
    clock_offset: float
    revision: str
    refused: str
    why: str
    secrets: str
    queue: int
    engines: str


class Shared(NamedTuple):
    """One version of the configuration, for all machines. ``at``: Unix seconds. ``parent``: what it was made from."""

    revision: str
    parent: str
    text: str
    at: float
    who: str


class Board(Protocol):
    """Every method but ``close`` raises StoreError, after which the next one connects anew. What reads or writes
    versions raises ConfigErrors where they are sealed with a secret that is not this machine's."""

    machine: str

    def heard(self) -> bool:
        """Whether a version may be new: told, or missed while there was no connection."""

    def offset(self) -> float:
        """Seconds that this machine's clock is ahead of the server's."""

    def beat(self, beat: Beat) -> None: ...

    def since(self, revision: str) -> list[Shared]:
        """What followed a version, oldest first; all that are kept, where nobody knows it."""

    def newest(self) -> str:
        """Its revision; empty: there is none."""

    def publish(self, version: Shared) -> bool:
        """For all machines. False: another version has followed ``parent`` meanwhile."""

    def offer(self, version: Shared) -> bool:
        """Somebody changed the file of one machine by hand. False: it is known already."""

    def settle(self, n: int, state: str) -> None:
        """What became of an offer: ``taken`` or ``dropped``."""

    def close(self) -> None: ...


class Nobody:
    """As a board on which nobody else looks."""

    machine = ""

    def heard(self) -> bool:
        return False

    def offset(self) -> float:
        return 0.0

    def beat(self, beat: Beat) -> None:
        """Nobody looks."""

    def since(self, revision: str) -> list[Shared]:
        return []

    def newest(self) -> str:
        return ""

    def publish(self, version: Shared) -> bool:
        return True

    def offer(self, version: Shared) -> bool:
        return False

    def settle(self, n: int, state: str) -> None:
        """Nobody offers."""

    def close(self) -> None:
        """There is nothing."""


NOBODY: Final = Nobody()


def machine_of(settings: Settings) -> str:
    return settings.ccx_machine or platform.node() or "machine"


def board_of(settings: Settings) -> Board | None:
    """None: this machine has a database of its own."""
    place = place_of(settings)
    if not is_postgres(place):
        return None
    from ccx_addons.io.postgres_board import Board as Postgres
    from ccx_addons.io.sealed import seal_of

    return Postgres(place, machine_of(settings), seal_of(settings))


def line_of(settings: Settings) -> Board | None:
    """Where the versions of the configuration are; None: each machine's file is its own."""
    return board_of(settings) if settings.ccx_config_from == "database" else None
