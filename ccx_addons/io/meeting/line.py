"""One worker's line to the meeting place of its machine (place.py): JSON lines over a Unix socket.

What is sent in one turn of the event loop goes out together, with what nobody waits for. The place gives back what a
worker has taken when its line breaks; a new line begins with the whole part, so that nothing is lost by either's fall.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ccx_addons.io.meeting import Answer, Away, Hear, Patience, deaf
from ccx_addons.scheduler.limits import Ask, Cost, Held, Part, Refused

log: Final = logging.getLogger("ccx")

WAIT: Final = 1.0
"""Seconds for an answer. On one machine only a place that hangs takes so long; a fall is known at once."""
AGAIN: Final = 0.2
"""Seconds between two tries to reach it."""
MOST_UNSENT: Final = 4 << 20
"""Bytes that may wait for a place that hangs; then the line is cut, and the whole part told anew later."""
COLD: Final = "cold"
"""The answer of a place that does not know yet what everybody has taken."""


class Line(asyncio.Protocol):
    """``part``: all that this worker has taken, at a time."""

    def __init__(self, path: Path, part: Callable[[float], Part], wait: float = WAIT) -> None:
        self.path, self.part = path, part
        self.hear: Hear = deaf
        self.patience = Patience(wait, self._ask)
        self.transport: asyncio.WriteTransport | None = None
        self.unsent: list[Any] = []
        self.rest = b""
        self.lost = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str:
        if self.transport is None:
            return "the meeting place of the workers is away"
        return "the meeting place of the workers does not answer" if self.patience.away else ""

    # ---- the connection ---------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Before the first request, so that it counts for all."""
        await self._connect()
        self.task = asyncio.get_running_loop().create_task(self._follow())

    def stop(self) -> None:
        if self.task:
            self.task.cancel()
        if self.transport:
            self._flush()
            self.transport.close()

    async def _follow(self) -> None:
        while True:
            if self.transport:
                self.lost.clear()
                await self.lost.wait()
            await asyncio.sleep(AGAIN)
            await self._connect()

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self, str(self.path))
        except OSError as error:
            log.debug("the meeting place cannot be reached: %s", error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.loop = asyncio.get_running_loop()
        self.transport, self.rest, self.patience.away = transport, b"", False
        self.unsent.clear()
        self.put(self.part(time.time()))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.unsent.clear()
        self.patience.fail_all("the meeting place is gone")
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            match json.loads(line):
                case ["told", topic, words]:
                    self.hear(topic, words)
                case [number, answer]:
                    self.patience.answer(number, answer)

    # ---- what is said -----------------------------------------------------------------------------------------------
    async def enter(self, ask: Ask) -> Answer:
        if self.transport is None:
            raise Away("the meeting place is away")
        number, answer = self.patience.begin()
        self._say("enter", number, *ask)
        return _read(await answer)

    def _ask(self) -> None:
        self._say("enter", self.patience.sign(), *Ask("", ()))

    def leave(self, slot: str, held: Held) -> None:
        """At once: a client that has its answer may ask again by way of another worker. ``spend`` takes along that of a
        place that costs something."""
        self._say("leave", slot)
        if not (held.budgets or held.paces):
            self._flush()

    def undo(self, slot: str, held: Held) -> None:
        self._say("undo", slot)

    def put(self, part: Part) -> None:
        self._say("put", *part)

    def spend(self, cost: Cost) -> None:
        self._say("spend", *cost)
        self._flush()

    def tell(self, topic: str, words: tuple[str, ...]) -> None:
        self._say("tell", topic, words)

    def _say(self, *words: Any) -> None:
        if self.transport is None:
            return
        if not self.unsent:
            self.loop.call_soon(self._flush)
        self.unsent.append(words)

    def _flush(self) -> None:
        if self.transport and self.unsent:
            text = "".join(json.dumps(words, separators=(",", ":")) + "\n" for words in self.unsent)
            self.unsent.clear()
            if self.transport.get_write_buffer_size() > MOST_UNSENT:
                self.transport.abort()
            else:
                self.transport.write(text.encode())


def _read(answer: Any) -> Answer:
    if answer == COLD:
        raise Away("the meeting place has just begun")
    return None if answer is None else Refused(*answer)
