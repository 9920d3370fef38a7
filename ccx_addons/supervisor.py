"""Starts the processes and keeps them: proxy workers that share one listening socket, and the panel.

The supervisor itself imports little and does little: it binds the port (so that a port in use is one clear line),
spawns, restarts what crashed, passes SIGTERM on, and waits.
"""

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from ccx_addons.core.config import KINDS, Snapshot
from ccx_addons.core.errors import CcxError, ConfigErrors, StoreError
from ccx_addons.core.ids import uuid7
from ccx_addons.core.settings import Settings
from ccx_addons.io import yaml_file
from ccx_addons.io.files import open_to_all
from ccx_addons.io.state import load_state
from ccx_addons.scheduler import Pick, State
from ccx_addons.scheduler.explain import explain, render
from ccx_addons.vendors.shown import render as render_vendor

ROOT: Final = Path(__file__).resolve().parent.parent
ENV_FILE: Final = "config/.env"
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


def main_errors(command: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    def run(arguments: list[str]) -> int:
        try:
            return command(arguments)
        except ConfigErrors as errors:
            for problem in errors.problems:
                print(f"ccx: {problem}", file=sys.stderr)
        except CcxError as error:
            print(f"ccx: {error}", file=sys.stderr)
        return 1

    return run


# ---- serve -----------------------------------------------------------------------------------------------------------
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


def prepare(environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """First start, .env, settings, a look at the configuration. Raises ConfigErrors or StartError."""
    env_file = Path(environ.get("CCX_ENV_FILE", ENV_FILE))
    config = Path(environ.get("CCX_CONFIG") or "config/ccx.yaml")
    created = yaml_file.first_start(env_file, config, environ)
    merged = yaml_file.load_env(env_file, environ)
    settings = Settings.read(merged)
    if problems := settings.problems_for_public_bind():
        raise ConfigErrors(problems)
    yaml_file.read_snapshot(Path(settings.ccx_config), settings, now=time.time())
    if created:
        print(created, flush=True)
    for warning in open_to_all(secret_files(settings, env_file)):
        print(f"ccx: warning: {warning}", file=sys.stderr)
    return settings, merged


def secret_files(settings: Settings, env_file: Path) -> list[Path]:
    """Files whose readers have keys."""
    key_file = settings.tls_key_file or settings.tls_cert_file
    return [env_file, Path(settings.ccx_config), *([Path(key_file)] if key_file else [])]


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
    command = [sys.executable, "-O", str(ROOT / "run.py"), "worker", *map(str, numbers)]
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
    command = [sys.executable, str(ROOT / "run.py"), "panel", *map(str, numbers)]
    return subprocess.Popen(command, env=env, pass_fds=numbers)


@main_errors
def serve(arguments: list[str]) -> int:
    argparse.ArgumentParser(prog="run.py serve").parse_args(arguments)
    return run(*prepare(os.environ))


def run(settings: Settings, env: dict[str, str], banner: str = "", with_mitmweb: bool = False) -> int:
    """Everything until SIGTERM or Ctrl-C. Returns the exit status."""
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
    env = {**env, "CCX_BOOT_ID": uuid7(), "CCX_GATEWAY_URL": f"{scheme}://{reached}:{port}"}
    env["CCX_TEST_SECRET"] = secrets.token_urlsafe(32)
    if panel:
        env["CCX_PANEL_SECRET"] = secrets.token_urlsafe(32)
    if mitmweb:
        env["CCX_MITMWEB_URL"] = f"http://127.0.0.1:{mitmweb.getsockname()[1]}"
        password = "in CCX_WEB_PASSWORD" if settings.web_password else env["CCX_WEB_PASSWORD"]
        banner = MITMWEB.format(url=env["CCX_MITMWEB_URL"], password=password)
    children = []
    for index in range(settings.worker_count):
        start = partial(start_worker, sockets, index, env)
        children.append(Child(f"worker {index}", start, start()))
    if not all(child.alive for child in children):
        os.close(alive_write)
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


# ---- the other commands ----------------------------------------------------------------------------------------------
def worker(arguments: list[str]) -> int:
    """A proxy process; started by the supervisor only."""
    from ccx_addons import worker as process  # mitmproxy is heavy: only the worker loads it

    fd, ready, alive, index, panel_port, mitmweb = map(int, arguments)
    return process.main(fd, ready, alive, index, panel_port, mitmweb)


def panel(arguments: list[str]) -> int:
    """The panel's process; started by the supervisor only."""
    from ccx_admin import serve as process  # Flask is for this process only

    fd, alive = map(int, arguments)
    return process.main(fd, alive)


@main_errors
def check(arguments: list[str]) -> int:
    """Every problem of the settings and of ccx.yaml, each with its place; on request, where a request would go, or what
    is known of a vendor and a model."""
    parser = argparse.ArgumentParser(prog="run.py check")
    parser.add_argument("--explain", nargs=2, metavar=("KIND", "MODEL"), help="which channels would be tried, and why")
    parser.add_argument("--vendor", nargs=2, metavar=("URL", "MODEL"), help="what is known of them, and from where")
    parser.add_argument("--client", default="default", help="name of the client who asks")
    parser.add_argument("--prefix", default="", help="route prefix of the path")
    parser.add_argument("--trace", default="", help="the conversation, as the request log names it")
    parser.add_argument("--images", action="store_true", help="the request has pictures")
    parser.add_argument("--tokens", type=int, default=0, help="size of the prompt")
    asked = parser.parse_args(arguments)
    if asked.vendor:
        print(render_vendor(*asked.vendor), end="")
        return 0
    env_file = Path(os.environ.get("CCX_ENV_FILE", ENV_FILE))
    settings = Settings.read(yaml_file.load_env(env_file, os.environ))
    snapshot = yaml_file.read_snapshot(Path(settings.ccx_config), settings, now=time.time())
    for warning in (*snapshot.warnings, *open_to_all(secret_files(settings, env_file))):
        print(f"warning: {snapshot.secrets.clean(warning)}")
    print(f"{settings.ccx_config} is valid: {len(snapshot.channels)} channels, {len(snapshot.clients)} clients")
    if asked.explain:
        print(snapshot.secrets.clean(explained(settings, snapshot, asked)), end="")
    return 0


def explained(settings: Settings, snapshot: Snapshot, asked: argparse.Namespace) -> str:
    """The dry run with what the workers know now. Raises StartError for words that mean nothing here."""
    kind, model = asked.explain
    client = next((client for client in snapshot.clients if client.name == asked.client), None)
    if kind not in KINDS or client is None:
        what = f"kind {kind!r}" if kind not in KINDS else f"client {asked.client!r}"
        raise StartError(f"there is no {what}")
    now = time.time()
    try:
        state = load_state(Path(settings.ccx_data_dir) / "ccx.db", snapshot.policy.breaker, now)
    except StoreError:
        state = State()
    pick = Pick(kind, model, client, asked.trace, asked.prefix, images=asked.images, prompt_tokens=asked.tokens)
    return render(explain(snapshot, state, pick, now), pick)


@main_errors
def demo(arguments: list[str]) -> int:
    """The gateway in front of an offline upstream: the first request works without any provider key."""
    argparse.ArgumentParser(prog="run.py demo").parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ccx-demo-") as folder:
        upstream = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / "fake_upstream.py")], stdout=subprocess.PIPE, text=True
        )
        try:
            assert upstream.stdout
            address = upstream.stdout.readline().split()[-1]
            config = Path(folder) / "ccx.yaml"
            config.write_text(demo_config(address))
            environ = {**os.environ, "CCX_CONFIG": str(config), "CCX_DATA_DIR": folder}
            settings, env = prepare(environ)
            return run(settings, env, f"\nThe demo's key is PROXY_ACCESS_KEY in {ENV_FILE}; try any model name.")
        finally:
            upstream.terminate()
            upstream.wait()


@main_errors
def mitmweb(arguments: list[str]) -> int:
    """The gateway with every flow in mitmproxy's web UI. Both listen on loopback, whatever BIND_HOST says."""
    argparse.ArgumentParser(prog="run.py mitmweb").parse_args(arguments)
    settings, env = prepare({**os.environ, "BIND_HOST": "127.0.0.1", "WORKERS": "1"})
    env["CCX_WEB_PASSWORD"] = settings.web_password or secrets.token_urlsafe(16)
    return run(settings, env, with_mitmweb=True)


def demo_config(address: str) -> str:
    kinds = ("messages", "chat", "responses", "gemini", "images", "embeddings")
    rows = [
        f"  - {{name: demo-{kind}, protocol: {kind}, base_urls: ['{address}'], keys: [offline-demo-key]}}"
        for kind in kinds
    ]
    return "version: 1\nchannels:\n" + "\n".join(rows) + "\n"


COMMANDS: Final[Mapping[str, Callable[[list[str]], int]]] = {
    "serve": serve,
    "check": check,
    "demo": demo,
    "mitmweb": mitmweb,
    "worker": worker,
    "panel": panel,
}
