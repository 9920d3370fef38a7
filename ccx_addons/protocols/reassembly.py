"""Captured bodies -> a conversation that people can read: system, turns, thinking, tool calls, the answer. Pure.

The same decoders that convert traffic read it here. What they cannot read is shown as it is.
"""

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from ccx_addons.core import neutral, spoken
from ccx_addons.core.config import Kind
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.kept import of_lines
from ccx_addons.core.neutral import Event, Failed, Fault, Finished, PartDelta, PartStarted, apply_delta
from ccx_addons.core.sse import Reader, ServerEvent
from ccx_addons.protocols import PROTOCOLS, TEXT_PROTOCOLS, gallery, images

type Look = Literal["text", "context", "thinking", "call", "result", "media", "refusal", "other"]
type Body = Mapping[str, Any]
"""One side as text: ``text`` (or ``base64``), ``headers``, ``truncated``."""

MAX_EVENTS: Final = 2_000
MAX_TEXT: Final = 400_000
"""Characters of one piece that are shown."""
PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
MAX_PICTURE: Final = 4 << 20
"""Characters of its base64."""
BASE64: Final = re.compile(r"[A-Za-z0-9+/]{400,}={0,2}")
MANY: Final = 16
"""Numbers in a row that are shown; of more the first few."""
PUNCTUATION: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[][{},]', re.DOTALL)
"""What JSON is put together with, and its strings, in which the same characters mean nothing."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``name``: of a tool or a medium. ``note``: a size, an id, "redacted". ``context``: words of the client itself.
    ``pictures``: what a page can show, as addresses with the data in them."""

    look: Look
    text: str
    name: str = ""
    note: str = ""
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """``role``: user, assistant, system, or tool for a turn of tool results only."""

    role: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """``settings``: what the client said about the answer, name -> value. ``problem``: why ``raw`` is all there is."""

    system: tuple[Piece, ...] = ()
    turns: tuple[Turn, ...] = ()
    tools: tuple[str, ...] = ()
    settings: Mapping[str, Any] | None = None
    raw: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """``stop`` empty: there is no end (yet). ``fault``: what broke it. ``events``: how many stream events were read."""

    pieces: tuple[Piece, ...] = ()
    stop: str = ""
    fault: str = ""
    raw: str = ""
    events: int = 0


@dataclass(frozen=True, slots=True)
class Received:
    """One event of a stream as it came: its name, its data, the type the data names, and when, in milliseconds since
    the request came; None: that is not known."""

    name: str
    data: str
    type: str
    ms: int | None = None

    @property
    def pretty(self) -> str:
        return pretty(self.data)


# ---- what was asked --------------------------------------------------------------------------------------------------
def asked(kind: Kind, model: str, stream: bool, body: Body) -> Asked:
    """The client's request. Never raises."""
    text = str(body.get("text", ""))
    is_cut = bool(body.get("truncated"))
    if kind == images.NAME and gallery.is_form(content := content_of(body)):
        return drawn(gallery.of_form(content), is_cut)
    try:
        found = json.loads(closed(text) if is_cut else text)
    except (ValueError, RecursionError):
        return Asked(raw=legible(text)[:MAX_TEXT], problem=CUT if is_cut else "it is not JSON")
    if kind == images.NAME and isinstance(found, dict):
        return drawn(gallery.of_json(found), is_cut)
    protocol = TEXT_PROTOCOLS.get(kind)
    if protocol is None or not isinstance(found, dict):
        return Asked(raw=legible(text)[:MAX_TEXT], problem=CUT if is_cut else "")
    try:
        request = protocol.decode_request(found, model, stream)
    except BadRequest as error:
        return Asked(raw=legible(text), problem=CUT if is_cut else str(error))
    if is_cut and not request.messages:
        return Asked(raw=legible(text)[:MAX_TEXT], problem=CUT)
    return Asked(
        problem=CUT if is_cut else "",
        system=pieces(request.system),
        turns=tuple(turn(message) for message in request.messages),
        tools=tuple(tool.name if isinstance(tool, neutral.Tool) else tool.kind for tool in request.tools),
        settings=settings_of(request),
    )


