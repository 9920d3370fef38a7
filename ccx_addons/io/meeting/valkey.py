"""The meeting place of several machines: Valkey or Redis (6 or later), which decides by the scripts beside this file.

One task owns the connection and sends what has gathered; whoever asks waits for an answer, never for the connection
(redis-py's issues 2624 and 2665 are what happens otherwise). All keys have one hash tag, so that one script may touch
them wherever they live. Members are unique, so everything may be sent twice; what a worker has under way is a lease
that it renews. After every connection, and where the engine has begun anew, each worker tells all that it has.
"""

import asyncio
import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Connection, ConnectionPool
from redis.exceptions import NoPermissionError, NoScriptError, RedisError, ResponseError

from ccx_addons.io.meeting import AGAIN
from ccx_addons.io.meeting.remote import SILENT, WAIT, Remote
from ccx_addons.io.meeting.words import (
    KEPT,
    LEASE,
    RENEW,
    key,
    ms,
    names_of,
    said,
    sums,
    used_by,
)
from ccx_addons.scheduler.limits import Ask, Cost, Held, Part

log: Final = logging.getLogger("ccx")

MOST_UNSENT: Final = 50_000
"""Commands that may wait for an engine that hangs; then they are dropped, and the whole part is told later."""
AT_ONCE: Final = 512
SCRIPT: Final = " script: "
"""In its words, before which script and which line refused: another one each time."""

type Command = tuple[tuple[Any, ...], int]
"""Its words, and the number of who waits for the answer; 0: nobody."""


class Script:
    def __init__(self, name: str) -> None:
        self.text = (Path(__file__).parent / f"{name}.lua").read_text("utf-8")
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


ENTER, PUT, USE, SPEND, KNOWN, LIVE = map(Script, ("enter", "put", "use", "spend", "known", "live"))


