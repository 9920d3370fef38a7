"""What a request asked and was answered, from its kept bodies, for the pages that show it."""

from collections.abc import Mapping
from typing import Any, Final

from flask import render_template

from ccx_addons.core.config import Kind
from ccx_addons.core.endpoints import ACCOUNT
from ccx_addons.protocols import reassembly
from ccx_admin.panel import Panel
from ccx_admin.requests import export

AS_IT_IS: Final[Kind] = "embeddings"
"""Nothing is said in it; what is asked about an account is shown in the same way."""


def kind_of_upstream(row: Mapping[str, Any]) -> Kind:
    kind: Kind = row["converted"].partition(">")[2] or row["kind"]
    return kind


def said_in(row: Mapping[str, Any]) -> Kind:
    kind: Kind = row["kind"]
    return AS_IT_IS if row["operation"].startswith(ACCOUNT) else kind


def growing(current: Panel, id: str) -> str:
    """The answer of a request as far as it has come, as a piece of its page; empty: there is none."""
    row = current.db.row("SELECT kind, operation, state, converted FROM requests WHERE id = ?", (id,))
    sides = export.bodies(current.db, id, current.secrets(), ("client_response",)) if row else {}
    return render_template("requests/answer.html", **answer_of(dict(row), sides)) if row and sides else ""


def conversation(row: Mapping[str, Any], sides: Mapping[str, Any]) -> dict[str, Any]:
    asked = sides.get("client_request")
    return {
        "asked": reassembly.asked(said_in(row), row["model"], row["stream"], asked) if asked else None,
        **answer_of(row, sides),
    }


def answer_of(row: Mapping[str, Any], sides: Mapping[str, Any]) -> dict[str, Any]:
    """What the client got; where it got nothing, what the upstream said."""
    kind = said_in(row)
    answered, speaks = sides.get("client_response"), kind
    if answered is None and "upstream_response" in sides:
        answered, speaks = sides["upstream_response"], kind_of_upstream(row)
    return {
        "answer": reassembly.answer(speaks, answered, row["state"] == "running") if answered else None,
        "cut": bool(answered and answered["truncated"]),
        "running": row["state"] == "running",
    }
