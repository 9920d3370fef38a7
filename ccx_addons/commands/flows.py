"""``ccx flows``: the request log in a terminal and for scripts, whether the gateway runs or not."""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ccx_addons.commands import amount, parser, say
from ccx_addons.commands.places import environment
from ccx_addons.core.settings import Settings
from ccx_addons.io import yaml_file
from ccx_addons.io.place import place_of
from ccx_admin.db import Reader
from ccx_admin.requests.flows import Compared, Flows
from ccx_admin.requests.search_box import row_of, with_chains

EVERY: Final = 0.5
"""Seconds between two looks for new requests."""
LIMIT: Final = 20


def flows(arguments: list[str]) -> int:
    """Requests of the log: found, shown, compared, followed. Secrets are masked as on the panel's pages."""
    words = parser("flows", flows)
    acts = words.add_subparsers(dest="act", required=True, metavar="list|show|diff|tail")
    for name, help in (
        ("list", "the latest requests, or those of a query such as: state:failed model:opus"),
        ("show", "one request: what happened, what was asked and answered"),
        ("diff", "a request and the one before it, or another, or what its upstream was sent"),
        ("tail", "requests as they end, until Ctrl-C"),
    ):
        act = acts.add_parser(name, help=help)
        act.add_argument("--json", action="store_true", help="JSON; one object a line for list and tail")
        if name in ("list", "tail"):
            act.add_argument("query", nargs="*", help="as in the panel's search box")
        else:
            act.add_argument("id", help="an id or its beginning; last: the newest")
    acts.choices["list"].add_argument("--limit", type=amount, default=LIMIT)
    acts.choices["diff"].add_argument("other", nargs="?", default="before", help="an id; by default the request before")
    acts.choices["diff"].add_argument("--upstream", action="store_true", help="what the upstream was sent instead")
    asked = words.parse_args(arguments)
    return ACTS[asked.act](opened(), asked)


def opened() -> Flows:
    """The log of this configuration. Raises ConfigErrors."""
    env = environment(os.environ)
    settings = Settings.read(env)
    snapshot = yaml_file.read_snapshot(Path(settings.ccx_config), settings, now=time.time(), environ=env)
    return Flows(Reader(place_of(settings)), snapshot.secrets)


def listed(log: Flows, asked: argparse.Namespace) -> int:
    for row in reversed(log.found(" ".join(asked.query), int(time.time() * 1000), asked.limit)):
        say(json.dumps(row, ensure_ascii=False) if asked.json else line(row))
    return 0


def shown(log: Flows, asked: argparse.Namespace) -> int:
    found = log.show(asked.id)
    if asked.json:
        say(json.dumps(found, ensure_ascii=False))
        return 0
    say(line(found))
    if why := found.get("cache_lost"):
        say(f"! {why}")
    for tried in found["attempts"]:
        where = f"{tried['n']}. {tried['channel_name']} {tried['key_mask']}"
        say(f"  {where}: {tried['status']} {tried['reason']}")
    say("\n".join(told(found)))
    return 0


def told(found: Mapping[str, Any]) -> Iterator[str]:
    asked = found.get("asked", {})
    turns = [("system", asked.get("system", [])), *((t["role"], t.get("pieces", [])) for t in asked.get("turns", []))]
    for role, pieces in [*turns, ("answer", found.get("answer", {}).get("pieces", []))]:
        for piece in pieces:
            yield f"\n── {role} {piece['look'] if piece['look'] != 'text' else ''} {piece.get('name', '')}".rstrip()
            yield piece.get("text", "")


def compared(log: Flows, asked: argparse.Namespace) -> int:
    found = log.diff(asked.id, "upstream" if asked.upstream else asked.other)
    say(json.dumps(found.plain(), ensure_ascii=False) if asked.json else "\n".join(difference(found)))
    return 0


def difference(found: Compared) -> Iterator[str]:
    yield found.summary or "nothing is different"
    if not found.content:
        yield "(bodies were not kept: what changed is known, and not how)"
    for one in found.differences:
        if one.mark == "same":
            continue
        yield f"\n{one.group} {one.name}: {one.mark}"
        for part in one.lines:
            yield f"  ~ {part.text} lines are alike" if part.sign == "~" else f"  {part.sign} {part.text}"


def followed(log: Flows, asked: argparse.Namespace) -> int:
    from ccx_admin.requests import search_box

    now = int(time.time() * 1000)
    query = search_box.parse(" ".join(asked.query), now)
    now_at = "SELECT value FROM counter WHERE name = 'rev'"
    rev = log.db.value(now_at) or 0
    sql = f"SELECT * FROM requests WHERE rev > ? AND rev <= ? AND state <> 'running' AND ({query.where}) ORDER BY rev"
    try:
        while True:
            reached = log.db.value(now_at)
            rows = log.db.rows(sql, (rev, reached, *query.params))
            for row in with_chains(log.db, [row_of(row) for row in rows]):
                found = log.told(row)
                say(json.dumps(found, ensure_ascii=False) if asked.json else line(found))
            rev = reached
            threading.Event().wait(EVERY)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        sys.stderr.close()
        return 0


ACTS: Final[Mapping[str, Callable[[Flows, argparse.Namespace], int]]] = {
    "list": listed,
    "show": shown,
    "diff": compared,
    "tail": followed,
}


def line(row: Mapping[str, Any]) -> str:
    """``14:02:11 0199… ok messages claude-opus▸main 12031/840 $0.0310 4.1 s``."""
    at = time.strftime("%H:%M:%S", time.localtime(row["started_at"] / 1000))
    tokens = f"{row.get('input_tokens', 0)}/{row.get('output_tokens', 0)}" if row.get("input_tokens") else ""
    cost = f"${row['cost_usd']:.4f}" if row.get("cost_usd") else ""
    took = f"{row['total_ms'] / 1000:.1f} s" if row.get("total_ms") else ""
    where = f"{row.get('model', row.get('operation', ''))}▸{row.get('channel_name', '-')}"
    parts = (at, row["id"], row["state"], str(row.get("status") or ""), row["kind"], where, tokens, cost, took)
    return " ".join(part for part in (*parts, row.get("error_message", "")) if part)
