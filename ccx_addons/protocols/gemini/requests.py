"""Request body -> neutral (ai.google.dev/api/generate-content, ai.google.dev/api/caching#Content)."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ccx_addons.core import code_assist, demand, read
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import (
    NO_EXTRA,
    Extra,
    Json,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from ccx_addons.core.reasoning import effort_word
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.gemini.parts import (
    PART_FIELDS,
    read_arguments,
    read_media,
    read_result,
    read_signature,
)
from ccx_addons.protocols.gemini.schema import read_schema
from ccx_addons.protocols.gemini.tools import read_tool_config, read_tools, within
from ccx_addons.protocols.gemini.wire import NAME, NOTHING, Fields, camel, keep, one_or_many

FIELDS: Final = frozenset({
    "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier", "model", "stream",
})  # fmt: skip
CONFIG_FIELDS: Final = frozenset({
    "maxOutputTokens", "temperature", "topP", "topK", "stopSequences", "seed", "presencePenalty", "frequencyPenalty",
    "thinkingConfig", "responseMimeType", "responseSchema", "responseJsonSchema", "candidateCount",
})  # fmt: skip
CONTENT_FIELDS: Final = frozenset({"role", "parts"})
RESULT_FIELDS: Final = frozenset({"id", "name", "response", "parts"})
CONFIG: Final = "generationConfig."
THINKING: Final = f"{CONFIG}thinkingConfig."
THINKING_FIELDS: Final = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})

ROLES: Final[Mapping[str, Role]] = {
    "": "user",
    "user": "user",
    "model": "assistant",
    "assistant": "assistant",
    "function": "user",
    "tool": "user",
    "system": "system",
}
ENUM: Final = "text/x.enum"
CHOICES: Final = "Answer with exactly one of these values, without its quotes, and nothing else: "
TIERS: Final[Mapping[str, str | None]] = {"unspecified": None, "standard": "default"}
"""Tiers whose name is not the neutral one."""


@demand.shallow
def decode_request(body: Mapping[str, Json], model: str, stream: bool) -> Request:
    """``model`` and ``stream`` stand in the path. Raises BadRequest where the body cannot be understood."""
    body = camel(code_assist.asked_in(body))
    config = camel(demand.mapping(body, "generationConfig"))
    if config.get("candidateCount") not in (None, 0, 1):
        raise BadRequest(
            "candidateCount must be 1: the channels that serve this model give one answer",
            "generationConfig.candidateCount",
        )
    thinking = camel(demand.mapping(config, "thinkingConfig", CONFIG))
    output, kept_output = _output(config)
    choice, kept_choice = read_tool_config(camel(demand.mapping(body, "toolConfig")))
    kept = {**keep(body, FIELDS).get(NAME, NOTHING), **kept_choice}
    kept_config = {**keep(config, CONFIG_FIELDS).get(NAME, NOTHING), **kept_output}
    if rest := keep(thinking, THINKING_FIELDS).get(NAME):
        kept_config["thinkingConfig"] = rest
    if kept_config:
        kept["generationConfig"] = kept_config
    tier = read.text(body.get("serviceTier")).lower()
    return Request(
        model,
        _messages(body),
        (*_system(body.get("systemInstruction")), *_choices(config)),
        tuple(within(read_tools(body.get("tools")), choice)),
        choice,
        max_tokens=demand.integer(config, "maxOutputTokens", CONFIG),
        temperature=demand.number(config, "temperature", CONFIG),
        top_p=demand.number(config, "topP", CONFIG),
        top_k=demand.integer(config, "topK", CONFIG),
        stop=_stops(config),
        seed=demand.integer(config, "seed", CONFIG),
        presence_penalty=demand.number(config, "presencePenalty", CONFIG),
        frequency_penalty=demand.number(config, "frequencyPenalty", CONFIG),
        reasoning=_reasoning(thinking),
        output=output,
        service_tier=TIERS.get(tier, tier or None),
        stream=stream,
        extra={NAME: kept} if kept else NO_EXTRA,
    )


# ---- contents --------------------------------------------------------------------------------------------------------
class CallIds:
    """Gives every call of the history an id, and every result the id of its call.

    A wire id stays as it is unless it comes twice. Without one, ids count the calls: the same history gives the same
    ids again and again. A result belongs to the oldest open call with its id, else with its name.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._open: dict[str, str] = {}
        """Ids of calls without a result -> their names."""
        self._by_id: dict[str, deque[str]] = {}
        self._by_name: dict[str, deque[str]] = {}
        self._said: dict[str, Mapping[str, Json]] = {}
        """Wire ids -> results of this turn."""
        self._count = 0
        self._answered = False

    def call(self, wire_id: str, name: str) -> str:
        if self._answered:
            self._open, self._by_id, self._by_name, self._said = {}, {}, {}, {}
            self._answered = False
        found = wire_id or f"call_{self._count}"
        while found in self._taken:
            found = f"{found}_{self._count}"
        self._count += 1
        self._taken.add(found)
        self._open[found] = name
        self._by_id.setdefault(wire_id, deque()).append(found)
        self._by_name.setdefault(name, deque()).append(found)
        return found

    def result(self, wire_id: str, name: str) -> tuple[str, str]:
        """Id and name of the call; for a result without one an id that no call has."""
        self._answered = True
        call = (self._oldest(self._by_id, wire_id) if wire_id else "") or self._oldest(self._by_name, name)
        if call:
            return call, self._open.pop(call)
        found = wire_id or f"result_{self._count}"
        while found in self._taken:
            found = f"{found}_{self._count}"
        self._count += 1
        self._taken.add(found)
        return found, name

    def repeats(self, wire_id: str, result: Mapping[str, Json]) -> bool:
        """Whether the call has this very result already: Gemini CLI says each twice when it resumes a conversation."""
        if wire_id not in self._by_id or not wire_id or self._oldest(self._by_id, wire_id):
            self._said[wire_id] = result
            return False
        return self._said.get(wire_id) == result

    def _oldest(self, calls: Mapping[str, deque[str]], wanted: str) -> str:
        """The first of these calls that is still open, or nothing."""
        waiting = calls.get(wanted, deque())
        while waiting and waiting[0] not in self._open:
            waiting.popleft()
        return waiting[0] if waiting else ""


