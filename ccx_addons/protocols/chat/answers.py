"""Complete answers, both ways (platform.openai.com/docs/api-reference/chat/object)."""

import time
from typing import Final

from ccx_addons.core import read, stops, words
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import (
    Fault,
    Json,
    Loss,
    Media,
    Part,
    Refusal,
    Request,
    Response,
    Text,
    Thinking,
    ToolCall,
    Usage,
    fold,
)
from ccx_addons.core.sources import nested_citations
from ccx_addons.protocols.chat.errors import error_in
from ccx_addons.protocols.chat.finish import finish_reason, read_usage, stop_of, write_usage
from ccx_addons.protocols.chat.parts import write_media
from ccx_addons.protocols.chat.reader import CHUNK_FIELDS, AnswerReader
from ccx_addons.protocols.chat.thoughts import DETAILS, FIELDS, SEALED, write_foreign, write_thoughts
from ccx_addons.protocols.chat.tools import ClientTools, write_call
from ccx_addons.protocols.chat.wire import NAME, Fields, keep, own

CONTENT_FIELDS: Final = (
    "content", "tool_calls", *FIELDS, DETAILS, *SEALED, "refusal", "function_call", "audio", "images",
)  # fmt: skip
PARAGRAPH: Final = "\n\n"
PLAIN: Final = frozenset({
    "id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier",
})  # fmt: skip
"""All that an answer has which is a text alone."""
PLAIN_CHOICE: Final = frozenset({"message", "finish_reason"})


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def usage_of(body: Json) -> Usage | None:
    table = read.mapping(body)
    return read_usage(read.mapping(table.get("usage")), read.text(table.get("service_tier")))


def answer_fault(body: Json) -> Fault | None:
    answer = read.mapping(body)
    if fault := error_in(answer):
        return fault
    for choice in read.mappings(answer.get("choices")):
        reason = read.text(choice.get("finish_reason"))
        if kind := stops.broken(reason):
            return Fault(kind, f"the upstream broke off: {reason}", code=reason)
        message = read.mapping(choice.get("message"))
        said = any(message.get(name) for name in CONTENT_FIELDS) or choice.get("text")
        if not said and (fault := stops.full(reason)):
            return fault
        if said or stops.stop_of(reason) in ("length", "refusal"):
            return None
    return Fault("server", "the answer has no content")


def decode_response(body: Json) -> Response | Fault:
    """A complete answer. Never raises; what is no answer is a Fault."""
    try:
        if plain := _text_alone(body):
            return plain
        if fault := answer_fault(body):
            return fault
        answer = AnswerReader()
        events = answer.read(body, sound=True)
        return fold(events if answer.ended else [*events, *answer.end()])
    except RecursionError:
        return Fault("server", "the answer is nested too deeply")


def _text_alone(body: Json) -> Response | None:
    """What most answers are, without the ways of all others: one text, and an end in a word that everybody knows."""
    if not isinstance(body, dict) or not body.keys() <= PLAIN or body.get("object") == "error":
        return None
    choices = body.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choice := choices[0], dict):
        return None
    message, reason = choice.get("message"), choice.get("finish_reason")
    if not PLAIN_CHOICE.issuperset([name for name, value in choice.items() if value]) or not isinstance(message, dict):
        return None
    if [name for name, value in message.items() if value and name != "role"] != ["content"]:
        return None
    text = message["content"]
    if not isinstance(text, str) or text.lstrip()[:1] in ("", "<") or not isinstance(reason, str):
        return None
    if stops.WORDS.get(reason, "error") == "error":
        return None
    return Response(
        read.text(body.get("id")),
        read.text(body.get("model")),
        (Text(text),),
        stop_of(reason, False, False, None),
        usage_of(body),
        created=read.count(body.get("created")),
        extra=keep(body, CHUNK_FIELDS),
    )


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def encode_response(response: Response, request: Request) -> tuple[dict[str, Json], list[Loss]]:
    """The client's answer: its own model name, its own tool names, its own kind of calls."""
    losses: list[Loss] = []
    kept = own(response.extra)
    logprobs, annotations = kept.pop("logprobs", None), kept.pop("annotations", None)
    message = _message(response, ClientTools(request), losses)
    if annotations:
        message.setdefault("annotations", annotations)
    called = "tool_calls" in message or "function_call" in message
    reason = finish_reason(response.stop, called, message["refusal"] is not None, losses)
    choice: Fields = {
        "index": 0,
        "message": message,
        "logprobs": logprobs,
        "finish_reason": "function_call" if "function_call" in message and reason == "tool_calls" else reason,
    }
    if response.stop_sequence:
        choice["stop_reason"] = response.stop_sequence
    body: Fields = {
        "id": response.id or new_id(),
        "object": "chat.completion",
        "created": response.created or int(time.time()),
        "model": request.model,
        "choices": [choice],
    }
    if response.usage:
        body["usage"] = write_usage(response.usage)
    return body | kept, losses


