"""Google Gemini generateContent (ai.google.dev/api/generate-content)."""

import json
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

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
    Media,
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

NAME: Final[Kind] = "gemini"
DEFAULT_VERSION: Final = "v1beta"
METHODS: Final[Mapping[str, str]] = {
    "generate": ":generateContent",
    "count_tokens": ":countTokens",
    "embed": ":embedContent",
    "model": "",
}
ERROR_STATUS: Final[Mapping[FaultKind, str]] = {
    "invalid_request": "INVALID_ARGUMENT",
    "authentication": "UNAUTHENTICATED",
    "billing": "FAILED_PRECONDITION",
    "permission": "PERMISSION_DENIED",
    "not_found": "NOT_FOUND",
    "method": "UNIMPLEMENTED",
    "timeout": "DEADLINE_EXCEEDED",
    "conflict": "ABORTED",
    "too_large": "INVALID_ARGUMENT",
    "rate_limit": "RESOURCE_EXHAUSTED",
    "overloaded": "UNAVAILABLE",
    "unavailable": "UNAVAILABLE",
    "server": "INTERNAL",
}
STOPS: Final[Mapping[str, Stop]] = {"STOP": "end", "MAX_TOKENS": "length"}


def upstream_path(operation: str, model: str, stream: bool) -> str:
    if operation == "models":
        return "/models"
    method = ":streamGenerateContent?alt=sse" if operation == "generate" and stream else METHODS[operation]
    return f"/models/{quote(model, safe='/')}{method}"


def auth_header(secret: str, style: AuthStyle) -> tuple[str, str]:
    match style:
        case "query":
            return "?key", secret
        case "bearer":
            return "authorization", f"Bearer {secret}"
        case "x-api-key":
            return "x-api-key", secret
    return ("authorization", f"Bearer {secret}") if secret.startswith("ya29.") else ("x-goog-api-key", secret)


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def error_body(fault: Fault) -> dict[str, Json]:
    code = fault.status or FAULT_STATUS[fault.kind]
    return {"error": {"code": code, "message": fault.message, "status": ERROR_STATUS[fault.kind]}}


def encode_error(fault: Fault, request_id: str) -> tuple[int, bytes]:
    return fault.status or FAULT_STATUS[fault.kind], wire_json.dumps(error_body(fault))


def encode_stream_error(fault: Fault) -> bytes:
    return sse.frame(wire_json.dump_text(error_body(fault)))


def read_usage(usage: Mapping[str, Json]) -> Usage | None:
    if not usage:
        return None
    thoughts = read.count(usage.get("thoughtsTokenCount"))
    return Usage(
        read.count(usage.get("promptTokenCount")) + read.count(usage.get("toolUsePromptTokenCount")),
        read.count(usage.get("candidatesTokenCount")) + thoughts,
        read.count(usage.get("cachedContentTokenCount")),
        0,
        thoughts,
    )


def usage_of(body: Json) -> Usage | None:
    return read_usage(read.mapping(read.mapping(body).get("usageMetadata")))


def answer_fault(body: Json) -> Fault | None:
    table = read.mapping(body)
    if table.get("error"):
        return fault_of(table)
    if (
        "totalTokens" in table
        or "embedding" in table
        or "embeddings" in table
        or read.mapping(table.get("promptFeedback")).get("blockReason")
    ):
        return None
    for candidate in read.mappings(table.get("candidates")):
        parts = read.mappings(read.mapping(candidate.get("content")).get("parts"))
        if any(
            len(part) > 1 or not isinstance(part.get("text"), str) or part["text"].strip() for part in parts if part
        ):
            return None
        if candidate.get("finishReason") not in ("STOP", None):
            return None
    return Fault("server", "the answer has no content")


class StreamDecoder:
    """SSE chunks, or one JSON array that arrives element by element."""

    def __init__(self) -> None:
        self.reader = Reader()
        self.failed = False
        self.stop: Stop | None = None
        self.usage: Usage | None = None
        self.index = -1
        self.kind = ""
        self.array: list[str] | None = None
        self.fresh = True
        self.scan = json.JSONDecoder()
        self.started = False

    def feed(self, data: bytes) -> list[Event]:
        if self.fresh and data.strip():
            self.fresh = False
            if data.lstrip()[:1] == b"[":
                self.array = []
        if self.array is not None:
            return self._array(data)
        try:
            found = self.reader.feed(data)
        except EventTooLarge as error:
            self.failed = True
            return [Failed(Fault("server", str(error)))]
        return [e for message in found for e in self._read(loads_object(message.data))]

    def _array(self, data: bytes) -> list[Event]:
        """Elements are complete when their text parses; Google sends each in a piece of its own."""
        assert self.array is not None
        self.array.append(data.decode("utf-8", "replace"))
        text = "".join(self.array).lstrip(" \r\n,[")
        events: list[Event] = []
        while text.startswith("{"):
            try:
                value, end = self.scan.raw_decode(text)
            except ValueError:
                break
            events += self._read(value)
            text = text[end:].lstrip(" \r\n,]")
        self.array = [text]
        return events

    def flush(self) -> list[Event]:
        events = [e for message in self.reader.flush() for e in self._read(loads_object(message.data))]
        if self.failed:
            return events
        if self.stop is None:
            return [*events, Failed(Fault("server", "the stream ended without a finish reason"))]
        return [*events, Finished(self.stop, self.usage)]

    def _read(self, value: Json) -> list[Event]:
        if not isinstance(value, dict) or self.failed:
            return []
        if value.get("error"):
            self.failed = True
            return [Failed(fault_of(value))]
        events: list[Event] = (
            [] if self.started else [Started(read.text(value.get("responseId")), read.text(value.get("modelVersion")))]
        )
        self.started = True
        self.usage = usage_of(value) or self.usage
        if read.mapping(value.get("promptFeedback")).get("blockReason"):
            self.stop = "refusal"
        for candidate in read.mappings(value.get("candidates"))[:1]:
            for part in read.mappings(read.mapping(candidate.get("content")).get("parts")):
                events += self._part(part)
            if reason := read.text(candidate.get("finishReason")):
                self.stop = STOPS.get(reason, "refusal")
        return events

    def _part(self, part: Mapping[str, Json]) -> list[Event]:
        self.index += 1
        if call := read.mapping(part.get("functionCall")):
            return [
                PartStarted(
                    self.index,
                    ToolCall(
                        read.text(call.get("id")),
                        read.text(call.get("name")),
                        wire_json.dump_text(call.get("args") or {}),
                    ),
                ),
                PartStopped(self.index),
            ]
        if "inlineData" in part:
            return [PartStarted(self.index, Media("image/*")), PartStopped(self.index)]
        text = read.text(part.get("text"))
        if part.get("thought"):
            return [PartStarted(self.index, Thinking(text, origin=NAME)), PartStopped(self.index)]
        return [PartStarted(self.index, Text("")), PartDelta(self.index, text), PartStopped(self.index)] if text else []


def decoder() -> StreamDecoder:
    return StreamDecoder()
