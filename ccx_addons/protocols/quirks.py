"""What single upstreams want otherwise than their protocol says: named, chosen per channel, applied to a wire body.

Most work on the request, after it is encoded (or, same protocol, on the client's own body): ``apply``. Three need
more of the caller than that:

* ``image_url_to_b64``: ``image_urls`` names the addresses, io/fetch.py gets them, ``Context.pictures`` takes them. For
  the kind ``images`` it is the answer that is changed: ``image_urls`` and ``inline_images`` on the answer's body.
* ``passback_reasoning``: after each answer the caller keeps ``thoughts_of`` its parts, per client, and hands them in
  as ``Context.thoughts`` with later requests.
* ``low_quality_usage``: when an answer is complete the caller replaces its usage by ``trusted_usage``.

Nothing here changes what it gets: a body with no change comes back as the same object, and so does every member of it
that no quirk touched, so that a caller can edit only the others in the client's bytes.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.config import TEXT_KINDS, Kind
from ccx_addons.core.neutral import Loss, Media, Part, Thinking, ToolCall, Usage
from ccx_addons.core.signatures import PLACEHOLDER
from ccx_addons.core.turns import NO_THOUGHTS
from ccx_addons.core.wire_json import loads_object

type Json = Any
type Object = Mapping[str, Json]
type Changed = tuple[Object, list[Loss]]

BILLING_HEADER: Final = "x-anthropic-billing-header:"
SAMPLING: Final = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty")
GEMINI_SAMPLING: Final = ("temperature", "topP", "topK", "presencePenalty", "frequencyPenalty")
THOUGHT_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_details")
SIGNATURES: Final = ("thoughtSignature", "thought_signature")
GOOGLE_FILES: Final = "https://generativelanguage.googleapis.com/"
"""Addresses below it name files that Gemini itself keeps; nobody else can read them."""

OFF_BY: Final = 10
"""A count that differs from the estimate by more than this factor is not believed."""
SURE_FROM: Final = 100
"""Tokens from which on an estimate is good enough to doubt a count."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a quirk may know of the attempt.

    ``pictures``: address -> what was fetched from there. ``thoughts``: id of a tool call -> the thoughts before it.
    """

    stream: bool = False
    pictures: Mapping[str, Media] = field(default_factory=dict)
    thoughts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quirk:
    """``change`` None: the quirk works on answers only. ``help`` is one line for people who configure channels."""

    protocols: frozenset[Kind]
    help: str
    change: Callable[[Kind, Object, Context], Changed] | None = None


def apply(names: Iterable[str], protocol: Kind, body: Object, context: Context) -> Changed:
    """The body as the channel's upstream wants it, and what it lost on the way. ``body`` itself stays as it is.

    Names that are unknown, or mean nothing for ``protocol``, have no effect. Losses are the operator's wish: they are
    recorded, but are no reason to refuse (``on_loss``).
    """
    wanted = frozenset(names)
    losses: list[Loss] = []
    for name, quirk in QUIRKS.items():
        if name in wanted and quirk.change and protocol in quirk.protocols:
            body, lost = quirk.change(protocol, body, context)
            losses += lost
    return body, losses


# ---- changing without touching ---------------------------------------------------------------------------------------
def _with(value: Object, name: str, member: Json) -> Object:
    """The object with another member; the same object where it is the very same member."""
    return value if value.get(name) is member else {**value, name: member}


def _without(value: Object, *names: str) -> Object:
    return {name: member for name, member in value.items() if name not in names} if value.keys() & set(names) else value


def _each(value: Json, change: Callable[[Object], Object | None]) -> Json:
    """The list with every object in it changed, those that became None left out."""
    if not isinstance(value, list):
        return value
    found = []
    same = True
    for item in value:
        new = change(item) if isinstance(item, dict) else item
        same = same and new is item
        if new is not None:
            found.append(new)
    return value if same else found


def _in(name: str, change: Callable[[Object], Object | None]) -> Callable[[Object], Object]:
    """The change of an object which changes each object of its list ``name``."""
    return lambda value: _with(value, name, _each(value[name], change)) if name in value else value


CONVERSATION: Final[Mapping[Kind, str]] = {
    "messages": "messages", "chat": "messages", "responses": "input", "gemini": "contents",
}  # fmt: skip
CONTENT: Final[Mapping[Kind, str]] = {
    "messages": "content", "chat": "content", "responses": "content", "gemini": "parts",
}  # fmt: skip


def _turns(protocol: Kind, body: Object, change: Callable[[Object], Object | None]) -> Object:
    return _in(CONVERSATION[protocol], change)(body)


def _only_request(change: Callable[[Object], Object]) -> Callable[[Kind, Object, Context], Changed]:
    """A quirk that needs neither protocol nor context and loses nothing."""
    return lambda _protocol, body, _context: (change(body), [])


# ---- roles -----------------------------------------------------------------------------------------------------------
def _developer_to_system(protocol: Kind, body: Object, _: Context) -> Changed:
    def rename(turn: Object) -> Object:
        return {**turn, "role": "system"} if turn.get("role") == "developer" else turn

    return _turns(protocol, body, rename), []


def _system_role_to_top(protocol: Kind, body: Object, _: Context) -> Changed:
    """System text that stands inside the conversation joins the one that stands before it."""
    turns = read.items(body.get("messages"))
    moved = [turn for turn in turns if read.mapping(turn).get("role") in ("system", "developer")]
    if not moved or (protocol == "chat" and turns[: len(moved)] == moved and len(moved) == 1):
        return body, []
    rest = [turn for turn in turns if turn not in moved]
    system = [block for turn in moved for block in _text_blocks(turn.get("content"))]
    if protocol == "messages":
        return {**body, "system": _text_blocks(body.get("system")) + system, "messages": rest}, []
    return {**body, "messages": [{**moved[0], "content": _joined(system)}, *rest]}, []


def _text_blocks(content: Json) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return read.items(content)


def _joined(blocks: list[Json]) -> Json:
    """Plain text where nothing but text stands there, which every server takes."""
    if all(read.mapping(block).keys() == {"type", "text"} for block in blocks):
        return "\n\n".join(read.text(block["text"]) for block in blocks)
    return blocks


# ---- empty text ------------------------------------------------------------------------------------------------------
def _strip_empty_text(protocol: Kind, body: Object, _: Context) -> Changed:
    body = _turns(protocol, body, lambda turn: _spoken(protocol, turn))
    if isinstance(body.get("system"), list):
        system = _each(body["system"], _said)
        body = _with(body, "system", system) if system else _without(body, "system")
    return body, []


def _spoken(protocol: Kind, turn: Object) -> Object | None:
    """The turn without empty text; None where nothing is left of it."""
    name = CONTENT[protocol]
    if name not in turn:
        return turn
    content = turn[name]
    if isinstance(content, str):
        if content.strip() or turn.get("role") == "tool":
            return turn
        return {**turn, name: None} if turn.get("tool_calls") else None
    kept = _each(content, _said_inside if protocol == "messages" else _said)
    if not kept and content and turn.get("role") != "tool":
        return {**turn, name: None} if turn.get("tool_calls") else None
    return _with(turn, name, kept)


def _said(block: Object) -> Object | None:
    """None for a block with nothing but blank text. A signature makes an empty text worth keeping."""
    text = block.get("text")
    if isinstance(text, str) and not text.strip() and not any(name in block for name in SIGNATURES):
        return None
    return block


def _said_inside(block: Object) -> Object | None:
    if block.get("type") == "tool_result":
        return _in("content", _said)(block)
    return _said(block)


# ---- thinking --------------------------------------------------------------------------------------------------------
def _strip_thinking(protocol: Kind, body: Object, _: Context) -> Changed:
    """History without thoughts, for upstreams that refuse those of others or want none at all."""
    losses: list[Loss] = []
    name = CONVERSATION[protocol]
    for n, turn in enumerate(read.items(body.get(name))):
        if isinstance(turn, dict) and _thoughtless(protocol, turn) is not turn:
            losses.append(Loss(f"{name}[{n}]", "the channel wants no thinking of earlier turns"))
    return _turns(protocol, body, lambda turn: _thoughtless(protocol, turn)), losses


def _thoughtless(protocol: Kind, turn: Object) -> Object | None:
    match protocol:
        case "responses":
            return None if turn.get("type") == "reasoning" else turn
        case "chat":
            return _without(turn, *THOUGHT_FIELDS)
        case "messages":
            gone = _in("content", lambda block: None if _is_thinking(block) else block)(turn)
        case _:
            gone = _in("parts", lambda part: None if part.get("thought") is True else part)(turn)
    return None if gone is not turn and not gone[CONTENT[protocol]] else gone


def _is_thinking(block: Object) -> bool:
    return block.get("type") in ("thinking", "redacted_thinking")


def _passback_reasoning(protocol: Kind, body: Object, context: Context) -> Changed:
    """Every turn that called tools says what it thought (api-docs.deepseek.com/guides/thinking_mode)."""
    back = _chat_thoughts if protocol == "chat" else _messages_thoughts
    return _turns(protocol, body, lambda turn: back(turn, context.thoughts)), []


def _chat_thoughts(turn: Object, thoughts: Mapping[str, str]) -> Object:
    calls = read.mappings(turn.get("tool_calls"))
    if turn.get("role") != "assistant" or not calls or read.text(turn.get("reasoning_content")):
        return turn
    said = read.text(turn.get("reasoning")) or _kept(calls, thoughts)
    return {**_without(turn, "reasoning"), "reasoning_content": said}


def _messages_thoughts(turn: Object, thoughts: Mapping[str, str]) -> Object:
    blocks = read.mappings(turn.get("content"))
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    if turn.get("role") != "assistant" or not calls or any(map(_is_thinking, blocks)):
        return turn
    return {**turn, "content": [{"type": "thinking", "thinking": _kept(calls, thoughts)}, *blocks]}


def _kept(calls: list[dict[str, Json]], thoughts: Mapping[str, str]) -> str:
    return next((thoughts[id_] for call in calls if (id_ := read.text(call.get("id"))) in thoughts), NO_THOUGHTS)


def thoughts_of(parts: Iterable[Part]) -> dict[str, str]:
    """What ``passback_reasoning`` needs later: id of each tool call of an answer -> the thoughts of that answer.

    The caller keeps it for as long as the conversation may last, apart for each client.
    """
    parts = tuple(parts)
    said = "\n\n".join(part.text for part in parts if isinstance(part, Thinking) and part.text)
    return {part.id: said for part in parts if isinstance(part, ToolCall)} if said else {}


# ---- who asks --------------------------------------------------------------------------------------------------------
def _normalize_user_id(body: Object) -> Object:
    """Claude Code's newer ``metadata.user_id`` is a JSON object; relays that check it know only the older form."""
    metadata = read.mapping(body.get("metadata"))
    parts = loads_object(read.text(metadata.get("user_id")))
    if parts is None:
        return body
    seed = read.text(metadata["user_id"])
    device = read.text(parts.get("device_id")) or sha256(seed.encode("utf-8", "backslashreplace")).hexdigest()
    account = read.text(parts.get("account_uuid"))
    session = read.text(parts.get("session_id")) or str(uuid.uuid5(uuid.NAMESPACE_OID, device))
    return {**body, "metadata": {**metadata, "user_id": f"user_{device}_account_{account}_session_{session}"}}


