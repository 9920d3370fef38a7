"""Every command: its word, what runs, and what it is for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from ccx_addons.commands import Command

COMMANDS: Final[Mapping[str, str]] = {
    "serve": "serve:serve",
    "check": "check:check",
    "demo": "serve:demo",
    "mitmweb": "serve:mitmweb",
    "watch": "watch:watch",
    "flows": "flows:flows",
    "mcp": "mcp:mcp",
    "replay": "replay:replay",
    "reload": "reload:reload",
    "import": "moving:move_in",
    "export": "moving:move_out",
    "where": "places:where",
    "health": "health:health",
    "doctor": "doctor:doctor",
    "backup": "copies:backup",
    "restore": "copies:restore",
    "copy-log": "copies:copy_log",
    "worker": "processes:worker",
    "panel": "processes:panel",
    "meeting": "processes:meeting",
}
"""Module and function in this folder. Each is imported when its word was given: a process that only starts others needs
neither the panel nor what reads a log."""


def command(word: str) -> Command:
    module, name = COMMANDS[word].split(":")
    found: Command = getattr(import_module(f"{__package__}.{module}"), name)
    return found


HELP: Final = """\
CCX: one address and one key in front of many AI upstreams.

{0}            serve: the gateway, until SIGTERM or Ctrl-C
{0} check      validate the configuration; every error with its path and line, exit 1
             with --explain KIND MODEL: where such a request would go, and why
             with --vendor URL MODEL: what is known of them, and which page says so
{0} demo       serve with a built-in offline upstream for every protocol
{0} mitmweb    serve with every request, attempt and answer in mitmproxy's web UI, on this machine only
{0} flows      list, show, diff or tail: the request log in a terminal, with --json for scripts
{0} mcp        the same for agents, read-only, over the Model Context Protocol
{0} replay     FILE.flow or FILE.har: recorded requests once more, and what is different now
{0} watch      -- COMMAND: start it with its requests going through the gateway, and say where to watch them
{0} reload     workers of the running gateway with new settings and code, one after the other
{0} import FILE channels of another gateway: shows them, and adds them with --write
{0} export     the channels for another gateway: export litellm
{0} where      the files and folders that are used
{0} health     whether the gateway that runs here is ready; exit 1 when it is not
{0} doctor     look at everything around it, and say what is wrong and what to do; exit 1 when something is
{0} backup     FILE: the database, ccx.yaml and .env in one file, while it runs
{0} restore    FILE: put them back; the gateway must be stopped
{0} copy-log   the log of a machine's own ccx.db into the PostgreSQL of CCX_DATABASE_URL
"""
