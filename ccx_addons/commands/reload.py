"""Tells a running gateway to start its workers anew."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Final

from ccx_addons.commands import parser
from ccx_addons.commands.places import environment
from ccx_addons.io.running import Running, find
from ccx_addons.processes.supervisor import StartError

PATIENCE: Final = 180.0
"""Seconds that a reload may take."""
LOOK: Final = 0.1


def reload(arguments: list[str]) -> int:
    """New workers with the settings and the code as they are now, one after the other; no request is refused or cut."""
    parser("reload", reload).parse_args(arguments)
    folder = Path(environment(os.environ)["CCX_DATA_DIR"])
    before, waiting = running(folder), threading.Event()
    os.kill(before.pid, signal.SIGHUP)
    until = time.monotonic() + PATIENCE
    while (now := running(folder)).reloads == before.reloads:
        if time.monotonic() > until:
            raise StartError(f"the gateway (process {before.pid}) has not reloaded within {PATIENCE:.0f} s")
        waiting.wait(LOOK)
    if now.said:
        raise StartError(now.said)
    print("reloaded")
    return 0


def running(folder: Path) -> Running:
    found = find(folder)
    if found is None:
        raise StartError(f"no gateway uses the folder {folder}")
    return found
