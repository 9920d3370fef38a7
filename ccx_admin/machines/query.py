"""What the machines have told of themselves (io/board.py), and what follows from it side by side."""

import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ccx_addons.core.confidential import written_keys
from ccx_addons.core.errors import ConfigErrors
from ccx_addons.io.board import MOST_OFFSET, SHARED, machine_of
from ccx_addons.io.place import is_postgres, place_of
from ccx_addons.io.sealed import is_sealed, seal_of
from ccx_addons.io.yaml_file import load_text
from ccx_admin.api.status import status_of
from ccx_admin.db import Row
from ccx_admin.panel import Panel

SILENT: Final = 15_000
"""Milliseconds after which a machine that says nothing is not there any more, as far as anybody knows."""
MACHINES: Final = """
SELECT *, (extract(epoch FROM clock_timestamp()) * 1000)::bigint - seen_at AS age FROM instances ORDER BY machine
"""
VERSIONS: Final = "SELECT n, revision, parent, text, at, who, machine FROM config_versions WHERE state = ? ORDER BY n"
NEWEST: Final = "SELECT revision FROM config_versions WHERE state = ? ORDER BY n DESC LIMIT 1"
NEWEST_TEXT: Final = NEWEST.replace("revision", "text")


@dataclass(frozen=True, slots=True)
class Machine:
    """``state`` of its configuration: ``newest`` (where each machine has its own file: what most have), ``behind`` or
    ``refused`` (``why``). ``differs``: variables whose values are not those of most machines. ``engines``: name -> what
    is wrong. ``own``: it serves this page."""

    name: str
    version: str
    workers: int
    started_at: int
    seen_at: int
    silent: bool
    offset: float
    revision: str
    state: str
    why: str
    queue: int
    engines: dict[str, str]
    differs: tuple[str, ...]
    own: bool

    @property
    def wrong_clock(self) -> bool:
        return abs(self.offset) > MOST_OFFSET


def share_a_database(panel: Panel) -> bool:
    return is_postgres(place_of(panel.settings))


def machines(panel: Panel) -> list[Machine]:
    if not share_a_database(panel):
        return [_alone(panel)]
    rows = panel.db.rows(MACHINES)
    live = [row for row in rows if row["age"] <= SILENT] or rows
    newest = newest_revision(panel, live)
    marks = [json.loads(row["secrets"]) for row in live]
    usual = {
        name: _most(found.get(name, "") for found in marks) for name in sorted({n for each in marks for n in each})
    }
    own = machine_of(panel.settings)
    return [_machine(row, newest, usual, own) for row in rows]


def _alone(panel: Panel) -> Machine:
    """A machine with a database of its own, as its panel sees it."""
    status = status_of(panel)
    trouble = status["database"]["trouble"]
    return Machine(
        name=machine_of(panel.settings),
        version=status["version"],
        workers=status["workers"],
        started_at=status["started_at"] or 0,
        seen_at=status["time"],
        silent=False,
        offset=0.0,
        revision=status["config"]["in_force"] or status["config"]["revision"],
        state="newest" if status["config"]["valid"] else "refused",
        why="",
        queue=status["database"]["queued"],
        engines={"log": trouble} if trouble else {},
        differs=(),
        own=True,
    )


def newest_revision(panel: Panel, live: Sequence[Row]) -> str:
    """Of all machines; where each has its own file, what most of them have."""
    if panel.settings.ccx_config_from == "database":
        return str(panel.db.value(NEWEST, (SHARED,)) or "")
    return _most(row["revision"] for row in live)


def _most(values: Any) -> str:
    found = Counter(values).most_common(1)
    return str(found[0][0]) if found else ""


def _machine(row: Row, newest: str, usual: dict[str, str], own: str) -> Machine:
    marks = json.loads(row["secrets"])
    state = "newest" if row["revision"] == newest else "refused" if row["refused"] == newest else "behind"
    return Machine(
        name=row["machine"],
        version=row["version"],
        workers=row["workers"],
        started_at=row["started_at"],
        seen_at=row["seen_at"],
        silent=row["age"] > SILENT,
        offset=row["clock_offset"],
        revision=row["revision"],
        state=state,
        why=row["why"] if state == "refused" else "",
        queue=row["queue"],
        engines=json.loads(row["engines"]),
        differs=tuple(name for name, mark in usual.items() if marks.get(name, "") != mark),
        own=row["machine"] == own,
    )


def offered(panel: Panel) -> list[dict[str, Any]]:
    """Files that somebody changed by hand on one machine, oldest first, as far as this one may read them."""
    if not share_a_database(panel) or panel.settings.ccx_config_from != "database":
        return []
    seal, found = seal_of(panel.settings), list[dict[str, Any]]()
    for row in panel.db.rows(VERSIONS, ("offered",)):
        with contextlib.suppress(ConfigErrors):
            found.append({**dict(row), "text": seal.opened(row["text"], row["revision"])})
    return found


def unsealed_keys(panel: Panel) -> int:
    """How many keys of the newest version everybody can read who can read the database."""
    if not share_a_database(panel) or panel.settings.ccx_config_from != "database":
        return 0
    text = str(panel.db.value(NEWEST_TEXT, (SHARED,)) or "")
    try:
        return 0 if is_sealed(text) else written_keys(load_text(text).data)
    except ConfigErrors:
        return 0
