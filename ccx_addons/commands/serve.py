"""Commands that start the gateway: for service, with an offline upstream, and with mitmproxy's web UI."""

import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from ccx_addons.commands import complain, parser
from ccx_addons.commands.places import environment
from ccx_addons.core.config import Snapshot
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.core.settings import Settings
from ccx_addons.io import aloud, ca_files, last_good, logs, otlp, yaml_file
from ccx_addons.io.files import PRIVATE, open_to_all
from ccx_addons.processes.supervisor import ROOT, run


def prepare(environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """First start, .env, settings, a look at the configuration. Raises ConfigErrors or StartError."""
    found = environment(environ)
    env_file = Path(found["CCX_ENV_FILE"])
    created = yaml_file.first_start(env_file, Path(found["CCX_CONFIG"]), environ)
    merged = {**environment(environ), yaml_file.ENV_SEEN: yaml_file.env_mark(env_file)}
    settings = Settings.read(merged)
    if problems := obstacles(settings):
        raise ConfigErrors(problems)
    snapshot = read(settings, merged)
    if created:
        print(created, flush=True)
    for warning in concerns(settings, snapshot, env_file):
        complain(logs.line(settings.log_format, "warning", warning))
    return settings, merged


def read(settings: Settings, environ: Mapping[str, str]) -> Snapshot:
    """The configuration. Raises ConfigErrors, which also say where the last good one is."""
    now = time.time()
    try:
        return yaml_file.read_snapshot(Path(settings.ccx_config), settings, now=now, environ=environ)
    except ConfigErrors as errors:
        if last_good.read(settings, now, environ) is None:
            raise
        copy = Problem(
            str(last_good.copy_of(settings)), f"is the last one that was good, to put in place as {settings.ccx_config}"
        )
        raise ConfigErrors([*errors.problems, copy]) from None


def obstacles(settings: Settings) -> list[Problem]:
    """Sound settings with which nothing starts all the same."""
    found = settings.problems_for_public_bind()
    if settings.otel_endpoint and not otlp.available():
        found.append(Problem("OTEL_EXPORTER_OTLP_ENDPOINT", "needs the exporter: pip install 'ccx[otel]'"))
    if settings.tls_cert_file and (wrong := ca_files.pair_problem(settings.tls_cert_file, settings.tls_key_file)):
        found.append(wrong)
    return found


def concerns(settings: Settings, snapshot: Snapshot, env_file: Path) -> Iterator[str]:
    """What stops no start, and somebody should know of settings and files."""
    yield from yaml_file.unread(env_file)
    if not snapshot.clients:
        yield f"every request is refused: set PROXY_ACCESS_KEY in {env_file}, or clients in {settings.ccx_config}"
    if settings.enable_web_ui and not (settings.admin_access_key or settings.oidc_issuer or snapshot.users):
        yield f"nobody can log in to the panel: set ADMIN_ACCESS_KEY in {env_file}, or ENABLE_WEB_UI=false"
    name = settings.loopback_client
    if name and name not in [client.name for client in snapshot.clients]:
        yield f"LOOPBACK_CLIENT: there is no client {name!r}, so that nobody is let in without a key"
    if settings.hooks_file and not Path(settings.hooks_file).is_file():
        yield f"HOOKS_FILE: there is no file {settings.hooks_file}, so that no rules are in force"
    yield from open_to_all(secret_files(settings, env_file))


def secret_files(settings: Settings, env_file: Path) -> list[Path]:
    """Files whose readers have keys."""
    key_file = settings.tls_key_file or settings.tls_cert_file
    return [env_file, Path(settings.ccx_config), *([Path(key_file)] if key_file else [])]


def serve(arguments: list[str]) -> int:
    """The gateway, until SIGTERM or Ctrl-C."""
    parser("serve", serve).parse_args(arguments)
    aloud.use()
    first = not Path(environment(os.environ)["CCX_ENV_FILE"]).exists()
    settings, env = prepare(os.environ)
    banner = partial(welcome, settings, env, first and sys.stdout.isatty())
    return run(settings, env, partial(prepare, os.environ), banner)


def demo(arguments: list[str]) -> int:
    """The gateway in front of an offline upstream: the first request works without any provider key."""
    parser("demo", demo).parse_args(arguments)
    aloud.use()
    first = not Path(environment(os.environ)["CCX_ENV_FILE"]).exists()
    with tempfile.TemporaryDirectory(prefix="ccx-demo-") as folder:
        upstream = subprocess.Popen([sys.executable, str(offline_upstream())], stdout=subprocess.PIPE, text=True)
        try:
            assert upstream.stdout
            address = upstream.stdout.readline().split()[-1]
            config = Path(folder) / "ccx.yaml"
            config.touch(PRIVATE)
            config.write_text(demo_config(address), "utf-8")
            environ = {**os.environ, "CCX_CONFIG": str(config), "CCX_DATA_DIR": folder}
            settings, env = prepare(environ)
            return run(
                settings, env, partial(prepare, environ), partial(try_it, settings, env, first and sys.stdout.isatty())
            )
        finally:
            upstream.terminate()
            upstream.wait()


def mitmweb(arguments: list[str]) -> int:
    """The gateway with every flow in mitmproxy's web UI. Both listen on loopback, whatever BIND_HOST says."""
    parser("mitmweb", mitmweb).parse_args(arguments)
    aloud.use()
    environ = {**os.environ, "BIND_HOST": "127.0.0.1", "WORKERS": "1"}
    settings, env = prepare(environ)
    env["CCX_WEB_PASSWORD"] = settings.web_password or secrets.token_urlsafe(16)
    again = partial(prepare, {**environ, "CCX_WEB_PASSWORD": env["CCX_WEB_PASSWORD"]})
    return run(settings, env, again, with_mitmweb=True)


def welcome(settings: Settings, env: Mapping[str, str], show: bool, url: str) -> str:
    """Where the panel is and what opens it, in one line, and what is to be done next.

    ``show``: the key itself, which is for the terminal of the first start only; whatever else reads this keeps it.
    """
    file = env["CCX_ENV_FILE"]
    key = settings.admin_access_key if show else f"the ADMIN_ACCESS_KEY of {file}"
    lines = [f"Panel: {url}{settings.base_path}/ (log in with {key})"] if settings.enable_web_ui else []
    snapshot = yaml_file.read_snapshot(Path(settings.ccx_config), settings, now=time.time(), environ=env)
    if not snapshot.channels:
        page = f" at {url}{settings.base_path}/channels/new" if settings.enable_web_ui else ""
        lines.append(
            f"Next: add a channel{page} or in {settings.ccx_config}, then point a client at {url}{settings.base_path}"
        )
    return "".join(f"\n{line}" for line in lines)


def try_it(settings: Settings, env: Mapping[str, str], show: bool, url: str) -> str:
    """First requests that can be copied into another terminal, wherever that is, without the client's key itself."""
    body = '{"model": "any", "messages": [{"role": "user", "content": "hello"}]}'
    first = f"curl {url}/v1/chat/completions -H \"Authorization: Bearer $PROXY_ACCESS_KEY\" -d '{body}'"
    file = shlex.quote(str(Path(env["CCX_ENV_FILE"]).resolve()))
    claude = f'ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN="$PROXY_ACCESS_KEY" claude'
    return (
        f"{welcome(settings, env, show, url)}\nTry it: . {file} && {first}\nOr with Claude Code: . {file} && {claude}"
    )


def demo_config(address: str) -> str:
    kinds = ("messages", "chat", "responses", "gemini", "images", "embeddings")
    rows = [
        f"  - {{name: demo-{kind}, protocol: {kind}, base_urls: ['{address}'], keys: [offline-demo-key]}}"
        for kind in kinds
    ]
    return "version: 1\nchannels:\n" + "\n".join(rows) + "\n"


def offline_upstream() -> Path:
    """The imitation of every provider: in a checkout, or where the wheel puts it (pyproject.toml)."""
    name = Path("scripts", "fake_upstream.py")
    return next(path for folder in (ROOT, ROOT / "ccx_offline") if (path := folder / name).is_file())
