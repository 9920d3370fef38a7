"""What the writer does between its batches: one small step at a time, each in a transaction of its own.

Rows of requests wait for one step at most, and other processes may write between two of them.
"""

import threading
from collections.abc import Callable

from ccx_addons.io.transaction import Database, Transaction

type Chore = Callable[[Transaction], "Chore | None"]
"""One step; the next one, or None when all is done."""


class Chores:
    def __init__(self) -> None:
        self._waiting: dict[str, Chore] = {}
        self._lock = threading.Lock()

    def begin(self, name: str, chore: Chore) -> None:
        """From any thread. What is still under way under this name goes on."""
        with self._lock:
            self._waiting.setdefault(name, chore)

    def step(self, database: Database) -> bool:
        """The next step of whatever waits longest. True: there are more. Raises what the engine does, and leaves that
        chore for its next beginning."""
        with self._lock:
            if not self._waiting:
                return False
            name, chore = next(iter(self._waiting.items()))
            del self._waiting[name]
        (more,) = database.write([chore])
        with self._lock:
            if more:
                self._waiting.setdefault(name, more)
            return bool(self._waiting)
