"""The process in which the workers of this machine meet (io/meeting/place.py)."""

import asyncio
import os
import signal
import socket

from ccx_addons.core.settings import Settings
from ccx_addons.io import logs
from ccx_addons.io.meeting.place import Place, serve

try:
    import uvloop
except ImportError:  # Windows: asyncio's own loop
    uvloop = None  # type: ignore[assignment]


def main(fd: int, alive: int, expects: int) -> int:
    """``expects``: how many workers have something to tell. It ends with the supervisor, after the workers: nobody else
    ends it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    settings = Settings.read(os.environ)
    listener = logs.start(settings.log_level, settings.log_format, "meeting")
    try:
        run = asyncio.run if uvloop is None else uvloop.run
        run(serve(Place(expects), socket.socket(fileno=fd), alive))
    finally:
        listener.stop()
    return 0
