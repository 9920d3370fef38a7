"""What a complete answer says (platform.openai.com/docs/api-reference/responses/object)."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from ccx_addons.core import read, stops
from ccx_addons.core.faults import bare_fault, fault_of
from ccx_addons.core.neutral import (
    Extra,
    Fault,
    Json,
    Media,
    Opaque,
    Part,
    Refusal,
    Response,
    Stop,
    Text,
    ToolCall,
    Usage,
    merge_extra,
)
from ccx_addons.core.openai import chat_counts
from ccx_addons.protocols.responses.calls import CALLS, read_call
from ccx_addons.protocols.responses.parts import ITEM, TEXT_TYPES, read_text
from ccx_addons.protocols.responses.thoughts import read_reasoning
from ccx_addons.protocols.responses.wire import NAME, NOTHING, Item, keep, own, sidecar

ANSWER_FIELDS: Final = frozenset({
    "id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "model", "output",
    "output_text", "usage", "instructions", "metadata", "parallel_tool_calls", "temperature", "tool_choice", "tools",
    "top_p", "background", "max_output_tokens", "max_tool_calls", "previous_response_id", "prompt",
    "prompt_cache_key", "prompt_cache_retention", "reasoning", "safety_identifier", "store", "text", "top_logprobs",
    "truncation", "user",
})  # fmt: skip
"""What an answer says about itself in neutral words, and what it only repeats of its request."""

USAGE_FIELDS: Final = frozenset({
    "input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details", "total_tokens",
})  # fmt: skip
DETAILS: Final[Mapping[str, frozenset[str]]] = {
    "input_tokens_details": frozenset({"cached_tokens", "cache_write_tokens"}),
    "output_tokens_details": frozenset({"reasoning_tokens"}),
}
UNFINISHED: Final = ("queued", "in_progress")
"""States of an answer that is made in the background, which only this protocol's clients can ask for again."""
INCOMPLETE: Final = frozenset({"max_output_tokens", "content_filter"})
"""What ``incomplete_details.reason`` may be; a reason that nobody knows is a pause."""
MESSAGE_FIELDS: Final = frozenset({"type", "role", "content", "status"})
IMAGE_CALL: Final = "image_generation_call"
IMAGE_FIELDS: Final = frozenset({"result", "status"})


# ---- usage -----------------------------------------------------------------------------------------------------------
def read_usage(usage: Mapping[str, Json], served: str = "", searches: int = 0) -> Usage | None:
    """``input_tokens`` includes what was read from and written to the cache, as the neutral input does."""
    if not usage:
        return None
    if counted := chat_counts(usage):
        return counted
    taken, given = (read.mapping(usage.get(name)) for name in DETAILS)
    return Usage(
        read.count(usage.get("input_tokens")),
        read.count(usage.get("output_tokens")),
        read.count(taken.get("cached_tokens")),
        read.count(taken.get("cache_write_tokens")),
        read.count(given.get("reasoning_tokens")),
        _usage_extra(usage),
        served,
        searches,
    )


def _usage_extra(usage: Mapping[str, Json]) -> Extra:
    extra = keep(usage, USAGE_FIELDS)
    for name, known in DETAILS.items():
        if rest := own(keep(read.mapping(usage.get(name)), known)):
            extra = merge_extra(extra, {NAME: {name: rest}})
    return extra


