"""The panel's process: a threaded server behind a listening socket that the supervisor opened."""

import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Flask

from ccx_addons.core import mask
from ccx_addons.core.settings import Settings
from ccx_addons.io import logs
from ccx_admin import create_app
from ccx_admin.alerts.sender import sender
from ccx_admin.requests.live import MAX_SOCKETS

try:
    from gunicorn.app.base import BaseApplication
    from gunicorn.glogging import Logger
except ImportError:  # gunicorn needs fork(2)
    BaseApplication = Logger = object

log: Final = logging.getLogger("ccx")

THREADS: Final = MAX_SOCKETS + 16
"""A WebSocket holds its thread; the rest answer requests."""
GRACE: Final = 3
"""Seconds that answers under way may take when the panel stops."""


def main(fd: int, parent_fd: int = -1) -> int:
    """Serves until SIGTERM, or until the supervisor is gone: its end of ``parent_fd`` closes. -1: nobody watches."""
    settings = Settings.read(os.environ)
    start_logging(settings)
    if BaseApplication is object:
        return werkzeug(settings, fd, parent_fd)
    Gunicorn(lambda: made(settings), fd, parent_fd).run()
    return 0


def made(settings: Settings) -> Flask:
    """The application, and the one thread that tells people what goes wrong."""
    app = create_app(settings)
    sender(app).start()
    return app


def start_logging(settings: Settings) -> None:
    """To stderr, in the gateway's form."""
    mask.use(mask.Secrets(settings.secrets()))
    logs.mask_uncaught()
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(logs.JsonLines("panel") if settings.log_format == "json" else logs.TextLines())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[out], force=True)
    for name in (*logs.QUIET, "werkzeug"):
        logging.getLogger(name).setLevel(logging.WARNING)


def watch_parent(parent_fd: int, stop: Callable[[], None]) -> None:
    """Call ``stop`` once the other end of the pipe is closed."""

    def wait() -> None:
        select.select([parent_fd], [], [])  # nobody writes: it becomes readable at its end
        stop()

    if parent_fd >= 0:
        threading.Thread(target=wait, name="ccx-parent", daemon=True).start()


class PanelLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own words go where ours go."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)
        self.access_log.disabled = True


class Gunicorn(BaseApplication):  # type: ignore[misc]
    """One worker process with threads. The application is made in it: its threads would not survive the fork.

    https://docs.gunicorn.org/en/stable/custom.html
    """

    def __init__(self, make: Callable[[], Flask], fd: int, parent_fd: int) -> None:
        self.make, self.fd, self.parent_fd = make, fd, parent_fd
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options().items():
            self.cfg.set(name, value)

    def options(self) -> Mapping[str, Any]:
        return {
            "bind": f"fd://{self.fd}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "timeout": 120,
            "graceful_timeout": GRACE,
            "keepalive": 15,
            "logger_class": PanelLogger,
            "limit_request_line": 8190,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "forwarder_headers": "",
            "proc_name": "ccx-panel",
        }

    def load(self) -> Flask:
        arbiter = os.getppid()
        watch_parent(self.parent_fd, lambda: os.kill(arbiter, signal.SIGTERM))
        return self.make()


def werkzeug(settings: Settings, fd: int, parent_fd: int) -> int:
    """Where gunicorn does not run."""
    from werkzeug.serving import make_server

    sock = socket.socket(fileno=fd)
    host, port = sock.getsockname()[:2]
    server = make_server(host, port, made(settings), threaded=True, fd=sock.fileno())
    watch_parent(parent_fd, server.shutdown)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    return 0