def _strip_billing_header(protocol: Kind, body: Object, _: Context) -> Changed:
    """Claude Code's first system line changes with every request: it breaks prompt caches, and some refuse it."""
    for name in ("system", "instructions"):
        if isinstance(body.get(name), str):
            text = _unbilled(body[name])
            body = _with(body, name, text) if text else _without(body, name)
        elif name in body:
            blocks = _each(body[name], _unbilled_block)
            body = _with(body, name, blocks) if blocks else _without(body, name)
    if system := read.mapping(body.get("systemInstruction")):
        kept = _in("parts", _unbilled_block)(system)
        body = _with(body, "systemInstruction", kept) if kept.get("parts") else _without(body, "systemInstruction")
    if protocol in ("chat", "responses"):
        body = _turns(protocol, body, _unbilled_turn)
    return body, []


def _unbilled(text: str) -> str:
    """The same text where there is nothing to drop."""
    if BILLING_HEADER not in text:
        return text
    return "\n".join(line for line in text.split("\n") if not line.startswith(BILLING_HEADER)).strip("\n")


def _unbilled_block(block: Object) -> Object | None:
    text = block.get("text")
    if not isinstance(text, str):
        return block
    kept = _unbilled(text)
    return _with(block, "text", kept) if kept or not text else None


def _unbilled_turn(turn: Object) -> Object | None:
    if turn.get("role") not in ("system", "developer"):
        return turn
    content = turn.get("content")
    kept = _unbilled(content) if isinstance(content, str) else _each(content, _unbilled_block)
    return _with(turn, "content", kept) if kept or not content else None