def _messages(body: Mapping[str, Json]) -> tuple[Message, ...]:
    contents = body.get("contents")
    if isinstance(contents, str):
        contents = {"parts": [{"text": contents}]}
    if not isinstance(contents, list | dict):
        raise BadRequest("contents must be a list", "contents")
    ids = CallIds()
    return tuple(_message(item, f"contents[{n}]", ids) for n, item in enumerate(one_or_many(contents)))


def _message(value: Json, path: str, ids: CallIds) -> Message:
    if not isinstance(value, dict):
        raise BadRequest("a content must be an object", path)
    content = camel(value)
    word = content.get("role")
    role = ROLES.get(word.lower() if isinstance(word, str) else "" if word is None else "?")
    if role is None:
        raise BadRequest("role must be user or model", f"{path}.role")
    parts = _parts(content.get("parts"), f"{path}.parts", ids)
    return Message(role, _joined(parts) if role == "assistant" else parts, keep(content, CONTENT_FIELDS))


def _parts(value: Json, path: str, ids: CallIds) -> tuple[Part, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | dict):
        raise BadRequest("parts must be a list", path)
    found = (_part(item, f"{path}[{n}]", ids) for n, item in enumerate(one_or_many(value)))
    return tuple(part for part in found if part)


def _joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """A model's turn as it was before it was streamed: clients send the pieces back one by one.

    A thought ends with its signature, which came in the last piece.
    """
    joined: list[Part] = []
    run: list[Text | Thinking] = []
    for part in parts:
        match run[-1] if run else None, part:
            case (Text(_, extra), Text() as more) | (
                Thinking(_, None, "gemini", extra=extra),
                Thinking() as more,
            ) if not extra:
                run.append(more)
                continue
        if run:
            joined.append(_whole(run))
        run = [part] if isinstance(part, Text | Thinking) else []
        if not run:
            joined.append(part)
    return tuple([*joined, _whole(run)] if run else joined)


def _whole(pieces: Sequence[Text | Thinking]) -> Part:
    """One part of several of a kind: what is known beside the text came with the last."""
    last = pieces[-1]
    if len(pieces) == 1:
        return last
    text = "".join(piece.text for piece in pieces)
    return replace(last, text=text, redacted=False) if isinstance(last, Thinking) else replace(last, text=text)


def _system(value: Json) -> tuple[Part, ...]:
    """A content; some clients send its text alone."""
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (Text(value),)
    if not isinstance(value, dict):
        raise BadRequest("systemInstruction must be an object", "systemInstruction")
    content = value if "parts" in value else {"parts": value}
    return _parts(content["parts"], "systemInstruction.parts", CallIds())


def _part(value: Json, path: str, ids: CallIds) -> Part | None:
    """None for what says nothing."""
    if not isinstance(value, dict):
        raise BadRequest("a part must be an object", path)
    part = {name: inner for name, inner in camel(value).items() if inner is not None}
    if "functionCall" in part:
        return _call(part, f"{path}.functionCall", ids)
    if "functionResponse" in part:
        return _result(part, f"{path}.functionResponse", ids)
    if "inlineData" in part or "fileData" in part:
        if media := read_media(part):
            return media
        raise BadRequest("inlineData must hold data, fileData a fileUri", path)
    if "text" in part:
        if not isinstance(part["text"], str):
            raise BadRequest("text must be a string", f"{path}.text")
        return _thought(part) if part.get("thought") is True else _text(part)
    return Opaque(NAME, part) if part.keys() - PART_FIELDS else None


