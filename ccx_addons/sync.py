"""Keeps what this worker knows of channels and keys in step with the other workers, the panel and the database.

Every fifth of a second a thread looks whether the database changed; the event loop only takes over what was found.
Commands of the panel are carried out here and acknowledged.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from ccx_addons.core.config import KINDS
from ccx_addons.core.errors import StoreError
from ccx_addons.io.place import is_postgres
from ccx_addons.io.state import News, Reader, take, write_changes
from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime
from ccx_addons.scheduler.set_back import STEP, set_back

log: Final = logging.getLogger("ccx")

EVERY: Final = 0.2
"""Seconds between two looks."""
MOST_WATCHED: Final = 600.0
"""Seconds that one command may watch a request."""


class Sync(Periodic):
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        store = runtime.store
        shared = runtime.settings.worker_count > 1 or is_postgres(store.place)
        self.reader = Reader(store.place, store.boot_id, store.worker, shared)
        self.trouble = ""
        for topic, hear in (("suspect", self.suspect), ("doubt", self.doubt), ("trial", self.trial)):
            runtime.meeting.listen(topic, hear)
        self.offset = time.time() - time.monotonic()
        self.apart = ""
        """Why this worker counts its limits for itself."""

    def running(self) -> None:
        """Before the first request: what was known when the gateway stopped."""
        news = self.look()
        self.take_over(news)
        if news and (ahead := news.written - time.time()) > STEP:
            self.set_back(ahead)
        self.begin("sharing the state of channels and keys", self.follow, EVERY)

    def done(self) -> None:
        super().done()
        self.publish()

    async def follow(self) -> None:
        self.look_at_clock()
        self.take_over(await asyncio.to_thread(self.look))
        self.runtime.state.restore(time.time())
        self.publish()
        self.tell_of_meeting()

    def look_at_clock(self) -> None:
        """A clock that runs right again; one that is behind because the machine slept only goes forward."""
        offset = time.time() - time.monotonic()
        back, self.offset = self.offset - offset, offset
        if back > STEP:
            self.set_back(back)

    def set_back(self, seconds: float) -> None:
        set_back(self.runtime.state, seconds)
        log.warning("the clock was set back by %.0f s; what rests or pauses does so no longer for that", seconds)

    def look(self) -> News | None:
        try:
            news = self.reader.look(time.time())
        except StoreError as error:
            if str(error) != self.trouble:
                log.warning("the state of channels and keys cannot be read (%s); this worker goes on alone", error)
            self.trouble = str(error)
            return None
        self.trouble = ""
        return news

    def take_over(self, news: News | None) -> None:
        if news is None:
            return
        now = time.time()
        take(self.runtime.state, news, self.runtime.snapshot, now)
        for id, kind, args in news.commands:
            self.runtime.store.ack_command(id, self.obey(kind, args, now))

    def publish(self) -> None:
        news = self.runtime.state.news
        while news:
            self.runtime.meeting.tell(*news.popleft())
        write_changes(self.runtime.state, self.runtime.snapshot, self.runtime.store, time.time())

    def suspect(self, kind: str, model: str, what: str, channel_id: str) -> None:
        self.runtime.state.suspects.heard((kind, model, what), channel_id, time.time())

    def doubt(self, kind: str, channel_id: str, key_id: str, *gist: str) -> None:
        about, model, what = gist or ("", "", "")
        self.runtime.state.doubts.heard((kind, channel_id, key_id), (about, model, what) if gist else None)

    def trial(self, kind: str, channel_id: str, key_id: str, model: str) -> None:
        self.runtime.state.tried_elsewhere(kind, channel_id, key_id, model, time.time())

    def tell_of_meeting(self) -> None:
        """Whether limits hold for all workers together, where that is news."""
        trouble, store = self.runtime.meeting.trouble, self.runtime.store
        if bool(trouble) == bool(self.apart):
            return
        self.apart, who = trouble, f"worker {self.runtime.worker}"
        if trouble:
            store.put_event(
                "warning", "meeting", f"{who}: each worker counts its share of the limits itself: {trouble}"
            )
        else:
            store.put_event("info", "meeting", f"{who}: limits hold for all workers together again")

    # ---- commands ---------------------------------------------------------------------------------------------------
    def obey(self, kind: str, args: Mapping[str, Any], now: float) -> str:
        """Carry a command out; the result in words."""
        match kind:
            case "reset":
                return self.reset(str(args.get("channel_id", "")), str(args.get("kind", "")), now)
            case "unblock":
                return self.unblock(args, now)
            case "watch":
                seconds = args.get("seconds", 0)
                until = min(float(seconds) if isinstance(seconds, int | float) else 0.0, MOST_WATCHED)
                self.runtime.watched[str(args.get("request_id", ""))] = now + until
                return "watching"
            case "forget":
                self.runtime.forgotten.append(str(args.get("id", "")))
                return "forgotten"
            case "forget_refusals":
                found = [str(args.get(name, "")) for name in ("channel_id", "model", "name")]
                return f"forgot {self.runtime.state.refusals.forget(*found)}"
            case "override":
                return "taken over"  # the rows of overrides come with every look
        return f"unknown command {kind!r}"

    def reset(self, channel_id: str, kind: str, now: float) -> str:
        for each in [kind] if kind else KINDS:
            self.runtime.state.reset(each, channel_id, now)
        return "reset"

    def unblock(self, args: Mapping[str, Any], now: float) -> str:
        channel_id, key_id, model = (str(args.get(name, "")) for name in ("channel_id", "key_id", "model"))
        state, kinds = self.runtime.state, [str(args["kind"])] if args.get("kind") else KINDS
        lifted = [kind for kind in kinds if state.unblock(kind, channel_id, key_id, model, now)]
        return f"unblocked for {', '.join(lifted)}" if lifted else "it was not blocked"
