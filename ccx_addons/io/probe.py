"""Questions the gateway asks upstreams of its own accord, with httpx: model lists, pings, tests, replays."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from ccx_addons.core import read
from ccx_addons.core.confidential import sent_secrets
from ccx_addons.core.config import Channel, Key, Kind
from ccx_addons.core.mask import Secrets
from ccx_addons.core.neutral import Response, Usage, fold, text_of
from ccx_addons.core.refusals import refused
from ccx_addons.core.urls import LOOPBACK, host_port, join
from ccx_addons.io import answers, outward
from ccx_addons.io.answers import Answer
from ccx_addons.protocols import PROTOCOLS, TEXT_PROTOCOLS, credential

LIST_TIMEOUT: Final = 5.0
PING_TIMEOUT: Final = 10.0
TEST_TIMEOUT: Final = 60.0
REPLAY_TIMEOUT: Final = 300.0
MAX_WORDS: Final = 800
VERSION_HEADER: Final[Mapping[str, str]] = {"anthropic-version": "2023-06-01"}


# ---- model lists -----------------------------------------------------------------------------------------------------
async def list_models(channel: Channel) -> list[dict[str, Any]]:
    """The channel's models as its upstream lists them, each with an ``id``. Empty when it cannot be asked."""
    for key in [key for key in channel.keys if key.enabled][:2]:
        url, headers, params = _models_request(channel, key)
        try:
            async with (
                asyncio.timeout(LIST_TIMEOUT),
                answers.channel_async_client(channel, url, LIST_TIMEOUT) as client,
            ):
                answer = await answers.ask_async(client, "GET", url, headers=headers, params=params)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError):
            continue
        if answer.status == 200 and (found := _entries(answer)):
            return found
    return []


@dataclass(frozen=True, slots=True)
class Models:
    """``error``: why there is no list, in the upstream's words or ours; never with a key in it."""

    models: tuple[dict[str, Any], ...] = ()
    status: int = 0
    error: str = ""


def ask_models(channel: Channel, key: Key) -> Models:
    """What ``list_models`` asks, with one key, and why it failed."""
    url, headers, params = _models_request(channel, key)
    try:
        with answers.channel_client(channel, url, LIST_TIMEOUT * 2) as client:
            answer = answers.ask(client, "GET", url, headers=headers, params=params)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Models(error=without(words_of(error), channel, key))
    if answer.status != 200:
        return Models((), answer.status, fault_words(channel, key, answer))
    found = tuple(_entries(answer))
    return Models(found, 200, "" if found else "the answer is no list of models")


def _models_request(channel: Channel, key: Key) -> tuple[str, dict[str, str], dict[str, str]]:
    protocol = PROTOCOLS[channel.protocol]
    path = protocol.upstream_path("models", "", False)
    headers, params = credentials(channel, key)
    return join(key.base_url or channel.base_urls[0], channel.protocol, protocol.DEFAULT_VERSION, path), headers, params


def credentials(channel: Channel, key: Key) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query parameters of a request of ours."""
    name, value = credential(channel, key, key.base_url or channel.base_urls[0])
    headers = {"accept-encoding": "identity", **VERSION_HEADER, **dict(channel.headers)}
    if name == "?key":
        return headers, {"key": value}
    return {**headers, name: value} if name else headers, {}


def _entries(answer: Answer) -> list[dict[str, Any]]:
    """OpenAI and Anthropic list ``data[].id``, Gemini ``models[].name`` with a prefix."""
    try:
        body = read.mapping(answer.json())
    except ValueError:
        return []
    found = []
    for entry in read.mappings(body.get("data")) + read.mappings(body.get("models")):
        name = read.text(entry.get("id")) or read.text(entry.get("name")).removeprefix("models/")
        if name:
            found.append({**entry, "id": name})
    return found


# ---- ping ------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Ping:
    """How long each step to a base URL took, in ms; None: it was not made. Any HTTP answer at all is ``ok``."""

    base_url: str
    ok: bool = False
    address: str = ""
    dns_ms: float | None = None
    tcp_ms: float | None = None
    tls_ms: float | None = None
    http_ms: float | None = None
    total_ms: float = 0.0
    status: int = 0
    error: str = ""


@dataclass(slots=True)
class Look:
    """A ping, and what it showed besides: the server's clock and the end of its certificate, in Unix seconds."""

    ping: Ping
    date: float | None = None
    expires: float | None = None