# ---- fields ----------------------------------------------------------------------------------------------------------
def _max_tokens_field(body: Object) -> Object:
    """Servers that know only the older name."""
    if body.get("max_completion_tokens") is None:
        return _without(body, "max_completion_tokens")
    return {**_without(body, "max_completion_tokens"), "max_tokens": body["max_completion_tokens"]}


def _drop_sampling(protocol: Kind, body: Object, _: Context) -> Changed:
    reason = "the channel takes no sampling parameters"
    if protocol != "gemini":
        return _without(body, *SAMPLING), [Loss(name, reason) for name in SAMPLING if name in body]
    config = read.mapping(body.get("generationConfig"))
    losses = [Loss(f"generationConfig.{name}", reason) for name in GEMINI_SAMPLING if name in config]
    return (_with(body, "generationConfig", _without(config, *GEMINI_SAMPLING)) if losses else body), losses


def _tool_stream(_protocol: Kind, body: Object, context: Context) -> Changed:
    """Without it GLM sends a call's arguments in one piece (docs.bigmodel.cn/cn/guide/capabilities/stream-tool)."""
    if not context.stream or not body.get("tools") or "tool_stream" in body:
        return body, []
    return {**body, "tool_stream": True}, []


# ---- Gemini's signatures ---------------------------------------------------------------------------------------------
def _dummy_thought_signature(protocol: Kind, body: Object, _: Context) -> Changed:
    return _turns(protocol, body, _signed_content if protocol == "gemini" else _signed_message), []


