"""Moves in from other gateways, and out to LiteLLM."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccx_addons.commands import complain, move, parser
from ccx_addons.commands.move import Moved
from ccx_addons.commands.places import environment
from ccx_addons.core.mask import mask
from ccx_addons.core.settings import Settings
from ccx_addons.io import versions, yaml_file
from ccx_addons.io.yaml_document import sequence, styled
from ccx_addons.processes.supervisor import StartError


def move_in(arguments: list[str]) -> int:
    """Channels of another gateway's file: the original's config.json, LiteLLM's config.yaml, an export of new-api or
    one-api, claude-code-router's config.json, or an .env with keys of vendors. Shows them; writes them when asked."""
    words = parser("import", move_in)
    words.add_argument("file", type=Path, help="the file; its format is recognised")
    words.add_argument("--write", action="store_true", help="add the channels to ccx.yaml")
    asked = words.parse_args(arguments)
    moved = found_in(asked.file)
    if not moved.channels:
        raise StartError(f"{asked.file} has no channel that can be taken over" + "".join(f"; {w}" for w in moved.left))
    print(yaml_file.edited("version: 1\n", adding([shown(channel) for channel in moved.channels])), end="")
    for sentence in moved.left:
        complain(f"not carried: {sentence}")
    env = environment(os.environ)
    settings, path = Settings.read(env), Path(env["CCX_CONFIG"])
    if not asked.write:
        print(f"nothing was written; --write adds them to {path}, with the whole keys", file=sys.stderr)
        return 0
    versions.edit(path, adding(moved.channels), None, "import", settings, time.time())
    print(f"{len(moved.channels)} channels were added to {path}", file=sys.stderr)
    return 0


def found_in(file: Path) -> Moved:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    variables = move.environment(yaml_file.load_env(file, {})) if "=" in text and "{" not in text else Moved()
    return variables if variables.channels else move.read(yaml_file.load_text(text).data)


def shown(channel: dict[str, Any]) -> dict[str, Any]:
    """Without secrets."""
    found = dict(channel)
    if "keys" in channel:
        found["keys"] = [key if key.startswith("env:") else mask(key) for key in channel["keys"]]
    if "headers" in channel:
        found["headers"] = {name: mask(str(value)) for name, value in channel["headers"].items()}
    if "@" in channel.get("proxy", ""):
        found["proxy"] = "..." + channel["proxy"].rpartition("@")[2]
    return found


def adding(channels: list[dict[str, Any]]) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        entries = sequence(document, "channels")
        taken = {str(entry.get("name")) for entry in entries}
        for channel in channels:
            name = channel["name"]
            free = next(n for n in (name, *(f"{name}-{i}" for i in range(2, 10_000))) if n not in taken)
            taken.add(free)
            entries.append(styled({**channel, "name": free}, top=True))

    return change


def move_out(arguments: list[str]) -> int:
    """The channels as another gateway's file, on standard output. It holds the keys as ccx.yaml does."""
    words = parser("export", move_out)
    words.add_argument("format", choices=["litellm"])
    words.parse_args(arguments)
    path = Path(environment(os.environ)["CCX_CONFIG"])
    channels = (yaml_file.load(path).data or {}).get("channels") or []
    made, left = move.to_litellm(channels)
    print(yaml_file.edited("", lambda document: fill(document, made)), end="")
    for sentence in left:
        complain(f"not carried: {sentence}")
    return 0


def fill(document: Any, made: dict[str, Any]) -> None:
    document.clear()
    entries = sequence(document, "model_list")
    for row in made["model_list"]:
        entries.append(styled(row, top=True))
