"""The meeting place of several machines that have no Valkey: functions of their PostgreSQL (postgres.sql).

A thread owns the connection and says one thing after the other; whoever asks waits for an answer on the event loop, and
only as long as it has patience. What is under way is a lease that is renewed. After every connection, and where the
server has begun anew, the worker tells all that it has.
"""

import asyncio
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ccx_addons.io.meeting import AGAIN
from ccx_addons.io.meeting.remote import SILENT, WAIT, Remote
from ccx_addons.io.meeting.words import KEPT, LEASE, RENEW, ms, names_of, sums, used_by
from ccx_addons.io.postgres import Failure, Link, is_broken, words_of
from ccx_addons.scheduler.limits import Ask, Cost, Held, Part

log: Final = logging.getLogger("ccx")

HEAR: Final = 0.2
"""Seconds between two looks for news while there is nothing to say."""
MOST_UNSENT: Final = 20_000
"""What may wait for a server that hangs; then it is dropped, and the whole part is told later."""
CHANNEL: Final = "ccx_meet"
LONGEST: Final = 7_900
"""Bytes of one news: NOTIFY takes no more."""
LIVE: Final = (
    "SELECT count(*) FROM boots WHERE worker >= 0 AND seen_at > clock_timestamp() - interval '30 s'",
    (),
)

SESSION: Final = (
    "SET lock_timeout = '1s'; SET synchronous_commit = off; SET enable_bitmapscan = off; SET enable_seqscan = off"
)
"""Only a plain index scan marks what is dead, so that the next decision does not look at all places given back before,
until a vacuum comes."""


def _places(name: str, at: float) -> list[str]:
    """The names of the six sums of a budget."""
    return [f"{span}:{what}" for span in sums(name, at) for what in ("requests", "tokens", "usd")]


type Saying = tuple[str, tuple[Any, ...], int]
"""SQL, its values, and the number of who waits for the answer; 0: nobody."""


