"""What an upstream can do, found out by asking: text, a stream, a tool, a picture; in any of the text protocols.

Each question is one small request of the neutral form, written by the protocol's own encoder and read by its own
decoder, with the channel's mapping and quirks. It goes straight to the upstream: the gateway's routing, breakers and
statistics know nothing of it.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

import httpx

from ccx_addons.core.config import Channel, Key, Kind
from ccx_addons.core.neutral import (
    Event,
    Fault,
    Media,
    Message,
    PartDelta,
    Request,
    Response,
    Text,
    Tool,
    ToolCall,
    Usage,
    fold,
    text_of,
)
from ccx_addons.core.urls import join, without_version
from ccx_addons.core.wire_json import BadJson, dumps, loads
from ccx_addons.io import answers, probe
from ccx_addons.io.answers import Answer
from ccx_addons.protocols import TEXT_PROTOCOLS, Decoder, quirks

type Check = Literal["text", "stream", "tools", "image"]

CHECKS: Final[tuple[Check, ...]] = get_args(Check.__value__)
TIMEOUT: Final = 60.0
MAX_TOKENS: Final = 1024
"""Enough for a model that thinks before it says one word."""
MAX_KEPT: Final = 64 << 10
MAX_TEXT: Final = 200

WEATHER: Final = Tool(
    "get_weather",
    "Tells the weather of a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
)
RED: Final = Media(
    "image/png",
    data="iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAS0lEQVR42u3PQQkAAAgAsetfWiP4FgYrsKZeS0BAQEBAQEBAQEBAQEBAQE"
    "BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEDgsqnc8OJg6Ln3AAAAAElFTkSuQmCC",
)
"""64 by 64 pixels."""


@dataclass(frozen=True, slots=True)
class Question:
    """``proves``: what is missing in an answer, empty when it shows the capability."""

    text: str
    parts: tuple[Media, ...] = ()
    tools: tuple[Tool, ...] = ()
    stream: bool = False
    proves: Callable[[Response], str] = lambda answer: "" if words_of(answer) else "the answer has no text"


def _called(answer: Response) -> str:
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    if not calls:
        return f"it did not call the tool: {words_of(answer) or 'no text'}"
    try:
        arguments = json.loads(calls[0].arguments or "{}")
    except ValueError:
        return "the tool's arguments are not JSON"
    right = calls[0].name == WEATHER.name and isinstance(arguments, dict) and "city" in arguments
    return "" if right else "it called the tool with other arguments"


def _saw_red(answer: Response) -> str:
    said = words_of(answer)
    return "" if "red" in said.lower() else f"it did not see the picture: {said or 'no text'}"


QUESTIONS: Final[Mapping[Check, Question]] = {
    "text": Question(probe.PROMPT),
    "stream": Question("Count from 1 to 5 in words.", stream=True),
    "tools": Question("What is the weather in Paris? Use the tool get_weather.", tools=(WEATHER,), proves=_called),
    "image": Question("Which colour is this picture? Answer with one word.", parts=(RED,), proves=_saw_red),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One answered question. ``first_ms``: until the first text of a stream. ``sent``, ``received``: the bodies, cut.

    No field ever holds the key.
    """

    ok: bool
    upstream_model: str
    status: int = 0
    total_ms: float = 0.0
    first_ms: float | None = None
    text: str = ""
    error: str = ""
    usage: Usage | None = None
    sent: bytes = b""
    received: bytes = b""


@dataclass(slots=True)
class _Reading:
    """An answer as it comes."""

    began: float
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    received: bytearray = field(default_factory=bytearray)
    events: list[Event] = field(default_factory=list)
    first_ms: float | None = None


