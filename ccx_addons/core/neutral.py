"""The neutral form between protocols. It is no vendor's format, it is never stored and never shown.

A wire protocol decodes into these values and encodes from them, so that a fifth protocol costs one module.
Values are frozen; nothing here knows any protocol.

Laws that every protocol module keeps:

* What has no neutral name stays in ``extra`` under the protocol's name and is given back only to that protocol
  (``cache_control``, item ids, annotations, ``thoughtSignature``).
* What a protocol does not know at all becomes ``Opaque``; an encoder that cannot say it records a ``Loss``.
* Tool arguments are text, exactly as streamed. Only a protocol that needs an object parses them.
* ``fold(decode(stream)) == decode(json)`` for the same answer.
* A stream ends well only by ``Finished``. Anything else is a failure.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

from ccx_addons.core.mcp import McpServer
from ccx_addons.core.value import value

type Json = Any
"""A value as json.loads returns it."""

type Extra = Mapping[str, Mapping[str, Json]]
"""Side-car: protocol name -> wire field -> wire value."""

NO_EXTRA: Final[Extra] = MappingProxyType({})

type Role = Literal["system", "user", "assistant"]
"""Tool results are parts of user messages. A system message inside ``messages`` is one that came mid-conversation."""

type Stop = Literal["end", "length", "tool_call", "stop_sequence", "refusal", "pause", "error"]

type Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


# ---- parts -----------------------------------------------------------------------------------------------------------
@value(frozen=True, slots=True)
class Source:
    """A page that the characters ``start`` to ``end`` of a text come from."""

    url: str
    title: str = ""
    start: int = 0
    end: int = 0


@value(frozen=True, slots=True)
class Text:
    """``apart``: it begins something new, so that it does not continue the text right before it."""

    text: str
    extra: Extra = field(default=NO_EXTRA)
    apart: bool = False
    sources: tuple[Source, ...] = ()


@value(frozen=True, slots=True)
class Thinking:
    """Reasoning of the model.

    ``signature`` (or encrypted content) is valid only for ``origin``, the protocol that made it, and goes nowhere else.
    ``redacted`` thinking has no text, only a signature.
    """

    text: str
    signature: str | None = None
    origin: str = ""
    redacted: bool = False
    extra: Extra = field(default=NO_EXTRA)


@value(frozen=True, slots=True)
class ToolCall:
    """``arguments`` is JSON text as the model streamed it; it may be incomplete or invalid JSON."""

    id: str
    name: str
    arguments: str
    extra: Extra = field(default=NO_EXTRA)


@value(frozen=True, slots=True)
class ToolResult:
    """Answer to the ToolCall with the same id. ``name`` is the function's name where the wire carries it."""

    id: str
    parts: "tuple[Part, ...]"
    is_error: bool = False
    name: str = ""
    extra: Extra = field(default=NO_EXTRA)


@value(frozen=True, slots=True)
class Media:
    """An image, document or sound: exactly one of ``data`` (base64 text), ``url`` and ``file_id`` is set.

    ``detail``: how closely an image is looked at (``low``, ``high``, ``auto``).
    """

    mime: str
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    name: str = ""
    detail: str | None = None
    extra: Extra = field(default=NO_EXTRA)


@value(frozen=True, slots=True)
class Refusal:
    text: str
    extra: Extra = field(default=NO_EXTRA)


@value(frozen=True, slots=True)
class Opaque:
    """A wire value that only ``protocol`` understands, e.g. a server tool's result block."""

    extra: ClassVar[Extra] = NO_EXTRA
    """All of it is in the value."""
    protocol: str
    value: Json


type Part = Text | Thinking | ToolCall | ToolResult | Media | Refusal | Opaque


# ---- requests --------------------------------------------------------------------------------------------------------
@value(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]
    extra: Extra = field(default=NO_EXTRA)