def _signed_content(content: Object) -> Object:
    """Gemini 3 demands a signature on the first call of each step."""
    parts = read.items(content.get("parts"))
    for n, part in enumerate(parts):
        if isinstance(part, dict) and isinstance(part.get("functionCall"), dict):
            if any(part.get(name) for name in SIGNATURES):
                return content
            return {**content, "parts": [*parts[:n], {**part, "thoughtSignature": PLACEHOLDER}, *parts[n + 1 :]]}
    return content


def _signed_message(message: Object) -> Object:
    """The same at Google's Chat endpoint (ai.google.dev/gemini-api/docs/openai)."""
    calls = read.mappings(message.get("tool_calls"))
    if not calls:
        return message
    extra = read.mapping(calls[0].get("extra_content"))
    google = read.mapping(extra.get("google"))
    if google.get("thought_signature"):
        return message
    signed = {**calls[0], "extra_content": {**extra, "google": {**google, "thought_signature": PLACEHOLDER}}}
    return {**message, "tool_calls": [signed, *calls[1:]]}


def _strip_thought_signature(protocol: Kind, body: Object, _: Context) -> Changed:
    if protocol == "gemini":
        return _turns(protocol, body, _in("parts", lambda part: _without(part, *SIGNATURES))), []
    return _turns(protocol, body, _in("tool_calls", _unsigned_call)), []


