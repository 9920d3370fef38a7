"""Starts the processes and keeps them: proxy workers that share one listening socket, and the panel.

The supervisor itself imports little and does little: it binds the port (so that a port in use is one clear line),
spawns, restarts what crashed, passes SIGTERM on, and waits.
"""

import errno
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from ccx_addons.core.errors import CcxError, ConfigErrors
from ccx_addons.core.ids import uuid7
from ccx_addons.core.settings import Settings
from ccx_addons.io import logs
from ccx_addons.io.running import Place, Running

ROOT: Final = Path(__file__).resolve().parents[2]
START_TIME: Final = 30.0
"""Seconds a worker may take until it is ready."""
STEADY: Final = 5.0
"""A process that lived this many seconds is restarted at once, a younger one after a pause."""
WATCH: Final = 0.25
"""Seconds between two looks at the children."""
KEEPS_PAGES: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "MALLOC_ARENA_MAX": "1",
}
"""For glibc (mallopt(3)): a worker keeps up to 64 MiB of free memory for its next large body. To give pages back and
get others for each of them costs as much as all else that is done with it."""


MITMWEB: Final = """
mitmweb is on {url} with the password {password}
It keeps every flow in memory and shows upstream keys: to look into things on this machine, not for service."""


MENDS: Final = {
    errno.EACCES: "; a port below 1024 wants CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities), or a proxy in front",
    errno.EADDRINUSE: "; another program has it: stop that, or set PORT",
    errno.EADDRNOTAVAIL: "; this machine has no such address: set BIND_HOST",
    **dict.fromkeys((socket.EAI_NONAME, socket.EAI_AGAIN), "; set BIND_HOST to an address, such as 127.0.0.1 or ::1"),
    errno.EAFNOSUPPORT: "; this machine has no IPv6: set BIND_HOST=0.0.0.0",
}
"""Why a port cannot be had -> what mends it."""


NOT_WHILE_IT_RUNS: Final = {
    "port": "PORT", "bind_host": "BIND_HOST", "admin_port": "ADMIN_PORT", "enable_web_ui": "ENABLE_WEB_UI",
    "ccx_data_dir": "CCX_DATA_DIR",
}  # fmt: skip
"""Settings that a reload cannot change, and their variables."""

type Again = Callable[[], tuple[Settings, dict[str, str]]]
type Banner = Callable[[str], str]
"""What the start says besides, of the gateway's address."""


class StartError(CcxError):
    """One clear line and exit 1."""


def say(words: str, level: str = "error", form: str = "text") -> None:
    print(logs.line(form, level, words), file=sys.stderr)


@dataclass
class Child:
    """One supervised process."""

    name: str
    start: Callable[[], "subprocess.Popen[bytes]"]
    process: "subprocess.Popen[bytes]"
    born: float = field(default_factory=time.monotonic)
    again_at: float | None = None
    """When a process that died is started again; None: it lives."""
    farewell: int = signal.SIGHUP
    """The signal after which a process finishes what it is doing, however long that takes."""
    leaving: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    """Forerunners that do so."""
    say: Callable[[str], None] = say

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def revive(self, now: float) -> None:
        """Start again what died: at once when it had lived for a while, else after a pause, so that it cannot spin."""
        self.leaving = [process for process in self.leaving if process.poll() is None]
        if self.alive:
            return
        if self.again_at is None:
            lived = now - self.born
            self.say(f"{self.name} ended with {self.process.returncode} after {lived:.0f} s")
            self.again_at = now if lived > STEADY else now + STEADY
        if now < self.again_at:
            return
        try:
            self.process = self.start()
        except OSError as error:  # no memory or no process is left just now
            self.say(f"{self.name} cannot be started: {error.strerror}")
            self.again_at = now + STEADY
        else:
            self.again_at, self.born = None, now

    def renew(self) -> bool:
        """A new process takes the place of the old one, which ends what it is doing. False: the new one died. Raises
        OSError."""
        process = self.start()
        if process.poll() is not None:
            return False
        self.leave()
        self.process, self.born, self.again_at = process, time.monotonic(), None
        return True

    def leave(self) -> None:
        if self.alive:
            self.process.send_signal(self.farewell)
            self.leaving.append(self.process)


