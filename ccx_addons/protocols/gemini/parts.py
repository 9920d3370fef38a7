"""Parts of contents, both ways, and the ids that Gemini's calls often lack (ai.google.dev/api/caching#Part)."""

import base64
import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import Json, Media, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from ccx_addons.core.wire_json import BadJson, dump_text, loads
from ccx_addons.protocols.gemini.wire import NAME, SIGNATURE, Fields, cameled, keep, own

FOREIGN: Final = "skip_thought_signature_validator"
"""Stands for the signature of a call that another model made (ai.google.dev/gemini-api/docs/thought-signatures)."""


MARK: Final = "ccx:"
"""Begins a foreign signature, before its origin: a Gemini client keeps it and so it finds its way back."""
REDACTED: Final = "!"
"""Ends the origin of a thought that has nothing but its signature."""
URL_SAFE: Final = str.maketrans("-_", "+/")
"""Google's JSON takes both alphabets of base64, the others only this one (protobuf.dev/programming-guides/json)."""


def new_call_id() -> str:
    return f"call_{uuid7().replace('-', '')}"


class CallIds:
    """Ids for calls of a history that has none: a call's place; for a result the oldest open call of its name."""

    def __init__(self) -> None:
        self._count = 0
        self._open: defaultdict[str, deque[str]] = defaultdict(deque)

    def of_call(self, given: str, name: str) -> str:
        self._count += 1
        id = given or f"call_{self._count}_{name}"[:64]
        self._open[name].append(id)
        return id

    def of_result(self, given: str, name: str) -> str:
        waiting = self._open[name]
        if given in waiting:
            waiting.remove(given)
        elif given:
            return given
        elif waiting:
            return waiting.popleft()
        return given or f"call_{name}"[:64]


def read_part(value: Json, ids: CallIds) -> Part | None:
    """A part of a request's contents; None: an empty text, which means nothing."""
    part = cameled(value)
    signature = read.text(part.get(SIGNATURE)) or None
    if "text" in part:
        return read_text(part, signature)
    if call := cameled(part.get("functionCall")):
        name = read.text(call.get("name"))
        id = ids.of_call(read.text(call.get("id")), name)
        return ToolCall(id, name, dump_text(call.get("args") or {}), keep({SIGNATURE: signature}))
    if answer := cameled(part.get("functionResponse")):
        return _read_result(answer, ids)
    if data := cameled(part.get("inlineData")):
        return Media(
            read.text(data.get("mimeType")),
            data=read.text(data.get("data")).translate(URL_SAFE),
            name=read.text(data.get("displayName")),
        )
    if file := cameled(part.get("fileData")):
        return Media(
            read.text(file.get("mimeType")), url=read.text(file.get("fileUri")), name=read.text(file.get("displayName"))
        )
    return Opaque(NAME, part) if part else None


def read_text(part: Mapping[str, Json], signature: str | None) -> Part | None:
    text = read.text(part.get("text"))
    if part.get("thought") is True:
        return true_origin(Thinking(text, signature, NAME))
    if not text and signature is None:
        return None
    return Text(text, keep({SIGNATURE: signature}))


def true_origin(part: Thinking) -> Thinking:
    """A thought that a client sends back, under the protocol whose signature it carries."""
    try:
        said = base64.b64decode((part.signature or "").translate(URL_SAFE), validate=True).decode()
    except ValueError:
        return part
    origin, colon, signature = said.removeprefix(MARK).partition(":")
    if not said.startswith(MARK) or not colon:
        return part
    redacted = origin.endswith(REDACTED)
    return replace(part, origin=origin.removesuffix(REDACTED), signature=signature, redacted=redacted)


def write_signature(part: Thinking) -> str | None:
    """The signature as a Gemini client may keep it: base64 text, a foreign one with its origin."""
    if not part.signature or part.origin == NAME:
        return part.signature or None
    said = f"{MARK}{part.origin}{REDACTED if part.redacted else ''}:{part.signature}"
    return base64.b64encode(said.encode("utf-8", "surrogatepass")).decode()


def joined(parts: Iterable[Part]) -> Iterator[Part]:
    """Thoughts that came in pieces are one: only the last piece has the signature."""
    held: Thinking | None = None
    for part in parts:
        if isinstance(part, Thinking):
            part = replace(part, text=held.text + part.text) if held else part
            held = None if part.signature else part
            if held:
                continue
        elif held:
            yield held
            held = None
        yield part
    if held:
        yield held


def _read_result(answer: Mapping[str, Json], ids: CallIds) -> ToolResult:
    name = read.text(answer.get("name"))
    value = answer.get("response")
    table = read.mapping(value)
    is_error = bool(table.keys() == {"error"})
    inner = (
        table.get("error")
        if is_error
        else table.get("result", table.get("output", value))
        if len(table) == 1
        else value
    )
    parts: list[Part] = [Text(inner if isinstance(inner, str) else dump_text(inner))]
    for piece in read.mappings(answer.get("parts")):
        media = read_part(piece, ids)
        if isinstance(media, Media):
            parts.append(media)
    id = ids.of_result(read.text(answer.get("id")), name)
    return ToolResult(id, tuple(parts), is_error, name, keep({"scheduling": answer.get("scheduling")}))


# ---- writing ---------------------------------------------------------------------------------------------------------
def write_call(call: ToolCall, name: str, signed: bool) -> Fields:
    """``signed``: the model wants a signature with every call. Arguments that are no object are kept under a name."""
    function: Fields = {"name": name, "args": arguments_of(call)}
    if call.id:
        function["id"] = call.id
    part: Fields = {"functionCall": function}
    signature = own(call.extra).get(SIGNATURE) or (FOREIGN if signed else None)
    if signature:
        part[SIGNATURE] = signature
    return part


def arguments_of(call: ToolCall) -> Fields:
    try:
        value = loads(call.arguments) if call.arguments.strip() else {}
    except BadJson:
        value = None
    return value if isinstance(value, dict) else {"raw_arguments": call.arguments}


def write_result(result: ToolResult, name: str, media: list[Fields]) -> Fields:
    """``functionResponse`` is an object: JSON objects as they are, everything else under ``result`` or ``error``.

    ``media`` go inside, as Gemini 3 takes them (ai.google.dev/gemini-api/docs/function-calling).
    """
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    value: Any = None
    if text.lstrip()[:1] == "{":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
    response = (
        value if isinstance(value, dict) and not result.is_error else {"error" if result.is_error else "result": text}
    )
    function: Fields = {"name": name, "response": response}
    if result.id:
        function["id"] = result.id
    if media:
        function["parts"] = media
    return {"functionResponse": function}


def write_media(media: Media) -> Fields | None:
    """None: neither data nor an address."""
    if media.data is not None:
        return {"inlineData": {"mimeType": media.mime or "application/octet-stream", "data": media.data}}
    address = media.url or media.file_id
    if not address:
        return None
    if inline := read.data_url(address):
        return {"inlineData": {"mimeType": inline[0], "data": inline[1]}}
    file: Fields = {"fileUri": address}
    if media.mime:
        file["mimeType"] = media.mime
    return {"fileData": file}
