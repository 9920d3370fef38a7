"""A conversation in its order: what was said anew in each request, what was answered, and what that cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ccx_addons.protocols.reassembly import Answer, Piece
from ccx_admin.panel import Panel
from ccx_admin.requests import export
from ccx_admin.requests.conversation import conversation

PAGE: Final = 20
"""Turns of one page: each reads two kept bodies."""
SIDES: Final = ("client_request", "client_response")


@dataclass(frozen=True, slots=True)
class Turn:
    """``said``: what came since the answer before. ``kept``: whether there is a body to read it from."""

    row: Mapping[str, Any]
    hit: float | None
    said: tuple[tuple[str, tuple[Piece, ...]], ...]
    answer: Answer | None
    running: bool
    cut: bool
    kept: bool


def turns(current: Panel, rows: Sequence[Mapping[str, Any]]) -> list[Turn]:
    """Of requests, oldest first."""
    secrets = current.secrets()
    return [turn(row, export.bodies(current.db, row["id"], secrets, SIDES)) for row in rows]


def turn(row: Mapping[str, Any], sides: Mapping[str, Any]) -> Turn:
    found = conversation(row, sides)
    asked = found["asked"]
    history = list(asked.turns) if asked else []
    last = max((n for n, one in enumerate(history) if one.role == "assistant"), default=-1)
    said = tuple(
        (one.role, tuple(piece for piece in one.pieces if piece.look != "context")) for one in history[last + 1 :]
    )
    return Turn(
        row,
        (row["cache_read_tokens"] or 0) / row["input_tokens"] if row["input_tokens"] else None,
        tuple((role, pieces) for role, pieces in said if pieces and role != "system"),
        found["answer"],
        found["running"],
        found["cut"],
        bool(sides),
    )