@dataclass(frozen=True)
class Sockets:
    """What children inherit: the listening sockets, and the pipe whose end tells them that the supervisor is gone."""

    public: socket.socket
    panel: socket.socket | None
    alive: int
    mitmweb: socket.socket | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when nobody is waited for any more."""

    @property
    def panel_port(self) -> int:
        return int(self.panel.getsockname()[1]) if self.panel else 0


def bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # handed down: the panel's servers write in pieces
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        hint = MENDS.get(error.errno or 0, "")
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror}{hint}") from None
    sock.listen(1024)
    sock.setblocking(False)
    return sock


def start_worker(sockets: Sockets, index: int, env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """A proxy process; waits until it is ready, dead, or nobody wants it any more. Raises OSError."""
    ready_read, ready_write = os.pipe()
    public = sockets.public.fileno()
    mitmweb = sockets.mitmweb.fileno() if sockets.mitmweb else -1
    numbers = (public, ready_write, sockets.alive, index, sockets.panel_port, mitmweb)
    command = [sys.executable, "-O", "-P", "-m", "ccx_addons", "worker", *map(str, numbers)]
    inherited = [fd for fd in (public, ready_write, sockets.alive, mitmweb) if fd >= 0]
    try:
        process = subprocess.Popen(command, env={**KEEPS_PAGES, **env}, pass_fds=inherited)
    except OSError:
        os.close(ready_read)
        raise
    finally:
        os.close(ready_write)
    told = False
    while not (told or sockets.stopping.is_set()):
        told = bool(select.select([ready_read], [], [], WATCH)[0])
    ready = told and os.read(ready_read, 1)  # empty when the worker died before it was ready
    os.close(ready_read)
    if told and not ready:
        process.wait(START_TIME)
    return process


def start_panel(sockets: Sockets, env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """The panel's process. Traffic does not wait for it."""
    assert sockets.panel
    numbers = (sockets.panel.fileno(), sockets.alive)
    command = [sys.executable, "-P", "-m", "ccx_addons", "panel", *map(str, numbers)]
    return subprocess.Popen(command, env=env, pass_fds=numbers)


def start_meeting(sock: socket.socket, alive: int, expects: int, env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """The process in which workers agree about limits; they do not wait for it. ``expects``: how many of them have
    something to tell it."""
    numbers = (sock.fileno(), alive, expects)
    command = [sys.executable, "-O", "-P", "-m", "ccx_addons", "meeting", *map(str, numbers)]
    return subprocess.Popen(command, env=env, pass_fds=(sock.fileno(), alive))


class Gateway:
    """The processes behind one listening socket. ``again`` reads everything anew for a reload."""

    def __init__(
        self,
        settings: Settings,
        env: dict[str, str],
        again: Again,
        with_mitmweb: bool = False,
        stopping: threading.Event | None = None,
    ) -> None:
        """Raises StartError when a port is taken, StoreError when the data folder is, OSError when it is unusable."""
        self.settings, self.again = settings, again
        self.place = Place(Path(settings.ccx_data_dir))
        self.public = bind(settings.bind_host, settings.port)
        panel = bind("127.0.0.1", settings.admin_port) if settings.enable_web_ui else None
        mitmweb = bind("127.0.0.1", settings.web_port) if with_mitmweb else None
        alive_read, self.alive = os.pipe()
        self.sockets = Sockets(self.public, panel, alive_read, mitmweb, stopping or threading.Event())
        self.own = {"CCX_TEST_SECRET": secrets.token_urlsafe(32)}
        """What the children know from their supervisor, besides the settings."""
        if panel:
            self.own["CCX_PANEL_SECRET"] = secrets.token_urlsafe(32)
        if mitmweb:
            self.own["CCX_MITMWEB_URL"] = f"http://127.0.0.1:{mitmweb.getsockname()[1]}"
        self.env: dict[str, str] = {}
        self.children: list[Child] = []
        self.meeting: Path | None = None
        self.reloads = 0
        self.take(settings, env)

    def say(self, words: str, level: str = "error") -> None:
        say(words, level, self.settings.log_format)

    @property
    def url(self) -> str:
        return self.address(self.public.getsockname()[0])

    def address(self, host: str) -> str:
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.settings.tls_cert_file else 'http'}://{shown}:{self.public.getsockname()[1]}"

    def take(self, settings: Settings, env: Mapping[str, str]) -> None:
        """Settings for all children that start from now on. Each time is a boot of its own in the database: what the
        old processes still do is not taken for lost."""
        self.settings, self.given = settings, env
        host = self.public.getsockname()[0]
        reached = self.address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host))
        path = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH")]))
        more = {"PYTHONPATH": path, "CCX_BOOT_ID": uuid7(), "CCX_GATEWAY_URL": reached}
        self.env.clear()
        self.env.update({**env, **more, **self.own})

    @property
    def workers(self) -> list[Child]:
        return [child for child in self.children if child.name.startswith("worker")]

    def meet(self) -> None:
        """Several workers get a process in which they agree, unless they meet those of other machines elsewhere. It
        keeps its place through reloads."""
        elsewhere = self.settings.ccx_valkey_url or self.settings.ccx_database_url
        if self.meeting or self.settings.worker_count == 1 or elsewhere:
            return
        from ccx_addons.io.meeting.place import listen  # one worker alone needs none of it

        sock, self.meeting = listen(Path(self.settings.ccx_data_dir))
        self.own["CCX_MEETING"] = self.env["CCX_MEETING"] = str(self.meeting)

        def start() -> "subprocess.Popen[bytes]":
            alive = [process for child in self.workers for process in (child.process, *child.leaving)]
            return start_meeting(sock, self.sockets.alive, len(alive), self.env)

        self.children.append(Child("meeting", start, start(), say=self.say))

    def start(self) -> bool:
        """Whether every worker is ready. Raises OSError."""
        self.meet()
        for index in range(self.settings.worker_count):
            if not self.add_worker(index) or self.sockets.stopping.is_set():
                return False
        if self.sockets.panel:
            start = partial(start_panel, self.sockets, self.env)
            self.children.append(Child("panel", start, start(), farewell=signal.SIGTERM, say=self.say))
        return True

    def add_worker(self, index: int) -> bool:
        start = partial(start_worker, self.sockets, index, self.env)
        child = Child(f"worker {index}", start, start(), say=self.say)
        self.children.insert(index, child)
        return child.alive  # else it has said why

    def reload(self) -> None:
        """Workers with new settings and the code as it is now, one after the other. What cannot start changes
        nothing."""
        try:
            said = self.renew(*self.again())
        except ConfigErrors as errors:
            said = errors.words
        except (CcxError, OSError) as error:
            said = str(error)
        self.told(said)

    def renew(self, settings: Settings, env: dict[str, str]) -> str:
        """What was not changed, empty: all is. Raises StartError and OSError: then everybody who starts from now on
        has what he had before."""
        before, now = self.settings, self.given
        kept = {name: getattr(before, name) for name in NOT_WHILE_IT_RUNS}
        names = [words for name, words in NOT_WHILE_IT_RUNS.items() if getattr(settings, name) != kept[name]]
        self.take(replace(settings, **kept), {**env, **{name: self.env.get(name, "") for name in names}})
        try:
            self.meet()
            workers = self.workers
            others = [child for child in self.children if child.name == "panel"]
            for child in workers[: self.settings.worker_count] + others:
                if not child.renew():
                    raise StartError(f"{child.name} does not start with it, the old one goes on")
            self.fit(workers)
        except (StartError, OSError):
            self.take(before, now)
            raise
        return f"{', '.join(names)}: not before the next start" if names else ""

    def fit(self, workers: list[Child]) -> None:
        """As many workers as the settings say."""
        for child in workers[self.settings.worker_count :]:
            self.children.remove(child)
            child.leave()
            self.children[0].leaving += child.leaving
        for index in range(len(workers), self.settings.worker_count):
            self.add_worker(index)

    def told(self, said: str) -> None:
        self.reloads += 1
        self.place.tell(Running(os.getpid(), self.reloads, said))
        self.say(f"reload: {said}" if said else "reloaded", "error" if said else "info")

    def look(self, now: float) -> None:
        for child in self.children:
            child.revive(now)

    def leave(self) -> None:
        self.place.leave()
        if self.meeting:
            self.meeting.unlink(missing_ok=True)


