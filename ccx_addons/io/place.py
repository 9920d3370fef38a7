"""Where the log is: a file of SQLite, or the address of a PostgreSQL database."""

from pathlib import Path
from typing import Final, TypeGuard

from ccx_addons.core.settings import Settings

DATABASE: Final = "ccx.db"
SCHEMES: Final = ("postgresql://", "postgres://")

type Place = Path | str
"""A path, or a URL as in postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS."""


def place_of(settings: Settings) -> Place:
    return settings.ccx_database_url or Path(settings.ccx_data_dir) / DATABASE


def is_postgres(place: Place) -> TypeGuard[str]:
    return isinstance(place, str) and place.startswith(SCHEMES)
