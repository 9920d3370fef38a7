import os
from dataclasses import replace
from pathlib import Path

import pytest

from ccx_addons.core.config import Channel, Snapshot
from ccx_addons.core.errors import Problem
from ccx_addons.io import ca_files
from tests.proxy.certificates import issue

CHANNEL = Channel("ch_a", "a", "chat", ("https://a.test",), (), frozenset({"chat"}))
NONE = "there is no such file"
NO_PEM = "is not a file of certificates in PEM form"


def snapshot(*files: str | None) -> Snapshot:
    return Snapshot("r", 0, channels=tuple(replace(CHANNEL, ca_file=file) for file in files))


@pytest.fixture
def good(tmp_path: Path) -> str:
    return issue(tmp_path, "a.test").ca_file


def test_certificates_that_can_be_used_are_no_problem(good: str) -> None:
    assert ca_files.problems(snapshot(None, good), {}) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, NONE),
        (b"", NO_PEM),
        (b"hello", NO_PEM),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n", NO_PEM),
        (b"\0", NO_PEM),
    ],
)
def test_a_file_that_is_none_or_no_certificate(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    found = ca_files.problems(snapshot(None, str(file)), {"channels[1].ca_file": 7})
    assert found == [Problem("channels[1].ca_file", f"{words}; this channel cannot connect", 7)]


@pytest.mark.parametrize("name", ["", ".", "a\0b", "\ud800", "x" * 5000, "pipe"])
def test_a_name_that_is_no_file(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    (problem,) = ca_files.problems(snapshot(name), {})
    assert problem.message.endswith("; this channel cannot connect")
    assert ca_files.marks(snapshot(name)) == ca_files.marks(snapshot(name))


def test_every_channel_is_named_but_for_known_files(good: str) -> None:
    found = ca_files.problems(snapshot("none", good, "none", "gone"), {}, known={"gone"})
    assert [problem.path for problem in found] == ["channels[0].ca_file", "channels[2].ca_file"]


def test_marks_tell_that_a_file_changed(tmp_path: Path, good: str) -> None:
    named = snapshot(str(tmp_path / "later.pem"), good, None)
    before = ca_files.marks(named)
    assert before == ca_files.marks(named)
    (tmp_path / "later.pem").touch()
    assert ca_files.marks(named) != before