def ping(channel: Channel, base_url: str) -> Ping:
    """Name, connection, TLS and the head of an answer, without a key."""
    return look(channel, base_url).ping


def look(channel: Channel, base_url: str) -> Look:
    """The same, with what a person who looks for faults wants to know."""
    seen = Look(Ping(base_url))
    found = seen.ping
    began = time.perf_counter()
    try:
        if not outward.proxy_of(channel, base_url):
            found.address = _resolve(base_url)
            found.dns_ms = since(began)
        with answers.channel_client(channel, base_url, PING_TIMEOUT) as client, _traced(found) as trace:
            request = client.build_request("GET", base_url.rstrip("#"), extensions={"trace": trace})
            answer = client.send(request, stream=True)
            seen.date, seen.expires = _date(answer), _expires(answer)
            answer.close()
        found.status, found.ok = answer.status_code, True
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        found.error = without(words_of(error), channel)
    found.total_ms = since(began)
    return seen


def _date(answer: httpx.Response) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return None


def _expires(answer: httpx.Response) -> float | None:
    """None: no TLS, or nobody checked the certificate. https://www.python-httpx.org/advanced/extensions/"""
    tls = answer.extensions["network_stream"].get_extra_info("ssl_object")
    certificate = tls.getpeercert() if tls else None
    return float(ssl.cert_time_to_seconds(certificate["notAfter"])) if certificate else None


def _resolve(base_url: str) -> str:
    host, port = host_port(base_url)
    return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])


@contextmanager
def _traced(found: Ping) -> Iterator[Any]:
    """httpx's trace extension: https://www.python-httpx.org/advanced/extensions/#trace."""
    started: dict[str, float] = {}

    def trace(name: str, info: Mapping[str, Any]) -> None:
        step, _, what = name.rpartition(".")
        if what == "started":
            started[step] = time.perf_counter()
        elif what == "complete" and step.endswith("connect_tcp"):
            found.tcp_ms = since(started[step])
        elif what == "complete" and step.endswith("start_tls"):
            found.tls_ms = since(started[step])
        elif what == "complete" and step.endswith("receive_response_headers"):
            found.http_ms = since(started[step.replace("receive_response", "send_request")])

    yield trace


def since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)


# ---- test ------------------------------------------------------------------------------------------------------------
PROMPT: Final = "Answer with the word OK."

BODIES: Final[Mapping[Kind, Mapping[str, Any]]] = {
    "messages": {"max_tokens": 16, "messages": [{"role": "user", "content": PROMPT}]},
    "chat": {"messages": [{"role": "user", "content": PROMPT}]},
    "responses": {
        "instructions": PROMPT,  # some upstreams require them
        "input": [{"role": "user", "content": PROMPT}],
        "store": False,
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]},
    "embeddings": {"input": PROMPT},
}
"""The smallest request of each protocol. There is none for images: every one costs."""
STREAMS: Final = frozenset({"messages", "chat", "responses"})
"""Protocols whose body says whether a stream is wanted."""
ONLY_STREAMS: Final = "only_streams"


@dataclass(frozen=True, slots=True)
class Test:
    """One minimal request. ``text``: the first words of the answer. ``error`` never holds a key."""

    ok: bool
    model: str
    key_mask: str
    url: str = ""
    status: int = 0
    total_ms: float = 0.0
    text: str = ""
    usage: Usage | None = None
    error: str = ""


def test(channel: Channel, key: Key, model: str) -> Test:
    """Ask for a word. ``model`` is the client's; the channel's mapping applies."""
    upstream = channel.models.apply(model).model
    if channel.protocol not in BODIES:
        return Test(False, upstream, key.mask, error=f"{channel.protocol} cannot be tested without cost")
    protocol = PROTOCOLS[channel.protocol]
    operation = "embeddings" if channel.protocol == "embeddings" else "generate"
    base_url = key.base_url or channel.base_urls[0]
    path = protocol.upstream_path(operation, upstream, False)
    url = join(base_url, channel.protocol, protocol.DEFAULT_VERSION, path)
    headers, params = credentials(channel, key)
    body = dict(BODIES[channel.protocol])
    if channel.protocol != "gemini":
        body["model"] = upstream
    began = time.perf_counter()
    try:
        with answers.channel_client(channel, base_url, TEST_TIMEOUT) as client:
            answer = answers.ask(client, "POST", url, headers=headers, params=params, json=body)
            if streamed := _only_streams(channel, body, answer):
                answer = answers.ask(client, "POST", url, headers=headers, params=params, json=body | {"stream": True})
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        words = without(words_of(error), channel, key)
        return Test(False, upstream, key.mask, url, 0, since(began), error=words)
    return _judged(channel, key, upstream, url, answer, since(began), streamed)


