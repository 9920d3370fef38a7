"""Starts the processes and keeps them: proxy workers that share one listening socket, and the panel.

The supervisor itself imports little and does little: it binds the port (so that a port in use is one clear line),
spawns, restarts what crashed, passes SIGTERM on, and waits.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from ccx_addons.core.errors import CcxError
from ccx_addons.core.ids import uuid7
from ccx_addons.core.settings import Settings
from ccx_addons.io.alone import alone

ROOT: Final = Path(__file__).resolve().parent.parent
START_TIME: Final = 30.0
"""Seconds a worker may take until it is ready."""
STEADY: Final = 5.0
"""A process that lived this many seconds is restarted at once, a younger one after a pause."""
WATCH: Final = 0.25
"""Seconds between two looks at the children."""


MITMWEB: Final = """
mitmweb is on {url} with the password {password}
It keeps every flow in memory and shows upstream keys: to look into things on this machine, not for service."""


class StartError(CcxError):
    """One clear line and exit 1."""


@dataclass
class Child:
    """One supervised process."""

    name: str
    start: Callable[[], "subprocess.Popen[bytes]"]
    process: "subprocess.Popen[bytes]"
    born: float = field(default_factory=time.monotonic)
    again_at: float | None = None
    """When a process that died is started again; None: it lives."""

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def revive(self, now: float) -> None:
        """Start again what died: at once when it had lived for a while, else after a pause, so that it cannot spin."""
        if self.alive:
            return
        if self.again_at is None:
            lived = now - self.born
            print(f"ccx: {self.name} ended with {self.process.returncode} after {lived:.0f} s", file=sys.stderr)
            self.again_at = now if lived > STEADY else now + STEADY
        if now >= self.again_at:
            self.again_at, self.born = None, now
            self.process = self.start()


@dataclass(frozen=True)
class Sockets:
    """What children inherit: the listening sockets, and the pipe whose end tells them that the supervisor is gone."""

    public: socket.socket
    panel: socket.socket | None
    alive: int
    mitmweb: socket.socket | None = None

    @property
    def panel_port(self) -> int:
        return int(self.panel.getsockname()[1]) if self.panel else 0


def bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    sock.listen(1024)
    sock.setblocking(False)
    return sock


def start_worker(sockets: Sockets, index: int, env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """A proxy process; waits until it is ready, or dead."""
    ready_read, ready_write = os.pipe()
    public = sockets.public.fileno()
    mitmweb = sockets.mitmweb.fileno() if sockets.mitmweb else -1
    numbers = (public, ready_write, sockets.alive, index, sockets.panel_port, mitmweb)
    command = [sys.executable, "-O", "-P", "-m", "ccx_addons", "worker", *map(str, numbers)]
    inherited = [fd for fd in (public, ready_write, sockets.alive, mitmweb) if fd >= 0]
    process = subprocess.Popen(command, env=env, pass_fds=inherited)
    os.close(ready_write)
    ready = os.read(ready_read, 1)  # empty when the worker died before it was ready
    os.close(ready_read)
    if not ready:
        process.wait(START_TIME)
    return process


def start_panel(sockets: Sockets, env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """The panel's process. Traffic does not wait for it."""
    assert sockets.panel
    numbers = (sockets.panel.fileno(), sockets.alive)
    command = [sys.executable, "-P", "-m", "ccx_addons", "panel", *map(str, numbers)]
    return subprocess.Popen(command, env=env, pass_fds=numbers)


def run(settings: Settings, env: dict[str, str], banner: str = "", with_mitmweb: bool = False) -> int:
    """Everything until SIGTERM or Ctrl-C. Returns the exit status. Raises StartError, StoreError, OSError."""
    with alone(Path(settings.ccx_data_dir)):
        return serve(settings, env, banner, with_mitmweb)


def serve(settings: Settings, env: dict[str, str], banner: str, with_mitmweb: bool) -> int:
    public = bind(settings.bind_host, settings.port)
    panel = bind("127.0.0.1", settings.admin_port) if settings.enable_web_ui else None
    mitmweb = bind("127.0.0.1", settings.web_port) if with_mitmweb else None
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    alive_read, alive_write = os.pipe()
    sockets = Sockets(public, panel, alive_read, mitmweb)
    host, port = public.getsockname()[:2]
    scheme = "https" if settings.tls_cert_file else "http"
    shown = f"[{host}]" if ":" in host else host
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, shown)
    env = {**env, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH")]))}
    env = {**env, "CCX_BOOT_ID": uuid7(), "CCX_GATEWAY_URL": f"{scheme}://{reached}:{port}"}
    env["CCX_TEST_SECRET"] = secrets.token_urlsafe(32)
    if panel:
        env["CCX_PANEL_SECRET"] = secrets.token_urlsafe(32)
    if mitmweb:
        env["CCX_MITMWEB_URL"] = f"http://127.0.0.1:{mitmweb.getsockname()[1]}"
        password = "in CCX_WEB_PASSWORD" if settings.web_password else env["CCX_WEB_PASSWORD"]
        banner = MITMWEB.format(url=env["CCX_MITMWEB_URL"], password=password)
    children: list[Child] = []
    for index in range(settings.worker_count):
        start = partial(start_worker, sockets, index, env)
        children.append(Child(f"worker {index}", start, start()))
        if not children[-1].alive:  # it has said why
            stop(children, 0, alive_write)
            return 1
    if panel:
        start = partial(start_panel, sockets, env)
        children.append(Child("panel", start, start()))
    print(f"CCX is ready on {scheme}://{shown}:{port}{banner}", flush=True)
    while not stopping.wait(WATCH):
        for child in children:
            child.revive(time.monotonic())
    return stop(children, settings.shutdown_grace, alive_write)


def stop(children: list[Child], grace: float, alive_write: int) -> int:
    for child in children:
        if child.alive:
            child.process.send_signal(signal.SIGTERM)
    os.close(alive_write)
    until = time.monotonic() + grace + 10
    for child in children:
        try:
            child.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
    return 0