def content_of(body: Body) -> bytes:
    if "base64" not in body:
        return str(body.get("text", "")).encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode(body["base64"])
    except (binascii.Error, ValueError):
        return b""


def drawn(found: gallery.Asked, is_cut: bool) -> Asked:
    parts, settings = found
    return Asked(turns=(Turn("user", pieces(parts)),), settings=settings, problem=CUT if is_cut else "")


CUT: Final = "only its beginning was kept"


def closed(text: str) -> str:
    """The beginning of a JSON body as a body of its own: up to its last member, or element of one, that is whole."""
    open_ones: list[str] = []
    end, closing = 0, ""
    for found in PUNCTUATION.finditer(text):
        match found[0]:
            case "{" | "[" as mark:
                open_ones.append("}" if mark == "{" else "]")
            case "}" | "]":
                del open_ones[-1:]
            case "," if len(open_ones) <= 2:
                end, closing = found.start(), "".join(reversed(open_ones))
    return text[:end] + closing


SETTINGS: Final = ("max_tokens", "temperature", "top_p", "top_k", "seed", "verbosity", "service_tier")


def settings_of(request: neutral.Request) -> dict[str, Any]:
    found = {name: getattr(request, name) for name in SETTINGS if getattr(request, name) is not None}
    if request.stop:
        found["stop"] = list(request.stop)
    if request.reasoning and request.reasoning.effort:
        found["effort"] = request.reasoning.effort
    if request.reasoning and request.reasoning.budget:
        found["thinking budget"] = request.reasoning.budget
    if request.output and request.output.kind != "text":
        found["output"] = request.output.kind
    return found


def turn(message: neutral.Message) -> Turn:
    only_results = bool(message.parts) and all(isinstance(part, neutral.ToolResult) for part in message.parts)
    if message.role != "user":
        return Turn(message.role, pieces(message.parts))
    return Turn("tool" if only_results else "user", tuple(one for part in message.parts for one in said(part)))


def said(part: neutral.Part) -> Iterable[Piece]:
    """A part of the user's turn: what a client put around the user's words stands apart as ``context``."""
    if not isinstance(part, neutral.Text):
        return (piece(part),)
    return [Piece("context" if injected else "text", text[:MAX_TEXT]) for injected, text in spoken.split(part.text)]


def pieces(parts: Iterable[neutral.Part]) -> tuple[Piece, ...]:
    return tuple(piece(part) for part in parts)


def piece(part: neutral.Part) -> Piece:
    match part:
        case neutral.Text(text):
            return Piece("text", text[:MAX_TEXT])
        case neutral.Thinking(text, redacted=redacted):
            return Piece("thinking", text[:MAX_TEXT], note="redacted" if redacted or not text else "")
        case neutral.ToolCall(id, name, arguments):
            return Piece("call", pretty(arguments)[:MAX_TEXT], name, id)
        case neutral.ToolResult(id, inner, is_error):
            within = pieces(inner)
            text = "\n".join(found.text or f"[{found.name}]" for found in within)
            pictures = tuple(address for found in within for address in found.pictures)
            return Piece("result", text[:MAX_TEXT], part.name, "error" if is_error else id, pictures)
        case neutral.Media():
            return Piece("media", part.url or "", part.name or part.mime, media_size(part), shown(part))
        case neutral.Refusal(text):
            return Piece("refusal", text[:MAX_TEXT])
        case neutral.Opaque(protocol, value):
            name = str(value.get("type", "")) if isinstance(value, Mapping) else ""
            return Piece("other", json.dumps(value, indent=2, ensure_ascii=False)[:MAX_TEXT], name or protocol)


def shown(part: neutral.Media) -> tuple[str, ...]:
    if part.data is None or part.mime not in PICTURES or len(part.data) > MAX_PICTURE:
        return ()
    return (f"data:{part.mime};base64,{part.data}",)


def media_size(part: neutral.Media) -> str:
    return part.file_id or "" if part.data is None else size_of(len(part.data))


def size_of(characters: int) -> str:
    """Of what so many characters of base64 hold."""
    size = characters * 3 // 4
    return f"{size / 1024:.0f} KB" if size >= 1024 else f"{size} B"


