"""One question to the gateway itself, as any client would ask it, and its answer as events for a page.

The request goes through routing, conversion and failover with the gateway's own key; its source in the log is ``test``.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from ccx_addons.core.config import Kind
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    Message,
    Part,
    PartDelta,
    PartStarted,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    Usage,
    explode,
)
from ccx_addons.core.urls import join
from ccx_addons.core.wire_json import BadJson, dumps, loads
from ccx_addons.io import answers, probe
from ccx_addons.protocols import TEXT_PROTOCOLS
from ccx_admin import own_gateway
from ccx_admin.panel import Panel

MAX_TOKENS: Final = 4096
"""Only for Messages, which demands a number."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """``channel``: name or id of the only one that may answer; empty: routing decides."""

    protocol: Kind
    model: str
    text: str
    system: str = ""
    channel: str = ""
    stream: bool = True


def talk(panel: Panel, prompt: Prompt) -> Iterator[dict[str, Any]]:
    """What a page shows, piece by piece.

    First ``{"status", "request_id", "attempts", "losses"}``; then for each part of the answer
    ``{"part", "kind", "text"}``, and ``{"part", "text"}`` for more of it; ``{"end", "usage"}`` or ``{"error"}``; last
    ``{"total_ms"}``. Leaving it early hangs up. Raises Failure at once where the gateway is not known.
    """
    return _pieces(_url(panel, prompt), _headers(panel, prompt), prompt)


def _pieces(url: str, headers: Mapping[str, str], prompt: Prompt) -> Iterator[dict[str, Any]]:
    began = time.perf_counter()
    try:
        with (
            probe.gateway_client(url) as client,
            client.stream("POST", url, headers=headers, content=_body(prompt)) as answer,
        ):
            yield _head(answer)
            for event in _events(answer, prompt):
                yield from _shown(event)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        yield {"error": probe.words_of(error)}
    yield {"total_ms": probe.since(began)}


def _url(panel: Panel, prompt: Prompt) -> str:
    codec = TEXT_PROTOCOLS[prompt.protocol]
    path = codec.upstream_path("generate", prompt.model, prompt.stream)
    return join(panel.gateway_url, codec.NAME, codec.DEFAULT_VERSION, path)


def _headers(panel: Panel, prompt: Prompt) -> dict[str, str]:
    return {
        **(probe.VERSION_HEADER if prompt.protocol == "messages" else {}),
        "content-type": "application/json",
        "user-agent": "ccx-panel",
        **own_gateway.headers(panel, prompt.channel),
    }


def _body(prompt: Prompt) -> bytes:
    request = Request(
        model=prompt.model,
        messages=(Message("user", (Text(prompt.text),)),),
        system=(Text(prompt.system),) if prompt.system else (),
        max_tokens=MAX_TOKENS if prompt.protocol == "messages" else None,
        stream=prompt.stream,
    )
    return dumps(TEXT_PROTOCOLS[prompt.protocol].encode_request(request)[0])


def _head(answer: httpx.Response) -> dict[str, Any]:
    told = answer.headers
    return {
        "status": answer.status_code,
        "request_id": told.get("x-ccx-request-id", ""),
        "attempts": int(told.get("x-ccx-attempts", 0)),
        "losses": told.get("x-ccx-losses", ""),
    }


def _events(answer: httpx.Response, prompt: Prompt) -> Iterator[Event]:
    codec = TEXT_PROTOCOLS[prompt.protocol]
    if answer.status_code >= 300:
        yield Failed(codec.decode_error(answer.status_code, answer.headers, answers.read(answer)))
    elif prompt.stream:
        decoder = codec.decoder()
        for chunk in answers.chunks(answer, answers.MAX_STREAM):
            yield from decoder.feed(chunk)
        yield from decoder.flush()
    else:
        try:
            found = codec.decode_response(loads(answers.read(answer, answers.MAX_STREAM)))
        except BadJson as bad:
            found = Fault("server", str(bad))
        yield from (Failed(found),) if isinstance(found, Fault) else explode(found)


def _shown(event: Event) -> Iterator[dict[str, Any]]:
    match event:
        case PartStarted(index, part):
            yield {"part": index, "kind": type(part).__name__.lower(), "text": _text(part)}
        case PartDelta(index, text) if text:
            yield {"part": index, "text": text}
        case Finished(stop=stop, usage=usage):
            yield {"end": stop, "usage": _usage(usage)}
        case Failed(fault):
            yield {"error": fault.message}


def _text(part: Part) -> str:
    match part:
        case Text(text=text) | Thinking(text=text) | Refusal(text=text):
            return text
        case ToolCall(name=name, arguments=arguments):
            return f"{name} {arguments}"
        case _:
            return ""


def _usage(usage: Usage | None) -> Mapping[str, int] | None:
    return {"input": usage.input, "output": usage.output, "cache_read": usage.cache_read} if usage else None


def as_stream(pieces: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Server-sent events, one JSON object each."""
    for piece in pieces:
        yield f"data: {json.dumps(piece, ensure_ascii=False)}\n\n"
