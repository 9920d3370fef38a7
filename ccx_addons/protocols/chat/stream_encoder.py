"""Events -> stream bytes (platform.openai.com/docs/api-reference/chat/streaming).

A chunk with the role, then a chunk for every delta, one with the finish reason, one with the usage where the client
asked for it, and ``[DONE]``.
"""

import json
import time
from dataclasses import dataclass, replace
from typing import Final

from ccx_addons.core import sse, words
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Finished,
    Loss,
    Media,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Refusal,
    Request,
    Started,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from ccx_addons.core.openai import encode_stream_error
from ccx_addons.core.sources import nested_citations
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.chat.answers import Said, new_id
from ccx_addons.protocols.chat.finish import finish_reason, write_usage
from ccx_addons.protocols.chat.parts import write_media
from ccx_addons.protocols.chat.thoughts import DETAILS, FIELDS, write_foreign, write_thoughts
from ccx_addons.protocols.chat.tools import ClientTools, write_call
from ccx_addons.protocols.chat.wire import NAME, Fields, own

DONE: Final = sse.frame("[DONE]")

_quote: Final = json.encoder.encode_basestring
"""A string as JSON text; what is not ASCII stays, as dump_text writes it."""


@dataclass(slots=True)
class Written:
    """A part on its way to the client.

    ``prefix`` and ``suffix`` stand around the JSON string of a delta's text; no prefix: the part waits for its end.
    ``field`` is where the text stands, until the first of it is written; ``before`` the kind of the part before.
    """

    part: Part
    prefix: str = ""
    suffix: str = ""
    field: str = ""
    before: type | None = None
    begin: int = 0
    """Where it begins in its field."""
    length: int = 0
    position: int = 0
    empty: bool = True
    plain: bool = False
    """A delta that is only text stands between prefix and suffix: something was written, and no end needs it."""
    texts: list[str] | None = None
    """All texts, where the end of the part needs them."""
    signature: str = ""


