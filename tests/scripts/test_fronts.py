"""Where the tests' reverse proxies come from, with real programs on a PATH of the test's own."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import fronts
from scripts.browsers import Missing
from scripts.fronts import bring, find


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(fronts, "ADMINISTRATORS", str(tmp_path / "sbin"))
    monkeypatch.setattr(fronts, "POSTGRES", tmp_path / "postgresql")
    (tmp_path / "sbin").mkdir()
    return tmp_path


def program(path: Path) -> str:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_what_is_there_is_not_brought(place: Path) -> None:
    for name in ("curl", "redis-server", "haproxy", "apache2", "postgres"):
        program(place / name)
    nginx, caddy = program(place / "sbin" / "nginx"), program(place / "caddy")
    bring(root=True, run=lambda command, seconds: False)
    assert (find("nginx"), find("caddy")) == (nginx, caddy)


def test_root_brings_what_is_missing(place: Path) -> None:
    program(place / "nginx")
    for name in ("curl", "redis-server", "haproxy", "apache2", "postgres"):
        program(place / name)
    program(place / "apt-get")
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str], seconds: float) -> bool:
        asked.append(command)
        return bool(program(place / "caddy"))

    bring(root=True, run=run)
    assert [command[-1].split()[-1] for command in asked] == ["caddy"] and find("caddy")


@pytest.mark.parametrize("root", [True, False])
def test_what_cannot_be_brought_is_one_line_with_the_command(place: Path, root: bool) -> None:
    with pytest.raises(
        Missing,
        match=r"^the tests need nginx caddy haproxy apache2 curl redis-server postgres; install it and put it on PATH$",
    ):
        bring(root=root, run=lambda command, seconds: False)
    program(place / "dnf")
    with pytest.raises(
        Missing,
        match=r"need nginx caddy haproxy apache2 curl redis-server postgres; as root: dnf install -y -q nginx caddy haproxy httpd curl redis postgresql$",
    ):
        bring(root=root, run=lambda command, seconds: False)
