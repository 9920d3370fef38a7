"""OpenAI Chat Completions (platform.openai.com/docs/api-reference/chat)."""

import time
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.config import Kind
from ccx_addons.core.faults import fault_of, read_fault
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    Json,
    PartDelta,
    PartStarted,
    PartStopped,
    Started,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from ccx_addons.core.openai import auth_header as auth_header
from ccx_addons.core.openai import encode_error as encode_error
from ccx_addons.core.openai import encode_stream_error as encode_stream_error
from ccx_addons.core.sse import EventTooLarge, Reader
from ccx_addons.core.wire_json import loads_object

NAME: Final[Kind] = "chat"
DEFAULT_VERSION: Final = "v1"
PATHS: Final[Mapping[str, str]] = {"generate": "/chat/completions", "models": "/models", "model": "/models/{model}"}
STOPS: Final[Mapping[str, Stop]] = {
    "stop": "end",
    "length": "length",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "content_filter": "refusal",
}


def upstream_path(operation: str, model: str, stream: bool) -> str:
    return PATHS[operation].replace("{model}", model)


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def read_usage(usage: Mapping[str, Json]) -> Usage | None:
    if not usage:
        return None
    details = read.mapping(usage.get("prompt_tokens_details"))
    out = read.mapping(usage.get("completion_tokens_details"))
    return Usage(
        read.count(usage.get("prompt_tokens")),
        read.count(usage.get("completion_tokens")),
        read.count(details.get("cached_tokens")),
        0,
        read.count(out.get("reasoning_tokens")),
    )


def usage_of(body: Json) -> Usage | None:
    return read_usage(read.mapping(read.mapping(body).get("usage")))


def answer_fault(body: Json) -> Fault | None:
    table = read.mapping(body)
    if table.get("error"):
        return fault_of(table)
    for choice in read.mappings(table.get("choices")):
        message = read.mapping(choice.get("message"))
        if any(
            message.get(n)
            for n in ("content", "tool_calls", "reasoning_content", "reasoning", "refusal", "function_call", "audio")
        ):
            return None
        if choice.get("finish_reason") in ("length", "content_filter"):
            return None
    return Fault("server", "the answer has no content")


class StreamDecoder:
    def __init__(self) -> None:
        self.reader = Reader()
        self.started = self.failed = False
        self.stop: Stop | None = None
        self.usage: Usage | None = None
        self.open: set[int] = set()

    def feed(self, data: bytes) -> list[Event]:
        try:
            found = self.reader.feed(data)
        except EventTooLarge as error:
            self.failed = True
            return [Failed(Fault("server", str(error)))]
        return [e for message in found for e in self._read(message.data)]

    def flush(self) -> list[Event]:
        events = [e for message in self.reader.flush() for e in self._read(message.data)]
        if self.failed:
            return events
        if self.stop is None:
            return [*events, Failed(Fault("server", "the stream ended without a finish reason"))]
        return [*events, *(PartStopped(i) for i in sorted(self.open)), Finished(self.stop, self.usage)]

    def _read(self, data: str) -> list[Event]:
        value = loads_object(data)
        if value is None or self.failed:
            return []
        if value.get("error"):
            self.failed = True
            return [Failed(fault_of(value))]
        events: list[Event] = []
        if not self.started:
            self.started = True
            events.append(Started(read.text(value.get("id")), read.text(value.get("model"))))
        self.usage = read_usage(read.mapping(value.get("usage"))) or self.usage
        for choice in read.mappings(value.get("choices"))[:1]:
            delta = read.mapping(choice.get("delta"))
            if text := read.text(delta.get("content")):
                events += self._delta(0, Text(""), text)
            if text := read.text(delta.get("reasoning_content")) or read.text(delta.get("reasoning")):
                events += self._delta(1, Thinking("", origin=NAME), text)
            for call in read.mappings(delta.get("tool_calls")):
                function = read.mapping(call.get("function"))
                events += self._delta(
                    2 + read.count(call.get("index")),
                    ToolCall(read.text(call.get("id")), read.text(function.get("name")), ""),
                    read.text(function.get("arguments")),
                )
            if reason := read.text(choice.get("finish_reason")):
                self.stop = STOPS.get(reason, "end")
        return events

    def _delta(self, index: int, part: object, text: str) -> list[Event]:
        events: list[Event] = []
        if index not in self.open:
            self.open.add(index)
            events.append(PartStarted(index, part))  # type: ignore[arg-type]
        return [*events, PartDelta(index, text)]


def decoder() -> StreamDecoder:
    return StreamDecoder()