class StreamEncoder:
    def __init__(self, request: Request) -> None:
        self.losses: list[Loss] = []
        self._model = request.model
        self._counts = request.stream_usage
        self._tools = ClientTools(request)
        self._head = ""
        """Beginning of every chunk, up to its choices."""
        self._tail = ',"logprobs":null,"finish_reason":null}]' + (',"usage":null}' if self._counts else "}") + "\n\n"
        self._usage: Usage | None = None
        self._ended = False
        self._refused = False
        self._calls = self._images = self._details = 0
        self._said = Said()
        self._content = 0
        """Characters of the content so far."""
        self._parts: dict[int, Written] = {}

    def encode(self, event: Event) -> bytes:
        if self._ended:
            return b""
        match event:
            case PartDelta(index, text):
                written = self._parts.get(index)
                if written is None:
                    return b""
                if text and written.plain and not (event.extra or event.signature or event.sources):
                    written.length += len(text)
                    return (written.prefix + _quote(text) + written.suffix).encode("utf-8", "backslashreplace")
                return self._write(written, event)
            case PartStarted(index, part):
                return self._start() + self._open(index, part)
            case PartStopped(index):
                written = self._parts.pop(index, None)
                return self._close(written) if written else b""
            case Started():
                return self._start(event)
            case Finished():
                return self._finish(event)
            case Failed(fault):
                self._ended = True
                return encode_stream_error(fault)

    # ---- the answer ----
    def _start(self, event: Started | None = None) -> bytes:
        if self._head:
            return b""
        event = event or Started("", "")
        self._usage = event.usage
        head: Fields = {
            "id": event.id or new_id(),
            "object": "chat.completion.chunk",
            "created": event.created or int(time.time()),
            "model": self._model,
            **own(event.extra),
        }
        self._head = f'data: {dump_text(head)[:-1]},"choices":['
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def _finish(self, event: Finished) -> bytes:
        chunks = [self._start()]
        chunks += [self._close(written) for written in self._parts.values()]
        self._ended = True
        kept = own(event.extra)
        reason = finish_reason(event.stop, self._calls > 0, self._refused, self.losses)
        choice: Fields = {
            "index": 0,
            "delta": {"annotations": kept["annotations"]} if "annotations" in kept else {},
            "logprobs": kept.get("logprobs"),
            "finish_reason": "function_call" if self._tools.legacy and reason == "tool_calls" else reason,
        }
        if event.stop_sequence:
            choice["stop_reason"] = event.stop_sequence
        end = ',"usage":null}\n\n' if self._counts else "}\n\n"
        chunks.append(_bytes(self._head + dump_text(choice) + "]" + end))
        usage = event.usage or self._usage
        if self._counts and usage:
            chunks.append(_bytes(f'{self._head}],"usage":{dump_text(write_usage(usage))}}}\n\n'))
        return b"".join([*chunks, DONE])

    def _chunk(self, delta: Fields) -> bytes:
        return _bytes(f'{self._head}{{"index":0,"delta":{dump_text(delta)}{self._tail}')

    def _around(self, before: str, after: str) -> tuple[str, str]:
        """What stands before and after the string of a delta that only holds text."""
        return f'{self._head}{{"index":0,"delta":{before}', f"{after}{self._tail}"

    # ---- parts ----
    def _open(self, index: int, part: Part) -> bytes:
        written = Written(part, before=None if isinstance(part, Text) and part.apart else self._said.last)
        self._said.last = type(part)
        match part:
            case ToolCall():
                return self._open_call(index, written, part)
            case Media():
                return self._show(part, index)
            case Opaque(protocol) if protocol == NAME:
                self.losses.append(Loss(f"content[{index}]", "an answer holds no Opaque"))
                return b""
            case Opaque():
                found = words.told(part, NAME, f"content[{index}]", self.losses)
                chunks = [self._open(index, inner) for inner in found]
                self._said.last = Opaque
                return b"".join(chunks)
            case Text(text, extra=extra):
                written.field = "content"
            case Refusal(text, extra=extra):
                self._refused = True
                written.field = "refusal"
            case Thinking(text, signature, origin, redacted, extra):
                text = "" if redacted else text
                written.field = signature if origin == NAME and signature in FIELDS else FIELDS[0]
                written.texts = None if origin == NAME else []
                written.signature = signature or ""
            case _:
                self.losses.append(Loss(f"content[{index}]", f"an answer holds no {type(part).__name__}"))
                return b""
        written.prefix, written.suffix = self._around(f'{{"{written.field}":', "}")
        self._parts[index] = written
        sources = part.sources if isinstance(part, Text) else ()
        return self._write(written, PartDelta(index, text, extra=extra, sources=sources))

    def _open_call(self, index: int, written: Written, call: ToolCall) -> bytes:
        name = self._tools.name(call.name)
        written.position = self._calls
        self._calls += 1
        if self._tools.legacy and written.position:
            self.losses.append(Loss(f"content[{index}]", "an answer holds one function_call"))
            return b""
        self._parts[index] = written
        if not self._tools.legacy and name in self._tools.freeform:
            # The text of a custom tool is inside JSON that comes in pieces.
            written.texts = [call.arguments]
            return b""
        if self._tools.legacy:
            written.prefix, written.suffix = self._around('{"function_call":{"arguments":', "}}")
            head = self._chunk({"function_call": {"name": name, "arguments": call.arguments}})
        else:
            position = f'{{"tool_calls":[{{"index":{written.position},"function":{{"arguments":'
            written.prefix, written.suffix = self._around(position, "}}]}")
            function = {"name": name, "arguments": call.arguments}
            said = {"index": written.position, "id": call.id, "type": "function", "function": function}
            head = self._chunk({"tool_calls": [said | own(call.extra)]})
        written.empty = not call.arguments
        written.plain = not written.empty
        return head

    def _show(self, part: Media, index: int) -> bytes:
        block = write_media(part)
        if isinstance(block, str) or block["type"] != "image_url":
            return self._open(index, words.unseen(part, f"content[{index}]", self.losses))
        self._images += 1
        return self._chunk({"images": [{"index": self._images - 1, **block}]})

    def _write(self, written: Written, delta: PartDelta) -> bytes:
        written.signature += delta.signature or ""
        if written.texts is not None:
            written.texts.append(delta.text)
        chunks = []
        if delta.text and written.prefix:
            gap = self._said.gap(written.field, written.before) if written.empty and written.field else ""
            if written.empty:
                written.begin = self._content + len(gap)
            written.empty = False
            written.plain = written.texts is None
            written.length += len(delta.text)
            chunks.append(_bytes(written.prefix + _quote(gap + delta.text) + written.suffix))
        kept = own(delta.extra)
        if delta.sources and "annotations" not in kept:
            kept["annotations"] = nested_citations(delta.sources, written.begin)
        if kept:
            said: Fields = kept
            if isinstance(written.part, ToolCall):
                said = {"tool_calls": [{"index": written.position, **kept}]}
            chunks.append(self._chunk(said))
        return b"".join(chunks)

    def _close(self, written: Written) -> bytes:
        if written.length and isinstance(written.part, Text):
            self._content = written.begin + written.length
        match written.part:
            case ToolCall() as call if not written.prefix:
                whole = replace(call, arguments="".join(written.texts or ()))
                said = write_call(whole, call.id, self._tools.name(call.name), True)
                return self._chunk({"tool_calls": [{"index": written.position, **said}]})
            case ToolCall() if written.empty:
                return _bytes(written.prefix + '"{}"' + written.suffix)
            case Thinking() as thought if written.signature and written.signature not in FIELDS:
                return self._sign(replace(thought, text="".join(written.texts or ()), signature=written.signature))
        return b""

    def _sign(self, thought: Thinking) -> bytes:
        """The signature, in details with which some clients send it back."""
        if thought.origin == NAME:
            return self._chunk({DETAILS: write_thoughts([thought]).get(DETAILS, [])})
        self._details += 1
        return self._chunk({DETAILS: [write_foreign(thought, self._details - 1)]})


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def encoder(request: Request) -> StreamEncoder:
    return StreamEncoder(request)
