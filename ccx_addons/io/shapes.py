"""Makes shapes, compares each with the one before it, and keeps both findings: in the writer's thread.

The hash is GMAC (NIST SP 800-38D) with a key of this installation, cut to 48 bits: who has only the database cannot
try what a prompt may have been. It is the fastest that there is, because the whole of a large request is hashed. What a
conversation repeats is hashed once and not taken apart again.
"""

import hashlib
import marshal
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ccx_addons.core import shape
from ccx_addons.core.neutral import NO_EXTRA, Usage
from ccx_addons.core.shape import ANATOMY, Part, Shape, Turn
from ccx_addons.core.wire_json import JsonBody, dumps, elements
from ccx_addons.io.transaction import Transaction

NONCE: Final = bytes(12)
FORMAT: Final = 2
"""Of marshal: the same bytes for the same value, whoever else refers to it."""
MEMBERS: Final = 500
CONVERSATIONS: Final = 200
"""Lists of tools or system blocks, and conversations, that are not taken apart again."""
NEWEST: Final = 2
"""Messages that the next request may say otherwise: what clients put into the last one goes with the next."""
LOOKED_AT: Final = 6
"""Latest requests of a session among which the one is that a request continues."""
MARKS: Final = ("cache_control", "prompt_cache_breakpoint")
CONTROL, BREAKPOINT = (name.encode() for name in MARKS)
LONG: Final = (b"1h", b"12h", b"24h")
"""How long a mark, or the request, asks for the cache to be kept."""
UNCACHED: Final = "x-anthropic-billing-header:"
"""A system block of Claude Code's that is another one in each request, and no part of what is cached."""
MISSED: Final = re.compile(
    rb'"(?:cache_miss_reason|prompt_cache_diagnostics)"\s*:\s*\{[^{}]{0,400}?"(?:type|reason|code)"\s*:\s*"([a-z_]{1,60})"'
)
"""platform.claude.com/docs/en/build-with-claude/cache-diagnostics,
developers.openai.com/api/docs/guides/prompt-caching/diagnostics"""
SAYS_NOTHING: Final = frozenset({b"unavailable", b"previous_message_not_found"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A request to make a shape of. ``usd``: what it would have cost with other tokens. ``answer``: the beginning of
    what came back, where the client asked why its cache was missed."""

    id: str
    kind: str
    trace: str
    client: str
    body: JsonBody
    raw: bytes
    usage: Usage | None
    usd: Callable[[Usage], float | None]
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class Known:
    """The messages of a conversation up to where it stays the same: so many bytes or characters of the list."""

    length: int
    print: bytes
    parts: tuple[Part, ...]
    calls: Mapping[str, str]


class Maker:
    """Of one process; used by its writer's thread only."""

    def __init__(self, secret: str) -> None:
        self._hash = AESGCM(hashlib.sha256(f"shapes\0{secret}".encode()).digest()[:16])
        self._members: OrderedDict[bytes, tuple[tuple[Part, ...], int]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()
        self._marks, self._long = 0, False
        """Of the request that is being taken apart."""

    def print(self, data: Any) -> bytes:
        return self._hash.encrypt(NONCE, b"", data)

    def part(self, what: shape.What, name: str, value: Any) -> Part:
        data = marshalled(value)
        size = len(data)
        if CONTROL in data or BREAKPOINT in data:
            self._marks += data.count(CONTROL) + data.count(BREAKPOINT)
            self._long = self._long or any(word in data for word in LONG)
            data = marshalled(unmarked(value))
        return Part(what, name[: shape.MAX_NAME], size, self.print(data)[:6].hex())

    def shape(self, kind: str, trace: str, body: JsonBody, raw: bytes) -> Shape:
        anatomy = ANATOMY[kind]
        members = body.members
        self._marks, self._long = int("cache_control" in members), members.get("prompt_cache_retention") == "24h"
        parts = [self.part("s", name, members[name]) for name in anatomy.settings if name in members]
        text: Any = memoryview(raw) if body.text.isascii() and len(raw) == len(body.text) else body.text
        for name in ("tools", anatomy.system):
            if name in members:
                parts += self.member(kind, name, members[name], text[slice(*body.spans[name][1:])])
        if anatomy.messages in members:
            place = body.spans[anatomy.messages][1:]
            parts += self.messages(kind, trace, members[anatomy.messages], body.text, text, place)
        return Shape(tuple(parts[: shape.MAX_PARTS]), self._marks, shape.HOUR if self._long else 0)

    def member(self, kind: str, name: str, value: Any, text: Any) -> tuple[Part, ...]:
        """Tools, or the system's blocks: most requests have the same."""
        place = self.print(encoded(text)) + name.encode()
        if place not in self._members:
            before, self._marks = self._marks, 0
            if name == "tools":
                parts = tuple(self.part("t", *tool) for tool in shape.tools_of(kind, listed(value)))
            else:
                parts = tuple(self.part("y", "", block) for block in system_of(value))
            remember(self._members, place, (parts, self._marks), MEMBERS)
            self._marks = before
        self._members.move_to_end(place)
        found, marks = self._members[place]
        self._marks += marks
        return found

    def messages(
        self, kind: str, trace: str, value: Any, text: str, data: Any, place: tuple[int, int]
    ) -> tuple[Part, ...]:
        """A conversation that names no session is known by its first message."""
        if not isinstance(value, list):
            return (self.part("u", "", value),)
        start, end = place
        if not trace and value:
            trace = self.print(encoded(data[slice(*next(elements(text, start + 1, 1)))])).hex()
        known = self._known.get((kind, trace))
        if known and not (
            known.length <= end - start and self.print(encoded(data[start : start + known.length])) == known.print
        ):
            known = None
        done: list[Part] = list(known.parts) if known else []
        calls = dict(known.calls) if known else {}
        steady, count = (start + known.length, len(done)) if known else (start + 1, 0)
        moving = False
        for _begin, stop in elements(text, steady, len(value) - count):
            marks = self._marks
            done.append(self.message(value[len(done)], calls))
            moving = moving or len(done) > len(value) - NEWEST or self._marks > marks
            if not moving:
                steady, count = stop, len(done)
        print = known.print if known and count == len(known.parts) else self.print(encoded(data[start:steady]))
        if trace:
            found = Known(steady - start, print, tuple(done[:count]), calls)
            remember(self._known, (kind, trace), found, CONVERSATIONS)
        return tuple(done)

    def message(self, message: Any, calls: dict[str, str]) -> Part:
        """``calls``: id -> tool of the calls so far; results have their tool's name from there."""
        role = str(message.get("role", "")) if isinstance(message, dict) else ""
        if role in shape.SYSTEM:
            return self.part("y", "", message)
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
        found = self.part(what, ",".join(dict.fromkeys(filter(None, names))) if names else "", message)
        if role == "tool":
            results = found.size - media
        return found._replace(results=results, media=media, pictures=pictures) if results or pictures else found


def remember[K, V](memory: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """The newest are kept."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > most:
        memory.popitem(last=False)


def marshalled(value: Any) -> bytes:
    return marshal.dumps(value, FORMAT)


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


# ---- keeping ---------------------------------------------------------------------------------------------------------
BEFORE: Final = f"""
SELECT s.request_id, s.parts, r.channel_name, r.key_mask, r.upstream_model, r.started_at, r.ended_at,
    r.input_tokens, r.cache_read_tokens, r.cache_write_tokens
FROM shapes s JOIN requests r ON r.id = s.request_id
WHERE s.trace_hash = ? AND s.kind = ? AND r.started_at < ? AND r.state = 'ok' AND r.usage_source = 'reported'
ORDER BY s.at DESC LIMIT {LOOKED_AT}
"""
NOW: Final = """
SELECT channel_name, key_mask, upstream_model, started_at, ended_at, input_tokens, cache_read_tokens,
    cache_write_tokens, client_name, channel_id FROM requests WHERE id = ? AND source = 'proxy'
"""


@lru_cache(64)
def loaded(id: str, text: str) -> Shape:
    return Shape.load(text)


def keep(transaction: Transaction, draft: Draft, maker: Maker) -> None:
    """The shape's row; what was lost against the request that this one continues."""
    found = transaction.conn.execute(NOW, (draft.id,)).fetchone()
    if found is None:
        return
    made = maker.shape(draft.kind, draft.trace, draft.body, draft.raw)
    trace, now = draft.trace or named_after(draft, made), turn(found[:8])
    row = {
        "request_id": draft.id,
        "trace_hash": trace,
        "kind": draft.kind,
        "at": now.began,
        "client_name": found[8],
        "channel_id": found[9],
        "parts": made.dump(),
    }
    transaction.upsert("shapes", {**row, **lost(transaction, draft, trace, made, now)})


def named_after(draft: Draft, made: Shape) -> str:
    """What stands for the trace where a client names no session: who asks, and the conversation's first message."""
    first = next((part.print for part in made.of("u")), "")
    return hashlib.sha256(f"{draft.client}\0{first}".encode()).hexdigest()[:32]


def turn(columns: tuple[Any, ...]) -> Turn:
    channel, key, model, began, ended, *counts = columns
    return Turn(channel, key, model, began, ended or began, *(count or 0 for count in counts))


def lost(transaction: Transaction, draft: Draft, trace: str, made: Shape, now: Turn) -> dict[str, Any]:
    rows = transaction.conn.execute(BEFORE, (trace, draft.kind, now.began)).fetchall() if draft.usage else []
    if not rows:
        return {}
    shapes = [(loaded(row[0], row[1]), turn(row[2:]), row[0]) for row in rows]
    old, before, id = max(shapes, key=lambda found: shape.alike(found[0], made))
    missed = shape.again(before, now) if shape.alike(old, made) else 0
    if not missed:
        return {"before_id": id}
    why = shape.why(before, now, old, made, said(draft.answer))
    return {
        "before_id": id,
        "why": dumps(why).decode(),
        "again_tokens": missed,
        "again_usd": dearer(draft, missed),
    }


def dearer(draft: Draft, missed: int) -> float | None:
    """What the tokens cost more than if they had been read from the cache."""
    usage = draft.usage
    assert usage
    written = max(0, usage.cache_write - missed)
    paid = draft.usd(replace(usage, extra=NO_EXTRA))
    due = draft.usd(replace(usage, cache_read=usage.cache_read + missed, cache_write=written, extra=NO_EXTRA))
    return None if paid is None or due is None else max(0.0, paid - due)


def said(answer: bytes) -> str:
    """What an upstream says of its cache's miss; empty: nothing."""
    found = MISSED.search(answer)
    return found[1].decode() if found and found[1] not in SAYS_NOTHING else ""