def write_usage(usage: Usage) -> Item:
    kept = own(usage.extra)
    wire: Item = {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
    for name in DETAILS:
        wire[name] |= kept.pop(name, NOTHING)
    return wire | kept


def usage_of(body: Json) -> Usage | None:
    table = read.mapping(body)
    usage, tier = read.mapping(table.get("usage")), read.text(table.get("service_tier"))
    return read_usage(usage, tier, sum(map(_searched, read.mappings(table.get("output")))))


def _searched(item: Item) -> bool:
    """Whether it is a search that is paid for: pages that are opened cost nothing
    (developers.openai.com/api/docs/guides/tools-web-search)."""
    if item.get("type") != "web_search_call":
        return False
    return read.text(read.mapping(item.get("action")).get("type"), "search") == "search"


# ---- how it ends -----------------------------------------------------------------------------------------------------
def read_stop(answer: Mapping[str, Json], parts: Iterable[Part]) -> Stop:
    """Why a finished answer stopped."""
    if answer.get("status") == "incomplete":
        reason = read.mapping(answer.get("incomplete_details")).get("reason")
        return (stops.stop_of(reason) or "pause") if isinstance(reason, str) else "length"
    kinds = {type(part) for part in parts}
    return "tool_call" if ToolCall in kinds else "refusal" if Refusal in kinds else "end"


def answer_extra(answer: Mapping[str, Json]) -> Extra:
    """What of a finished answer has no neutral name."""
    reason = read.mapping(answer.get("incomplete_details")).get("reason")
    rare = isinstance(reason, str) and reason not in INCOMPLETE
    return keep(answer, ANSWER_FIELDS - {"incomplete_details"} if rare else ANSWER_FIELDS)


def answer_fault(body: Json) -> Fault | None:
    table = read.mapping(body)
    if table.get("error"):
        return fault_of(table)
    if fault := bare_fault(table):
        return fault
    if table.get("status") in ("failed", "cancelled"):
        return Fault("server", f"the answer's status is {table['status']}")
    if table.get("status") in ("incomplete", "in_progress", "queued") or "input_tokens" in table:
        return None
    for item in output_of(table):
        if kind_of(item) != "message":
            return None
        if any(part.get("text") or part.get("refusal") for part in blocks_of(item)):
            return None
    return Fault("server", "the answer has no content")


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def decode_response(body: Json) -> Response | Fault:
    """A complete answer. Never raises; what is no answer is a Fault."""
    try:
        if fault := answer_fault(body):
            return fault
        answer = read.mapping(body)
        if answer.get("status") in UNFINISHED and not output_of(answer):
            return Fault("server", f"the answer is not there yet; its status is {answer['status']}")
        parts = tuple(_read_output(output_of(answer)))
        return Response(
            read.text(answer.get("id")),
            read.text(answer.get("model")),
            parts,
            read_stop(answer, parts),
            usage_of(answer),
            created=created_of(answer),
            extra=answer_extra(answer),
        )
    except RecursionError:
        return Fault("server", "the answer is nested too deeply")


def _read_output(output: Iterable[Mapping[str, Json]]) -> Iterator[Part]:
    """The parts of all items: a call that comes twice is one, and two messages stay apart."""
    calls: set[tuple[str, str]] = set()
    ids: set[str] = set()
    last: Part | None = None
    for item in output:
        if key := call_key(item):
            if key in calls:
                continue
            calls.add(key)
        for n, part in enumerate(read_item(item)):
            if not n and isinstance(part, Text) and isinstance(last, Text):
                part = replace(part, apart=True)
            elif isinstance(part, ToolCall):
                if part.id in ids:
                    part = replace(part, id=apart_from(ids, part.id))
                ids.add(part.id)
            last = part
            yield part


def apart_from(ids: Collection[str], id_: str) -> str:
    """The id, or one like it that no call before has."""
    if id_ not in ids:
        return id_
    return next(found for n in range(len(ids) + 1, 2 * len(ids) + 3) if (found := f"{id_}_{n}") not in ids)


def output_of(answer: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The items; of relays that say nothing but the text, as the SDK's helper names it, a message with that."""
    items = read.mappings(answer.get("output"))
    text = answer.get("output_text")
    return [{"type": "message", "content": text}] if not items and text and isinstance(text, str) else items


def kind_of(item: Mapping[str, Json]) -> Json:
    """The type of an item; a message may go without."""
    return item.get("type") or ("message" if "role" in item and "content" in item else None)


def blocks_of(item: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The content of a message, which may be one text."""
    content = item.get("content")
    return [{"type": "output_text", "text": content}] if isinstance(content, str) else read.mappings(content)


def call_key(item: Mapping[str, Json]) -> tuple[str, str] | None:
    """What the same call has in every place: its own id and its item's."""
    key = read.text(item.get("call_id")), read.text(item.get("id"))
    return key if all(key) else None


def created_of(answer: Mapping[str, Json]) -> int:
    """Unix seconds; the API also gives fractions of them."""
    seconds = answer.get("created_at")
    return int(seconds) if isinstance(seconds, float) and 0 < seconds < 1e12 else read.count(seconds)


def read_item(item: Mapping[str, Json]) -> tuple[Part, ...]:
    """The parts that an output item says. Wrong types read as absent."""
    kind = kind_of(item)
    if kind == "message":
        extra = message_extra(item)
        return tuple(read_block(block, extra) for block in blocks_of(item))
    if kind == "reasoning":
        return (read_reasoning(item),)
    if isinstance(kind, str) and kind in CALLS:
        return (read_call(item),)
    if kind == IMAGE_CALL and isinstance(data := item.get("result"), str):
        form = read.text(item.get("output_format"), "png")
        return (Media(f"image/{form}", data=data, extra=keep(item, IMAGE_FIELDS)),)
    return (Opaque(NAME, dict(item)),)


def message_extra(item: Mapping[str, Json]) -> Extra:
    """What the texts of a message keep of it."""
    return sidecar({ITEM: own(keep(item, MESSAGE_FIELDS)) or None})


def read_block(block: Mapping[str, Json], extra: Extra) -> Part:
    kind = block.get("type", "output_text" if isinstance(block.get("text"), str) else None)
    known = isinstance(kind, str) and (kind in TEXT_TYPES or kind == "refusal")
    return read_text(block, extra) if known else Opaque(NAME, dict(block))
