"""Answers that ``previous_response_id`` continues (platform.openai.com/docs/guides/conversation-state).

An upstream that speaks Responses knows its own answers: the id goes through, and the conversation stays with the
channel that made it. For converting channels the gateway remembers the items and the answer itself, per client, for a
day: in memory for the next turn, in SQLite for other workers and after a restart. ``store: false`` keeps nothing. Items
that an input names by their ids are written out for every channel that did not make them.

All clients share the operator's account at an upstream. So a client may name only what it was given: ids of answers and
items that the gateway handed to it, for as long as the upstream keeps them. For every other id it is as if there were
nothing.
"""

import asyncio
import itertools
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mitmproxy import http

from ccx_addons.auth import json_response
from ccx_addons.core import read, sse
from ccx_addons.core.config import DEFAULT_CLIENT
from ccx_addons.core.endpoints import STORED
from ccx_addons.core.errors import StoreError, UnknownResponse
from ccx_addons.core.exchange import NOWHERE, Exchange, Named, Seat
from ccx_addons.core.neutral import Fault
from ccx_addons.core.references import ID, conversation_of, handed_out, id_of_stream, items_of, written_out
from ccx_addons.core.verdict import Attempt
from ccx_addons.core.wire_json import dumps, loads_object
from ccx_addons.io.store import Store
from ccx_addons.io.transaction import Row
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import about, guarded, refuse
from ccx_addons.scheduler.state import NEVER

log: Final = logging.getLogger("ccx")

LIFE: Final = 24 * 3600.0
"""Seconds an answer can be continued by every channel."""
KEPT: Final = 30 * 24 * 3600.0
"""Seconds an upstream keeps its answers (platform.openai.com/docs/guides/your-data)."""
TRIES: Final = (0.0, 0.1, 0.3, 0.6)
"""Seconds before each look into SQLite: another worker's answer may be on its way there."""
MAX_ITEMS: Final = 200
MAX_CHARACTERS: Final = 1_600_000
"""About 400,000 tokens. Older items are left out first, and never a call without its result."""
KEEPING: Final = 2.0
"""Seconds to wait for answers that are being kept."""
LEAVING: Final = 300.0
"""Seconds until what was deleted has surely left the log."""
IN_MEMORY: Final = 500
MAX_MEMORY: Final = 64 << 20
"""Most answers, and most characters of them, that one worker keeps at hand."""

UNREADABLE: Final = Fault("unavailable", "stored answers cannot be read now", 503)

type Items = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Stored:
    """One answer and everything before it, as Responses items."""

    client: str
    seat: Seat
    """Whose upstream has made it, with which key."""
    trace: str
    items: Items | None
    """None: only the channel's upstream has them."""
    expires: float
    """Unix seconds."""
    answer: str = ""
    """JSON; empty: the channel's upstream has it."""


def deleted() -> Stored:
    """Nobody's, as long as its row may still be on its way out of the log."""
    return Stored("", NOWHERE, "", None, time.time() + LEAVING)


@dataclass(frozen=True, slots=True)
class Item:
    """``answer``: the remembered one that it came in; empty: none."""

    id: str
    seat: Seat
    answer: str
    expires: int


