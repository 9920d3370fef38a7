"""The last good configuration: a copy of ccx.yaml for a process that starts over a broken file.

It has the file's keys in it, so it stands where the kept versions of the file are.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ccx_addons.core.config import Snapshot
from ccx_addons.core.errors import ConfigErrors
from ccx_addons.core.settings import Settings
from ccx_addons.io import yaml_file
from ccx_addons.io.files import write_atomically

log: Final = logging.getLogger("ccx")

COPY: Final = "last-good"
"""Not ``.yaml``: it is none of the versions that a person kept."""


def take(settings: Settings, now: float) -> Snapshot:
    """What ccx.yaml says; its text is kept. Raises ConfigErrors."""
    loaded = yaml_file.load(Path(settings.ccx_config))
    snapshot = yaml_file.snapshot_of(loaded, settings, now)
    try:
        _keep(copy_of(settings), loaded.text)
    except OSError as error:
        log.warning("no copy of the configuration can be kept: %s", error)
    return snapshot


def take_or_last(settings: Settings, now: float) -> tuple[Snapshot, ConfigErrors | None]:
    """What ccx.yaml says; or the last good one, and what is wrong with the file. Raises ConfigErrors without one."""
    try:
        return take(settings, now), None
    except ConfigErrors as errors:
        if last := read(settings, now):
            return last, errors
        raise


def read(settings: Settings, now: float, environ: Mapping[str, str] = os.environ) -> Snapshot | None:
    try:
        return yaml_file.read_snapshot(copy_of(settings), settings, now=now, environ=environ)
    except ConfigErrors:
        return None


def copy_of(settings: Settings) -> Path:
    return yaml_file.backups(Path(settings.ccx_config)) / COPY


def _keep(path: Path, text: str) -> None:
    data = text.encode()
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, text)
