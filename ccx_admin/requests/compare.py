"""/requests/<id>/compare: a request and the one before it, another one, or what its upstream was sent instead."""

from typing import Final

from flask import Blueprint, render_template, request

from ccx_admin.api.problem import not_found
from ccx_admin.panel import panel
from ccx_admin.requests import search_box
from ccx_admin.requests.flows import Compared, Flows, NoSuchFlow

pages: Final = Blueprint("compare", __name__)

GROUPS: Final = (
    ("answer", "Answer"),
    ("settings", "Settings"),
    ("tools", "Tools"),
    ("system", "System prompt"),
    ("messages", "Messages"),
)
MARKS: Final = {"changed": "changed", "added": "added", "removed": "removed"}


@pages.get("/requests/<id>/compare")
def index(id: str) -> str:
    current = panel()
    row = search_box.detail(current.db, id)
    if row is None:
        raise not_found("request", id)
    other = request.args.get("with", "before")[:64]
    found: Compared | None = None
    why = ""
    try:
        found = Flows(current.db, current.secrets()).diff(row["id"], other or "before")
    except NoSuchFlow as error:
        why = str(error)
    every = found.differences if found else []
    rows = [(words, [one for one in every if one.group == group]) for group, words in GROUPS]
    return render_template(
        "requests/compare.html",
        row=row,
        other=other,
        found=found,
        why=why,
        groups=[(words, ones, [one for one in ones if one.mark != "same"]) for words, ones in rows if ones],
        marks=MARKS,
    )
