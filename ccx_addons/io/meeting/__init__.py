"""Where the workers agree about what counts for all of them: places under limits, and what clients have spent.

A worker alone counts for itself (``Alone``). Several have an ``Engine`` in which they meet: a process beside them
(place.py, reached by line.py), or Valkey for several machines. Each one goes on counting its own part (``Member``), so
that an engine which is away or has forgotten everything never fails a request, and learns it again when it is back.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from ccx_addons.scheduler.limits import Ask, Cost, Held, Limits, Part, Refused, held_of

log: Final = logging.getLogger("ccx")

POLL: Final = 0.1
"""Seconds between two looks whether others have given a place back."""
AGAIN: Final = 1.0
"""Seconds until an engine that was late is asked for a sign of life; requests do not ask it before it gives one."""
MOMENT: Final = 0.002
"""Seconds that an answer may lie there unread because this process was busy."""

type Answer = Refused | None
type Hear = Callable[[str, list[str]], None]
"""Takes a topic and the words of one news."""


def deaf(topic: str, words: list[str]) -> None:
    """As long as nobody listens."""


class Away(Exception):
    """The engine does not decide just now; its words say why."""


class Meeting(Protocol):
    """What the gateway asks. ``poll``: seconds after which places may have come free elsewhere; ``shared``: there are
    others at all."""

    poll: float
    shared: bool

    async def start(self) -> None:
        """Before the first request."""

    def stop(self) -> None: ...

    def enter(self, ask: Ask) -> Answer | Awaitable[Answer]:
        """None: there is a place in every scope, until ``leave``. Waits only where others have to be asked."""

    def leave(self, slot: str) -> None: ...

    def spend(self, cost: Cost) -> None: ...

    def tell(self, topic: str, *words: str) -> None:
        """News for all other workers. What does not arrive is missing to nobody."""

    def listen(self, topic: str, hear: Callable[..., None]) -> None:
        """``hear`` is called with the words of each news."""

    @property
    def trouble(self) -> str:
        """Why workers count for themselves just now; empty: all is well."""


class Engine(Protocol):
    """A meeting place as one worker reaches it. Whatever it is told may be told twice; only ``enter`` waits, and what
    it answers it has already counted. What is told while it is away is dropped: it gets the whole part afterwards."""

    hear: Hear

    @property
    def trouble(self) -> str:
        """Why it should not be asked; empty: it should."""

    async def start(self) -> None: ...

    def stop(self) -> None: ...

    async def enter(self, ask: Ask) -> Answer:
        """Raises Away, at once or after a little patience."""

    def leave(self, slot: str, held: Held) -> None: ...

    def undo(self, slot: str, held: Held) -> None:
        """It was never used, if it was taken at all."""

    def put(self, part: Part) -> None: ...

    def spend(self, cost: Cost) -> None: ...

    def tell(self, topic: str, words: tuple[str, ...]) -> None:
        """``hear`` of all others is called."""


class Alone:
    """A worker that shares with nobody."""

    poll = 0.5
    shared = False
    trouble = ""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    async def start(self) -> None:
        """There is nobody to meet."""

    def stop(self) -> None:
        """Nobody misses it."""

    def enter(self, ask: Ask) -> Answer:
        return self.limits.take(ask, time.time())

    def leave(self, slot: str) -> None:
        self.limits.leave(slot)

    def spend(self, cost: Cost) -> None:
        self.limits.serve(cost, time.time())

    def tell(self, topic: str, *words: str) -> None:
        """There is nobody."""

    def listen(self, topic: str, hear: Callable[..., None]) -> None:
        """There is nobody."""


class Member:
    """One of several. ``sharing``: how many count for themselves while the engine is away."""

    poll = POLL
    shared = True

    def __init__(self, limits: Limits, engine: Engine, sharing: Callable[[], int]) -> None:
        self.limits, self.engine, self.sharing = limits, engine, sharing
        self.listeners: dict[str, Callable[..., None]] = {}
        engine.hear = self._hear

    @property
    def trouble(self) -> str:
        return self.engine.trouble

    async def start(self) -> None:
        await self.engine.start()

    def stop(self) -> None:
        self.engine.stop()

    def enter(self, ask: Ask) -> Answer | Awaitable[Answer]:
        return self._by_share(ask) if self.engine.trouble else self._together(ask)

    async def _together(self, ask: Ask) -> Answer:
        try:
            refused = await self.engine.enter(ask)
        except Away:
            return self._by_share(ask)
        except asyncio.CancelledError:
            self.engine.undo(ask.slot, held_of(ask))
            raise
        if refused:
            self.limits.hint(refused, time.time())
        else:
            self.limits.begin(ask, time.time())
        return refused

    def _by_share(self, ask: Ask) -> Answer:
        """What this worker may decide by itself. The engine may have counted it, though nobody heard of it."""
        refused = self.limits.take(ask, time.time(), max(1, self.sharing()))
        if refused:
            self.engine.undo(ask.slot, held_of(ask))
        else:
            self.engine.put(self.limits.part_of(ask.slot))
        return refused

    def leave(self, slot: str) -> None:
        held = self.limits.slots.get(slot)
        if held and self.limits.leave(slot):
            self.engine.leave(slot, held)

    def spend(self, cost: Cost) -> None:
        self.limits.serve(cost, time.time())
        if cost.budgets or cost.paces:
            self.engine.spend(cost)

    def tell(self, topic: str, *words: str) -> None:
        self.engine.tell(topic, words)

    def listen(self, topic: str, hear: Callable[..., None]) -> None:
        self.listeners[topic] = hear

    def _hear(self, topic: str, words: list[str]) -> None:
        """Workers of another version may speak of other things, or otherwise."""
        try:
            if hear := self.listeners.get(topic):
                hear(*words)
        except (TypeError, ValueError):
            log.warning("news of %s was not understood", topic[:100])


class Patience:
    """Answers that are waited for, ``most`` seconds each. Who is late once is not asked by requests any more, until it
    has answered a question that ``ask`` puts again and again."""

    def __init__(self, most: float, ask: Callable[[], None]) -> None:
        self.most, self.ask = most, ask
        self.away = False
        self.late = 0
        """Answers that were late, since the start."""
        self.waiting: dict[int, tuple[asyncio.Future[Any], asyncio.TimerHandle]] = {}
        self._last = 0

    def begin(self) -> tuple[int, "asyncio.Future[Any]"]:
        """The number of a question, and its answer."""
        self._last += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        timer = loop.call_later(self.most, self._once_more, self._last)
        self.waiting[self._last] = (future, timer)
        return self._last, future

    def sign(self) -> int:
        """The number of a question whose answer is only a sign of life."""
        number, answer = self.begin()
        answer.add_done_callback(lambda found: found.cancelled() or found.exception())
        return number

    def _once_more(self, number: int) -> None:
        """What came while this process was busy is read only after its timers."""
        if found := self.waiting.get(number):
            timer = asyncio.get_running_loop().call_later(MOMENT, self._too_late, number)
            self.waiting[number] = (found[0], timer)

    def _too_late(self, number: int) -> None:
        if number not in self.waiting:
            return
        self.late += 1
        self.fail(number, "it does not answer in time")
        if not self.away:
            self.away = True
            asyncio.get_running_loop().call_later(AGAIN, self._ask_again)

    def _ask_again(self) -> None:
        if self.away:
            self.ask()
            asyncio.get_running_loop().call_later(AGAIN, self._ask_again)

    def answer(self, number: int, value: Any) -> None:
        """Late answers mean only that it is back."""
        self.away = False
        if found := self.waiting.pop(number, None):
            found[1].cancel()
            if not found[0].done():
                found[0].set_result(value)

    def fail(self, number: int, words: str) -> None:
        if found := self.waiting.pop(number, None):
            found[1].cancel()
            if not found[0].done():
                found[0].set_exception(Away(words))

    def fail_all(self, words: str) -> None:
        for number in list(self.waiting):
            self.fail(number, words)
