import contextlib
import json
from dataclasses import replace

from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.io.board import Shared
from ccx_addons.io.postgres_board import Board
from ccx_addons.io.sealed import seal_of
from ccx_admin.panel import EXTENSION, Panel
from tests.admin import seed
from tests.admin.machines.conftest import REVISION, Tell
from tests.admin.test_pages import check


def test_keys_that_are_in_the_database_are_said_until_they_are_sealed(
    session: FlaskClient, app: Flask, board: Board, tell: Tell
) -> None:
    tell("one")
    assert "with the keys that are written in it: " in session.get("/settings/machines").text
    panel: Panel = app.extensions[EXTENSION]
    panel.settings = sealed = replace(panel.settings, ccx_config_secret="a-secret-of-machines")
    with contextlib.closing(Board(sealed.ccx_database_url, "two", seal_of(sealed))) as other:
        other.offer(Shared("by hand", REVISION, seed.CONFIG + "# more\n", 2000.0, "by hand"))
    page = session.get("/settings/machines").text
    assert "with the keys" not in page and "+# more" in page


def test_a_page_without_and_with_machines(session: FlaskClient, board: Board, tell: Tell) -> None:
    assert "No machine has told of itself yet" in session.get("/settings/machines").text
    tell("one")
    tell("<two>", revision="old", refused=REVISION, why="<b>no</b>", clock_offset=3.0, secrets=json.dumps({"A": "2"}))
    tell("three", engines=json.dumps({"limits": "Valkey <i>"}))
    board.offer(Shared("by hand", REVISION, seed.CONFIG + "# more\n", 2000.0, "by hand"))
    page = session.get("/settings/machines").text
    check(page)
    for words in (
        "this one", "&lt;two&gt;", "refuses the newest", "&lt;b&gt;no&lt;/b&gt;", "+3.00 s", "limits are counted apart",
        "Valkey &lt;i&gt;", "ccx.yaml of two was changed by hand", "+# more", "POST /api/machines/take",
    ):  # fmt: skip
        assert words in page, words
