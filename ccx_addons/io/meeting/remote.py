"""What every meeting place of several machines has in common: one connection, answers with patience, and news.

It counts at once what a worker asks; how long ago it began (``born``) is told with each answer, so that a worker sees
where it has forgotten everything, and tells its whole part again.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from ccx_addons.io.meeting import Answer, Away, Hear, Patience, deaf
from ccx_addons.io.meeting.words import YOUNG, refused_of
from ccx_addons.scheduler.limits import Ask, Part

log: Final = logging.getLogger("ccx")

WAIT: Final = 0.025
"""Seconds for an answer, unless a setting says otherwise."""
JOINED: Final = "joined"
"""News without a topic: one more counts its share. How many there are is asked again every ``RENEW`` seconds."""
SILENT: Final = 5.0
"""Seconds after which a connection that says nothing is given up."""


class Remote:
    """One worker's connection. ``part``: all that this worker has taken; ``who``: its name, unique among all."""

    NAME: str
    unsent: Any
    """What waits to be said; it can be cleared."""

    def __init__(self, part: Callable[[float], Part], who: str, wait: float) -> None:
        self.part, self.who = part, who
        self.hear: Hear = deaf
        self.patience = Patience(wait, self._ask)
        self.live = 1
        """Workers of all machines, as far as was heard."""
        self.words = f"{self.NAME} was not reached yet"
        self.warned = ""
        self.connected = False
        self.born = 0

    @property
    def trouble(self) -> str:
        if self.connected:
            return f"{self.NAME} does not answer in time" if self.patience.away else ""
        return self.words

    def put(self, part: Part) -> None:
        raise NotImplementedError

    def tell(self, topic: str, words: tuple[str, ...]) -> None:
        raise NotImplementedError

    def _enter(self, ask: Ask, number: int) -> None:
        """Say it; the reply is for ``patience`` under this number: index, wait, and when the place began."""
        raise NotImplementedError

    # ---- the connection ---------------------------------------------------------------------------------------------
    def _begin(self) -> None:
        self.connected, self.words, self.patience.away = True, "", False
        self.tell("", (JOINED,))
        self.put(self.part(time.time()))
        self._ask()

    def _gone(self) -> None:
        """``words`` say why."""
        self.connected = False
        self._warn()
        self.unsent.clear()
        self.patience.fail_all(f"{self.NAME} is gone")

    def _warn(self) -> None:
        if self.words and self.words != self.warned:
            log.warning("each worker counts its share of the limits itself: %s", self.words)
        self.warned = self.words

    def _told_of(self, text: str | bytes) -> None:
        try:
            who, topic, words = json.loads(text)
        except ValueError:
            return
        if who == self.who:
            return
        if topic:
            self.hear(str(topic), words)
        elif words == [JOINED]:
            self.live += 1

    # ---- what is said -----------------------------------------------------------------------------------------------
    async def enter(self, ask: Ask) -> Answer:
        if not self.connected:
            raise Away(self.words)
        number, answer = self.patience.begin()
        self._enter(ask, number)
        index, wait, born = await answer
        if born != self.born:  # it may have forgotten what was told before
            self.born = born
            self.put(self.part(time.time()))
        if index == YOUNG:
            raise Away(f"{self.NAME} has just begun")
        return refused_of(ask, index, wait)

    def _ask(self) -> None:
        self._enter(Ask("", ()), self.patience.sign())