def _unsigned_call(call: Object) -> Object:
    extra = read.mapping(call.get("extra_content"))
    google = read.mapping(extra.get("google"))
    if "thought_signature" not in google:
        return call
    kept = _without(google, "thought_signature")
    extra = _with(extra, "google", kept) if kept else _without(extra, "google")
    return _with(call, "extra_content", extra) if extra else _without(call, "extra_content")


# ---- pictures --------------------------------------------------------------------------------------------------------
def image_urls(protocol: Kind, body: Object) -> list[str]:
    """Addresses (http, https) of pictures in a wire body, each once; for ``images`` in an answer's body."""
    found: dict[str, None] = {}

    def note(url: str) -> None:
        if url.startswith(("http://", "https://")):
            found[url] = None

    _pictures(protocol, body, note)
    return list(found)


def inline_images(protocol: Kind, body: Object, fetched: Mapping[str, Media]) -> Object:
    """The body with every picture that was fetched in place of its address; others keep their address."""
    return _pictures(protocol, body, fetched.get)


def _image_url_to_b64(protocol: Kind, body: Object, context: Context) -> Changed:
    return inline_images(protocol, body, context.pictures), []


type Get = Callable[[str], Media | None]


def _pictures(protocol: Kind, body: Object, get: Get) -> Object:
    """The body with every picture that ``get`` has an answer for."""
    if protocol == "images":
        return _in("data", lambda entry: _inline_answer(entry, get))(body)
    block = PICTURES[protocol]

    def turn(value: Object) -> Object:
        if protocol == "responses":
            value = _in("output", lambda part: block(part, get))(value)
        return _in(CONTENT[protocol], lambda part: block(part, get))(value)

    return _turns(protocol, body, turn)


def _inline_answer(entry: Object, get: Get) -> Object:
    picture = get(url) if (url := read.text(entry.get("url"))) else None
    return {**_without(entry, "url"), "b64_json": picture.data} if picture else entry


def _messages_picture(block: Object, get: Get) -> Object:
    if block.get("type") == "tool_result":
        return _in("content", lambda inner: _messages_picture(inner, get))(block)
    source = read.mapping(block.get("source"))
    if (
        block.get("type") != "image"
        or source.get("type") != "url"
        or not (picture := get(read.text(source.get("url"))))
    ):
        return block
    return {**block, "source": {"type": "base64", "media_type": picture.mime, "data": picture.data}}


def _chat_picture(part: Object, get: Get) -> Object:
    image = read.mapping(part.get("image_url"))
    picture = get(read.text(image.get("url"))) if image else None
    return {**part, "image_url": {**image, "url": _data_url(picture)}} if picture else part


def _responses_picture(part: Object, get: Get) -> Object:
    url = read.text(part.get("image_url"))
    picture = get(url) if url and part.get("type") == "input_image" else None
    return {**part, "image_url": _data_url(picture)} if picture else part


def _gemini_picture(part: Object, get: Get) -> Object:
    file = read.mapping(part.get("fileData"))
    url = read.text(file.get("fileUri"))
    if not read.text(file.get("mimeType"), "image/").startswith("image/") or url.startswith(GOOGLE_FILES):
        return part
    picture = get(url) if url else None
    if picture is None:
        return part
    return {**_without(part, "fileData"), "inlineData": {"mimeType": picture.mime, "data": picture.data}}


def _data_url(picture: Media) -> str:
    return f"data:{picture.mime};base64,{picture.data}"


PICTURES: Final[Mapping[Kind, Callable[[Object, Get], Object]]] = {
    "messages": _messages_picture, "chat": _chat_picture, "responses": _responses_picture, "gemini": _gemini_picture,
}  # fmt: skip