class Valkey(Remote):
    """``machine``: whose log it writes, which is whose spending it knows."""

    NAME = "Valkey"

    def __init__(self, url: str, part: Callable[[float], Part], who: str, machine: str, wait: float = WAIT) -> None:
        """Raises ValueError for a URL that means nothing."""
        self.pool = ConnectionPool.from_url(
            re.sub("^valkey", "redis", url),
            protocol=2,
            socket_timeout=SILENT,
            socket_connect_timeout=SILENT,
            retry=None,
        )
        super().__init__(part, who, wait)
        self.machine = machine
        self.unsent: list[Command] = []
        self.given: set[str] = set()
        """Scripts that this connection has sent."""
        self.wake = asyncio.Event()
        self.opened = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    # ---- the connection ---------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Waits for the first connection a moment, so that the first request already counts for all."""
        self.tasks = [asyncio.ensure_future(each) for each in (self._follow(), self._renew(), self._listen())]
        try:
            await asyncio.wait_for(self.opened.wait(), AGAIN)
        except TimeoutError:
            self._warn()

    def stop(self) -> None:
        for task in self.tasks:
            task.cancel()

    async def _follow(self) -> None:
        while True:
            connection: Connection = self.pool.make_connection()  # type: ignore[no-untyped-call]
            try:
                await connection.connect()  # type: ignore[no-untyped-call]
                self.live = await self._greet(connection)
                self._begin()
                self.opened.set()
                await self._pump(connection)
            except ResponseError as error:
                self.words = f"Valkey refuses: {str(error).partition(SCRIPT)[0]}"
            except (RedisError, OSError, TimeoutError) as error:
                self.words = f"Valkey is away: {error}"
            except Exception as error:
                self.words = f"Valkey cannot be used: {error}"
                log.exception("the connection to Valkey failed")
            finally:
                self.opened.clear()
                self._gone()
                await connection.disconnect(nowait=True)
            await asyncio.sleep(AGAIN)

    async def _greet(self, connection: Connection) -> int:
        """How many workers live. An engine that was started anew has another run id, if it may be asked; one that may
        not write or run scripts says so here."""
        try:
            text = await self._asked(connection, "INFO", "server")
        except NoPermissionError:
            text = b""
        lines = text.decode("utf-8", "replace").splitlines()
        run = next((line[7:].strip() for line in lines if line.startswith("run_id:")), "")
        keys = [key("epoch"), key("run"), key("workers")]
        return int(await self._asked(connection, "EVAL", LIVE.text, len(keys), *keys, self.who, ms(LEASE), run))

    async def _asked(self, connection: Connection, *words: Any) -> Any:
        await connection.send_command(*words)
        return await connection.read_response()

    def _begin(self) -> None:
        self.given.clear()
        super()._begin()

    async def _pump(self, connection: Connection) -> None:
        while True:
            await self.wake.wait()
            self.wake.clear()
            while batch := self.unsent[:AT_ONCE]:
                del self.unsent[:AT_ONCE]
                await connection.send_packed_command(connection.pack_commands([words for words, _ in batch]))
                for words, number in batch:
                    try:
                        self._heard(words, number, await connection.read_response())
                    except NoScriptError as error:  # somebody has emptied them; what was missed is told anew
                        self.given.clear()
                        self.born = 0
                        self.patience.fail(number, str(error))

    def _heard(self, words: tuple[Any, ...], number: int, reply: Any) -> None:
        if number:
            self.patience.answer(number, reply)
        elif words[1] in (LIVE.text, LIVE.sha):
            self.live = max(1, int(reply))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            self.tell("", ())  # whoever listens hears that his line is whole
            self._script(LIVE, [key("epoch"), key("run"), key("workers")], [self.who, ms(LEASE), ""])
            self.put(Part({}, self.part(time.time()).slots))

    async def _listen(self) -> None:
        """News of the others, on a connection of its own: one that listens can say nothing. Where an engine has room
        for few, it never takes the place of the one that decides."""
        while True:
            await self.opened.wait()
            connection: Connection = self.pool.make_connection()  # type: ignore[no-untyped-call]
            try:
                await connection.connect()  # type: ignore[no-untyped-call]
                await connection.send_command("SUBSCRIBE", key("news"))
                while self.connected:
                    match await connection.read_response(timeout=3 * RENEW):
                        case [b"message", _, text]:
                            self._told_of(text)
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("no news by Valkey: %s", error)
            finally:
                await connection.disconnect(nowait=True)
            await asyncio.sleep(AGAIN)

    # ---- what is said -----------------------------------------------------------------------------------------------
    def _enter(self, ask: Ask, number: int) -> None:
        names = [key("epoch")]
        values: list[Any] = [ask.slot, ms(LEASE), len(ask.scopes), len(ask.paces), *map(said, ask.estimate)]
        values += [self.machine, ms(KEPT)]
        for name, rpm, concurrency in ask.scopes:
            names += [key(name, "starts"), key(name, "slots")]
            values += [rpm, concurrency]
        for name, most in ask.paces:
            names += [key(name, "used"), key(name, "flying")]
            values.append(most)
        for name, limits, spent in ask.budgets:
            names += [key(name, "held"), *sums(name, time.time())]
            values += [*limits, *map(said, spent)]
        self._script(ENTER, names, values, number)

    def leave(self, slot: str, held: Held) -> None:
        for name in names_of(held):
            self._say(("ZREM", key(name, "slots"), slot))
        for name in held.paces:
            self._say(("HDEL", key(name, "flying"), slot))
        for name in held.budgets:
            self._say(("HDEL", key(name, "held"), slot))

    def undo(self, slot: str, held: Held) -> None:
        for name in held.names:
            self._say(("ZREM", key(name, "starts"), slot))
        self.leave(slot, held)

    def put(self, part: Part) -> None:
        now, slots = time.time(), dict[str, list[Any]]()
        for slot, held in part.slots.items():
            for name in names_of(held):
                reserved = map(said, held.estimate) if name in held.budgets else ("", "")
                slots.setdefault(name, []).extend((slot, *reserved))
        for name in {**part.starts, **slots}:
            starts = part.starts.get(name, ())
            ages = [word for at, slot in starts for word in (ms(max(now - at, 0)), slot)]
            keys = [key(name, "starts"), key(name, "slots"), key(name, "held")]
            self._script(PUT, keys, [ms(LEASE), len(starts), *ages, *slots.get(name, ())])
        self._use(part, now)
        for name, spent in part.spent.items():
            self._script(KNOWN, [*sums(name, now)], [self.machine, ms(KEPT), *map(said, spent)])

    def _use(self, part: Part, now: float) -> None:
        flying = dict[str, list[Any]]()
        for slot, held in part.slots.items():
            for name in held.paces:
                flying.setdefault(name, []).extend((slot, held.estimate.tokens))
        for name in {**part.used, **flying}:
            used = part.used.get(name, ())
            told = [word for at, slot, tokens in used for word in (ms(max(now - at, 0)), slot, tokens)]
            keys = [key(name, "used"), key(name, "flying")]
            self._script(USE, keys, [ms(LEASE), len(used), *told, *flying.get(name, ())])

    def spend(self, cost: Cost) -> None:
        now = time.time()
        for name in cost.budgets:
            self._script(SPEND, [*sums(name, cost.at)], [self.machine, ms(KEPT), *map(said, used_by(cost))])
        self._use(Part({}, {}, used={name: [(now, cost.slot, cost.tokens)] for name in cost.paces}), now)

    def tell(self, topic: str, words: tuple[str, ...]) -> None:
        self._say(("PUBLISH", key("news"), json.dumps([self.who, topic, words])))

    def _script(self, script: Script, keys: list[str], values: list[Any], number: int = 0) -> None:
        """The text once a connection: no right to load scripts is needed, and nothing is sent out of its order."""
        known = script.sha in self.given
        self.given.add(script.sha)
        self._say(
            ("EVALSHA" if known else "EVAL", script.sha if known else script.text, len(keys), *keys, *values), number
        )

    def _say(self, words: tuple[Any, ...], number: int = 0) -> None:
        if not self.connected:
            return
        if len(self.unsent) >= MOST_UNSENT:
            self.unsent.clear()
            self.given.clear()
            self.born = 0
        self.wake.set()
        self.unsent.append((words, number))