@value(frozen=True, slots=True)
class Tool:
    """A function the client runs. ``parameters`` is a JSON schema.

    ``freeform`` marks a tool whose input is plain text (Responses custom tools): its ``parameters`` are then
    ``{"input": string}``, and the client's own encoder turns calls back by the tool's name.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Json] = field(default_factory=dict)
    strict: bool | None = None
    freeform: bool = False
    extra: Extra = field(default=NO_EXTRA)


@value(frozen=True, slots=True)
class ServerTool:
    """A tool that the upstream runs itself. ``kind`` is the neutral name; ``value`` the wire form of ``protocol``.

    ``servers``: where tools of the kind ``mcp`` are, as far as that can be said.
    """

    kind: Literal["web_search", "web_fetch", "code", "file_search", "computer", "image", "mcp", "other"]
    protocol: str
    value: Mapping[str, Json]
    servers: tuple[McpServer, ...] = ()


@value(frozen=True, slots=True)
class ToolChoice:
    """``names`` restricts the choice: with ``any`` and one name, that very function must be called. A tool that the
    upstream runs is named by its kind."""

    mode: Literal["auto", "any", "none"]
    names: tuple[str, ...] = ()


@value(frozen=True, slots=True)
class OutputFormat:
    """What the answer's text must look like. ``schema`` is set for ``json_schema``."""

    kind: Literal["text", "json", "json_schema"]
    schema: Mapping[str, Json] | None = None
    name: str = ""
    strict: bool | None = None


@value(frozen=True, slots=True)
class Reasoning:
    """How much the model may think: an effort word, a budget in tokens, or both. ``enabled`` None: not said.

    ``summary``: whether the client wants to see thoughts ("auto", "concise", "detailed", "none").
    """

    enabled: bool | None = None
    effort: Effort | None = None
    budget: int | None = None
    summary: str | None = None


