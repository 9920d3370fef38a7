"""Events -> stream bytes, and the complete answer (platform.openai.com/docs/api-reference/responses-streaming).

Both come from one writer, so that a stream's last response is the JSON answer.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ccx_addons.core import sse, words
from ccx_addons.core.ids import made_up_id, uuid7
from ccx_addons.core.neutral import (
    Event,
    Extra,
    Failed,
    Fault,
    Finished,
    Json,
    Loss,
    Media,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Refusal,
    Request,
    Response,
    Source,
    Started,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    Usage,
    explode,
    merge_extra,
)
from ccx_addons.core.sources import url_citations
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.responses.answers import IMAGE_CALL, write_usage
from ccx_addons.protocols.responses.calls import CUSTOM_CALL, FUNCTION_CALL, PREFIXES, call_kind, write_call
from ccx_addons.protocols.responses.envelope import envelope
from ccx_addons.protocols.responses.errors import error_event, failure
from ccx_addons.protocols.responses.freeform import InnerText
from ccx_addons.protocols.responses.parts import ITEM
from ccx_addons.protocols.responses.thoughts import write_reasoning
from ccx_addons.protocols.responses.tools import Naming
from ccx_addons.protocols.responses.wire import NAME, Item, own

_quote: Final = json.encoder.encode_basestring
"""A string as JSON text; what is not ASCII stays, as dump_text writes it."""

ITEM_PREFIXES: Final[Mapping[str, str]] = {
    **PREFIXES,
    "message": "msg",
    "reasoning": "rs",
    IMAGE_CALL: "ig",
    "web_search_call": "ws",
    "code_interpreter_call": "ci",
    "file_search_call": "fs",
    "mcp_call": "mcp",
}
"""Type of an item -> how its id begins."""
DELTAS: Final[Mapping[str, str]] = {
    FUNCTION_CALL: "response.function_call_arguments",
    CUSTOM_CALL: "response.custom_tool_call_input",
}
"""Type of a call's item -> its events, but for ``.delta`` and ``.done``."""


NUMBER: Final = re.compile(rb'"sequence_number"\s*+:\s*+(\d{1,9})\b')


@dataclass(slots=True)
class Output:
    """An item on its way to the client. ``texts`` counts the open parts of a message; a ``last`` one takes no more."""

    item: Item
    position: int
    fields: Item = field(default_factory=dict)
    texts: int = 0
    last: bool = False


@dataclass(slots=True)
class Written:
    """A part on its way to the client.

    ``before`` and ``after`` stand around the JSON string of a delta's text; none: the part has no deltas (yet).
    """

    part: Part
    output: Output
    kind: str = ""
    content: int = 0
    before: str = ""
    after: str = ""
    plain: bool = False
    """A delta that is only text stands between them as it is."""
    texts: list[str] = field(default_factory=list)
    inner: InnerText | None = None
    signature: str = ""
    extra: Extra | None = None
    sources: tuple[Source, ...] = ()
    tool: Tool | None = None


