"""The programs that are compared, each in front of one upstream, and what their processes cost."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from scripts.benchmark.load import KEY

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PORTKEY: Final = "portkey"
"""In the path of its program, whose name is no more than "gateway"."""
START: Final = 60.0
"""Seconds a program may take until it answers."""


@dataclass(frozen=True)
class Upstream:
    port: int
    tls: bool = False

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Running:
    """``pid``: of the process that all others of it come from; 0: nobody's. ``headers``: lines that it wants to see in
    every request."""

    name: str
    port: int
    pid: int
    headers: bytes = b""

    def wire(self, request: bytes) -> bytes:
        """A request as it takes it."""
        start, end, rest = request.partition(b"\r\n")
        return start + end + self.headers + rest


type Program = Callable[[Upstream, Path], contextlib.AbstractContextManager[Running]]


# ---- what they cost --------------------------------------------------------------------------------------------------
def tree(pid: int, parents: dict[int, int]) -> set[int]:
    """A process and all that come from it."""
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name (proc(5)): state, parent ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pid: int) -> float:
    """What a process and all that come from it have used, those included that are over and were waited for."""
    fields: dict[int, list[str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields[int(folder.name)] = stat(int(folder.name))
    mine = tree(pid, {child: int(found[1]) for child, found in fields.items()})
    ticks = sum(int(tick) for child in mine & fields.keys() for tick in fields[child][11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


# ---- how they start --------------------------------------------------------------------------------------------------
def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not start")


@contextlib.contextmanager
def started(
    name: str, command: list[str], port: int = 0, env: dict[str, str] | None = None, cwd: Path = ROOT
) -> Iterator[Running]:
    """Runs a program until the block ends. ``port``: where it will listen; 0: its line with ``ready`` says so."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )
    try:
        assert process.stdout
        if not port:
            line = next((line for line in process.stdout if "ready" in line), "")
            if not line:
                raise RuntimeError(f"{command!r} does not start")
            port = int(line.split()[-1].rpartition(":")[2])
        # Nobody reading what it writes would stop it.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        wait_for(port, process)
        yield Running(name, port, process.pid)
    finally:
        process.terminate()
        process.wait(40)


@contextlib.contextmanager
def canned(folder: Path, *, tls: bool = False, round_trip: float = 0.0) -> Iterator[Upstream]:
    command = [sys.executable, "-m", "scripts.benchmark.canned", "--round-trip", str(round_trip)]
    with started("upstream", [*command, *(["--tls-folder", str(folder)] if tls else [])]) as running:
        yield Upstream(running.port, tls)


def configuration(upstream: Upstream, others: int = 0, mark: str = "") -> str:
    """One channel of each kind that answers, and ``others`` with four keys each; ``mark`` makes them different from last
    time."""
    channels: list[dict[str, Any]] = [
        {"name": kind, "protocol": kind, "base_urls": [upstream.url], "keys": [f"upstream-key-{kind}"]}
        for kind in ("chat", "messages")
    ]
    for n in range(others):
        keys = [f"key-{n}-{k}-{mark}-0123456789" for k in range(4)]
        urls = [f"https://host-{n}.test"]
        channels.append({"name": f"c{n}", "protocol": "chat", "base_urls": urls, "keys": keys, "priority": n + 2})
    return json.dumps({"channels": [{**channel, "verify_tls": not upstream.tls} for channel in channels]}, indent=1)


@contextlib.contextmanager
def gateway(upstream: Upstream, folder: Path, workers: int = 1, text: str = "") -> Iterator[Running]:
    """This gateway. Its configuration is ``ccx.yaml`` in the folder."""
    name = "ccx" if workers == 1 else f"ccx, {workers} workers"
    config = folder / "ccx.yaml"
    config.write_text(text or configuration(upstream))
    env = {
        "PORT": "0", "PROXY_ACCESS_KEY": KEY, "ADMIN_ACCESS_KEY": KEY[::-1], "CCX_CONFIG": str(config),
        "CCX_DATA_DIR": str(folder / "data"), "CCX_ENV_FILE": str(folder / ".env"), "WORKERS": str(workers),
    }  # fmt: skip
    with started(name, [sys.executable, "run.py"], env=env) as running:
        yield running


def two_workers(upstream: Upstream, folder: Path) -> contextlib.AbstractContextManager[Running]:
    return gateway(upstream, folder, 2)


def converting(upstream: Upstream, folder: Path) -> contextlib.AbstractContextManager[Running]:
    """This gateway with a Chat channel for Messages."""
    channel = {
        "name": "chat",
        "protocol": "chat",
        "serves": ["messages"],
        "base_urls": [upstream.url],
        "keys": ["key-1"],
    }
    return gateway(upstream, folder, text=json.dumps({"channels": [channel]}))


