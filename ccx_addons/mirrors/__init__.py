"""Asks a share of the conversations of another channel, too, once their clients have their answers."""

import asyncio
import itertools
import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mitmproxy import http

from ccx_addons.capture import Capture
from ccx_addons.core import read
from ccx_addons.core.config import Channel, Mirror
from ccx_addons.core.errors import StoreError
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.mirror import AllAsked, Why, chosen
from ccx_addons.core.neutral import Fault
from ccx_addons.core.references import containers_of, conversation_of, files_of, items_of, may_name_files
from ccx_addons.core.verdict import Target
from ccx_addons.io.aside import aside
from ccx_addons.io.mirrored import left_out, spent
from ccx_addons.metrics import milliseconds
from ccx_addons.mirrors.way import hooks, once_more, start
from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime
from ccx_addons.protocols.alike import alike
from ccx_addons.proxy.guard import guarded
from ccx_addons.proxy.unasked import Unasked
from ccx_addons.rules import Rewrites
from ccx_addons.scheduler.limits import Ask, Refused, Scope, scopes_of
from ccx_addons.scheduler.single import Entries, target_of

log: Final = logging.getLogger("ccx")

PAUSE: Final = 0.02
LATE: Final = 0.05
PATIENCE: Final = 5.0
"""Seconds: a mirror begins after a pause that the event loop ended at most so much later than it should, and is left
out where there is none for so long."""
MOST: Final = 100
"""Mirrored requests of one worker at the same time."""
EVERY: Final = 2.0
"""Seconds between two notes of what was left out."""
QUIET: Final = 600.0
"""Seconds between two events about the same mirror and reason."""
FRESH: Final = 2.0
"""Seconds for which it is known what a mirror has spent."""
LARGEST: Final = 1 << 20
"""Bytes of an answer that is looked at for its end where bodies are not kept."""
STOPPED: Final = Fault("unavailable", "the gateway stopped before there was an answer", status=503)
WORDS: Final[Mapping[str, str]] = {
    "busy": "the gateway had other things to do",
    "limit": "its requests a minute or at the same time were used up",
    "budget": "its tokens or dollars of the day are used up",
    "channel": "its channel's limits were used up, no key of it was usable, or it takes no pictures",
    "elsewhere": "what they refer to is kept by the upstream that was asked",
}


@dataclass(frozen=True, slots=True)
class Original:
    """What is kept of the client's exchange until the mirror has its answer. ``answer``: as the client got it."""

    id: str
    good: bool
    stop: str
    answer: bytes


