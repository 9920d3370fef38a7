"""Where the tests' browser comes from, with real programs on a PATH of the test's own."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from scripts.browsers import CHROMIUM, Missing, bring, find, own, ways, works


def program(path: Path, code: int = 0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH; Playwright keeps its browsers in ``own`` beside it."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "own"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def playwrights() -> Path:
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


@pytest.mark.parametrize("name", CHROMIUM.commands)
def test_one_on_path_is_taken(place: Path, name: str) -> None:
    path = program(place / "bin" / name)
    assert find() == path


def test_one_that_does_not_start_is_passed_over(place: Path) -> None:
    program(place / "bin" / "chromium", code=127)
    assert find() == ""
    good = program(place / "bin" / "google-chrome")
    assert find() == good


def test_a_browser_that_nothing_can_drive_is_none(place: Path) -> None:
    program(place / "bin" / "chromium")
    assert find(run=lambda command, seconds: "playwright" not in command) == ""


def test_playwrights_own_comes_after_path(place: Path) -> None:
    assert own(CHROMIUM) == ""
    assert place in playwrights().parents
    mine = program(playwrights())
    assert find() == own(CHROMIUM) == mine
    other = program(place / "bin" / "chromium")
    assert find() == other


def test_playwright_is_asked_before_the_package_manager_which_is_for_root(place: Path) -> None:
    program(place / "bin" / "apt-get")
    program(place / "bin" / "dnf")
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    assert ways(CHROMIUM, root=False) == [playwright]
    assert ways(CHROMIUM, root=True) == [playwright, CHROMIUM.packages["apt-get"], CHROMIUM.packages["dnf"]]


def test_what_was_brought_is_found(place: Path) -> None:
    def run(command: Sequence[str], seconds: float) -> bool:
        if "install" in command:
            return bool(program(place / "bin" / "chromium"))
        return works(command, seconds)

    assert bring(run=run) == str(place / "bin" / "chromium")


def test_what_cannot_be_brought_is_one_line_with_the_command(place: Path) -> None:
    with pytest.raises(Missing) as caught:
        bring(run=lambda command, seconds: False)
    assert str(caught.value).endswith(f"{sys.executable} -m playwright install --with-deps chromium")
    program(place / "bin" / "apt-get")
    with pytest.raises(Missing) as caught:
        bring(run=lambda command, seconds: False)
    line = str(caught.value)
    assert "\n" not in line and line.endswith("as root: apt-get update -qq && apt-get install -y -qq"
                                              " --no-install-recommends chromium libatomic1")  # fmt: skip


def test_a_command_that_is_not_there_or_takes_too_long_does_not_work(place: Path) -> None:
    assert not works(["no-such-program"], 5)
    assert not works(["/bin/sleep", "5"], 0.05)
    assert works(["/bin/true"], 5)