@contextlib.contextmanager
def mitmdump(upstream: Upstream, folder: Path) -> Iterator[Running]:
    """Plain mitmproxy, of the same version. It passes bodies on as they come, and writes no line for each flow."""
    port, program = free_port(), Path(sys.executable).with_name("mitmdump")
    command = [str(program), "--quiet", "--mode", f"reverse:{upstream.url}", "--listen-host", "127.0.0.1"]
    options = ["-p", str(port), "--set", f"confdir={folder / 'mitm'}", "--set", "stream_large_bodies=1"]
    if upstream.tls:
        options += ["--set", "ssl_insecure=true"]
    with started("mitmdump", [*command, *options], port) as running:
        yield running


@contextlib.contextmanager
def lean(upstream: Upstream, folder: Path) -> Iterator[Running]:
    """mitmproxy as small as a reverse proxy can be (lean.py)."""
    port = free_port()
    command = [sys.executable, "-O", "-m", "scripts.benchmark.lean", str(port), upstream.url]
    with started("lean mitmproxy", command, port) as running:
        yield running


NGINX: Final = """
daemon off; pid "{folder}/nginx.pid"; error_log stderr crit; worker_processes 1;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_max_body_size 64m; client_body_buffer_size 16m; keepalive_requests 1000000;
  client_body_temp_path "{folder}/body"; proxy_temp_path "{folder}/proxy"; fastcgi_temp_path "{folder}/fastcgi";
  uwsgi_temp_path "{folder}/uwsgi"; scgi_temp_path "{folder}/scgi";
  upstream back {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass {scheme}://back; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(upstream: Upstream, folder: Path) -> Iterator[Running]:
    """The floor: bytes go through, nobody reads them."""
    port, place = free_port(), folder / "nginx"
    place.mkdir(exist_ok=True)
    file, scheme = place / "nginx.conf", "https" if upstream.tls else "http"
    file.write_text(NGINX.format(folder=place, upstream=upstream.port, port=port, scheme=scheme))
    with started("nginx", [shutil.which("nginx") or "nginx", "-p", str(place), "-c", str(file)], port) as running:
        yield running


@contextlib.contextmanager
def litellm(upstream: Upstream, folder: Path) -> Iterator[Running]:
    port, file = free_port(), folder / "litellm.json"
    params = {"model": "openai/m", "api_base": f"{upstream.url}/v1", "api_key": "upstream-key"}
    settings = {
        "model_list": [{"model_name": "m", "litellm_params": params}],
        # Without the second, Messages go to an upstream's Responses.
        "litellm_settings": {"ssl_verify": False, "use_chat_completions_url_for_anthropic_messages": True},
    }
    file.write_text(json.dumps({**settings, "general_settings": {"master_key": KEY}}))
    command = [shutil.which("litellm") or "litellm", "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
    with started("LiteLLM", command, port, cwd=folder) as running:
        yield running


@contextlib.contextmanager
def claude_code_router(upstream: Upstream, folder: Path) -> Iterator[Running]:
    """It takes Messages only."""
    port, place = free_port(), folder / ".claude-code-router"
    place.mkdir()
    provider = {"name": "up", "api_base_url": f"{upstream.url}/v1/chat/completions", "api_key": "key", "models": ["m"]}
    settings = {"HOST": "127.0.0.1", "PORT": port, "APIKEY": KEY, "LOG": False, "NON_INTERACTIVE_MODE": True}
    routes = {"Providers": [provider], "Router": {"default": "up,m"}}
    (place / "config.json").write_text(json.dumps({**settings, **routes}))
    env = {"HOME": str(folder), "SERVICE_PORT": str(port)}
    with started("claude-code-router", [shutil.which("ccr") or "ccr", "start"], port, env, folder) as running:
        yield running


@contextlib.contextmanager
def portkey(upstream: Upstream, folder: Path) -> Iterator[Running]:
    """It is told in each request where to go."""
    port, command = free_port(), Path(shutil.which("gateway") or "gateway").resolve()
    env = {"NODE_TLS_REJECT_UNAUTHORIZED": "0"}
    with started("Portkey", ["node", str(command), f"--port={port}", "--headless"], port, env, folder) as running:
        told = f"x-portkey-provider: openai\r\nx-portkey-custom-host: {upstream.url}/v1\r\n"
        yield replace(running, headers=told.encode())


def converters() -> list[Program]:
    """What answers Messages from a Chat upstream: this gateway, and whatever else is found here."""
    found: list[Program] = [converting]
    found += [litellm] if shutil.which("litellm") else []
    return found + ([claude_code_router] if shutil.which("ccr") else [])


def installed() -> list[Program]:
    """This gateway, and whatever else is found here."""
    found: list[Program] = [gateway, lean, mitmdump]
    if shutil.which("nginx"):
        found.append(nginx)
    found += [litellm] if shutil.which("litellm") else []
    return found + ([portkey] if PORTKEY in os.path.realpath(shutil.which("gateway") or "") else [])