def nothing(url: str) -> str:
    return ""


def run(
    settings: Settings, env: dict[str, str], again: Again, banner: Banner = nothing, with_mitmweb: bool = False
) -> int:
    """Everything until SIGTERM or Ctrl-C; SIGHUP reloads. Returns the exit status. Raises StartError, StoreError,
    OSError."""
    stopping, asked = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    signal.signal(signal.SIGHUP, lambda *_: asked.set())
    gateway = Gateway(settings, env, again, with_mitmweb, stopping)
    said = ""
    if with_mitmweb:
        password = "in CCX_WEB_PASSWORD" if settings.web_password else env["CCX_WEB_PASSWORD"]
        said = MITMWEB.format(url=gateway.own["CCX_MITMWEB_URL"], password=password)
    if not gateway.start():
        stop(gateway.children, 0, gateway.alive)
        gateway.leave()
        return 0 if stopping.is_set() else 1
    print(f"CCX is ready on {gateway.url}{said or banner(gateway.env['CCX_GATEWAY_URL'])}", flush=True)
    while not stopping.wait(WATCH):
        if asked.is_set():
            asked.clear()
            gateway.reload()
        gateway.look(time.monotonic())
    gateway.public.close()  # or who comes now waits where nobody accepts
    status = stop(gateway.children, gateway.settings.shutdown_grace, gateway.alive)
    gateway.leave()
    return status


def stop(children: list[Child], grace: float, alive_write: int) -> int:
    processes = [process for child in children for process in (child.process, *child.leaving)]
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    os.close(alive_write)
    until = time.monotonic() + grace + 10
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return 0
