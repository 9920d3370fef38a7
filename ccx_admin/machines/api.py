"""/api/machines: the machines of one database, and what becomes of a file that was changed by hand on one of them."""

import contextlib
from dataclasses import asdict
from typing import Any, Final

from flask import Blueprint

from ccx_addons.io import versions
from ccx_addons.io.board import Board, board_of
from ccx_admin import change
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import not_found
from ccx_admin.api.schema import Json, array, free, integer, table, text
from ccx_admin.machines import query
from ccx_admin.panel import Panel, panel
from ccx_admin.settings import hidden

api: Final = Blueprint("api_machines", __name__, url_prefix="/api")

CHOSEN: Final = table({"n": integer(minimum=1)}, ("n",))


@operation(
    api,
    "GET",
    "/machines",
    answer=table({"machines": array(free()), "offered": array(free())}, ("machines", "offered"), more=True),
)
def list_machines() -> dict[str, Json]:
    """Machines that share one database, and files changed by hand that wait to be taken or dropped."""
    current = panel()
    return {"machines": [asdict(each) for each in query.machines(current)], "offered": offers(current)}


def offers(current: Panel) -> list[dict[str, Any]]:
    """With what each would change, secrets masked."""
    before = current.config().text
    return [
        {"n": row["n"], "machine": row["machine"], "at": row["at"], "revision": row["revision"]}
        | {"diff": hidden.diff(before, row["text"])}
        for row in query.offered(current)
    ]


@operation(
    api,
    "POST",
    "/machines/take",
    body=CHOSEN,
    answer=table({"revision": text()}, ("revision",)),
    errors=(404, 409, 422),
)
def take(body: dict[str, Json]) -> dict[str, Json]:
    """Put a file that was changed by hand on one machine in force on all; what others changed since then stays."""
    current, row = panel(), _offer(body["n"])
    asked = change.asked()
    who = f"{versions.BY_HAND}, {row['machine']}, {asked.who}"
    expected = row["parent"] or None
    revision = versions.save(
        current.config_path, row["text"], expected, who, current.settings, current.clock(), asked.chosen
    )
    with contextlib.closing(_board(current)) as board:
        board.settle(body["n"], "taken")
    return {"revision": revision}


@operation(api, "POST", "/machines/drop", body=CHOSEN, answer=table({"n": integer()}, ("n",)), errors=(404,))
def drop(body: dict[str, Json]) -> dict[str, Json]:
    """Leave a file that was changed by hand as it is: the next change of all machines replaces it there."""
    _offer(body["n"])
    with contextlib.closing(_board(panel())) as board:
        board.settle(body["n"], "dropped")
    return {"n": body["n"]}


def _offer(n: int) -> dict[str, Any]:
    found = next((row for row in query.offered(panel()) if row["n"] == n), None)
    if found is None:
        raise not_found("file that was changed by hand", str(n))
    return found


def _board(current: Panel) -> Board:
    board = board_of(current.settings)
    assert board
    return board