# ---- usage -----------------------------------------------------------------------------------------------------------
def trusted_usage(reported: Usage | None, estimate: Usage) -> tuple[Usage, bool]:
    """What ``low_quality_usage`` believes, and whether any of it is an estimate.

    A side (input, output) is replaced when it is absent, next to nothing, contradicts its own parts, or is off by a
    factor of ten. The caller estimates with core/estimate.py and marks the log row (``Exchange.usage_estimated``).
    """
    if reported is None:
        return estimate, True
    usage = reported
    if _absurd(reported.input, reported.cache_read + reported.cache_write, estimate.input):
        usage = replace(usage, input=estimate.input, cache_read=0, cache_write=0)
    if _absurd(reported.output, reported.reasoning, estimate.output):
        usage = replace(usage, output=estimate.output, reasoning=min(reported.reasoning, estimate.output))
    return usage, usage != reported


def _absurd(count: int, part: int, estimate: int) -> bool:
    if part > count or (count <= 1 < estimate):
        return True
    return max(count, estimate) >= SURE_FROM and (count > estimate * OFF_BY or estimate > count * OFF_BY)


# ---- the table -------------------------------------------------------------------------------------------------------
QUIRKS: Final[Mapping[str, Quirk]] = {
    "developer_to_system": Quirk(
        frozenset({"chat", "responses"}),
        "the upstream does not know the role developer",
        _developer_to_system,
    ),
    "system_role_to_top": Quirk(
        frozenset({"messages", "chat"}),
        "the upstream takes system text only before the conversation",
        _system_role_to_top,
    ),
    "strip_thinking": Quirk(TEXT_KINDS, "the upstream wants no thinking of earlier turns", _strip_thinking),
    "passback_reasoning": Quirk(
        frozenset({"messages", "chat"}),
        "the upstream demands the thinking of turns that called tools",
        _passback_reasoning,
    ),
    "normalize_user_id": Quirk(
        frozenset({"messages"}),
        "the upstream knows only the older form of Claude Code's metadata.user_id",
        _only_request(_normalize_user_id),
    ),
    "strip_billing_header": Quirk(
        TEXT_KINDS,
        "drops Claude Code's x-anthropic-billing-header line, which breaks prompt caches and is refused by some",
        _strip_billing_header,
    ),
    "max_tokens_field": Quirk(
        frozenset({"chat"}),
        "the upstream knows max_tokens, not max_completion_tokens",
        _only_request(_max_tokens_field),
    ),
    "no_stream_options": Quirk(
        frozenset({"chat"}),
        "the upstream refuses stream_options; its streams may then have no usage",
        _only_request(lambda body: _without(body, "stream_options")),
    ),
    "only_streams": Quirk(
        TEXT_KINDS, "the upstream answers with streams only; clients that ask for JSON get JSON all the same"
    ),
    "dummy_thought_signature": Quirk(
        frozenset({"gemini", "chat"}),
        "gives tool calls of other models the signature that Gemini 3 demands",
        _dummy_thought_signature,
    ),
    "strip_thought_signature": Quirk(
        frozenset({"gemini", "chat"}),
        "the upstream does not know thoughtSignature; wins over dummy_thought_signature",
        _strip_thought_signature,
    ),
    "strip_empty_text": Quirk(TEXT_KINDS, "the upstream refuses empty text", _strip_empty_text),
    "drop_sampling": Quirk(
        TEXT_KINDS,
        "the upstream refuses temperature, top_p, top_k and penalties",
        _drop_sampling,
    ),
    "image_url_to_b64": Quirk(
        TEXT_KINDS | {"images"},
        "the gateway fetches pictures that are given as addresses; for images: those of answers, "
        "unless the client asks for addresses",
        _image_url_to_b64,
    ),
    "tool_stream": Quirk(
        frozenset({"chat"}),
        "asks GLM to stream the arguments of tool calls",
        _tool_stream,
    ),
    "low_quality_usage": Quirk(
        TEXT_KINDS,
        "the upstream's token counts are not believed when absent or absurd; estimates take their place",
    ),
}
"""In the order in which they are applied."""
