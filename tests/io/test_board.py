from ccx_addons.core.settings import Settings
from ccx_addons.io.board import NOBODY, Shared, board_of, line_of, machine_of
from ccx_addons.io.postgres_board import Board

URL = "postgresql://postgres@127.0.0.1:1/x"


def test_who_shares_what() -> None:
    assert board_of(Settings()) is None and line_of(Settings()) is None
    board = board_of(Settings(ccx_database_url=URL, ccx_machine="one"))
    assert isinstance(board, Board) and board.machine == "one"
    assert line_of(Settings(ccx_database_url=URL)) is None
    assert isinstance(line_of(Settings(ccx_database_url=URL, ccx_config_from="database")), Board)
    assert machine_of(Settings()) and machine_of(Settings(ccx_machine="two")) == "two"


def test_a_board_on_which_nobody_looks() -> None:
    assert NOBODY.publish(Shared("a", "", "", 0.0, "")) and not NOBODY.since("") and NOBODY.newest() == ""
    assert not NOBODY.heard() and not NOBODY.offer(Shared("a", "", "", 0.0, "")) and NOBODY.offset() == 0.0