def new_id() -> str:
    return "chatcmpl-" + uuid7().replace("-", "")


def _message(response: Response, tools: ClientTools, losses: list[Loss]) -> Fields:
    message: Fields = {"role": "assistant", "content": None, "refusal": None}
    said = Said()
    texts: dict[str, list[str]] = {"content": [], "refusal": []}
    spoken = ((n, whole, words.told(whole, NAME, f"content[{n}]", losses)) for n, whole in enumerate(response.parts))
    parts = [(n, whole, _shown(part, f"content[{n}]", losses)) for n, whole, inner in spoken for part in inner]
    if thoughts := [part for _, _, part in parts if isinstance(part, Thinking)]:
        message |= _thoughts(thoughts)
    for n, whole, part in parts:
        match part:
            case Text(text, extra):
                if text:
                    texts["content"] += (said.gap("content", None if part.apart else said.last), text)
                kept = own(extra)
                if part.sources and "annotations" not in kept:
                    before = sum(map(len, texts["content"])) - len(text)
                    kept["annotations"] = message.get("annotations", []) + nested_citations(part.sources, before)
                message |= kept
            case Refusal(text):
                texts["refusal"] += (said.gap("refusal", said.last), text)
            case ToolCall():
                _add_call(message, part, tools, f"content[{n}]", losses)
            case Media():
                images = message.setdefault("images", [])
                images.append({"index": len(images), **read.mapping(write_media(part))})
            case Thinking():
                pass
            case _:
                losses.append(Loss(f"content[{n}]", f"an answer holds no {type(part).__name__}"))
        said.last = type(whole)
    return message | {name: "".join(pieces) for name, pieces in texts.items() if pieces}


class Said:
    """What has been said in each field: texts that follow each other directly are one, others are paragraphs."""

    def __init__(self) -> None:
        self.last: type | None = None
        """Kind of the part before."""
        self._fields: set[str] = set()

    def gap(self, field: str, before: type | None) -> str:
        """What stands before the first words of a part that came after one of the kind ``before``."""
        apart = field in self._fields and before is not Text
        self._fields.add(field)
        return PARAGRAPH if apart else ""


def _thoughts(thoughts: list[Thinking]) -> Fields:
    """The text where clients look for it; a foreign signature in details, with which some clients send it back."""
    if any(thought.origin == NAME for thought in thoughts):
        return write_thoughts(thought for thought in thoughts if thought.origin == NAME)
    text = PARAGRAPH.join(thought.text for thought in thoughts if thought.text)
    signed = [thought for thought in thoughts if thought.signature]
    details = [write_foreign(thought, n) for n, thought in enumerate(signed)]
    return ({FIELDS[0]: text} if text else {}) | ({DETAILS: details} if details else {})


def _add_call(message: Fields, call: ToolCall, tools: ClientTools, path: str, losses: list[Loss]) -> None:
    name = tools.name(call.name)
    if not tools.legacy:
        message.setdefault("tool_calls", []).append(write_call(call, call.id, name, name in tools.freeform))
    elif "function_call" in message:
        losses.append(Loss(path, "an answer holds one function_call"))
    else:
        message["function_call"] = {"name": name, "arguments": call.arguments or "{}"}


def _shown(part: Part, path: str, losses: list[Loss]) -> Part:
    """An answer holds no media but images."""
    if not isinstance(part, Media):
        return part
    block = write_media(part)
    return part if isinstance(block, dict) and block["type"] == "image_url" else words.unseen(part, path, losses)