class StreamEncoder:
    def __init__(self, request: Request) -> None:
        self.losses: list[Loss] = []
        self.answer: Item = {}
        """The answer so far, as ``response`` in the events."""
        self._request = request
        self._naming = Naming(request)
        self._number = -1
        self._usage: Usage | None = None
        self._ended = False
        self._refused = False
        self._parts: dict[int, Written] = {}
        self._outputs: list[Output] = []
        self._done: dict[int, Item] = {}
        self._message: Output | None = None
        """The message that the next text may join."""

    def encode(self, event: Event) -> bytes:
        if self._ended:
            return b""
        match event:
            case PartDelta(index, text):
                written = self._parts.get(index)
                if written and written.plain and text and not (event.extra or event.signature or event.sources):
                    written.texts.append(text)
                    return self._delta(written, text)
                return self._write(written, event, text) if written else b""
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
                return self._start() + self._fail(fault)

    # ---- the answer ----
    def _start(self, event: Started | None = None) -> bytes:
        if self.answer:
            return b""
        event = event or Started("", "")
        self._usage = event.usage
        id_ = event.id if event.id.startswith("resp_") else f"resp_{uuid7().replace('-', '')}"
        self.answer = envelope(self._request, self._naming, id_, event.created or int(time.time())) | own(event.extra)
        return self._lifecycle("response.created") + self._lifecycle("response.in_progress")

    def _finish(self, event: Finished) -> bytes:
        chunks = [self._start()]
        chunks += [self._close(self._parts.pop(index)) for index in list(self._parts)]
        cut = event.stop == "length"
        chunks.append(self._close_message("incomplete" if cut else "completed"))
        if event.stop == "error":
            return b"".join([*chunks, self._fail(Fault("server", "the upstream broke off its answer"))])
        if event.stop_sequence:
            self.losses.append(Loss("stop_sequence", "an answer does not say which sequence stopped it"))
        if event.stop == "pause":
            self.losses.append(Loss("status", "there is no word for a turn that was paused"))
        usage = event.usage or self._usage
        reason = self._reason(event.stop)
        self.answer |= {
            "status": "incomplete" if reason else "completed",
            "incomplete_details": {"reason": reason} if reason else None,
            "output": self._output(),
            "usage": write_usage(usage) if usage else None,
        }
        self.answer |= own(event.extra)
        self._ended = True
        chunks.append(self._lifecycle("response.incomplete" if reason else "response.completed"))
        return b"".join(chunks)

    def _reason(self, stop: Stop) -> str | None:
        if stop == "length":
            return "max_output_tokens"
        return "content_filter" if stop == "refusal" and not self._refused else None

    def _fail(self, fault: Fault) -> bytes:
        return self._event("error", error_event(fault)) + self.failed(fault)

    def failed(self, fault: Fault) -> bytes:
        self._ended = True
        usage = write_usage(self._usage) if self._usage else None
        self.answer |= {"status": "failed", "error": failure(fault), "output": self._output(), "usage": usage}
        return self._lifecycle("response.failed")

    def _output(self) -> list[Item]:
        return [self._done[position] for position in sorted(self._done)]

    def _lifecycle(self, kind: str) -> bytes:
        return self._event(kind, {"response": self.answer})

    def count_from(self, events: bytes) -> None:
        """The next number is above those of these events."""
        self._number = max(self._number, *map(int, NUMBER.findall(events)), 0)

    def _event(self, kind: str, fields: Item) -> bytes:
        self._number += 1
        return sse.frame(dump_text({"type": kind, **fields, "sequence_number": self._number}), kind)

    # ---- items ----
    def _add(self, item: Item, begun: Item, fields: Item | None = None) -> tuple[Output, bytes]:
        """``item`` as it is going to be, but for its id; ``begun`` what differs at its beginning."""
        position = len(self._outputs)
        prefix = ITEM_PREFIXES.get(item["type"], "item")
        item = {"id": item.get("id") or made_up_id(prefix, self.answer["id"], position), **item}
        output = Output(item, position, fields or {})
        self._outputs.append(output)
        return output, self._event("response.output_item.added", {"output_index": position, "item": item | begun})

    def _end_item(self, output: Output) -> bytes:
        self._done[output.position] = output.item
        return self._event("response.output_item.done", {"output_index": output.position, "item": output.item})

    def _whole(self, item: Item, begun: Item) -> bytes:
        output, added = self._add(item, begun)
        return added + self._end_item(output)

    # ---- parts ----
    def _open(self, index: int, part: Part) -> bytes:
        if isinstance(part, Text | Refusal):
            return self._open_text(index, part)
        match part:
            case Thinking():
                return self._leave_message() + self._open_thought(index, part)
            case ToolCall():
                return self._leave_message() + self._open_call(index, part)
            case Opaque(protocol, dict(item)) if protocol == NAME and isinstance(item.get("type"), str):
                return self._leave_message() + self._whole(item, {})
            case Opaque(protocol) if protocol != NAME:
                found = words.told(part, NAME, f"output[{index}]", self.losses)
                return b"".join(self._open(index, inner) for inner in found) + self._leave_message()
            case Media(mime, str(data)) if mime.startswith("image/"):
                image = {"type": IMAGE_CALL, "status": "completed", **own(part.extra), "result": data}
                return self._leave_message() + self._whole(image, {"status": "in_progress", "result": None})
            case Media():
                return self._open(index, words.unseen(part, f"output[{index}]", self.losses))
        self.losses.append(Loss(f"output[{index}]", f"an answer holds no {type(part).__name__}"))
        return b""

    def _open_text(self, index: int, part: Text | Refusal) -> bytes:
        """A text joins the message before it, unless that is known to be another."""
        fields: Item = own(part.extra).get(ITEM) or {}
        head = b""
        if self._message is None or self._message.fields != fields or (isinstance(part, Text) and part.apart):
            head = self._leave_message()
            item: Item = {"type": "message", "status": "completed", "role": "assistant", "content": [], **fields}
            self._message, added = self._add(item, {"status": "in_progress"}, fields)
            head += added
        output = self._message
        refused = isinstance(part, Refusal)
        self._refused = self._refused or refused
        kind = "refusal" if refused else "output_text"
        self._parts[index] = written = Written(part, output, kind, len(output.item["content"]), extra=part.extra)
        output.texts += 1
        begun = self._block(replace(part, text="", extra={}))
        # Its place; the block comes when it is whole.
        output.item["content"] = [*output.item["content"], begun]
        where = self._where(written)
        added = self._event("response.content_part.added", {**where, "part": begun})
        self._around(written, f"response.{kind}.delta", where, '"logprobs":[],' if kind == "output_text" else "")
        sources = part.sources if isinstance(part, Text) else ()
        return head + added + self._write(written, PartDelta(index, sources=sources), part.text)

    def _open_thought(self, index: int, part: Thinking) -> bytes:
        item: Item = {**write_reasoning(replace(part, text="", signature=None)), "summary": []}
        output, added = self._add({name: value for name, value in item.items() if name != "content"}, {})
        written = Written(part, output, "reasoning", extra=part.extra, signature=part.signature or "")
        self._parts[index] = written
        return added + self._write(written, PartDelta(index), "" if part.redacted else part.text)

    def _open_call(self, index: int, part: ToolCall) -> bytes:
        name = self._naming.client_name(part.name)
        tool = self._naming.tool(name)
        kind = call_kind(part, tool)
        item = write_call(replace(part, arguments=""), kind, tool, name, part.id)
        begun: Item = {"status": "in_progress"}
        if kind == FUNCTION_CALL:
            item["arguments"] = ""
        output, added = self._add({"status": "completed", **item}, begun)
        self._parts[index] = written = Written(replace(part, name=name), output, kind, extra=part.extra, tool=tool)
        if kind == CUSTOM_CALL:
            written.inner = InnerText()
        if kind in DELTAS:
            self._around(written, f"{DELTAS[kind]}.delta", self._where(written), "")
        return added + self._write(written, PartDelta(index), part.arguments)

    def _where(self, written: Written) -> Item:
        where: Item = {"item_id": written.output.item["id"], "output_index": written.output.position}
        if written.kind in ("output_text", "refusal"):
            where["content_index"] = written.content
        elif written.kind == "reasoning":
            where["summary_index"] = 0
        return where

    def _around(self, written: Written, kind: str, where: Item, more: str) -> None:
        written.before = f'event: {kind}\ndata: {{"type":"{kind}",{dump_text(where)[1:-1]},"delta":'
        written.after = f',{more}"sequence_number":'
        written.plain = written.inner is None

    def _write(self, written: Written, delta: PartDelta, text: str) -> bytes:
        if delta.signature:
            written.signature += delta.signature
        if delta.sources:
            written.sources = delta.sources
        if delta.extra:
            written.extra = merge_extra(written.extra or {}, delta.extra)
        if not text:
            return b""
        written.texts.append(text)
        if written.kind == "reasoning" and not written.before:
            return self._open_summary(written) + self._delta(written, text)
        if written.inner is not None and not (text := written.inner.feed(text)):
            return b""
        return self._delta(written, text) if written.before else b""

    def _delta(self, written: Written, text: str) -> bytes:
        self._number += 1
        return f"{written.before}{_quote(text)}{written.after}{self._number}}}\n\n".encode("utf-8", "backslashreplace")

    def _open_summary(self, written: Written) -> bytes:
        where = self._where(written)
        self._around(written, "response.reasoning_summary_text.delta", where, "")
        part = {"type": "summary_text", "text": ""}
        return self._event("response.reasoning_summary_part.added", {**where, "part": part})

    # ---- ends ----
    def _close(self, written: Written) -> bytes:
        match written.part:
            case Text() | Refusal():
                return self._close_text(written, written.part)
            case Thinking():
                return self._close_thought(written, written.part)
            case ToolCall():
                return self._close_call(written, written.part)
        return b""

    def _close_text(self, written: Written, part: Text | Refusal) -> bytes:
        text, where = "".join(written.texts), self._where(written)
        block = self._block(replace(part, text=text, extra=written.extra or {}))
        if written.sources and not block.get("annotations"):
            block["annotations"] = url_citations(written.sources)
        written.output.item["content"][written.content] = block
        chunks = [
            self._event("response.output_text.annotation.added", {**where, "annotation_index": n, "annotation": note})
            for n, note in enumerate(block.get("annotations", ()))
        ]
        name = "refusal" if isinstance(part, Refusal) else "text"
        done: Item = {**where, name: text} | ({} if name == "refusal" else {"logprobs": block["logprobs"]})
        chunks.append(self._event(f"response.{written.kind}.done", done))
        chunks.append(self._event("response.content_part.done", {**where, "part": block}))
        written.output.texts -= 1
        if written.output.last and not written.output.texts:
            chunks.append(self._end_item(written.output))
        return b"".join(chunks)

    def _block(self, part: Text | Refusal) -> Item:
        kept = own(part.extra)
        kept.pop(ITEM, None)
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text, **kept}
        return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": [], **kept}

    def _leave_message(self) -> bytes:
        """Something else comes: the message takes no more texts."""
        output, self._message = self._message, None
        if output is None:
            return b""
        output.last = True
        return b"" if output.texts else self._end_item(output)

    def _close_message(self, status: str) -> bytes:
        if self._message is None:
            return b""
        self._message.item["status"] = status
        return self._leave_message()

    def _close_thought(self, written: Written, part: Thinking) -> bytes:
        text, chunks = "".join(written.texts), []
        if written.before:
            where = self._where(written)
            block = {"type": "summary_text", "text": text}
            chunks.append(self._event("response.reasoning_summary_text.done", {**where, "text": text}))
            chunks.append(self._event("response.reasoning_summary_part.done", {**where, "part": block}))
        whole = replace(part, text=text, signature=written.signature or None, extra=written.extra or {})
        written.output.item |= write_reasoning(whole)
        return b"".join([*chunks, self._end_item(written.output)])

    def _close_call(self, written: Written, part: ToolCall) -> bytes:
        chunks = []
        if written.inner is not None and (rest := written.inner.finish()):
            chunks.append(self._delta(written, rest))
        if written.kind == FUNCTION_CALL and not written.texts:
            chunks.append(self._write(written, PartDelta(0), "{}"))
        whole = replace(part, arguments="".join(written.texts), extra=written.extra or {})
        item = write_call(whole, written.kind, written.tool, part.name, part.id)
        written.output.item |= item
        if written.kind in DELTAS:
            name = "input" if written.kind == CUSTOM_CALL else "arguments"
            done: Item = {**self._where(written), name: item[name]}
            if written.kind == FUNCTION_CALL:
                done["name"] = item["name"]
            chunks.append(self._event(f"{DELTAS[written.kind]}.done", done))
        return b"".join([*chunks, self._end_item(written.output)])


def encoder(request: Request) -> StreamEncoder:
    return StreamEncoder(request)


def encode_failed(fault: Fault, begun: Started, last: bytes) -> bytes:
    """How an answer ends that passed through until it broke. ``last``: its last events."""
    writer = StreamEncoder(Request(begun.model, ()))
    writer.encode(begun)
    writer.answer["id"] = begun.id
    writer.count_from(last)
    return writer.failed(fault)


def encode_response(response: Response, request: Request) -> tuple[dict[str, Json], list[Loss]]:
    """The client's answer: its own model name, tool names and kinds of calls."""
    writer = StreamEncoder(request)
    for event in explode(response):
        writer.encode(event)
    return writer.answer, writer.losses