class Mirrors(Periodic):
    """Last of those who look at an answer."""

    def __init__(self, runtime: Runtime, rewrites: Rewrites | None = None) -> None:
        self.runtime = runtime
        self.capture, self.rewrites = Capture(runtime), rewrites
        self.direct = hooks(runtime, self.capture, rewrites)
        self.asked, self.entries = AllAsked(), Entries()
        self.tasks: dict[asyncio.Task[None], Exchange] = {}
        self.unsaid: Counter[tuple[str, str]] = Counter()
        self.said: dict[tuple[str, str], float] = {}
        self.spent: dict[str, tuple[float, int, float]] = {}
        """Mirror -> when it was looked at, tokens, dollars."""
        self._numbers = itertools.count(1)

    def show(self, *addons: Any) -> None:
        """Who else hears of what is asked, and changes nothing."""
        self.direct = hooks(self.runtime, self.capture, self.rewrites, addons)

    def running(self) -> None:
        self.capture.running()
        self.begin("noting what was not mirrored", self.note, EVERY)

    def done(self) -> None:
        super().done()
        self.capture.done()
        for task, again in self.tasks.items():
            again.fault = again.fault or STOPPED
            task.cancel()
        self.note()

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.snapshot.mirrors and x.state in ("ok", "failed") and x.attempts:
            for mirror in chosen(x):
                self.consider(mirror, flow, x)

    def consider(self, mirror: Mirror, flow: http.HTTPFlow, x: Exchange) -> None:
        channel, unasked = x.snapshot.channel(mirror.to), self.runtime.unasked
        if channel is None or unasked is None:
            return
        if not unasked.has_room or len(self.tasks) >= MOST:
            self.leave_out(mirror, "busy")
        elif kept_elsewhere(x):
            self.leave_out(mirror, "elsewhere")
        elif (x.images and channel.no_vision) or (target := self.target(mirror, channel, x)) is None:
            self.leave_out(mirror, "channel")
        else:
            before = Original(x.id, x.state == "ok", x.stop or "", answer_of(flow, x))
            again = once_more(x, mirror)
            task = asyncio.get_running_loop().create_task(self.mirror(mirror, channel, target, before, again, unasked))
            self.tasks[task] = again
            task.add_done_callback(self.tasks.pop)

    def target(self, mirror: Mirror, channel: Channel, x: Exchange) -> Target | None:
        masked = tuple(name for one in x.attempts for name in one.attempt.channel.mask)
        entry = self.entries.of(self.asked.of(x.snapshot, mirror, channel, masked), x.model)
        return target_of(channel, entry, x.kind, self.runtime.state, time.time())

    def leave_out(self, mirror: Mirror, why: Why) -> None:
        self.unsaid[mirror.name, why] += 1

    def note(self) -> None:
        if not self.unsaid:
            return
        counts, self.unsaid = self.unsaid, Counter()
        now = time.time()
        left_out(self.runtime.store, counts, now)
        for (mirror, why), n in counts.items():
            if now - self.said.get((mirror, why), 0.0) >= QUIET:
                self.said[mirror, why] = now
                words = f"mirror {mirror}: {n} requests were not mirrored: {WORDS[why]}"
                log.warning("%s", words)
                self.runtime.store.put_event("warning", "mirror", words)

    # ---- one of them, beside everything else -------------------------------------------------------------------------
    async def mirror(
        self, mirror: Mirror, channel: Channel, target: Target, before: Original, again: Exchange, unasked: Unasked
    ) -> None:
        try:
            if why := await self.hindered(mirror):
                self.leave_out(mirror, why)
                return
            slot = f"mirror/{before.id}/{next(self._numbers)}"
            own = Scope(f"mirror:{mirror.name}", mirror.limits.rpm, mirror.limits.concurrency)
            answer = self.runtime.meeting.enter(Ask(slot, (own, *scopes_of(channel, target.key))))
            refused = answer if answer is None or isinstance(answer, Refused) else await answer
            if refused:
                self.leave_out(mirror, "limit" if refused.name == own.name else "channel")
                return
            try:
                await unasked.send(flow := start(again, target), self.direct, mirror.timeout)
                await self.keep(mirror, before, flow, again)
            finally:
                self.runtime.meeting.leave(slot)
        except Exception:
            log.exception("mirroring request %s failed", before.id, extra={"request": before.id})

    async def hindered(self, mirror: Mirror) -> Why | None:
        """After a pause, in which the client gets its answer."""
        if not await calm():
            return "busy"
        limits = mirror.limits
        if not (limits.tokens_per_day or limits.usd_per_day):
            return None
        tokens, usd = await self.spent_today(mirror.name)
        over = (limits.tokens_per_day and tokens >= limits.tokens_per_day) or (
            limits.usd_per_day and usd >= limits.usd_per_day
        )
        return "budget" if over else None

    async def spent_today(self, name: str) -> tuple[int, float]:
        looked, tokens, usd = self.spent.get(name, (0.0, 0, 0.0))
        if time.monotonic() - looked > FRESH:
            try:
                tokens, usd = await aside(spent, self.runtime.store, name, time.time())
            except StoreError as error:
                log.warning("what mirror %s has spent cannot be read: %s", name, error)
            self.spent[name] = time.monotonic(), tokens, usd
        return tokens, usd

    async def keep(self, mirror: Mirror, before: Original, flow: http.HTTPFlow, again: Exchange) -> None:
        kept = again.snapshot.policy.bodies.capture == "all" and before.good and again.state == "ok"
        row = {"id": again.id, "original": before.id, "mirror": mirror.name, "at": milliseconds(again.started_at)}
        found = await aside(compared, again, before, answer_of(flow, again), kept)
        self.runtime.store.put_mirrored({**row, **found})


async def calm() -> bool:
    """At a moment when the event loop has nothing better to do; False: there is none."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while (due := loop.time() + PAUSE) < until:
        await asyncio.sleep(PAUSE)
        if loop.time() - due <= LATE:
            return True
    return False


def kept_elsewhere(x: Exchange) -> bool:
    """Whether the request refers to what only the upstream that was asked can read."""
    members = x.body.members if x.body else {}
    if x.kind == "responses":
        alone = members.get("previous_response_id") and x.history is None
        if alone or items_of(members) or conversation_of(members) or members.get("background"):
            return True
    if read.text(read.mapping(members.get("thread")).get("id")) or containers_of(members):
        return True
    return x.body is not None and may_name_files(x.body.outline) and any(files_of(dict(members)))


def answer_of(flow: http.HTTPFlow, x: Exchange) -> bytes:
    """What a client got, as far as it is at hand: of a stream only where bodies are kept."""
    if x.committed:
        return bytes(x.tap.client) if x.tap else b""
    content = (flow.response.raw_content or b"") if flow.response else b""
    limit = x.tap.limit if x.tap else LARGEST
    return content if len(content) <= limit else b""


def compared(again: Exchange, before: Original, answer: bytes, kept: bool) -> dict[str, Any]:
    """Columns of table mirrored. Beside the event loop. Where no good answers are ``kept``, only how they ended."""
    found = alike(again.kind, before.answer, answer)
    row: dict[str, Any] = {
        "stop": again.stop or found.stop[1],
        "original_stop": before.stop or found.stop[0],
    }
    if kept and before.answer and answer:
        row |= {
            "calls": found.calls[1],
            "original_calls": found.calls[0],
            "same_tools": None if found.tools is None else int(found.tools),
            "same_arguments": None if found.arguments is None else int(found.arguments),
            "alike": found.text,
        }
    return row
