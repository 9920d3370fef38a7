"""The configuration as the panel sees it."""

import os
from pathlib import Path

import pytest
from flask import Flask

from ccx_addons.io import last_good
from ccx_admin.panel import EXTENSION, Panel
from tests.admin.seed import CONFIG
from tests.proxy.certificates import issue


@pytest.fixture
def current(app: Flask) -> Panel:
    panel = app.extensions[EXTENSION]
    assert isinstance(panel, Panel)
    return panel


def test_is_parsed_once(current: Panel) -> None:
    assert current.config() is current.config()
    assert len(current.snapshot().channels) == 5


def test_sees_a_change_of_the_same_size_and_time(current: Panel) -> None:
    path = current.config_path
    before = path.stat()
    current.config()
    path.write_text(CONFIG.replace("name: main", "name: mein"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert current.snapshot().channels[0].name == "mein"


@pytest.mark.parametrize("text", ["channels: 7\n", "\x00", "{", "channels: [{name: x}]\n"])
def test_a_bad_file_keeps_the_last_good_one(current: Panel, text: str) -> None:
    current.config()
    current.config_path.write_text(text)
    found = current.config()
    assert found.problems and found.text == text and len(found.snapshot.channels) == 5


def test_a_panel_that_starts_over_a_bad_file_shows_the_last_good_one(current: Panel) -> None:
    last_good.take(current.settings, 0)
    current.config_path.write_text("channels: 7\n")
    found = current.config()
    assert found.problems and len(found.snapshot.channels) == 5


def test_a_warning_goes_when_the_file_it_names_is_there(current: Panel, tmp_path: Path) -> None:
    pem = tmp_path / "new.pem"
    current.config_path.write_text(CONFIG.replace("name: main", f"name: main\n    ca_file: '{pem}'"))
    (warning,) = current.snapshot().warnings
    assert "channels[0].ca_file: there is no such file" in warning
    issued = issue(tmp_path, "a.test")
    Path(issued.ca_file).rename(pem)
    assert current.snapshot().warnings == ()


def test_a_file_that_is_gone_changes_nothing(current: Panel) -> None:
    before = current.snapshot()
    Path(current.config_path).unlink()
    assert current.snapshot() is before and "nothing in it" in current.config().problems[0].message


def test_bytes_that_are_no_text(current: Panel) -> None:
    current.config_path.write_bytes(b"channels: \xff\xfe\n")
    assert current.config().problems