def legible(text: str) -> str:
    """The same as ``pretty`` without what nobody can read: base64, and the numbers of vectors."""
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(_few(json.loads(text)), indent=2, ensure_ascii=False)
    return BASE64.sub(lambda found: f"[base64, {size_of(len(found[0]))}]", text)


def _few(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _few(inner) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) > MANY and all(isinstance(one, int | float) for one in value):
        return f"[{', '.join(map(str, value[:3]))}, ... {len(value)} numbers]"
    return [_few(inner) for inner in value]


def pretty(text: str) -> str:
    """JSON with indentation; other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


# ---- what came back --------------------------------------------------------------------------------------------------
def answer(kind: Kind, body: Body, growing: bool = False) -> Answer:
    """An answer in the words of ``kind``: complete, cut, or ``growing``: its end may be missing. Never raises."""
    text = str(body.get("text", ""))
    protocol = TEXT_PROTOCOLS.get(kind)
    if kind == images.NAME and text:
        return exhibited(text)
    if protocol is None:
        return Answer(raw=legible(text)[:MAX_TEXT], stop="end")
    if is_stream(text):
        return streamed(kind, text, growing or bool(body.get("truncated")))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Answer(raw=legible(text)[:MAX_TEXT])
    response = protocol.decode_response(found)
    if isinstance(response, Fault):
        return Answer(fault=response.message, raw=pretty(text))
    return Answer(pieces(response.parts), response.stop)


def exhibited(text: str) -> Answer:
    parts, fault = gallery.answered(text)
    said = fault.message if fault else ""
    return Answer(pieces(parts), "" if fault else "end", said, "" if parts else legible(text)[:MAX_TEXT])


def is_stream(text: str) -> bool:
    return text.lstrip().startswith(("data:", "event:", "id:", "retry:", ":", "["))


def streamed(kind: Kind, text: str, open_ended: bool = False) -> Answer:
    decoder = PROTOCOLS[kind].decoder()
    events = [*decoder.feed(text.encode("utf-8", "replace"))]
    ended = any(isinstance(event, Finished | Failed) for event in events)
    parts = folded(events)
    stop = next((event.stop for event in events if isinstance(event, Finished)), "")
    if not ended and not open_ended:
        events += decoder.flush()
        stop = next((event.stop for event in events if isinstance(event, Finished)), "")
    fault = next((event.fault.message for event in events if isinstance(event, Failed)), "")
    return Answer(parts, str(stop), fault, "" if parts or fault else text[:MAX_TEXT], len(events))


def folded(events: Sequence[Event]) -> tuple[Piece, ...]:
    """Every part as far as it came: unlike neutral.fold, which wants the end."""
    parts: dict[int, neutral.Part] = {}
    texts: dict[int, list[str]] = {}
    for event in events:
        match event:
            case PartStarted(index, part):
                parts[index], texts[index] = part, []
            case PartDelta(index, text) if index in texts:
                texts[index].append(text)
    return pieces(
        apply_delta(part, replace(PartDelta(index), text="".join(texts[index]))) for index, part in parts.items()
    )


def events_of(body: Body) -> tuple[list[Received], int]:
    """The events of a stream as they came, at most MAX_EVENTS, and how many there are. None: it is no stream."""
    text = str(body.get("text", ""))
    if not is_stream(text) or text.lstrip().startswith("["):
        return [], 0
    reader, moments = Reader(), of_lines(body.get("times") or ())
    found: list[tuple[ServerEvent, int | None]] = []
    ms: int | None = None
    for line in text.encode("utf-8", "replace").splitlines(keepends=True):
        ms = next(moments, None) if line.endswith(b"\n") else ms
        found += ((event, ms) for event in reader.feed(line))
    found += ((event, ms) for event in reader.flush())
    shown = [Received(event.name, event.data, type_of(event.data), ms) for event, ms in found[:MAX_EVENTS]]
    return shown, len(found)


def type_of(data: str) -> str:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("type") or found.get("object") or "") if isinstance(found, dict) else ""
