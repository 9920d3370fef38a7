"""/test: the forms, and the matrix while it grows."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.config import Channel, ModelMap, Patterns, Target
from ccx_admin.bench import page as bench
from ccx_admin.bench.capability import EXTENSION, Job
from ccx_admin.panel import EXTENSION as PANEL
from tests.admin.test_pages import check
from tests.patience import wait_for
from tests.wire.program import Fake


@pytest.fixture
def job(app: Flask, folder: Path, fake: Fake) -> Job:
    urls = f'base_urls: ["{fake.url}"], keys: [k-0123456789ab]'
    (folder / "ccx.yaml").write_text(f"version: 1\nchannels:\n  - {{name: one, id: ch_one, protocol: chat, {urls}}}\n")
    panel = app.extensions[PANEL]
    channel = panel.snapshot().channels[0]
    found: Job = app.extensions[EXTENSION].start(
        panel, channel, channel.keys[0], ["chat"], ["m", "blind"], ["text", "image"], 6000
    )
    return found


def words(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", html).split())


def test_a_matrix_that_is_done(session: FlaskClient, job: Job) -> None:
    wait_for(lambda: job.ended_at is not None)
    page = session.get("/test?channel=ch_one").text
    check(page)
    shown = words(page)
    assert "What one can do done 4 of 4" in shown and "it did not see the picture: I see no picture." in shown
    assert all(f"/requests/{cell.request_id}" in page for cell in job.cells)
    assert "every 1s" not in session.get(f"/test/{job.id}").text


def test_a_matrix_that_grows_is_asked_for_again(session: FlaskClient, job: Job) -> None:
    wait_for(lambda: job.ended_at is not None)
    job.ended_at, job.cells[3].state = None, "waiting"
    part = session.get(f"/test/{job.id}").text
    assert 'hx-trigger="every 1s"' in part and f"/api/capability/{job.id}" in part and "3 of 4" in words(part)


def test_an_unknown_matrix(session: FlaskClient) -> None:
    assert session.get("/test/none").status_code == 404


def test_an_unknown_channel_is_the_first(session: FlaskClient) -> None:
    page = session.get("/test?channel=ch_none").text
    assert re.search(r'<option value="ch_main0001" selected>', page)


def test_without_channels(session: FlaskClient, folder: Path) -> None:
    (folder / "ccx.yaml").write_text("version: 1\n")
    page = session.get("/test").text
    assert "No channel yet" in page and "playground" not in page


@pytest.mark.parametrize(
    ("more", "found"),
    [
        pytest.param({}, ["gpt-5", "o3"], id="what clients ask"),
        pytest.param({"allow": Patterns(("o3", "gpt-*"))}, ["o3"], id="what it says it has"),
        pytest.param(
            {"models": ModelMap({"opus": (Target("glm-5"),), "*": (Target("x"),)})}, ["opus"], id="what it maps"
        ),
        pytest.param({"allow": Patterns(("claude-*",))}, [], id="nothing fits"),
    ],
)
def test_suggested_models(more: dict[str, object], found: list[str]) -> None:
    channel = Channel("ch_1", "one", "chat", ("https://a.test",), (), frozenset({"chat"}), **more)  # type: ignore[arg-type]
    assert bench.suggested(channel, ["gpt-5", "o3"]) == found