def ask(
    channel: Channel,
    key: Key,
    protocol: Kind,
    model: str,
    check: Check,
    cancelled: Callable[[], bool] = lambda: False,
    timeout: float = TIMEOUT,
) -> Finding:
    """Put one question. ``protocol``: of the request, which need not be the channel's own. ``model``: the client's name
    of it. A running answer stops once ``cancelled`` says so. Never raises because of the upstream."""
    question, codec = QUESTIONS[check], TEXT_PROTOCOLS[protocol]
    spoken = channel if protocol == channel.protocol else replace(channel, protocol=protocol, auth="auto")
    upstream_model = channel.models.apply(model).model
    body = _body(spoken, upstream_model, question)
    headers, params = probe.credentials(spoken, key)
    reading, error = _Reading(time.perf_counter()), ""
    url = url_of(channel, key, protocol, upstream_model, question.stream)
    try:
        with (
            answers.channel_client(channel, url, timeout) as client,
            client.stream(
                "POST",
                url,
                headers={**headers, "content-type": "application/json"},
                params=params,
                content=body,
            ) as answer,
        ):
            reading.status, reading.headers = answer.status_code, answer.headers
            error = _receive(answer, reading, codec.decoder() if question.stream else None, cancelled, timeout)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as broken:
        error = probe.words_of(broken)
    total_ms, secrets = probe.since(reading.began), probe.secrets_of(channel, key)
    answered, error = (None, error) if error else _answer(spoken, key, question, reading)
    return Finding(
        not error,
        upstream_model,
        reading.status,
        total_ms,
        reading.first_ms,
        secrets.clean(words_of(answered))[:MAX_TEXT] if answered else "",
        secrets.clean(error),
        answered.usage if answered else None,
        body[:MAX_KEPT],
        secrets.clean_bytes(bytes(reading.received[:MAX_KEPT]), cut=True),
    )


def url_of(channel: Channel, key: Key, protocol: Kind, model: str, stream: bool) -> str:
    """Where a question goes. Another protocol than the channel's has its own version segment."""
    codec, base_url = TEXT_PROTOCOLS[protocol], key.base_url or channel.base_urls[0]
    if protocol != channel.protocol:
        base_url = without_version(base_url)
    return join(base_url, protocol, codec.DEFAULT_VERSION, codec.upstream_path("generate", model, stream))


def _body(channel: Channel, model: str, question: Question) -> bytes:
    request = Request(
        model=model,
        messages=(Message("user", (*question.parts, Text(question.text))),),
        tools=question.tools,
        max_tokens=min(MAX_TOKENS, channel.limits.max_output_tokens or MAX_TOKENS),
        stream=question.stream,
    )
    body, _ = TEXT_PROTOCOLS[channel.protocol].encode_request(request)
    wanted, _ = quirks.apply(channel.quirks, channel.protocol, body, quirks.Context(question.stream))
    return dumps(wanted)


def _receive(
    answer: httpx.Response,
    reading: _Reading,
    decoder: Decoder | None,
    cancelled: Callable[[], bool],
    timeout: float,
) -> str:
    """Reads the body; why it stopped before its end, or empty."""
    for chunk in answers.chunks(answer, seconds=timeout):
        reading.received += chunk
        if decoder and answer.status_code < 300:
            events = decoder.feed(chunk)
            reading.events += events
            if reading.first_ms is None and any(isinstance(event, PartDelta) for event in events):
                reading.first_ms = probe.since(reading.began)
        if cancelled():
            return "cancelled"
    if decoder and answer.status_code < 300:
        reading.events += decoder.flush()
    return ""


def _answer(channel: Channel, key: Key, question: Question, reading: _Reading) -> tuple[Response | None, str]:
    """The answer, and what is wrong with it or missing in it."""
    received = bytes(reading.received)
    if reading.status >= 300:
        return None, probe.fault_words(channel, key, Answer(reading.status, reading.headers, received))
    try:
        found = fold(reading.events) if question.stream else _decoded(channel, received)
    except BadJson:
        return None, "the answer is not JSON"
    if isinstance(found, Fault):
        return None, found.message
    if question.stream and reading.first_ms is None:
        return found, "nothing was streamed"
    return found, question.proves(found)


def _decoded(channel: Channel, received: bytes) -> Response | Fault:
    return TEXT_PROTOCOLS[channel.protocol].decode_response(loads(received))


def words_of(answer: Response) -> str:
    return text_of(answer.parts).strip()