class Postgres(Remote):
    NAME = "PostgreSQL"

    def __init__(self, url: str, part: Callable[[float], Part], who: str, wait: float = WAIT) -> None:
        super().__init__(part, who, wait)
        self.url = url
        self.unsent: deque[Saying] = deque()
        self.wake, self.over = threading.Event(), threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread = threading.Thread(target=self._follow, name="ccx-meeting", daemon=True)

    async def start(self) -> None:
        """Waits for the first connection a moment, so that the first request already counts for all."""
        self.loop, self.opened = asyncio.get_running_loop(), asyncio.Event()
        self.thread.start()
        try:
            await asyncio.wait_for(self.opened.wait(), AGAIN)
        except TimeoutError:
            self._warn()

    def stop(self) -> None:
        self.over.set()
        self.wake.set()

    # ---- the thread -------------------------------------------------------------------------------------------------
    def _follow(self) -> None:
        while not self.over.is_set():
            link = None
            try:
                link = Link(self.url, f"{self.who} meets", SILENT)
                link.script(f"LISTEN {CHANNEL}; {SESSION}")
                ((live,),) = link.raw(*LIVE)
                self._to_loop(self._meet, live)
                self._pump(link)
            except Failure as error:
                self._to_loop(self._lose, f"PostgreSQL is away: {words_of(error)}")
            except Exception as error:
                log.exception("the connection to PostgreSQL failed")
                self._to_loop(self._lose, f"PostgreSQL cannot be used: {error}")
            finally:
                if link:
                    link.close()
            self.over.wait(AGAIN)

    def _pump(self, link: Link) -> None:
        renewed = time.monotonic()
        while not self.over.is_set():
            self.wake.wait(HEAR)
            self.wake.clear()
            while self.unsent:
                sql, values, number = self.unsent.popleft()
                self._say_one(link, sql, values, number)
            for text in link.heard():
                self._to_loop(self._told_of, text)
            if time.monotonic() - renewed >= RENEW:
                renewed = time.monotonic()
                link.raw("SELECT meet_tidy()")
                ((live,),) = link.raw(*LIVE)
                self._to_loop(self._renew, live)

    def _say_one(self, link: Link, sql: str, values: tuple[Any, ...], number: int) -> None:
        try:
            found = link.raw(sql, values).fetchone()
        except Failure as error:
            if link.closed or is_broken(error):
                raise
            self._to_loop(self.patience.fail, number, words_of(error))
        else:
            if number and found:
                self._to_loop(self.patience.answer, number, found[0])

    def _to_loop(self, call: Callable[..., None], *values: Any) -> None:
        if self.loop and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(call, *values)

    # ---- the event loop ---------------------------------------------------------------------------------------------
    def _meet(self, live: int) -> None:
        self.live = max(1, live)
        self.opened.set()
        self._begin()

    def _lose(self, words: str) -> None:
        self.words = words
        self._gone()

    def _renew(self, live: int) -> None:
        self.live = max(1, live)
        self.put(Part({}, self.part(time.time()).slots))

    # ---- what is said -----------------------------------------------------------------------------------------------
    def _enter(self, ask: Ask, number: int) -> None:
        scopes, paces, budgets = ask.scopes, ask.paces, ask.budgets
        now = time.time()
        self._say(
            "SELECT meet_enter(%s, %s, %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s, %s,"
            " %s::text[], %s::text[], %s::float8[], %s::float8[], %s)",
            (
                ask.slot,
                ms(LEASE),
                [scope.name for scope in scopes],
                [scope.rpm for scope in scopes],
                [scope.concurrency for scope in scopes],
                [pace.name for pace in paces],
                [int(pace.most) for pace in paces],
                *ask.estimate,
                [budget.name for budget in budgets],
                [place for budget in budgets for place in _places(budget.name, now)],
                [float(most) for budget in budgets for most in budget.most],
                [float(spent) for budget in budgets for spent in budget.spent],
                ms(KEPT),
            ),
            number,
        )

    def leave(self, slot: str, held: Held) -> None:
        self._leave(slot, held, ())

    def undo(self, slot: str, held: Held) -> None:
        self._leave(slot, held, held.names)

    def _leave(self, slot: str, held: Held, begun: tuple[str, ...]) -> None:
        names = [*names_of(held), *held.paces]
        if names:
            self._say("SELECT meet_leave(%s, %s::text[], %s::text[])", (slot, names, list(begun)))

    def put(self, part: Part) -> None:
        now = time.time()
        starts = [(name, slot, ms(max(now - at, 0))) for name, told in part.starts.items() for at, slot in told]
        self._put("SELECT meet_begun(#::text[], #::text[], #::bigint[])", starts)
        under_way = [
            (name, slot, *(held.estimate if name in held.budgets else (None, None)))
            for slot, held in part.slots.items()
            for name in names_of(held)
        ]
        lease, kept = ms(LEASE), ms(KEPT)
        self._put(f"SELECT meet_under_way(#::text[], #::text[], {lease}, #::bigint[], #::float8[])", under_way)
        used = [
            (name, slot, ms(max(now - at, 0)), tokens) for name, told in part.used.items() for at, slot, tokens in told
        ]
        self._put("SELECT meet_use(#::text[], #::text[], #::bigint[], #::bigint[])", used)
        flying = [(name, slot, held.estimate.tokens) for slot, held in part.slots.items() for name in held.paces]
        self._put(f"SELECT meet_fly(#::text[], #::text[], {lease}, #::bigint[])", flying)
        known = [
            (place, float(spent))
            for name, known in part.spent.items()
            for place, spent in zip(_places(name, now), known, strict=True)
        ]
        self._put(f"SELECT max(meet_known(n, s, {kept})) FROM unnest(#::text[], #::float8[]) AS told(n, s)", known)

    def _put(self, sql: str, rows: list[Any]) -> None:
        """``#``: a column of the rows."""
        if rows:
            self._say(sql.replace("#", "%s"), tuple(list(column) for column in zip(*rows, strict=True)))

    def spend(self, cost: Cost) -> None:
        if cost.budgets:
            places = [place for name in cost.budgets for place in _places(name, cost.at)]
            costs = [float(used) for used in used_by(cost)] * 2 * len(cost.budgets)
            self._say("SELECT meet_spend(%s::text[], %s::float8[], %s)", (places, costs, ms(KEPT)))
        now = time.time()
        self.put(Part({}, {}, used={name: [(now, cost.slot, cost.tokens)] for name in cost.paces}))

    def tell(self, topic: str, words: tuple[str, ...]) -> None:
        text = json.dumps([self.who, topic, words])
        if len(text.encode()) <= LONGEST:
            self._say("SELECT pg_notify(%s, %s)", (CHANNEL, text))

    def _say(self, sql: str, values: tuple[Any, ...], number: int = 0) -> None:
        if not self.connected:
            return
        if len(self.unsent) >= MOST_UNSENT:
            self.unsent.clear()
            self.born = 0
        self.unsent.append((sql, values, number))
        self.wake.set()
