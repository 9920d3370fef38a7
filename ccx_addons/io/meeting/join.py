"""Which meeting place a worker has."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ccx_addons.core.errors import StoreError
from ccx_addons.core.ids import uuid7
from ccx_addons.core.settings import Settings
from ccx_addons.io.machine import name_of
from ccx_addons.io.meeting import Alone, Meeting, Member
from ccx_addons.scheduler.limits import Limits

ONE_LOG: Final = "log"
"""What each machine knows to be spent is what all of them have spent."""


def meeting_of(settings: Settings, environ: Mapping[str, str], limits: Limits) -> Meeting:
    """``environ`` has where the supervisor has put the place of this machine.

    Raises StoreError when the engine cannot be used at all, OSError when the data folder cannot."""
    path, count = environ.get("CCX_MEETING", ""), settings.worker_count
    if settings.ccx_valkey_url:
        return _valkey(settings, limits)
    if settings.ccx_database_url:
        return _postgres(settings, limits)
    if count == 1 or not path:
        return Alone(limits)
    from ccx_addons.io.meeting.line import Line

    return Member(limits, Line(Path(path), limits.part), lambda: count)


def _postgres(settings: Settings, limits: Limits) -> Meeting:
    from ccx_addons.io.meeting.postgres import Postgres  # the store has told already where its driver is missing

    who = f"ccx {platform.node()}/{os.getpid()}/{uuid7()}"
    engine = Postgres(settings.ccx_database_url, limits.part, who, settings.ccx_valkey_wait)
    return Member(limits, engine, lambda: max(engine.live, settings.worker_count))


def _valkey(settings: Settings, limits: Limits) -> Meeting:
    try:
        from ccx_addons.io.meeting.valkey import Valkey
    except ImportError:
        raise StoreError("CCX_VALKEY_URL needs redis-py: pip install 'ccx[cluster]'") from None
    machine = ONE_LOG if settings.ccx_database_url else name_of(Path(settings.ccx_data_dir))
    who = f"{machine}/{os.getpid()}/{uuid7()}"
    try:
        engine = Valkey(settings.ccx_valkey_url, limits.part, who, machine, settings.ccx_valkey_wait)
    except ValueError as error:
        raise StoreError(f"CCX_VALKEY_URL: {error}") from None
    return Member(limits, engine, lambda: max(engine.live, settings.worker_count))
