"""``ccx watch -- COMMAND``: one command whose requests go through the gateway that runs here, as one session.

Nothing of the client's own configuration is changed. Variables that clients know tell it the address; where a channel
passes the client's own login on, the gateway's key goes in a header of its own beside it.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ccx_addons.commands import parser
from ccx_addons.commands.health import ask
from ccx_addons.commands.places import environment
from ccx_addons.core.code_assist import is_code_assist
from ccx_addons.core.header_names import KEY_HEADER, SESSION_HEADER
from ccx_addons.core.settings import Settings
from ccx_addons.io import yaml_file
from ccx_addons.processes.supervisor import StartError
from ccx_addons.scheduler.affinity import trace_of

KINDS: Final[Mapping[str, str]] = {"claude": "messages", "codex": "responses", "gemini": "gemini"}
"""Program -> its protocol."""
CODE_ASSIST: Final = "code assist"
"""Where Gemini CLI goes with a Google login."""


@dataclass(frozen=True, slots=True)
class Way:
    """``url``: the gateway's; ``own``: kinds whose channels pass the client's own login on; CODE_ASSIST: Google's."""

    url: str
    key: str
    session: str
    own: frozenset[str] = frozenset()

    @property
    def trace(self) -> str:
        return trace_of({SESSION_HEADER: self.session}, {})

    @property
    def headers(self) -> dict[str, str]:
        return {KEY_HEADER: self.key, SESSION_HEADER: self.session}


def watch(arguments: list[str]) -> int:
    """Starts one command with its requests going through the gateway, and says where they can be watched:
    ccx watch -- claude, ccx watch -- codex, ccx watch -- python agent.py."""
    words = parser("watch", watch)
    words.add_argument("--port", type=int, help="where PORT is 0, or another gateway's")
    words.add_argument("command", nargs="+", help="what to start, behind --")
    asked = words.parse_args(arguments)
    env = environment(os.environ)
    settings = Settings.read(env)
    port = asked.port or settings.port
    if (found := ask(settings, port)) != "ready":
        raise StartError(f"the gateway does not run here ({found}): start it with ccx")
    snapshot = yaml_file.read_snapshot(Path(settings.ccx_config), settings, now=time.time(), environ=env)
    active = [channel for channel in snapshot.channels if channel.status == "active"]
    own = frozenset(
        CODE_ASSIST if is_code_assist(channel.base_urls[0]) else str(channel.protocol)
        for channel in active
        if channel.credential == "client"
    )
    scheme = "https" if settings.tls_cert_file else "http"
    way = Way(
        f"{scheme}://127.0.0.1:{port}{settings.base_path}", settings.proxy_access_key, f"watch-{uuid.uuid4()}", own
    )
    print(f"ccx: watching {asked.command[0]} at {way.url}/sessions/{way.trace}", file=sys.stderr, flush=True)
    command, variables = prepared(asked.command, way)
    try:
        return subprocess.call(command, env={**os.environ, **variables})
    except FileNotFoundError:
        raise StartError(f"there is no program {asked.command[0]!r}") from None


def prepared(command: list[str], way: Way) -> tuple[list[str], dict[str, str]]:
    """The command, and the variables that it gets beside its own."""
    name = Path(command[0]).name
    if name == "codex":
        return [command[0], *codex(way), *command[1:]], {"CCX_WATCH_KEY": way.key}
    if name == "claude":
        return command, claude(way)
    if name == "gemini":
        return command, gemini(way)
    return command, {**claude(way), **gemini(way), **anybody(way)}


def claude(way: Way) -> dict[str, str]:
    """code.claude.com/docs/en/settings#environment-variables"""
    lines = "\n".join(f"{name}: {value}" for name, value in way.headers.items())
    found = {"ANTHROPIC_BASE_URL": way.url, "ANTHROPIC_CUSTOM_HEADERS": lines}
    return found if "messages" in way.own else {**found, "ANTHROPIC_AUTH_TOKEN": way.key}


def codex(way: Way) -> list[str]:
    """Settings for one run (developers.openai.com/codex/config-reference). With its own login it is asked for that."""
    provider: dict[str, object] = {"name": "ccx", "base_url": f"{way.url}/v1", "wire_api": "responses"}
    provider["http_headers"] = {SESSION_HEADER: way.session}
    if "responses" in way.own:
        provider |= {"requires_openai_auth": True, "env_http_headers": {KEY_HEADER: "CCX_WATCH_KEY"}}
    else:
        provider["env_key"] = "CCX_WATCH_KEY"
    return ["-c", 'model_provider="ccx"', "-c", f"model_providers.ccx={toml(provider)}"]


def toml(value: object) -> str:
    """An inline table."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value)


def gemini(way: Way) -> dict[str, str]:
    """google-gemini.github.io/gemini-cli/docs/cli/configuration.html"""
    headers = ", ".join(f"{name}: {value}" for name, value in way.headers.items())
    found = {"GOOGLE_GEMINI_BASE_URL": way.url, "GEMINI_CLI_CUSTOM_HEADERS": headers}
    if CODE_ASSIST in way.own:
        found["CODE_ASSIST_ENDPOINT"] = way.url
    return found if "gemini" in way.own else {**found, "GEMINI_API_KEY": way.key}


def anybody(way: Way) -> dict[str, str]:
    """What OpenAI's SDKs read, and most programs with them."""
    return {"OPENAI_BASE_URL": f"{way.url}/v1", "OPENAI_API_KEY": way.key}