def _only_streams(channel: Channel, body: Mapping[str, Any], answer: Answer) -> bool:
    """Whether the upstream wants to be asked for a stream: requests are asked so, too (core/refusals.py)."""
    if answer.status not in (400, 422) or channel.protocol not in STREAMS:
        return False
    fault = PROTOCOLS[channel.protocol].decode_error(answer.status, dict(answer.headers), answer.body)
    return ONLY_STREAMS in refused(fault, frozenset(body))


def _judged(channel: Channel, key: Key, model: str, url: str, answer: Answer, total_ms: float, streamed: bool) -> Test:
    protocol, status = PROTOCOLS[channel.protocol], answer.status
    error, text, usage = "", "", None
    if status >= 300:
        error = fault_words(channel, key, answer)
    elif streamed:
        decoder = TEXT_PROTOCOLS[channel.protocol].decoder()
        found = fold([*decoder.feed(answer.body), *decoder.flush()])
        if isinstance(found, Response):
            text, usage = without(text_of(found.parts)[:200], channel, key), found.usage
        else:
            error = found.message
    else:
        try:
            body = answer.json()
        except ValueError:
            body = None
        fault = protocol.answer_fault(body) if body is not None else None
        error = "the answer is not JSON" if body is None else fault.message if fault else ""
        usage = None if error else protocol.usage_of(body)
        text = "" if error else without(_first_words(protocol, body), channel, key)
    return Test(not error, model, key.mask, url, status, total_ms, text, usage, without(error, channel, key))


def _first_words(protocol: Any, body: Any) -> str:
    response = protocol.decode_response(body) if hasattr(protocol, "decode_response") else None
    if not isinstance(response, Response):
        return ""
    return text_of(response.parts)[:200]


def fault_words(channel: Channel, key: Key, answer: Answer) -> str:
    fault = PROTOCOLS[channel.protocol].decode_error(answer.status, dict(answer.headers), answer.body)
    return without(f"{answer.status}: {fault.message}", channel, key)


def secrets_of(channel: Channel, *keys: Key) -> Secrets:
    return Secrets(sent_secrets(channel, *keys))


def without(text: str, channel: Channel, *keys: Key) -> str:
    """Words without what the channel's upstream was sent."""
    return secrets_of(channel, *keys).clean(text)[:MAX_WORDS]


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """What httpx has wrapped."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def words_of(error: Exception) -> str:
    """A failed connection in words for people."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the host name is not known"
    if (tls := _tls_error(error)) is not None:
        return outward.tls_words(tls)[:MAX_WORDS]
    return str(error)[:MAX_WORDS] or type(error).__name__


# ---- replay ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Replay:
    """``request_id``: of the new request in the gateway's log; empty: the gateway did not answer."""

    status: int = 0
    request_id: str = ""
    total_ms: float = 0.0
    bytes: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


def gateway_client(url: str) -> httpx.Client:
    """For the gateway's own address, whose certificate on loopback may be anybody's."""
    host = urlsplit(url).hostname or ""
    return answers.client(host not in LOOPBACK, timeout=REPLAY_TIMEOUT)


def replay(url: str, headers: Mapping[str, str], body: bytes) -> Replay:
    """Send a captured client request to the gateway's own address and read the whole answer, keeping none of it."""
    began, size = time.perf_counter(), 0
    try:
        with (
            gateway_client(url) as client,
            client.stream("POST", url, headers=dict(headers), content=body) as answer,
        ):
            for chunk in answer.iter_raw():
                size += len(chunk)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Replay(total_ms=since(began), bytes=size, error=words_of(error))
    return Replay(
        answer.status_code,
        answer.headers.get("x-ccx-request-id", ""),
        since(began),
        size,
        {name: value for name, value in answer.headers.items() if name.startswith("x-ccx-")},
    )
