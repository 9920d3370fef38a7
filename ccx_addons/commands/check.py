"""Whether settings and configuration are sound, where a request would go, and what is known of a vendor."""

import argparse
import os
import time
from pathlib import Path

from ccx_addons.commands import amount, parser, say
from ccx_addons.commands.places import environment
from ccx_addons.commands.serve import concerns, obstacles
from ccx_addons.core.config import KEYLESS, KINDS, Snapshot
from ccx_addons.core.errors import ConfigErrors, StoreError
from ccx_addons.core.settings import Settings
from ccx_addons.io import yaml_file
from ccx_addons.io.place import place_of
from ccx_addons.io.state import load_state
from ccx_addons.processes.supervisor import StartError
from ccx_addons.scheduler import Pick, State
from ccx_addons.scheduler.explain import explain, render
from ccx_addons.vendors.shown import render as render_vendor


def check(arguments: list[str]) -> int:
    """Every problem of the settings and of ccx.yaml, each with its place; on request, where a request would go, or what
    is known of a vendor and a model."""
    words = parser("check", check)
    words.add_argument("--explain", nargs=2, metavar=("KIND", "MODEL"), help="which channels would be tried, and why")
    words.add_argument("--vendor", nargs=2, metavar=("URL", "MODEL"), help="what is known of them, and from where")
    words.add_argument("--client", default="default", help="name of the client who asks")
    words.add_argument("--prefix", default="", help="route prefix of the path")
    words.add_argument("--trace", default="", help="the conversation, as the request log names it")
    words.add_argument("--images", action="store_true", help="the request has pictures")
    words.add_argument("--tokens", type=amount, default=0, help="size of the prompt")
    asked = words.parse_args(arguments)
    if asked.vendor:
        say(render_vendor(*asked.vendor), end="")
        return 0
    env = environment(os.environ)
    settings = Settings.read(env)
    if problems := obstacles(settings):
        raise ConfigErrors(problems)
    snapshot = yaml_file.read_snapshot(Path(settings.ccx_config), settings, now=time.time(), environ=env)
    for warning in (*snapshot.warnings, *concerns(settings, snapshot, Path(env["CCX_ENV_FILE"]))):
        say(f"warning: {snapshot.secrets.clean(warning)}")
    for channel in snapshot.channels:
        if channel.keys == (KEYLESS,):
            say(f"note: {channel.name} has no keys: its upstream is asked without a credential")
    print(f"{settings.ccx_config} is valid: {len(snapshot.channels)} channels, {len(snapshot.clients)} clients")
    if asked.explain:
        say(snapshot.secrets.clean(explained(settings, snapshot, asked)), end="")
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
        state = load_state(place_of(settings), snapshot, now)
    except StoreError:
        state = State()
    pick = Pick(kind, model, client, asked.trace, asked.prefix, images=asked.images, prompt_tokens=asked.tokens)
    return render(explain(snapshot, state, pick, now), pick)
