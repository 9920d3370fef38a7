import html
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_admin.overview import page as overview
from tests.admin import seed


def test_first_run_shows_three_steps(session: FlaskClient, folder: Path) -> None:
    (folder / "ccx.yaml").write_text("version: 1\n")
    page = session.get("/").text
    assert page.count('class="step') - page.count('class="steps"') == 3
    assert 'class="step done"' not in page
    assert 'class="tile"' not in page


def test_steps_that_are_done(session: FlaskClient) -> None:
    page = session.get("/").text
    assert page.count('class="step done"') == 2  # a channel and a client are in the file


def test_a_first_request_to_copy(session: FlaskClient, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key stays in its file."""
    file = folder / "a b.env"
    file.write_text("PROXY_ACCESS_KEY=secret-of-the-file\n")
    monkeypatch.setenv("CCX_ENV_FILE", str(file))
    page = session.get("/").text
    asked = html.unescape(page.partition('id="first-ask" tabindex="0">')[2].partition("</pre>")[0])
    assert asked.startswith(f". '{file}'\ncurl http") and "secret-of-the-file" not in page
    assert "$PROXY_ACCESS_KEY" in asked and 'role="status"' in page
    monkeypatch.setenv("CCX_ENV_FILE", str(folder / "none"))
    assert 'tabindex="0">curl http' in session.get("/").text
    (folder / "ccx.yaml").write_text("version: 1\n")
    assert "first-ask" not in session.get("/").text


@pytest.mark.usefixtures("filled")
def test_problems_come_before_figures(session: FlaskClient) -> None:
    page = session.get("/").text
    assert page.index("5 failures in a row, last 529") < page.index('class="tiles"')
    assert "data-until=" in page[: page.index('class="tiles"')]
    assert "POST /api/channels/ch_main0001/reset" in page


def test_a_broken_file_is_a_problem(session: FlaskClient, folder: Path) -> None:
    (folder / "ccx.yaml").write_text(seed.CONFIG + "\nchanels: []\n")
    page = session.get("/").text
    assert "chanels" in page
    assert 'href="/settings?tab=file"' in page


@pytest.mark.usefixtures("filled")
def test_tiles_agree_with_the_api(app: Flask, session: FlaskClient) -> None:
    with app.test_request_context("/"):
        tiles = overview.tiles_of(app.extensions["ccx"], "24h")
    found = session.get("/api/stats/summary?range=24h").json
    assert found
    assert tiles.now == found["now"]
    assert sum(value or 0 for value in tiles.lines["requests"]) == found["now"]["requests"]
    assert all(value is None or 0 <= value <= 1 for value in tiles.lines["success"])


@pytest.mark.usefixtures("filled")
def test_running_and_failed(session: FlaskClient) -> None:
    page = session.get("/").text
    running = page[page.index("Running now") :].partition("</section>")[0]
    failed = page[page.index("Failed in the last day") :].partition("</section>")[0]
    assert running.count("<tr ") == 2
    assert 0 < failed.count("<tr ") <= overview.RECENT_FAILURES
    assert re.search(r'class="why-line">main: ', failed)


@pytest.mark.parametrize(("free", "expected"), [(1 << 40, 0), (1 << 20, 1)], ids=["room", "nearly full"])
def test_a_full_disk_is_a_problem(free: int, expected: int) -> None:
    assert len(overview.problems({"problems": [], "database": {"free_bytes": free}})) == expected
