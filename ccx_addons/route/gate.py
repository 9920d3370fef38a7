"""Where requests wait: for a place under a client's, channel's or key's limits, and for what another's probe finds.

The counting is pure (scheduler/limits.py), and done where the workers meet (io/meeting); here is the waiting, which
never holds up the event loop.
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
import time
from collections import defaultdict, deque
from collections.abc import Awaitable
from functools import partial
from typing import Final, Literal

from ccx_addons.core.exchange import Exchange
from ccx_addons.core.verdict import Attempt
from ccx_addons.io.meeting import Alone, Answer, Meeting
from ccx_addons.metrics.spending import estimate_of
from ccx_addons.scheduler import State
from ccx_addons.scheduler.breaker import Place
from ccx_addons.scheduler.limits import (
    Ask,
    Refusal,
    Refused,
    Scope,
    ask_of,
    is_limited,
    refusal_of,
    scopes_of,
)

PATIENCE: Final = 10.0
"""Seconds an exchange waits for a place in all."""
PROBE_PATIENCE: Final = 5.0
PROBE_POLL: Final = 0.05


class Gate:
    def __init__(self, state: State, meeting: Meeting | None = None) -> None:
        """Without a ``meeting`` the worker counts for itself."""
        self.state = state
        self.meeting: Meeting = meeting or Alone(state.limits)
        self.clients: dict[str, str] = {}
        """Exchange id -> its slot under the client's limits."""
        self.places: dict[str, tuple[str, str]] = {}
        """Exchange id -> the slot of its attempt, and the channel in which that is."""
        self.claims: dict[str, str] = {}
        """Exchange id -> the slot of its probe."""
        self.waiting: defaultdict[str, deque[asyncio.Event]] = defaultdict(deque)
        """Channel id -> who waits, in the order of arrival."""
        self._numbers = itertools.count(1)

    # ---- clients ----------------------------------------------------------------------------------------------------
    def admit(self, x: Exchange) -> Refusal | Awaitable[Refusal | None] | None:
        """None: it is admitted, until ``dismiss``. Waits only where other workers have to be asked."""
        assert x.client
        if not is_limited(x.client):
            return None
        now = time.time()
        knows = partial(self.state.limits.known.of, now=now)
        ask = ask_of(x.client, self._slot(x), estimate_of(x, now), x.model, knows)
        answer = self.meeting.enter(ask)
        if answer is None or isinstance(answer, Refused):
            return self._admitted(x, ask.slot, answer)
        return self._admitted_later(x, ask.slot, answer)

    async def _admitted_later(self, x: Exchange, slot: str, answer: Awaitable[Answer]) -> Refusal | None:
        return self._admitted(x, slot, await answer)

    def _admitted(self, x: Exchange, slot: str, refused: Answer) -> Refusal | None:
        assert x.client
        if refused:
            return refusal_of(x.client, refused, time.time())
        self.clients[x.id] = slot
        return None

    def dismiss(self, x: Exchange) -> None:
        """The exchange is over, however it ended. Its search refers to it: its bodies would wait for the garbage
        collector."""
        x.other_key = x.other_way = None
        self.leave(x)
        self.probed(x)
        if self.clients and (slot := self.clients.pop(x.id, None)):
            self.meeting.leave(slot)

    def _slot(self, x: Exchange) -> str:
        return f"{x.id}/{next(self._numbers)}"

    # ---- channels ---------------------------------------------------------------------------------------------------
    def open_for(self, attempt: Attempt) -> bool:
        """Whether nobody has to be waited for."""
        return not attempt.waits and not (self.waiting and self.waiting.get(attempt.channel.id))

    def enter(self, x: Exchange, attempt: Attempt) -> Answer | Awaitable[Answer]:
        """None: the attempt has its place. Waits only where other workers have to be asked."""
        scopes = scopes_of(attempt.channel, attempt.key)
        if not scopes:
            return None
        ask = Ask(self._slot(x), scopes)
        answer = self.meeting.enter(ask)
        if answer is None or isinstance(answer, Refused):
            return self._entered(x, attempt, ask.slot, answer)
        return self._entered_later(x, attempt, ask.slot, answer)

    async def _entered_later(self, x: Exchange, attempt: Attempt, slot: str, answer: Awaitable[Answer]) -> Answer:
        return self._entered(x, attempt, slot, await answer)

    def _entered(self, x: Exchange, attempt: Attempt, slot: str, refused: Answer) -> Answer:
        if refused is None:
            self.places[x.id] = (slot, attempt.channel.id)
        return refused

    async def enter_by(self, x: Exchange, attempt: Attempt, until: float) -> Literal["", "rate_wait", "key_wait"]:
        """Empty: it has its place. Else no place came free by ``until`` (monotonic seconds), or none can; or another
        key has one, as nobody here could know before others were asked."""
        line = self.waiting[attempt.channel.id]
        turn = asyncio.Event()
        line.append(turn)
        try:
            while True:
                wait = float("inf")
                if line[0] is turn:
                    answer = self.enter(x, attempt)
                    refused = answer if answer is None or isinstance(answer, Refused) else await answer
                    if refused is None:
                        return ""
                    if refused.name.startswith("key:") and x.other_key and x.other_key(attempt):
                        return "key_wait"
                    wait = refused.wait
                left = until - time.monotonic()
                if left <= 0 or left < wait < float("inf"):
                    return "rate_wait"
                turn.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(turn.wait(), min(wait, left, self.meeting.poll))
        finally:
            line.remove(turn)
            self._wake(attempt.channel.id)

    def leave(self, x: Exchange) -> None:
        if self.places and (place := self.places.pop(x.id, None)):
            self.meeting.leave(place[0])
            self._wake(place[1])

    def _wake(self, channel_id: str) -> None:
        if line := self.waiting.get(channel_id):
            line[0].set()
        else:
            self.waiting.pop(channel_id, None)

    # ---- probes -----------------------------------------------------------------------------------------------------
    def probes(self, x: Exchange, attempt: Attempt) -> bool:
        """Whether others have to be asked who is the first one to try."""
        return self.meeting.shared and bool(self.state.probed(x.kind, attempt, time.time()))

    async def probe(self, x: Exchange, attempt: Attempt) -> Literal["", "probe_wait"]:
        """Wait for what another's probe finds, or become the next probe. After a while it goes on anyway: a gateway
        with one channel never refuses because its breaker is open. ``probe_wait``: another worker tries it, and
        somebody else is well."""
        until, mine = time.monotonic() + PROBE_PATIENCE, not attempt.waits
        while time.monotonic() < until:
            now = time.time()
            if mine or self.state.probe(x.kind, attempt, now):
                if await self._claimed(x, attempt, now):
                    return ""
                mine = False
                self.state.probed_elsewhere(x.kind, attempt, time.time())
                if x.other_way and x.other_way():
                    return "probe_wait"
            await asyncio.sleep(PROBE_POLL)
        return ""

    async def _claimed(self, x: Exchange, attempt: Attempt, now: float) -> bool:
        """Whether no other worker tries the same place: one place at a time for each. A worker that has to decide alone
        does."""
        names = [probe_of(x.kind, attempt, place) for place in self.state.probed(x.kind, attempt, now)]
        if not names or not self.meeting.shared:
            return True
        ask = Ask(self._slot(x), tuple(Scope(name, 0, 1) for name in names))
        answer = self.meeting.enter(ask)
        refused = answer if answer is None or isinstance(answer, Refused) else await answer
        if refused is None:
            self.claims[x.id] = ask.slot
        return refused is None

    def probed(self, x: Exchange) -> None:
        """Something was learnt."""
        if self.claims and (slot := self.claims.pop(x.id, None)):
            self.meeting.leave(slot)


def probe_of(kind: str, attempt: Attempt, place: Place) -> str:
    """Places have addresses, which may be long, and their names are nobody's business."""
    digest = hashlib.blake2b(json.dumps(place).encode(), digest_size=16).hexdigest()
    return f"probe:{kind}/{attempt.channel.id}/{digest}"
