"""OpenAI Images (platform.openai.com/docs/api-reference/images): passes through, usage, errors and the end are read."""

import time
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.billing import PICTURES
from ccx_addons.core.config import Kind
from ccx_addons.core.faults import fault_of, read_fault
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    Json,
    Media,
    PartStarted,
    PartStopped,
    Unread,
    Usage,
)
from ccx_addons.core.openai import auth_header as auth_header
from ccx_addons.core.openai import encode_error as encode_error
from ccx_addons.core.openai import encode_stream_error as encode_stream_error
from ccx_addons.core.sse import EventTooLarge, Reader
from ccx_addons.core.wire_json import loads_object

NAME: Final[Kind] = "images"
DEFAULT_VERSION: Final = "v1"
PATHS: Final[Mapping[str, str]] = {
    "image_generate": "/images/generations",
    "image_edit": "/images/edits",
    "image_variation": "/images/variations",
    "models": "/models",
}
COUNTS: Final = (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens"))
"""As OpenAI calls them, and as relays do that count everything alike."""


def upstream_path(operation: str, model: str, stream: bool) -> str:
    return PATHS[operation]


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def usage_of(body: Json) -> Usage | None:
    table = read.mapping(body)
    return _usage(read.mapping(table.get("usage")), len(_pictures(table)))


def _usage(usage: Mapping[str, Json], pictures: int) -> Usage | None:
    """Pictures have a price where tokens are not counted."""
    if not usage and not pictures:
        return None
    taken, given = (next((n for name in names if (n := read.count(usage.get(name)))), 0) for names in COUNTS)
    said = {"output_tokens_details": {"image_tokens": given}, **{name: value for name, value in usage.items() if value}}
    return Usage(taken, given, extra={NAME: {**said, PICTURES: pictures}})


def _pictures(table: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return [one for one in read.mappings(table.get("data")) if one.get("b64_json") or one.get("url")]


def answer_fault(body: Json) -> Fault | None:
    table = read.mapping(body)
    if table.get("error"):
        return fault_of(table)
    if not _pictures(table):
        return Fault("server", "the answer has no image")
    return None


class StreamDecoder:
    """``image_generation.partial_image`` and ``...completed`` events (and the same of ``image_edit``), one of these for
    each picture."""

    counted: Usage | None = None

    def __init__(self) -> None:
        self.reader = Reader()
        self.finished = False
        self.failed = False
        self.index = 0
        self.made = 0

    def feed(self, data: bytes) -> list[Event]:
        try:
            events = self.reader.feed(data)
        except EventTooLarge as error:
            return self._fail(Unread("server", str(error)))
        return [event for message in events for event in self._read(message.data)]

    def flush(self) -> list[Event]:
        events = [event for message in self.reader.flush() for event in self._read(message.data)]
        if not self.finished and not self.failed:
            events += self._fail(Fault("server", "the stream ended without a completed image"))
        return events

    def _read(self, data: str) -> list[Event]:
        value = loads_object(data)
        if self.failed or value is None:
            return []
        kind = read.text(value.get("type"))
        if kind == "error" or value.get("error"):
            return self._fail(fault_of(value))
        if not kind.endswith((".partial_image", ".completed")):
            return []
        part = PartStarted(self.index, Media("image/" + read.text(value.get("output_format"), "png")))
        events: list[Event] = [part, PartStopped(self.index)]
        self.index += 1
        if kind.endswith(".completed"):
            self.finished = True
            self.made += 1
            events.append(Finished("end", _usage(read.mapping(value.get("usage")), self.made)))
        return events

    def _fail(self, fault: Fault) -> list[Event]:
        self.failed = True
        return [Failed(fault)]


def decoder() -> StreamDecoder:
    return StreamDecoder()
