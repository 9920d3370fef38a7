from pathlib import Path

from ccx_addons.io.board import Shared
from ccx_addons.io.postgres_board import Board
from tests.admin import seed
from tests.admin.conftest import Api
from tests.admin.machines.conftest import REVISION, Tell

BY_HAND = seed.CONFIG.replace("priority: 2", "priority: 9")


def offer(board: Board) -> int:
    assert BY_HAND != seed.CONFIG and board.offer(Shared("by hand", REVISION, BY_HAND, 2000.0, "by hand"))
    return 2


def test_machines_and_offers(api: Api, board: Board, tell: Tell) -> None:
    tell("two")
    n = offer(board)
    answer = api("GET", "/api/machines")
    assert answer.json and [each["name"] for each in answer.json["machines"]] == ["two"]
    (found,) = answer.json["offered"]
    assert (found["n"], found["machine"]) == (n, "two") and "priority: 9" in found["diff"]
    assert not any(secret in answer.text for secret in seed.SECRETS)


def test_an_offer_is_taken_for_all(api: Api, board: Board, folder: Path) -> None:
    n = offer(board)
    assert api.get("/api/config")["revision"] == REVISION
    answer = api.do("POST", "/api/machines/take", {"n": n})
    assert answer["revision"] == board.newest() and (folder / "ccx.yaml").read_text() == BY_HAND
    assert board.since(REVISION)[0].who.startswith("by hand, two, ")
    assert api.get("/api/machines")["offered"] == []
    api.do("POST", "/api/machines/take", {"n": n}, status=404)


def test_an_offer_is_dropped(api: Api, board: Board, folder: Path) -> None:
    api.do("POST", "/api/machines/drop", {"n": offer(board)})
    assert api.get("/api/machines")["offered"] == [] and board.newest() == REVISION
    assert (folder / "ccx.yaml").read_text() == seed.CONFIG
    api.do("POST", "/api/machines/drop", {"n": 2}, status=404)
