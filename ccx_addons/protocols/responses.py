"""OpenAI Responses (platform.openai.com/docs/api-reference/responses)."""

import time
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read, sse, wire_json
from ccx_addons.core.config import Kind
from ccx_addons.core.faults import fault_of, read_fault
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    Json,
    Opaque,
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
from ccx_addons.core.openai import error_body
from ccx_addons.core.sse import EventTooLarge, Reader
from ccx_addons.core.wire_json import loads_object

NAME: Final[Kind] = "responses"
DEFAULT_VERSION: Final = "v1"
PATHS: Final[Mapping[str, str]] = {
    "generate": "/responses",
    "compact": "/responses/compact",
    "get": "/responses/{model}",
    "delete": "/responses/{model}",
    "models": "/models",
    "model": "/models/{model}",
}


def upstream_path(operation: str, model: str, stream: bool) -> str:
    return PATHS[operation].replace("{model}", model)


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def encode_stream_error(fault: Fault) -> bytes:
    error = read.mapping(error_body(fault)["error"])
    body = {
        "type": "error",
        "sequence_number": 0,
        "code": error.get("code") or error["type"],
        "message": fault.message,
        "param": None,
    }
    return sse.frame(wire_json.dump_text(body), "error")


def read_usage(usage: Mapping[str, Json]) -> Usage | None:
    if not usage:
        return None
    cached = read.count(read.mapping(usage.get("input_tokens_details")).get("cached_tokens"))
    reasoning = read.count(read.mapping(usage.get("output_tokens_details")).get("reasoning_tokens"))
    return Usage(read.count(usage.get("input_tokens")), read.count(usage.get("output_tokens")), cached, 0, reasoning)


def usage_of(body: Json) -> Usage | None:
    return read_usage(read.mapping(read.mapping(body).get("usage")))


def answer_fault(body: Json) -> Fault | None:
    table = read.mapping(body)
    if table.get("error"):
        return fault_of(table)
    if table.get("status") in ("incomplete", "in_progress", "queued") or table.get("deleted"):
        return None
    for item in read.mappings(table.get("output")):
        if item.get("type") != "message":
            return None
        if any(part.get("text") or part.get("refusal") for part in read.mappings(item.get("content"))):
            return None
    return Fault("server", "the answer has no content")


class StreamDecoder:
    def __init__(self) -> None:
        self.reader = Reader()
        self.failed = self.finished = False

    def feed(self, data: bytes) -> list[Event]:
        try:
            found = self.reader.feed(data)
        except EventTooLarge as error:
            self.failed = True
            return [Failed(Fault("server", str(error)))]
        return [e for message in found for e in self._read(message.data)]

    def flush(self) -> list[Event]:
        events = [e for message in self.reader.flush() for e in self._read(message.data)]
        if self.failed or self.finished:
            return events
        return [*events, Failed(Fault("server", "the stream ended without response.completed"))]

    def _read(self, data: str) -> list[Event]:
        value = loads_object(data)
        if value is None or self.failed or self.finished:
            return []
        kind = read.text(value.get("type"))
        index = read.count(value.get("output_index"))
        response = read.mapping(value.get("response"))
        if kind == "response.created":
            return [Started(read.text(response.get("id")), read.text(response.get("model")))]
        if kind == "response.output_item.added":
            return [PartStarted(index, _part(read.mapping(value.get("item"))))]
        if kind.endswith(".delta"):
            return [PartDelta(index, read.text(value.get("delta")))]
        if kind == "response.output_item.done":
            return [PartStopped(index)]
        if kind in ("response.completed", "response.incomplete"):
            self.finished = True
            stop: Stop = "end" if kind == "response.completed" else "length"
            return [Finished(stop, usage_of(response))]
        if kind in ("error", "response.failed") or "error" in value:
            self.failed = True
            return [Failed(fault_of(value))]
        return []


def _part(item: Mapping[str, Json]) -> Text | Thinking | ToolCall | Opaque:
    match item.get("type"):
        case "message":
            return Text("")
        case "reasoning":
            return Thinking("", origin=NAME)
        case "function_call" | "custom_tool_call":
            return ToolCall(read.text(item.get("call_id")), read.text(item.get("name")), "")
    return Opaque(NAME, dict(item))


def decoder() -> StreamDecoder:
    return StreamDecoder()