def _text(part: Mapping[str, Json]) -> Text | None:
    return Text(part["text"], _signed(part, keep(part, PART_FIELDS))) if part["text"] else None


def _thought(part: Mapping[str, Json]) -> Thinking | None:
    signature, origin = read_signature(part)
    text = part["text"]
    if not text and signature is None:
        return None
    return Thinking(text, signature, origin, not text, keep(part, PART_FIELDS))


def _signed(part: Mapping[str, Json], extra: Extra) -> Extra:
    """The side-car with the part's own signature; placeholders and other vendors' say nothing here."""
    signature, origin = read_signature(part)
    if signature is None or origin != NAME:
        return extra
    return {NAME: {**extra.get(NAME, NOTHING), "thoughtSignature": signature}}


def _call(part: Mapping[str, Json], path: str, ids: CallIds) -> ToolCall:
    call = _fields(part["functionCall"], path)
    name = _string(call, "name", path)
    if not isinstance(call.get("args"), dict | None):
        raise BadRequest("args must be an object", f"{path}.args")
    id_ = ids.call(read.text(call.get("id")), name)
    return ToolCall(id_, name, read_arguments(call.get("args")), _signed(part, keep(part, PART_FIELDS)))


def _result(part: Mapping[str, Json], path: str, ids: CallIds) -> ToolResult | None:
    """None for one that was said before."""
    result = _fields(part["functionResponse"], path)
    if not isinstance(result.get("response"), dict | None):
        raise BadRequest("response must be an object", f"{path}.response")
    wire_id, called = read.text(result.get("id")), _string(result, "name", path)
    if ids.repeats(wire_id, result):
        return None
    id_, name = ids.result(wire_id, called)
    parts, failed = read_result(read.mapping(result.get("response")), result.get("parts"))
    return ToolResult(id_, parts, failed, name, keep(result, RESULT_FIELDS))


# ---- generationConfig ------------------------------------------------------------------------------------------------
def _stops(config: Mapping[str, Json]) -> tuple[str, ...]:
    value = config.get("stopSequences")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadRequest("stopSequences must be a list of strings", "generationConfig.stopSequences")
    return tuple(value)


def _reasoning(thinking: Mapping[str, Json]) -> Reasoning | None:
    budget = demand.integer(thinking, "thinkingBudget", THINKING)
    effort = effort_word(read.text(thinking.get("thinkingLevel")))
    shown = read.flag(thinking.get("includeThoughts"))
    summary = None if shown is None else "auto" if shown else "none"
    if budget == 0 or effort == "none":
        return Reasoning(False, summary=summary)
    if budget is None and effort is None and summary is None:
        return None
    return Reasoning(None, effort, budget, summary)


def _output(config: Mapping[str, Json]) -> tuple[OutputFormat | None, Fields]:
    """The format, and the fields that say what has no neutral word."""
    mime = config.get("responseMimeType")
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if not isinstance(mime, str | None):
        raise BadRequest("responseMimeType must be a string", "generationConfig.responseMimeType")
    if not isinstance(schema, dict | None):
        raise BadRequest("responseSchema must be an object", "generationConfig.responseSchema")
    if mime == "application/json":
        # The API keeps to a schema.
        form = OutputFormat("json_schema", read_schema(schema), strict=True) if schema else OutputFormat("json")
        return form, {}
    if mime == "text/plain":
        return OutputFormat("text"), {}
    rare = {
        name: config[name] for name in ("responseMimeType", "responseSchema", "responseJsonSchema") if name in config
    }
    return None, {name: value for name, value in rare.items() if value}


def _choices(config: Mapping[str, Json]) -> tuple[Text, ...]:
    """An answer that is to be one of some words: nobody else is held to them, so it is asked for in words, too."""
    words = read.items(read.mapping(config.get("responseJsonSchema") or config.get("responseSchema")).get("enum"))
    if config.get("responseMimeType") != ENUM or not words:
        return ()
    return (Text(CHOICES + ", ".join(dump_text(word) for word in words)),)


# ---- reading with a complaint ----------------------------------------------------------------------------------------
def _fields(value: Json, path: str) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise BadRequest(f"{path} must be an object", path)
    return camel(value)


def _string(table: Mapping[str, Json], name: str, path: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} must be a string that is not empty", f"{path}.{name}")
    return value
