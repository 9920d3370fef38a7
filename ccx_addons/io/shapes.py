"""Makes shapes, compares each with the one before it, and keeps both findings: in the writer's thread.

The hash is GMAC (NIST SP 800-38D) with a key of this installation, cut to 48 bits: who has only the database cannot
try what a prompt may have been. It is the fastest that there is, because the whole of a large request is hashed. What a
conversation repeats is hashed once and not taken apart again.
"""

import hashlib
import marshal
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ccx_addons import vendors
from ccx_addons.core import shape
from ccx_addons.core.neutral import NO_EXTRA, Usage
from ccx_addons.core.scan import holds
from ccx_addons.core.shape import ANATOMY, Part, Shape, Turn
from ccx_addons.core.wire_json import Span, Spans, dumps, elements, loads
from ccx_addons.io.prices import Cost
from ccx_addons.io.transaction import Transaction

NONCE: Final = bytes(12)
FORMAT: Final = 2
"""Of marshal: the same bytes for the same value, whoever else refers to it."""
MOST_PARTS: Final = 50_000
"""Of tools and system blocks, of conversations, and of requests, each: what is not taken apart, or read, again."""
NEWEST: Final = 2
"""Messages that the next request may say otherwise: what clients put into the last one goes with the next."""
LOOKED_AT: Final = 6
"""Latest requests of a session among which the one is that a request continues."""
REMEMBERED: Final = 8
NOTHING_LOST: Final[dict[str, Any]] = {"before_id": "", "why": "", "again_tokens": 0, "again_usd": None}
MARKS: Final = ("cache_control", "prompt_cache_breakpoint")
CONTROL, BREAKPOINT = (name.encode() for name in MARKS)
OF_REQUEST: Final = ("cache_control", "prompt_cache_retention", "prompt_cache_options")
"""Members of a request that speak of its whole cache."""
LIVES: Final = {"5m": shape.FIVE_MINUTES, "30m": shape.HALF_HOUR, "1h": shape.HOUR, "24h": shape.DAY}
"""How long a mark, or the request, asks for the cache to be kept (platform.claude.com/docs/en/build-with-claude/
prompt-caching, developers.openai.com/api/docs/guides/prompt-caching)."""
UNCACHED: Final = "x-anthropic-billing-header:"
"""A system block of Claude Code's that is another one in each request, and no part of what is cached."""
MISSED: Final = re.compile(
    rb'"(?:cache_miss_reason"\s*:\s*\{[^{}]{0,400}?"type|prompt_cache_diagnostics"\s*:\s*\{[^{}]{0,400}?"reason)"'
    rb'\s*:\s*"([a-z_]{1,60})"'
)
"""platform.claude.com/docs/en/build-with-claude/cache-diagnostics and developers.openai.com/api/docs/guides/
prompt-caching/diagnostics: the one has a type for each reason, the other a reason where its type is cache_miss."""
SAYS_NOTHING: Final = frozenset({b"unavailable", b"previous_message_not_found"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A request to make a shape of: ``text`` and ``spans`` as in JsonBody, and its bytes. ``price``: what it would have
    cost with other tokens. ``answer``: the beginning of what came back, where the client asked why its cache was
    missed."""

    id: str
    kind: str
    trace: str
    client: str
    channel_id: str
    text: str
    spans: Spans
    raw: bytes
    turn: Turn
    usage: Usage | None
    price: Callable[[Usage], Cost]
    answer: bytes = b""


class Told:
    """Parts, the same as JSON, how many of them the last mark ends, and the shortest life that a mark asks for."""

    __slots__ = ("life", "marks", "parts", "text")

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.text: list[str] = []
        self.marks = 0
        self.life = 0

    def asks(self, life: int) -> None:
        """``life``: seconds; 0: the default."""
        self.life = min(self.life, life) if self.life and life else self.life or life

    def add(self, part: Part) -> None:
        self.parts.append(part)
        self.text.append(shape.written(part))

    def go_on(self, more: "Told", count: int | None = None) -> None:
        """With the parts, or the first of them, of another one."""
        if more.marks:
            self.marks = len(self.parts) + more.marks
        self.parts += more.parts[:count]
        self.text += more.text[:count]
        self.asks(more.life)


class Known(NamedTuple):
    """The messages of a conversation up to where it stays the same: so many bytes or characters of the list."""

    length: int
    print: bytes
    told: Told
    calls: Mapping[str, str]


NOTHING_KNOWN: Final = Known(len("["), b"", Told(), {})


class Made(NamedTuple):
    """A request of a conversation. ``counts``: its tokens are known."""

    id: str
    kind: str
    shape: Shape
    turn: Turn
    counts: bool


class Memory[K, V]:
    """The newest things of together at most MOST_PARTS parts."""

    def __init__(self) -> None:
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._parts = 0

    def get(self, key: K) -> V | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, parts: int) -> None:
        self._parts += parts + 1 - self._kept.pop(key, (value, 0))[1]
        self._kept[key] = value, parts + 1
        while self._parts > MOST_PARTS and len(self._kept) > 1:
            self._parts -= self._kept.popitem(last=False)[1][1]


class Maker:
    """Of one process; used by its writer's thread only."""

    def __init__(self, secret: str) -> None:
        self._hash = AESGCM(hashlib.sha256(f"shapes\0{secret}".encode()).digest()[:16])
        self._members: Memory[bytes, Told] = Memory()
        self._known: Memory[tuple[str, str], Known] = Memory()
        self._made: Memory[str, tuple[Made, ...]] = Memory()

    def print(self, data: Any) -> bytes:
        return self._hash.encrypt(NONCE, b"", data)

    def made(self, trace: str) -> tuple[Made, ...]:
        """The latest requests of a conversation, as far as this process knows them."""
        return self._made.get(trace) or ()

    def remember(self, trace: str, requests: Iterable[Made]) -> None:
        kept = tuple(requests)[-REMEMBERED:]
        self._made.put(trace, kept, sum(len(made.shape.parts) for made in kept))

    def part(self, into: Told, what: shape.What, name: str, value: Any, *more: int) -> None:
        """``more``: as the last fields of Part are."""
        data = marshalled(value)
        size = len(data)
        if holds(data, CONTROL) or holds(data, BREAKPOINT):
            into.marks = len(into.parts) + 1
            into.asks(life_of(data))
            data = marshalled(plain(unmarked(value)))
        into.add(Part(what, name[: shape.MAX_NAME], size, self.print(data)[:6].hex(), *more))

    def shape(self, kind: str, trace: str, text: str, spans: Spans, raw: bytes) -> tuple[Shape, str]:
        """And the same as JSON."""
        anatomy, found = ANATOMY[kind], Told()
        data: Any = memoryview(raw) if text.isascii() and len(raw) == len(text) else text
        for name in anatomy.settings:
            if name in spans:
                self.part(found, "s", name, value_of(text, spans[name]))
        for name in ("tools", anatomy.system):
            if name in spans:
                found.go_on(self.member(kind, name, text, data, spans[name]))
        if anatomy.messages in spans:
            self.messages(found, kind, trace, text, data, spans[anatomy.messages][1:])
        if "cache_control" in spans:  # the last block is marked by itself
            found.marks = len(found.parts)
        for name in OF_REQUEST:
            if name in spans:
                found.asks(life_of(marshalled(value_of(text, spans[name])), name == "cache_control"))
        made = Shape(tuple(found.parts[: shape.MAX_PARTS]), found.marks, found.life)
        return made, shape.dumped(found.marks, found.life, found.text[: shape.MAX_PARTS])

    def member(self, kind: str, name: str, text: str, data: Any, span: Span) -> Told:
        """Tools, or the system's blocks: most requests have the same."""
        place = self.print(encoded(data[span[1] : span[2]])) + f"{kind} {name}".encode()
        found = self._members.get(place)
        if found is None:
            found, value = Told(), value_of(text, span)
            if name == "tools":
                for tool in shape.tools_of(kind, listed(value)):
                    self.part(found, "t", *tool)
            else:
                for block in system_of(value):
                    self.part(found, "y", "", block)
            self._members.put(place, found, len(found.parts))
        return found

    def messages(self, found: Told, kind: str, trace: str, text: str, data: Any, place: tuple[int, int]) -> None:
        """A conversation that names no session is known by its first message."""
        start, end = place
        if text[start] != "[":
            self.part(found, "u", "", loads(text[start:end]))
            return
        if not trace and (first := next(elements(text, start + 1), None)):
            trace = self.print(encoded(data[start + 1 : first[1]])).hex()
        known = self._known.get((kind, trace))
        if known is None or not self.is_still(known, data, start, end):
            known = NOTHING_KNOWN
        found.go_on(known.told)
        new, calls, stops = Told(), dict(known.calls), []
        plain = 0
        for value, stop in elements(text, start + known.length):
            self.message(new, value, calls)
            stops.append(stop)
            plain += not new.marks
        found.go_on(new)
        if (steady := min(plain, len(stops) - NEWEST)) > 0:
            self.learn((kind, trace), known, new, steady, calls, data[start : stops[steady - 1]])

    def is_still(self, known: Known, data: Any, start: int, end: int) -> bool:
        return known.length <= end - start and self.print(encoded(data[start : start + known.length])) == known.print

    def learn(
        self, place: tuple[str, str], known: Known, new: Told, steady: int, calls: Mapping[str, str], data: Any
    ) -> None:
        """``steady``: of the new messages, those that the next request will repeat. ``data``: the list up to them."""
        kept = Told()
        kept.go_on(known.told)
        kept.go_on(new, steady)
        kept.marks, kept.life = 0, 0
        self._known.put(place, Known(len(data), self.print(encoded(data)), kept, calls), len(kept.parts))

    def message(self, into: Told, message: Any, calls: dict[str, str]) -> None:
        """``calls``: id -> tool of the calls so far; results have their tool's name from there."""
        role = str(message.get("role", "")) if isinstance(message, dict) else ""
        if role in shape.SYSTEM:
            self.part(into, "y", "", message)
            return
        results = media = pictures = 0
        names: list[str] = []
        called = False
        if role == "tool":
            names = [calls.get(shape.result_id(message), "")]
        for block in shape.blocks_of(message):
            if call := shape.call_of(block):
                calls[call[0]], called = call[1], True
                names.append(call[1])
            elif shape.is_result(block):
                results += len(marshalled(block))
                response = block.get("functionResponse")
                names.append(calls.get(shape.result_id(block), "") or named(response))
                for inner in shape.blocks_of(block):
                    if shape.is_media(inner):
                        size = len(marshalled(inner))
                        media, pictures, results = media + size, pictures + 1, results - size
            elif shape.is_media(block):
                media, pictures = media + len(marshalled(block)), pictures + 1
        what: shape.What = "a" if role in ("assistant", "model") or (called and not role) else "u"
        if role == "tool":
            results = len(marshalled(message)) - media
        name = ",".join(dict.fromkeys(filter(None, names))) if names else ""
        self.part(into, what, name, plain(message), *((results, media, pictures) if results or pictures else ()))


def value_of(text: str, span: Span) -> Any:
    return loads(text[span[1] : span[2]])


def marshalled(value: Any) -> bytes:
    return marshal.dumps(value, FORMAT)


SAID: Final = {life: marshalled(word)[1:] for word, life in LIVES.items()}
"""Seconds -> the whole word that says so, as it is marshalled."""


def life_of(data: bytes, is_control: bool = False) -> int:
    """The shortest life that the marks in a value ask for; Claude's say nothing for five minutes."""
    found = [life for life, word in SAID.items() if word in data]
    if found:
        return min(found)
    return shape.FIVE_MINUTES if is_control or CONTROL in data else 0


def named(response: Any) -> str:
    return str(response.get("name", "")) if isinstance(response, dict) else ""


def encoded(text: Any) -> Any:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def system_of(value: Any) -> Iterator[Any]:
    """The blocks that are cached."""
    parts = value.get("parts") if isinstance(value, dict) else value
    for block in parts if isinstance(parts, list) else [parts]:
        text = block.get("text") if isinstance(block, dict) else block
        if not (isinstance(text, str) and text.startswith(UNCACHED)):
            yield block


def unmarked(value: Any) -> Any:
    """Without cache marks, which move on with each request."""
    if isinstance(value, dict):
        return {name: unmarked(inner) for name, inner in value.items() if name not in MARKS}
    return [unmarked(inner) for inner in value] if isinstance(value, list) else value


def plain(message: Any) -> Any:
    """A message of one text has the same content whether it stands there as such or as a block, which can be marked."""
    content = message.get("content") if isinstance(message, dict) else None
    if (
        type(content) is list
        and len(content) == 1
        and type(content[0]) is dict
        and content[0].keys() == {"type", "text"}
    ):
        return {**message, "content": content[0]["text"]}
    return message


# ---- keeping ---------------------------------------------------------------------------------------------------------
NEWEST_KEPT: Final = "SELECT request_id FROM shapes WHERE trace_hash = ? ORDER BY at DESC LIMIT 1"
TURN: Final = (
    *("channel_name", "key_mask", "upstream_model", "started_at", "ended_at"),
    *("input_tokens", "cache_read_tokens", "cache_write_tokens"),
)
"""Columns of a request's row."""
BEFORE: Final = f"""
SELECT s.request_id, s.kind, s.parts, {", ".join(f"r.{name}" for name in TURN)}
FROM shapes s JOIN requests r ON r.id = s.request_id
WHERE s.trace_hash = ? AND r.state = 'ok' AND r.usage_source = 'reported'
ORDER BY s.at DESC LIMIT {REMEMBERED}
"""


@lru_cache(64)
def loaded(id: str, text: str) -> Shape:
    return Shape.load(text)


def keep(transaction: Transaction, draft: Draft, maker: Maker) -> None:
    """The shape's row; what was lost against the request that this one continues."""
    made, text = maker.shape(draft.kind, draft.trace, draft.text, draft.spans, draft.raw)
    trace = draft.trace or named_after(draft, made)
    row = {
        "request_id": draft.id,
        "trace_hash": trace,
        "kind": draft.kind,
        "at": draft.turn.began,
        "client_name": draft.client,
        "channel_id": draft.channel_id,
        "parts": text,
    }
    others = before(transaction, draft, maker, trace)
    maker.remember(trace, (*others, Made(draft.id, draft.kind, made, draft.turn, draft.usage is not None)))
    transaction.upsert("shapes", row | lost(draft, [one for one in others if one.counts], made))


def before(transaction: Transaction, draft: Draft, maker: Maker, trace: str) -> list[Made]:
    """The latest requests of the conversation. Other processes may have had some of them before this transaction."""
    known = maker.made(trace)
    newest = transaction.peek(NEWEST_KEPT, trace) if transaction.is_first_look(trace) else None
    if newest and all(one.id != newest[0] for one in known):
        rows = transaction.conn.execute(BEFORE, (trace,)).fetchall()
        known = tuple(Made(row[0], row[1], loaded(row[0], row[2]), turn(row[3:]), True) for row in reversed(rows))
    return [one for one in known if one.id != draft.id]


def named_after(draft: Draft, made: Shape) -> str:
    """What stands for the trace where a client names no session: who asks, and the conversation's first message."""
    first = next((part.print for part in made.of("u")), "")
    return hashlib.sha256(f"{draft.client}\0{first}".encode()).hexdigest()[:32]


def turn(columns: Sequence[Any]) -> Turn:
    """``columns``: of TURN."""
    channel, key, model, began, ended, *counts = columns
    return Turn(channel, key, model, began, ended or began, *(count or 0 for count in counts))


def lost(draft: Draft, others: list[Made], made: Shape) -> dict[str, Any]:
    """The columns about what this request continues, and why that was no longer in the cache."""
    now, found = draft.turn, NOTHING_LOST
    earlier = [one for one in others if one.kind == draft.kind and one.turn.began < now.began]
    if draft.usage is None or not earlier:
        return found
    latest = sorted(earlier, key=lambda one: -one.turn.began)[:LOOKED_AT]
    old = max(latest, key=lambda one: shape.alike(one.shape, made))
    found = found | {"before_id": old.id}
    missed = shape.again(old.turn, now)
    if not missed or not shape.alike(old.shape, made):
        return found
    life = vendors.size("", old.turn.model).cache_life or shape.FIVE_MINUTES
    why = shape.why(old.turn, now, old.shape, made, said(draft.answer), life)
    return found | {"why": dumps(why).decode(), "again_tokens": missed, "again_usd": dearer(draft, draft.usage, missed)}


def dearer(draft: Draft, usage: Usage, missed: int) -> float | None:
    """What the tokens cost more than if they had been read from the cache."""
    written = max(0, usage.cache_write - missed)
    paid = draft.price(replace(usage, extra=NO_EXTRA)).usd
    due = draft.price(replace(usage, cache_read=usage.cache_read + missed, cache_write=written, extra=NO_EXTRA)).usd
    return None if paid is None or due is None else max(0.0, paid - due)


def said(answer: bytes) -> str:
    """What an upstream says of its cache's miss; empty: nothing."""
    found = MISSED.search(answer)
    return found[1].decode().replace("_", " ") if found and found[1] not in SAYS_NOTHING else ""
