"""Compaction for upstreams that have none: the conversation becomes a summary, made by an ordinary request.

Codex asks for it with ``POST /v1/responses/compact`` or with an item ``compaction_trigger`` at the end of an input
(platform.openai.com/docs/guides/compaction). The result is one item whose ``encrypted_content`` is ours: when it comes
back in a later input it is read again, whatever upstream that request goes to.
"""

import base64
import binascii
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ccx_addons.core import read, sse, wire_json
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import (
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Response,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    text_of,
)

type Json = Any

MARK: Final = "ccx-summary:"
"""Begins the content of our own compaction items."""
MOST: Final = 240_000
HEAD: Final = 0.2
TAIL: Final = 0.75
"""Characters of a transcript, and which parts of a longer one are kept."""
MOST_ARGUMENTS: Final = 8_000
MOST_THINKING: Final = 12_000
MOST_RESULT: Final = 500
MAX_TOKENS: Final = 8192

INSTRUCTIONS: Final = """\
You hand a piece of work over to a colleague who sees nothing but your summary. Read the transcript of a conversation
between a user and an assistant with tools, and write that summary. Say, in this order: what the user wants, including
every constraint and preference; what was done and decided, with the names of files, commands, identifiers and exact
values that matter; what is known to work or fail; what remains to be done and the very next step. Leave out small talk
and dead ends that teach nothing. Write plain text, in the language of the conversation, and nothing but the summary."""

BEFORE: Final = "This is the summary of the conversation so far, which was too long to keep:\n\n"


def triggered(members: Mapping[str, Json]) -> bool:
    """Whether an input asks for compaction by its last item."""
    return any(item.get("type") == "compaction_trigger" for item in read.mappings(members.get("input"))[-1:])


def restored(members: Mapping[str, Json]) -> Mapping[str, Json]:
    """The request with our own compaction items turned back into what they say."""
    given = members.get("input")
    if not isinstance(given, list):
        return members
    items = [_restored(item) for item in given]
    return members if items == given else {**members, "input": items}


def untriggered(members: Mapping[str, Json]) -> Mapping[str, Json]:
    """The request without triggers: what is left is what shall be summed up."""
    given = members.get("input")
    if not isinstance(given, list):
        return members
    return {**members, "input": [item for item in given if read.mapping(item).get("type") != "compaction_trigger"]}


def _restored(item: Json) -> Json:
    content = read.text(read.mapping(item).get("encrypted_content"))
    if read.mapping(item).get("type") not in ("compaction", "compaction_summary") or not content.startswith(MARK):
        return item
    try:
        summary = base64.b64decode(content.removeprefix(MARK), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return item
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": BEFORE + summary}]}


def summary_request(request: Request) -> Request:
    """The ordinary request that makes the summary: no tools, no stream, nothing else of the client's."""
    text = transcript(request.messages)
    return Request(
        model=request.model,
        messages=(Message("user", (Text(text),)),),
        system=(Text(INSTRUCTIONS),),
        max_tokens=MAX_TOKENS,
        user=request.user,
    )


def transcript(messages: Iterable[Message]) -> str:
    lines = [f"[{message.role}]\n" + "\n".join(map(_say, message.parts)) for message in messages]
    text = "\n\n".join(lines)
    if len(text) <= MOST:
        return text
    return text[: int(MOST * HEAD)] + "\n\n[... left out ...]\n\n" + text[-int(MOST * TAIL) :]


def _say(part: Part) -> str:
    match part:
        case Text(text) | Refusal(text):
            return text
        case Thinking(text):
            return f"(thought) {_cut(text, MOST_THINKING)}" if text else ""
        case ToolCall(_, name, arguments):
            return f"(called {name}) {_cut(arguments, MOST_ARGUMENTS)}"
        case ToolResult(_, parts, is_error):
            said = _cut("\n".join(map(_say, parts)), MOST_RESULT)
            return f"({'failed' if is_error else 'result'}) {said}"
        case Media(mime):
            return f"({mime})"
        case Opaque(_, value):
            return f"({read.text(read.mapping(value).get('type'), 'something')})"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} [cut]"


def item_of(response: Response) -> dict[str, Json]:
    summary = text_of(response.parts).strip()
    content = MARK + base64.b64encode(summary.encode("utf-8", "backslashreplace")).decode()
    return {"id": f"cmp_{uuid7().replace('-', '')}", "type": "compaction", "encrypted_content": content}


def compacted(response: Response) -> dict[str, Json]:
    """The answer of ``/responses/compact``."""
    return {
        "id": f"resp_{uuid7().replace('-', '')}",
        "object": "response.compaction",
        "created_at": int(time.time()),
        "output": [item_of(response)],
        "usage": _usage(response.usage or Usage()),
    }


def answered(whole: dict[str, Json], response: Response) -> dict[str, Json]:
    """A Responses answer (as its encoder wrote it) whose output is the compaction item."""
    return {**whole, "output": [item_of(response)]}


def events(whole: dict[str, Json]) -> bytes:
    """The same as a complete stream."""
    (item,) = whole["output"]
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    steps: tuple[dict[str, Json], ...] = (
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    )
    frames = (
        sse.frame(wire_json.dump_text({**step, "sequence_number": number}), step["type"])
        for number, step in enumerate(steps)
    )
    return b"".join(frames)


def _usage(usage: Usage) -> dict[str, Json]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
