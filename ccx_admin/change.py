"""Changing ccx.yaml: what every page and API path does with it, for whom, and what becomes of two changes at once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import g, request
from werkzeug.wrappers import Response

from ccx_addons.core.config import Snapshot
from ccx_addons.core.config_changes import MISSING, place, value_at
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.io import versions, yaml_file
from ccx_addons.io.versions import RevisionConflict
from ccx_addons.io.yaml_document import Table
from ccx_addons.io.yaml_merge import Side
from ccx_admin.panel import Panel
from ccx_admin.settings import hidden

type Json = Any
type Edit = Callable[[Table], None]

RESOLVE: Final = "X-Resolve"
"""Header of a change: JSON, pointer of a clash -> ``mine`` or ``theirs``."""
UNDO: Final = "X-Undo"
"""Header of the answer to a change: what ``POST /api/config/undo`` takes back."""
MOST_SHOWN: Final = 2_000
"""Characters of one value."""


@dataclass(frozen=True, slots=True)
class Asked:
    """With what a change was asked for. ``expected``: the revision that the caller saw, None when any will do."""

    expected: str | None
    who: str
    chosen: Mapping[str, Side]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do to the file: a unified diff with masked secrets, and what is wrong with it."""

    diff: str
    problems: tuple[Problem, ...]


def asked() -> Asked:
    """From the headers If-Match and X-Resolve of this request."""
    tag = request.headers.get("If-Match", "").strip()
    expected = None if tag in ("", "*") else tag.removeprefix("W/").strip('"')
    return Asked(expected, who(), _chosen(request.headers.get(RESOLVE, "")))


def _chosen(text: str) -> dict[str, Side]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = {}
    return {name: side for name, side in found.items() if side in ("mine", "theirs")} if isinstance(found, dict) else {}


def who() -> str:
    """Who changes the configuration, for its history."""
    return str(g.user.name)


# ---- making a change -------------------------------------------------------------------------------------------------
def apply(panel: Panel, edit: Edit, asked: Asked) -> str:
    """The new revision. Raises RevisionConflict where somebody else changed the same, or ConfigErrors."""
    _must_be_valid(panel)
    now = panel.clock()
    return _told(
        panel,
        lambda: versions.edit(panel.config_path, edit, asked.expected, asked.who, panel.settings, now, asked.chosen),
    )


def save(panel: Panel, shown: str, asked: Asked) -> str:
    """Put a whole text in place, as ``hidden`` shows it. ``asked.expected`` must be the revision it was made from."""
    assert asked.expected is not None
    seen = versions.find(panel.config_path, asked.expected)
    text = hidden.restored(shown, seen.text if seen else panel.config().text)
    now, expected = panel.clock(), asked.expected
    return _told(
        panel, lambda: versions.save(panel.config_path, text, expected, asked.who, panel.settings, now, asked.chosen)
    )


def undo(panel: Panel, revision: str, asked: Asked) -> str:
    """Take back the change that led to a version; later ones stay."""
    now = panel.clock()
    return _told(
        panel, lambda: versions.undo(panel.config_path, revision, asked.who, panel.settings, now, asked.chosen)
    )


def rollback(panel: Panel, revision: str, asked: Asked) -> str:
    """Put a whole version back."""
    now = panel.clock()
    return _told(
        panel,
        lambda: versions.rollback(panel.config_path, revision, asked.expected, asked.who, panel.settings, now),
    )


def _told(panel: Panel, act: Callable[[], str]) -> str:
    before = panel.config().revision
    after = act()
    if after != before:
        g.undo = after
    return after


def tell_undo(response: Response) -> Response:
    """After every request."""
    if revision := g.get("undo"):
        response.headers[UNDO] = revision
    return response


def preview(panel: Panel, edit: Edit) -> tuple[Preview, Snapshot | None]:
    """What ``apply`` would do, and the configuration after it, None when it would not be valid."""
    _must_be_valid(panel)
    before = panel.config().text
    after = yaml_file.edited(before, edit)
    problems: tuple[Problem, ...] = ()
    snapshot = None
    try:
        snapshot = yaml_file.validated(after, before, panel.settings, panel.clock())
    except ConfigErrors as errors:
        problems = tuple(errors.problems)
    return Preview(hidden.diff(before, after), problems), snapshot


def _must_be_valid(panel: Panel) -> None:
    """A file that cannot be read as configuration is repaired in the editor first, as text."""
    if problems := panel.config().problems:
        raise ConfigErrors(list(problems))


# ---- two changes at once ---------------------------------------------------------------------------------------------
def sides(conflict: RevisionConflict) -> dict[str, Json]:
    """A conflict for people: for each place the value before, theirs and mine, and both changes as differences."""
    return {
        "revision": yaml_file.revision_of(conflict.theirs.encode()),
        "diff": hidden.diff(conflict.base, conflict.theirs),
        "mine": hidden.diff(conflict.base, conflict.mine),
        "clashes": _clashes(conflict),
    }


def _clashes(conflict: RevisionConflict) -> list[dict[str, Json]]:
    if conflict.clash is None:
        return []
    texts = (conflict.base, conflict.theirs, conflict.mine)
    base, theirs, mine = (yaml_file.load_text(text).data or {} for text in texts)
    secrets = hidden.secrets_of(texts[0]) | hidden.secrets_of(texts[1]) | hidden.secrets_of(texts[2])

    def shown(value: Json) -> Json:
        if value is MISSING:
            return None
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return secrets.clean(text)[:MOST_SHOWN]

    found = []
    for own, other in conflict.clash.pairs:
        path = min(own.path, other.path, key=len)
        words = place(path, theirs if value_at(path, base) is MISSING else base)
        values = {"base": base, "theirs": theirs, "mine": mine}
        found.append(
            {"pointer": own.pointer, "place": secrets.clean(words)}
            | {side: shown(value_at(path, data)) for side, data in values.items()}
        )
    return found
