"""Browsers for the panel's tests: finds each, else brings it, and says in one line what cannot be brought.

A browser on PATH comes first, then Playwright's own, then (for root) the system's package manager.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

START: Final = 60.0
BRING: Final = 900.0
"""Seconds a browser may take to tell its version, and to be installed."""

DRIVER: Final = (sys.executable, "-m", "playwright", "--version")

type Run = Callable[[Sequence[str], float], bool]


@dataclass(frozen=True)
class Engine:
    """``commands``: names on PATH that Playwright can drive. ``packages``: package manager -> what it installs."""

    name: str
    commands: tuple[str, ...]
    packages: Mapping[str, tuple[str, ...]]


APT: Final = ("sh", "-c", "apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium libatomic1")
"""The library is for the program that drives the browser, which Playwright brings without it."""
CHROMIUM: Final = Engine(
    "chromium",
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    {
        "apt-get": APT,
        "dnf": ("dnf", "install", "-y", "-q", "chromium"),
        "apk": ("apk", "add", "-q", "chromium"),
        "pacman": ("pacman", "-Sy", "--noconfirm", "chromium"),
    },
)
ENGINES: Final = (CHROMIUM,)


class Missing(Exception):
    """One line: what is not there, and the command that brings it."""


def works(command: Sequence[str], seconds: float) -> bool:
    """Whether it ends well; its words go nowhere."""
    try:
        ended = subprocess.run(command, capture_output=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def find(engine: Engine = CHROMIUM, run: Run = works) -> str:
    """The path of a browser that starts; empty: there is none, or what drives it does not start."""
    for path in candidates(engine) if run(DRIVER, START) else ():
        if run((path, "--version"), START):
            return path
    return ""


def candidates(engine: Engine) -> Iterator[str]:
    yield from filter(None, map(shutil.which, engine.commands))
    yield from filter(None, [own(engine)])


def own(engine: Engine) -> str:
    """Where Playwright keeps its own; empty: nothing is there."""
    with sync_playwright() as playwright:
        path = getattr(playwright, engine.name).executable_path
    return path if Path(path).is_file() else ""


def ways(engine: Engine, root: bool) -> list[Sequence[str]]:
    """Commands that may bring it, in order."""
    playwright = [sys.executable, "-m", "playwright", "install", engine.name]
    managers = [command for name, command in engine.packages.items() if shutil.which(name)]
    return [playwright, *managers] if root else [playwright]


def bring(engine: Engine = CHROMIUM, run: Run = works) -> str:
    """The path of a browser that starts, installed when there was none. Raises Missing."""
    root = os.geteuid() == 0
    if path := find(engine, run):
        return path
    for command in ways(engine, root):
        print(f"bringing {engine.name} for the panel's tests ({command[0].rpartition('/')[2]}) ...", file=sys.stderr)
        if run(command, BRING) and (path := find(engine, run)):
            return path
    hand = next((" ".join(c[-1:] if c[0] == "sh" else c) for c in ways(engine, True)[1:]), "")
    words = f"as root: {hand}" if hand else f"{sys.executable} -m playwright install --with-deps {engine.name}"
    raise Missing(f"the panel's tests need {engine.name}, which could not be brought; {words}")


def main() -> int:
    try:
        for engine in ENGINES:
            bring(engine)
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
