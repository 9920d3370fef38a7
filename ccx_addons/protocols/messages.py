"""Anthropic Messages (platform.claude.com/docs/en/api/messages)."""

import time
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read, sse, wire_json
from ccx_addons.core.config import AuthStyle, Kind
from ccx_addons.core.faults import fault_of, read_fault
from ccx_addons.core.neutral import (
    FAULT_STATUS,
    Event,
    Failed,
    Fault,
    FaultKind,
    Finished,
    Json,
    Opaque,
    Part,
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
from ccx_addons.core.sse import EventTooLarge, Reader
from ccx_addons.core.wire_json import loads_object

NAME: Final[Kind] = "messages"
DEFAULT_VERSION: Final = "v1"
PATHS: Final[Mapping[str, str]] = {
    "generate": "/messages",
    "count_tokens": "/messages/count_tokens",
    "models": "/models",
    "model": "/models/{model}",
}
STOPS: Final[Mapping[str, Stop]] = {
    "end_turn": "end",
    "max_tokens": "length",
    "tool_use": "tool_call",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "pause_turn": "pause",
    "model_context_window_exceeded": "length",
}
ERROR_TYPES: Final[Mapping[FaultKind, str]] = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "billing": "billing_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "method": "invalid_request_error",
    "timeout": "timeout_error",
    "conflict": "invalid_request_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "unavailable": "api_error",
    "server": "api_error",
}


def upstream_path(operation: str, model: str, stream: bool) -> str:
    return PATHS[operation].replace("{model}", model)


def auth_header(secret: str, style: AuthStyle) -> tuple[str, str]:
    if style == "query":
        return "?key", secret
    if style in ("x-api-key", "x-goog-api-key"):
        return style, secret
    if style == "auto" and secret.startswith("sk-ant-") and not secret.startswith("sk-ant-oat"):
        return "x-api-key", secret
    return "authorization", f"Bearer {secret}"


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def error_body(fault: Fault) -> dict[str, Json]:
    kind = fault.type if fault.type in ERROR_TYPES.values() else ERROR_TYPES[fault.kind]
    return {"type": "error", "error": {"type": kind, "message": fault.message}}


def encode_error(fault: Fault, request_id: str) -> tuple[int, bytes]:
    body = error_body(fault) | ({"request_id": request_id} if request_id else {})
    return fault.status or FAULT_STATUS[fault.kind], wire_json.dumps(body)


def encode_stream_error(fault: Fault) -> bytes:
    return sse.frame(wire_json.dump_text(error_body(fault)), "error")


def read_usage(usage: Mapping[str, Json]) -> Usage | None:
    if not usage:
        return None
    cached, created = (
        read.count(usage.get("cache_read_input_tokens")),
        read.count(usage.get("cache_creation_input_tokens")),
    )
    return Usage(
        read.count(usage.get("input_tokens")) + cached + created,
        read.count(usage.get("output_tokens")),
        cached,
        created,
    )


def usage_of(body: Json) -> Usage | None:
    return read_usage(read.mapping(read.mapping(body).get("usage")))


def answer_fault(body: Json) -> Fault | None:
    table = read.mapping(body)
    if table.get("error") or table.get("type") == "error":
        return fault_of(table)
    if "input_tokens" in table:
        return None
    for block in read.mappings(table.get("content")):
        if block.get("type") != "text" or read.text(block.get("text")).strip():
            return None
    if table.get("stop_reason") in ("max_tokens", "refusal", "stop_sequence", "pause_turn"):
        return None
    return Fault("server", "the answer has no content")


class StreamDecoder:
    def __init__(self) -> None:
        self.reader = Reader()
        self.failed = self.finished = False
        self.stop: Stop | None = None
        self.usage: dict[str, Json] = {}

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
        if self.stop is None:
            return [*events, Failed(Fault("server", "the stream ended without message_stop"))]
        return [*events, Finished(self.stop, read_usage(self.usage))]

    def _read(self, data: str) -> list[Event]:
        value = loads_object(data)
        if value is None or self.failed or self.finished:
            return []
        index = read.count(value.get("index"))
        match value.get("type"):
            case "message_start":
                message = read.mapping(value.get("message"))
                self.usage = dict(read.mapping(message.get("usage")))
                return [
                    Started(read.text(message.get("id")), read.text(message.get("model")), usage=read_usage(self.usage))
                ]
            case "content_block_start":
                return [PartStarted(index, _part(read.mapping(value.get("content_block"))))]
            case "content_block_delta":
                delta = read.mapping(value.get("delta"))
                text = next((read.text(delta.get(n)) for n in ("text", "thinking", "partial_json") if n in delta), "")
                return [PartDelta(index, text)]
            case "content_block_stop":
                return [PartStopped(index)]
            case "message_delta":
                self.usage |= {k: v for k, v in read.mapping(value.get("usage")).items() if v is not None}
                if reason := read.text(read.mapping(value.get("delta")).get("stop_reason")):
                    self.stop = STOPS.get(reason, "end")
                return []
            case "message_stop":
                self.finished = True
                return [Finished(self.stop or "end", read_usage(self.usage))]
            case "error":
                self.failed = True
                return [Failed(fault_of(value))]
        return []


def _part(block: Mapping[str, Json]) -> Part:
    match block.get("type"):
        case "text":
            return Text(read.text(block.get("text")))
        case "thinking" | "redacted_thinking":
            return Thinking(read.text(block.get("thinking")), origin=NAME)
        case "tool_use":
            return ToolCall(read.text(block.get("id")), read.text(block.get("name")), "")
    return Opaque(NAME, dict(block))


def decoder() -> StreamDecoder:
    return StreamDecoder()