@value(frozen=True, slots=True)
class Request:
    """One client request. ``None`` always means: the client did not say."""

    model: str
    messages: tuple[Message, ...]
    system: tuple[Part, ...] = ()
    tools: tuple[Tool | ServerTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    reasoning: Reasoning | None = None
    output: OutputFormat | None = None
    verbosity: str | None = None
    user: str | None = None
    cache_key: str | None = None
    service_tier: str | None = None
    stream: bool = False
    stream_usage: bool = False
    """Chat clients get a usage chunk only when they asked for it."""
    extra: Extra = field(default=NO_EXTRA)


# ---- answers ---------------------------------------------------------------------------------------------------------
@value(frozen=True, slots=True)
class Usage:
    """Tokens. ``input`` counts the whole prompt: ``cache_read`` and ``cache_write`` are parts of it.

    ``output`` counts everything generated: ``reasoning`` is a part of it. Each protocol does its own arithmetic once
    when decoding and once when encoding.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    extra: Extra = field(default=NO_EXTRA)
    served: str = field(default="", compare=False)
    """The tier in which it was served, where the answer says so beside its counts."""
    searches: int = field(default=0, compare=False)
    """Of the web, which the answer's parts tell of. Neither is written by any protocol: they decide prices."""


@value(frozen=True, slots=True)
class Response:
    id: str
    model: str
    parts: tuple[Part, ...]
    stop: Stop
    usage: Usage | None = None
    stop_sequence: str | None = None
    created: int = 0
    """Unix seconds; 0: the protocol does not say."""
    extra: Extra = field(default=NO_EXTRA)


@value(frozen=True, slots=True)
class Fault:
    """An error in neutral words. ``message`` is the upstream's own text; ``code`` and ``type`` its own codes.

    ``kind`` decides status and shape for the client; ``status`` is the upstream's HTTP status (0: none, in a stream).
    """

    kind: "FaultKind"
    message: str
    status: int = 0
    code: str = ""
    type: str = ""
    param: str = ""
    retry_after: float | None = None
    """Seconds."""
    resets_at: float = 0.0
    """Unix seconds at which a limit that was used up holds no more; 0: it is none, or nobody says."""


@value(frozen=True, slots=True)
class Unread(Fault):
    """What the upstream sent cannot be read: nothing of it tells the client that the stream failed."""


type FaultKind = Literal[
    "invalid_request", "authentication", "billing", "permission", "not_found", "method", "timeout", "conflict",
    "too_large", "rate_limit", "overloaded", "unavailable", "server",
]  # fmt: skip

FAULT_STATUS: Final[Mapping[FaultKind, int]] = {
    "invalid_request": 400,
    "authentication": 401,
    "billing": 402,
    "permission": 403,
    "not_found": 404,
    "method": 405,
    "timeout": 504,
    "conflict": 409,
    "too_large": 413,
    "rate_limit": 429,
    "overloaded": 529,
    "unavailable": 503,
    "server": 500,
}
"""The status a fault has when it does not carry one of its own."""


def fault_kind(status: int) -> FaultKind:
    """The neutral word for an HTTP status: 4xx that have no word of their own are invalid_request, 5xx server."""
    for kind, known in FAULT_STATUS.items():
        if known == status:
            return kind
    if status == 408:
        return "timeout"
    return "invalid_request" if 400 <= status < 500 else "server"


# ---- stream events ---------------------------------------------------------------------------------------------------
@value(frozen=True, slots=True)
class Started:
    id: str
    model: str
    created: int = 0
    usage: Usage | None = None
    extra: Extra = field(default=NO_EXTRA)


@value(frozen=True, slots=True)
class PartStarted:
    """``part`` is the part as far as it is known: usually with empty text or arguments, but it may be complete.

    Indexes count up from 0 in order of appearance; several parts may be open at once (parallel tool calls).
    """

    index: int
    part: Part


@value(frozen=True, slots=True)
class PartDelta:
    """More of the open part ``index``: ``text`` is appended to its text or arguments, the rest is merged."""

    index: int
    text: str = ""
    signature: str | None = None
    extra: Extra = field(default=NO_EXTRA)
    sources: tuple[Source, ...] = ()
    """All of the part's: they come at its end."""


@value(frozen=True, slots=True)
class PartStopped:
    index: int


@value(frozen=True, slots=True)
class Finished:
    stop: Stop
    usage: Usage | None = None
    stop_sequence: str | None = None
    extra: Extra = field(default=NO_EXTRA)


@value(frozen=True, slots=True)
class Failed:
    """The stream broke or carried an error event; nothing comes after it."""

    fault: Fault


type Event = Started | PartStarted | PartDelta | PartStopped | Finished | Failed


@value(frozen=True, slots=True)
class Loss:
    """Something the target protocol cannot say: ``path`` in the client's request or the upstream's answer, and why.

    ``vital``: without it another question would be asked, so nothing is sent.
    """

    path: str
    reason: str
    vital: bool = False


# ---- laws as functions -----------------------------------------------------------------------------------------------
def own_fields(extra: Extra, protocol: str) -> dict[str, Json]:
    """The fields that a protocol kept for itself."""
    return {**extra.get(protocol, {})} if extra else {}


def keep_fields(fields: Mapping[str, Json], known: frozenset[str], protocol: str) -> Extra:
    """The side-car for what has no neutral name: every field that is neither ``known`` nor null."""
    if fields.keys() <= known:
        return NO_EXTRA
    rest = {name: value for name, value in fields.items() if name not in known and value is not None}
    return {protocol: rest} if rest else NO_EXTRA


def text_of(parts: Iterable[Part]) -> str:
    """What is said in text, without thoughts and calls."""
    return "".join(part.text for part in parts if isinstance(part, Text))


def merge_extra(a: Extra, b: Extra) -> Extra:
    """Both side-cars; fields of ``b`` win."""
    if not a or not b:
        return a or b
    return {name: {**a.get(name, {}), **b.get(name, {})} for name in {**a, **b}}


def apply_delta(part: Part, delta: PartDelta) -> Part:
    """The part after one more delta."""
    match part:
        case Text():
            extra, sources = merge_extra(part.extra, delta.extra), delta.sources or part.sources
            return Text(part.text + delta.text, extra, part.apart, sources)
        case Refusal():
            return Refusal(part.text + delta.text, merge_extra(part.extra, delta.extra))
        case Thinking():
            signature = part.signature if delta.signature is None else (part.signature or "") + delta.signature
            extra = merge_extra(part.extra, delta.extra)
            return replace(part, text=part.text + delta.text, signature=signature, extra=extra)
        case ToolCall():
            extra = merge_extra(part.extra, delta.extra)
            return ToolCall(part.id, part.name, part.arguments + delta.text, extra)
        case _:
            return part


def fold(events: Iterable[Event]) -> Response | Fault:
    """The answer that a complete event sequence describes, or the fault that ended it.

    A sequence without ``Finished`` or ``Failed`` is a fault: the stream was cut.
    """
    started = Started("", "")
    # Deltas are collected as lists: joining once keeps long answers linear.
    parts: dict[int, Part] = {}
    deltas: dict[int, list[PartDelta]] = {}
    for event in events:
        if isinstance(event, PartDelta):
            if event.index in deltas:
                deltas[event.index].append(event)
        elif isinstance(event, PartStarted):
            parts[event.index] = event.part
            deltas[event.index] = []
        elif isinstance(event, Started):
            started = event
        elif isinstance(event, Finished):
            whole = tuple([_join(parts[index], deltas[index]) for index in sorted(parts)])
            usage = event.usage or started.usage
            extra = merge_extra(started.extra, event.extra)
            return Response(
                started.id, started.model, whole, event.stop, usage, event.stop_sequence, started.created, extra
            )
        elif isinstance(event, Failed):
            return event.fault
    return Fault("server", "the stream ended without its end event")


def _join(part: Part, deltas: list[PartDelta]) -> Part:
    if len(deltas) < 2:
        return apply_delta(part, deltas[0]) if deltas else part
    extra: Extra = NO_EXTRA
    signatures = []
    sources: tuple[Source, ...] = ()
    for delta in deltas:
        extra = merge_extra(extra, delta.extra)
        sources = delta.sources or sources
        if delta.signature is not None:
            signatures.append(delta.signature)
    signature = "".join(signatures) if signatures else None
    return apply_delta(part, PartDelta(0, "".join(d.text for d in deltas), signature, extra, sources))


def explode(response: Response) -> Iterator[Event]:
    """The event sequence of a complete answer: ``fold(explode(r)) == r``."""
    yield Started(response.id, response.model, response.created, response.usage, response.extra)
    for index, part in enumerate(response.parts):
        yield PartStarted(index, part)
        yield PartStopped(index)
    yield Finished(response.stop, response.usage, response.stop_sequence)


# ---- tool names ------------------------------------------------------------------------------------------------------
_SAFE_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_-]")


def safe_name(name: str) -> str:
    """The name if every protocol accepts it (letters, digits, ``_``, ``-``; at most 64), else one like it that is."""
    if _SAFE_NAME.fullmatch(name):
        return name
    cleaned = _UNSAFE.sub("_", name)
    if not _SAFE_NAME.match(cleaned):
        cleaned = f"_{cleaned}"
    return cleaned if len(cleaned) <= 64 else _marked(cleaned, name)


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """Each name -> its safe name, no two alike; names that are safe stay.

    The same names give the same result everywhere: an upstream's encoder writes with it, the client's encoder reads
    an answer's names back through its inverse. Both apply it to the names of ``Request.tools`` in their order.
    """
    wanted = list(dict.fromkeys(names))
    safe = {name: name for name in wanted if _SAFE_NAME.fullmatch(name)}
    taken = set(safe)
    for name in wanted:
        if name not in safe:
            cleaned = safe_name(name)
            safe[name] = cleaned if cleaned not in taken else _marked(cleaned, name)
            taken.add(safe[name])
    return safe


def _marked(cleaned: str, name: str) -> str:
    """Cut to make room for a mark that tells apart names which look alike after cleaning."""
    return f"{cleaned[:55]}_{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
