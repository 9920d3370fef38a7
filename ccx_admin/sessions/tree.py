"""Conversations with their sub-agents below them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ccx_addons.core.config import KINDS
from ccx_addons.io.rollup import DAY
from ccx_admin.db import Reader

MOST: Final = 200
"""Sub-agents that are shown of one conversation."""
COLUMNS: Final = (
    "kind, trace_hash, title, parent, model, first_at, last_at, requests, failed, input_tokens, cache_read_tokens,"
    " output_tokens, cost_usd"
)
OF_TRACE: Final = f"kind IN ({', '.join(f"'{kind}'" for kind in KINDS)}) AND trace_hash = ?"
"""SQL: conversations of one trace, in every kind, which is how the table's key begins."""

type Session = Mapping[str, Any]


def ordered(sessions: Sequence[Session]) -> list[tuple[int, Session]]:
    """(depth, session): each below its parent where that is there, otherwise in the order given."""
    there = {(s["kind"], s["trace_hash"]) for s in sessions}
    below: dict[tuple[str, str], list[Session]] = {}
    tops = []
    for session in sessions:
        above = (session["kind"], session["parent"])
        if session["parent"] and above in there and session["parent"] != session["trace_hash"]:
            below.setdefault(above, []).append(session)
        else:
            tops.append(session)
    found = [entry for top in tops for entry in _branch(top, below, 0)]
    left = len(sessions) - len(found)
    return found if not left else [(0, session) for session in sessions]  # parents in a circle


def _branch(
    session: Session, below: Mapping[tuple[str, str], list[Session]], depth: int
) -> Iterator[tuple[int, Session]]:
    yield depth, session
    for child in below.get((session["kind"], session["trace_hash"]), ()):
        yield from _branch(child, below, min(depth + 1, 8))


def agents(db: Reader, trace: str, first: int, last: int) -> list[dict[str, Any]]:
    """The sub-agents of a conversation, in the order they began. ``first``, ``last``: when it began, and was last
    heard of (Unix ms); its agents are heard of between the two, or within a day."""
    sql = (
        f"SELECT {COLUMNS} FROM sessions INDEXED BY sessions_last WHERE last_at >= ? AND last_at < ? AND parent = ?"
        " AND trace_hash <> ? ORDER BY first_at LIMIT ?"
    )
    return [dict(row) for row in db.rows(sql, (first, last + DAY, trace, trace, MOST))]


def parent(db: Reader, session: Session) -> dict[str, Any] | None:
    """Who started it."""
    sql = f"SELECT {COLUMNS} FROM sessions WHERE kind = ? AND trace_hash = ?"
    row = db.row(sql, (session["kind"], session["parent"])) if session["parent"] else None
    return dict(row) if row else None