class Sessions:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.recent: OrderedDict[str, Stored] = OrderedDict()
        self.sizes: dict[str, int] = {}
        self.size = 0
        self.tasks: set[asyncio.Task[None]] = set()

    @guarded
    @about("responses")
    def request(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        """Finds what is continued; waits only when it is not in memory."""
        while self.runtime.forgotten:
            self.remember(self.runtime.forgotten.pop(), deleted(), 0)
        if x.kind != "responses" or x.match is None:
            return None
        members = x.body.members if x.body else {}
        if (conversation := conversation_of(members)) and x.client and x.client.name != DEFAULT_CLIENT:
            flow.response = refuse(flow, unknown("Conversation", conversation, "conversation"))
            return None
        id = x.match.subject if x.operation in STORED else read.text(members.get("previous_response_id"))
        items = items_of(members)
        if not id and not items:
            return None
        if strange := next((item for item in items if not ID.fullmatch(item)), None):
            flow.response = refuse(flow, unknown("Item", strange, "input"))
        elif id and not ID.fullmatch(id):
            flow.response = refuse(flow, unknown_answer(x))
        elif not items and (stored := self.at_hand(id)) and (stored.client or not self.tasks):
            # What was deleted may be what is being kept just now: there are upstreams that give an id again.
            self.take(flow, x, id, stored)
        else:
            return self.find(flow, x, id, items)
        return None

    async def find(self, flow: http.HTTPFlow, x: Exchange, id: str, items: list[str]) -> None:
        """The answer that is named (empty: none), and the items: all have to be this client's."""
        if self.tasks:
            # The answer may be the one that is being kept just now.
            await asyncio.wait(self.tasks, timeout=KEEPING)
        store, client = self.runtime.store, x.client.name if x.client else ""
        try:
            if id:
                self.take(flow, x, id, self.at_hand(id) or await look_up(store, id, client))
            if items and not flow.response:
                x.named = await self.look_for(items, client)
                x.home = x.home if x.home.channel_id else next((one.seat for one in x.named.values()), NOWHERE)
                if strange := [item for item in items if item not in x.named]:
                    flow.response = refuse(flow, unknown("Item", strange[0], "input"))
        except StoreError as error:
            log.warning("request %s: stored answers cannot be read: %s", x.id, error, extra={"request": x.id})
            flow.response = refuse(flow, UNREADABLE)

    async def look_for(self, ids: list[str], client: str) -> dict[str, Named]:
        """Those of the items that this client was given, and what they say where their answers are remembered: the
        newest first, which has those before it. Raises StoreError."""
        rows: list[Item] = []
        for pause in TRIES:
            await asyncio.sleep(pause)
            rows = await asyncio.to_thread(items_in, self.runtime.store, ids, client)
            if len(rows) == len(set(ids)):
                break
        said: dict[str, dict[str, Any]] = {}
        for answer in dict.fromkeys(item.answer for item in rows if item.answer):
            if any(item.answer == answer and item.id not in said for item in rows):
                stored = self.at_hand(answer) or await asyncio.to_thread(load, self.runtime.store, answer, client)
                if stored and stored.client == client:
                    said |= {read.text(one.get("id")): one for one in stored.items or ()}
        return {item.id: Named(item.seat, said.get(item.id)) for item in rows}

    def at_hand(self, id: str) -> Stored | None:
        stored = self.recent.get(id)
        return stored if stored and stored.expires > time.time() else None

    def take(self, flow: http.HTTPFlow, x: Exchange, id: str, stored: Stored | None) -> None:
        """Only the client that asked the first time may go on; for others it is as if nobody knew the answer."""
        if stored is None or x.client is None or stored.client != x.client.name or stored.expires <= time.time():
            flow.response = refuse(flow, unknown_answer(x))
            return
        x.history, x.home, x.trace = stored.items, stored.seat, stored.trace
        if stored.answer and x.operation == "get":
            flow.response = json_response(stored.answer.encode())
        elif stored.answer and x.operation == "delete":
            flow.response = json_response(dumps({"id": id, "object": "response", "deleted": True}))

    # ---- keeping ----------------------------------------------------------------------------------------------------
    @guarded
    @about("responses")
    def responseheaders(self, flow: http.HTTPFlow, x: Exchange) -> None:
        """A stream has its id from the first event on: who leaves early may ask for the answer later."""
        record = x.current
        if x.kind != "responses" or x.operation != "generate" or not x.committed or record is None or record.converted:
            return
        if x.client and x.body and x.body.members.get("store") is not False and (id := id_of_stream(x.opening)):
            self.runtime.store.put_issued([issued(id, x.client.name, seat_of(record.attempt), time.time())])

    @guarded
    @about("responses")
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.operation == "delete" and x.match and flow.response and flow.response.status_code < 300:
            self.remember(x.match.subject, deleted(), 0)
            self.runtime.store.remove("response_sessions", {"id": x.match.subject})
            self.runtime.store.remove("issued", {"id": x.match.subject})
            if self.runtime.meeting.shared:
                self.runtime.store.command("forget", {"id": x.match.subject})
        if x.kind != "responses" or x.operation != "generate" or x.body is None or x.current is None:
            return
        good = flow.response is not None and flow.response.status_code == 200 and x.stream_end in ("", "done")
        if x.body.members.get("store") is False or flow.response is None or not good:
            return
        answer = x.final_event if x.stream else flow.response.raw_content or b""
        if answer:
            task = asyncio.get_running_loop().create_task(self.keep(x, answer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def keep(self, x: Exchange, answer: bytes) -> None:
        """Reading and writing JSON happens in a thread."""
        now = time.time()
        found = await asyncio.to_thread(remembered, x, answer, now)
        if found is None:
            return
        id, stored, messages, given = found
        self.runtime.store.put_issued(given)
        self.remember(id, stored, len(messages) + len(stored.answer))
        self.runtime.store.put_response_session(
            {
                "id": id,
                "client": stored.client,
                "created": int(now * 1000),
                "expires": int(stored.expires * 1000),
                "channel_id": stored.seat.channel_id,
                "key_id": stored.seat.key_id,
                "trace_hash": stored.trace,
                "messages": messages,
                "answer": stored.answer,
            }
        )

    def remember(self, id: str, stored: Stored, size: int) -> None:
        """In memory, as long as it is among the newest and they are not too large together. ``size``: characters."""
        self.forget(id)
        self.recent[id], self.sizes[id] = stored, size
        self.size += size
        while len(self.recent) > IN_MEMORY or (self.size > MAX_MEMORY and len(self.recent) > 1):
            self.forget(next(iter(self.recent)))

    def forget(self, id: str) -> None:
        self.recent.pop(id, None)
        self.size -= self.sizes.pop(id, 0)


def unknown(what: str, id: str, param: str) -> Fault:
    """404 as OpenAI says it."""
    return Fault("not_found", f"{what} with id '{id[:100]}' not found.", 404, param=param)


def unknown_answer(x: Exchange) -> Fault:
    """404 in the API's own words."""
    if x.body is None:
        id = x.match.subject if x.match else ""
        return Fault("not_found", f"Response with id '{id[:100]}' not found.", 404)
    unknown = UnknownResponse(read.text(x.body.members.get("previous_response_id")))
    return Fault("not_found", str(unknown), 404, "previous_response_not_found", param=unknown.param)


def remembered(x: Exchange, answer: bytes, now: float) -> tuple[str, Stored, str, list[Row]] | None:
    """Id of a finished answer, what is kept of it, its items (history, input, output) as JSON, and rows of the ids by
    which it, and its items, may be named later. None: it cannot be continued. An upstream of the client's own protocol
    has the answer itself."""
    whole = final_answer(answer) if x.stream else loads_object(answer.decode("utf-8", "replace")) or {}
    id = read.text(whole.get("id"))
    if not ID.fullmatch(id) or x.body is None or x.current is None or x.client is None:
        return None
    known = {id: one.item for id, one in x.named.items() if one.item is not None}
    asked = read.mappings(written_out(read.input_items(x.body.members.get("input")), known))
    items = trimmed([*(x.history or ()), *asked, *read.mappings(whole.get("output"))])
    kept = dumps(whole).decode() if x.current.converted else ""
    kept = kept if len(kept) <= MAX_CHARACTERS else ""
    seat, client = seat_of(x.current.attempt), x.client.name
    ids = dict.fromkeys(one for one in handed_out(whole) if one != id or not x.current.converted)
    life = LIFE if x.current.converted else KEPT
    given = [issued(one, client, seat, now, "" if one == id else id, life) for one in ids]
    return id, Stored(client, seat, x.trace, items, now + LIFE, kept), json.dumps(items), given


def seat_of(attempt: Attempt) -> Seat:
    """Where an answer stays that this attempt got."""
    return Seat(attempt.channel.id, attempt.key.id, NEVER)


def issued(id: str, client: str, seat: Seat, now: float, answer: str = "", life: float = KEPT) -> Row:
    """The row of an id that an upstream keeps. ``answer``: which of the remembered ones it is an item of."""
    place = {"channel_id": seat.channel_id, "key_id": seat.key_id}
    return {"id": id, "client": client, **place, "expires": int((now + life) * 1000), "answer": answer}


def final_answer(events: bytes) -> Mapping[str, Any]:
    """The answer in the last event of a Responses stream."""
    reader = sse.Reader()
    datas = [event.data for event in (*reader.feed(events), *reader.flush()) if event.data.startswith("{")]
    return read.mapping((loads_object(datas[-1] if datas else "") or {}).get("response"))


def trimmed(items: Items) -> Items:
    """The newest items within the limits. What is left never begins with the result of a call that is gone."""
    kept: Items = []
    size = 0
    for item in reversed(items):
        size += len(json.dumps(item))
        if len(kept) >= MAX_ITEMS or size > MAX_CHARACTERS:
            break
        kept.append(item)
    kept.reverse()
    if len(kept) < len(items):
        calls: set[Any] = set()
        whole: Items = []
        for item in kept:
            is_result = str(item.get("type", "")).endswith("_output")
            if is_result and item.get("call_id") not in calls:
                continue
            if not is_result:
                calls.add(item.get("call_id"))
            whole.append(item)
        kept = whole
    return kept


async def look_up(store: Store, id: str, client: str) -> Stored | None:
    """``load``, several times where nothing is there yet. Raises StoreError."""
    for pause in TRIES:
        await asyncio.sleep(pause)
        if stored := await asyncio.to_thread(load, store, id, client):
            return stored
    return None


def items_in(store: Store, ids: list[str], client: str) -> list[Item]:
    """Where those of the items are that this client was given, the newest first. Raises StoreError."""
    columns, found = "id, channel_id, key_id, answer, expires", list[Item]()
    for some in itertools.batched(dict.fromkeys(ids), 500):
        where = f"id IN ({', '.join('?' * len(some))}) AND client = ? AND expires > ?"
        rows = store.rows(f"SELECT {columns} FROM issued WHERE {where}", *some, client, int(time.time() * 1000))
        found += [Item(id, Seat(channel, key, NEVER), answer, expires) for id, channel, key, answer, expires in rows]
    return sorted(found, key=lambda item: -item.expires)


def load(store: Store, id: str, client: str) -> Stored | None:
    """An answer, or an item of one, from SQLite, on a connection of its own. Raises StoreError."""
    columns = "channel_id, key_id, trace_hash, messages, expires, answer"
    now = int(time.time() * 1000)
    where = "id = ? AND client = ? AND expires > ?"
    if row := store.read(f"SELECT {columns} FROM response_sessions WHERE {where}", id, client, now):
        channel_id, key_id, trace, messages, expires, answer = row
        return Stored(client, Seat(channel_id, key_id, NEVER), trace, json.loads(messages), expires / 1000, answer)
    if row := store.read(f"SELECT channel_id, key_id, expires FROM issued WHERE {where}", id, client, now):
        return Stored(client, Seat(row[0], row[1], NEVER), "", None, row[2] / 1000)
    return None
