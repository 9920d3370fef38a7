"""The operator's own Python file: loaded, watched, and its functions called with a time and without trust."""

import asyncio
import importlib.util
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from ccx_addons.core.hooks import NAMES

log: Final = logging.getLogger("ccx")

THREADS: Final = 4
MOST_WRONG: Final = 5
"""Failures of one function in a row after which it is left alone for a while."""
REST: Final = 60.0
QUIET: Final = 60.0
"""Seconds of that, and between two complaints about one function."""

type Tell = Callable[[str], None]
"""What people should know: an event of the log."""


@dataclass(slots=True)
class Trust:
    wrong: int = 0
    until: float = 0.0
    complained: float = field(default=-QUIET)


class File:
    """``budget``: seconds that one call may take."""

    def __init__(self, path: Path, budget: float, tell: Tell) -> None:
        self.path, self.budget, self.tell = path, budget, tell
        self.functions: dict[str, Callable[..., Any]] = {}
        self._seen: tuple[int, int] | None = None
        self._trust = {name: Trust() for name in NAMES}
        self._pool = ThreadPoolExecutor(THREADS, "ccx-rules")

    # ---- loading ----------------------------------------------------------------------------------------------------
    def look(self) -> None:
        """Loads the file when it is another one than before. Beside the event loop. A broken one changes nothing."""
        try:
            found = self.path.stat()
            mark = found.st_mtime_ns, found.st_size
        except OSError:
            mark = (0, 0)
        if mark == self._seen:
            return
        self._seen = mark
        try:
            functions = load(self.path) if mark != (0, 0) else {}
        except Exception as error:
            self.say(f"{self.path} is not valid, the rules before it stay: {type(error).__name__}: {error}")
            return
        self.functions = functions
        self._trust = {name: Trust() for name in NAMES}
        if mark == (0, 0):
            self.say(f"there is no file {self.path}: no rules are in force")
        else:
            self.say(f"rules of {self.path} are in force: {', '.join(functions) or 'none'}")

    def say(self, words: str) -> None:
        log.warning("%s", words)
        self.tell(words)

    # ---- calling ----------------------------------------------------------------------------------------------------
    def ready(self, name: str) -> bool:
        return name in self.functions and self._trust[name].until <= time.monotonic()

    async def call(self, name: str, given: Callable[[], tuple[Any, ...] | None]) -> Any:
        """What the function gives; None also where it fails, takes too long, or gives what is no object. ``given``
        makes its arguments, in the same thread; None: there is nothing to ask about."""
        work = self._pool.submit(asked, self.functions[name], given)
        try:
            async with asyncio.timeout(self.budget):
                found = await asyncio.wrap_future(work)
        except TimeoutError:
            work.cancel()
            self.wrong(name, f"took longer than {self.budget * 1000:.0f} ms")
            return None
        except Exception as error:
            self.wrong(name, f"failed: {type(error).__name__}: {error}")
            return None
        if found is not None and not isinstance(found, dict):
            self.wrong(name, f"gave {type(found).__name__} and no object")
            return None
        self._trust[name].wrong = 0
        return found

    def send(self, name: str, *given: Any) -> None:
        """Nobody waits for it."""
        self._pool.submit(self.functions[name], *given).add_done_callback(partial(self._sent, name))

    def _sent(self, name: str, done: Any) -> None:
        if not done.cancelled() and (error := done.exception()):
            self.wrong(name, f"failed: {type(error).__name__}: {error}")

    def wrong(self, name: str, why: str) -> None:
        trust, now = self._trust[name], time.monotonic()
        trust.wrong += 1
        rests = trust.wrong >= MOST_WRONG
        if rests:
            trust.wrong, trust.until = 0, now + REST
        if rests or now - trust.complained >= QUIET:
            trust.complained = now
            self.say(f"the rule {name!r} {why}" + (f"; it is left alone for {REST:.0f} s" if rests else ""))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def asked(function: Callable[..., Any], given: Callable[[], tuple[Any, ...] | None]) -> Any:
    arguments = given()
    return None if arguments is None else function(*arguments)


def load(path: Path) -> dict[str, Callable[..., Any]]:
    """Its functions by name. Raises whatever the file raises."""
    spec = importlib.util.spec_from_file_location("ccx_own_rules", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: found for name in NAMES if callable(found := getattr(module, name, None))}
