"""/requests/errors: what went wrong, by its words: ids and numbers apart, with the first and the last time."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ccx_admin.db import Reader
from ccx_admin.requests.bars import newest
from ccx_admin.requests.search_box import Search

MOST: Final = 5_000
"""Different texts that are looked at, the latest first."""
SHOWN: Final = 100
NAMES: Final = 6
"""Channels and models that are named of one group."""

MARK: Final = "…"
VARIES: Final = re.compile(
    r"https?://[^\s\"'<>]{1,2000}"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{13,27}"
    r"|\b[A-Za-z]{2,12}_(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{3,200}"
    r"|\b(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{12,200}\b"
    r"|\b[0-9]+(?:[.,:][0-9]+)*"
)
"""What is another in each error: addresses, ids, long names with digits in them, numbers."""


@dataclass(slots=True)
class Group:
    """Errors with the same words. ``words``: with a mark where they differ. ``text``, ``example``: of the latest.
    ``place``: the field of the search that finds the words."""

    place: str
    words: str
    text: str
    example: str
    status: int
    times: int = 0
    first: int = 0
    last: int = 0
    channels: dict[str, int] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)


def words_of(message: str) -> str:
    return VARIES.sub(MARK, message).strip()


def grouped(rows: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Rows as ``errors`` reads them; the most frequent first."""
    found: dict[tuple[str, str, int], Group] = {}
    for row in sorted(rows, key=lambda row: -int(row["last"])):
        name, text = ("text", row["error_message"]) if row["error_message"] else ("error", row["error_kind"])
        place = (name, words_of(text), row["status"])
        group = found.setdefault(place, Group(name, place[1], text, row["id"], row["status"], first=row["first"]))
        group.times += row["n"]
        group.first, group.last = min(group.first, row["first"]), max(group.last, row["last"])
        for names, name in ((group.channels, row["channel_name"]), (group.models, row["model"])):
            if name:
                names[name] = names.get(name, 0) + row["n"]
    for group in found.values():
        group.channels, group.models = most_first(group.channels), most_first(group.models)
    return sorted(found.values(), key=lambda group: -group.times)


def most_first(names: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(names.items(), key=lambda entry: -entry[1]))


def errors(db: Reader, found: Search) -> list[Group]:
    """Of the failed requests that a search finds among the last ones, the most frequent first."""
    rows = db.rows(
        "SELECT error_message, error_kind, status, channel_name, model, count(*) AS n, min(started_at) AS first,"
        " max(started_at) AS last, max(id) AS id FROM requests INDEXED BY requests_list"
        f" WHERE started_at >= ? AND state IN ('failed', 'lost') AND ({found.where})"
        " GROUP BY error_message, error_kind, status, channel_name, model ORDER BY last DESC LIMIT ?",
        (newest(db, found.first, found.last), *found.params, MOST),
    )
    return grouped(dict(row) for row in rows)
