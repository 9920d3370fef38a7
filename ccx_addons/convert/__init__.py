"""Writes each attempt's request in the channel's protocol, and turns its answer into the client's.

Same protocol on both sides: the client's bytes go through with only the edits the channel asks for. Otherwise the
request is decoded once per exchange and encoded freshly for each attempt.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from mitmproxy import http

from ccx_addons.auth import allowed_origin
from ccx_addons.convert import logprobs, works
from ccx_addons.convert.heads import AllTerms, Decided, lost_betas, write_request
from ccx_addons.convert.translate import (
    ANSWER_QUIRKS,
    Outgoing,
    closed,
    converts,
    hides_usage,
    judge,
    neutral_request,
    outgoing,
)
from ccx_addons.convert.watch import ConvertWatcher, PassWatcher
from ccx_addons.core.config import Channel
from ccx_addons.core.endpoints import ACCOUNT, STORED
from ccx_addons.core.errors import BadRequest, UnknownResponse
from ccx_addons.core.exchange import AttemptRecord, Ended, Exchange
from ccx_addons.core.neutral import Fault, Loss, Media
from ccx_addons.core.patient_json import BIG
from ccx_addons.core.personal import Mask, Restorer, restored
from ccx_addons.core.verdict import Outcome
from ccx_addons.core.wire_json import BadJson, dumps, loads
from ccx_addons.io import fetch
from ccx_addons.io.apart import apart
from ccx_addons.io.aside import aside
from ccx_addons.processes.runtime import Runtime
from ccx_addons.protocols import PROTOCOLS, WireProtocol, quirks
from ccx_addons.proxy import checks
from ccx_addons.proxy.guard import guarded, refuse, refuse_bad
from ccx_addons.proxy.headers import Headers
from ccx_addons.sessions import unknown_answer
from ccx_addons.threads import unsupported

RESPONSE_HEADERS: Final = re.compile(
    rb"content-length|transfer-encoding|request-id|x-request-id|retry-after(?:-ms)?|x-should-retry|"
    rb"(?:anthropic|x)-ratelimit-[\w-]+|x-codex-[\w-]+|openai-(?:model|processing-ms|version)"
)
"""An upstream's answer headers that reach the client, once each; the first two are written by the stream. Never: its
content type, cookies, whose account it was, what it says to browsers."""
SHOWN: Final = Decided[bytes](lambda name: name.lower() if RESPONSE_HEADERS.fullmatch(name.lower()) else b"")
RESPONSE_VALUE: Final = re.compile(rb"[\x20-\x7e]{0,1024}")

USAGE_CHUNK: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]')
"""A Chat stream's closing chunk, which has nothing but the usage."""

PICTURES: Final = "image_url_to_b64"
CLEANED_AT_ONCE: Final = 64 << 10
"""Bytes of an error that are looked through for secrets at once; more are in a thread."""
MAX_LOSSES: Final = 1000
PRINTABLE: Final = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")

SCHEMAS: Final = 128 << 10
"""Bytes of a body that may hold the schemas of 10,000 nodes."""
REFERENCES: Final = 16
"""So many may stand for as many nodes: they can double at each level."""


def has_many_schemas(x: Exchange, channel: Channel) -> bool:
    """Whether writing the schemas anew may take long: Gemini knows no references, so they are written out."""
    if channel.protocol != "gemini" or x.kind == "gemini":
        return False
    return len(x.raw) >= SCHEMAS or x.raw.count(b'"$ref"') >= REFERENCES


class Convert:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.terms = AllTerms()

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        """Waits only where a channel wants pictures themselves instead of their addresses, and for large bodies."""
        record = x.current
        channel = record.attempt.channel if record else None
        wanted = channel and PICTURES in channel.quirks and x.pictures is None and x.body
        if wanted and (urls := quirks.image_urls(x.kind, wanted.members)):
            return self.fetch_and_prepare(flow, x, urls)
        if len(x.raw) >= BIG or (channel and has_many_schemas(x, channel)):
            return self.prepare_aside(flow, x)
        self.prepare(flow, x)
        return None

    async def fetch_and_prepare(self, flow: http.HTTPFlow, x: Exchange, urls: list[str]) -> None:
        assert x.current
        x.pictures, losses = await self.fetch(x, x.current.attempt.channel, urls)
        await self.prepare_aside(flow, x)
        x.losses += losses

    async def fetch(self, x: Exchange, channel: Channel, urls: list[str]) -> tuple[dict[str, Media], list[Loss]]:
        return await apart(fetch.pictures(urls, channel, x.deadline - time.monotonic()))

    def prepare(self, flow: http.HTTPFlow, x: Exchange) -> None:
        while record := self.refused(flow, x):
            skip(flow, x, record)

    async def prepare_aside(self, flow: http.HTTPFlow, x: Exchange) -> None:
        while record := await aside(self.refused, flow, x):
            skip(flow, x, record)

    def refused(self, flow: http.HTTPFlow, x: Exchange) -> AttemptRecord | None:
        """Writes the attempt under way, or the answer to a request that is bad. What it gives is an attempt whose
        channel refuses what would get lost."""
        record = x.current
        if flow.response or record is None or record.outcome is not None:
            return None
        try:
            return None if self.write(flow, x, record) else record
        except UnknownResponse:
            flow.response = refuse(flow, unknown_answer(x))
        except BadRequest as bad:
            refuse_bad(flow, bad)
        return None

    def write(self, flow: http.HTTPFlow, x: Exchange, record: AttemptRecord) -> bool:
        """``flow.request`` and the watcher for one attempt. False: the channel refuses what would get lost."""
        attempt = record.attempt
        channel, terms = attempt.channel, self.terms.of(x.snapshot, attempt)
        mapped = channel.models.apply(x.model, attempt.model)
        record.upstream_model = mapped.model
        record.converted = converts(x, channel)
        out = outgoing(x, attempt, mapped)
        record.fields, record.losses = out.fields, [*out.losses]
        if attempt.drop:
            record.losses += lost_betas(x, attempt.drop)
        if record.losses and (channel.on_loss == "refuse" or any(loss.vital for loss in record.losses)):
            return False
        record.losses += [*out.wished, *x.ignored]
        x.losses = list(record.losses)
        path = upstream_path(x, terms.protocol, out, mapped.model, out.stream or out.forced)
        x.array = x.stream and x.kind == "gemini" and "alt=sse" not in x.query.split("&")
        if x.array and not record.converted:
            path = path.replace("?alt=sse", "")
        body, x.masked = self.masked(channel, out.body) if channel.mask and out.body else (out.body, {})
        write_request(flow.request, x, record, terms, path, closed(x, body, mapped) if x.envelope else body)
        x.expects_stream = out.stream
        x.answer, x.events = None, [] if out.stream and channel.quirks & ANSWER_QUIRKS else None
        x.watcher = watcher(x, record) if out.stream else None
        x.upstream = replace(terms.upstream, fresh=True) if attempt.fresh else terms.upstream
        x.phase = "connecting"
        return True

    def masked(self, channel: Channel, body: bytes) -> tuple[bytes, dict[str, str]]:
        """The body without personal data, and what stands for which. Raises BadRequest: a form cannot be masked."""
        mask = Mask(channel.mask, self.runtime.settings.seal)
        try:
            return mask.body(body), mask.known
        except BadJson:
            raise BadRequest(f"{channel.name} masks personal data, which is possible in JSON only") from None

    @guarded
    def upstream_outcome(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        """Reads what a complete answer says, before failover judges it. Waits only for pictures that it names, and for
        large answers."""
        record, response = x.current, flow.response
        if record is None or response is None or x.ended is None or x.committed:
            return None
        channel = record.attempt.channel
        content = response.raw_content or b""
        if x.ended.kind == "status":
            if len(content) > CLEANED_AT_ONCE:
                return self.told_aside(response, x, channel, content)
            take_error(response, x, channel, x.secrets.clean_bytes(content))
        elif x.ended.kind == "ok":
            if len(content) >= BIG:
                return self.judge_aside(response, x, record, content)
            return self.judged(response, x, record, understood(response, x, channel, content))
        return None

    async def told_aside(self, response: http.Response, x: Exchange, channel: Channel, content: bytes) -> None:
        take_error(response, x, channel, await aside(x.secrets.clean_bytes, content))

    async def judge_aside(self, response: http.Response, x: Exchange, record: AttemptRecord, content: bytes) -> None:
        if rest := self.judged(
            response, x, record, await aside(understood, response, x, record.attempt.channel, content)
        ):
            await rest

    def judged(
        self, response: http.Response, x: Exchange, record: AttemptRecord, found: tuple[Ended, bytes]
    ) -> Awaitable[None] | None:
        channel, content = record.attempt.channel, response.raw_content or b""
        x.ended, body = found
        if x.ended.kind != "ok":
            return None
        if x.masked:
            body = restored(body.decode("utf-8", "surrogateescape"), x.masked).encode("utf-8", "surrogateescape")
        if body is not content:
            put_body(response, body)
        elif wants_pictures(x, channel) and b'"url"' in content:
            return self.inline(response, x, channel, content)
        return None

    async def inline(self, response: http.Response, x: Exchange, channel: Channel, content: bytes) -> None:
        """An images answer with the pictures in place of their addresses."""
        body = loads(content)
        if urls := quirks.image_urls(channel.protocol, body):
            fetched, losses = await self.fetch(x, channel, urls)
            x.losses += losses
            put_body(response, await asyncio.to_thread(dumps, quirks.inline_images(channel.protocol, body, fetched)))

    @guarded
    def responseheaders(self, flow: http.HTTPFlow, x: Exchange) -> None:
        """Only what the client may see of the upstream's head, and who we are."""
        response = flow.response
        assert response
        if response.status_code == 101:
            return
        response.data.http_version = b"HTTP/1.1"
        events = is_event_stream(x) if x.attempts else checks.is_sse(response)
        own = self.own_headers(x, events)
        fields = response.headers.fields
        if x.attempts:
            own.append((b"content-type", b"text/event-stream" if events else b"application/json"))
            fields = visible(fields)
            if x.repeats(b"\n".join([value for _, value in fields])):
                fields = tuple((name, x.secrets.clean_bytes(value)) for name, value in fields)
        else:
            names = {name for name, _ in own}
            fields = tuple(field for field in fields if field[0].lower() not in names)
        response.headers = Headers.of((*fields, *own))

    def own_headers(self, x: Exchange, events: bool) -> list[tuple[bytes, bytes]]:
        """What the gateway says in an answer's head."""
        own = [(b"x-ccx-request-id", x.id.encode())]
        if x.attempts and (x.committed or not x.opened):
            own.append((b"x-ccx-attempts", b"%d" % len(x.attempts)))
            if x.snapshot.policy.errors == "precise":
                own.append((b"x-ccx-channel", header_text((x.told or x.attempts[-1]).attempt.channel.name)))
        if x.losses:
            own.append((b"x-ccx-losses", loss_header(x.losses).encode()))
        if x.usage_estimated and x.operation == "count_tokens":
            own.append((b"x-ccx-estimated", b"true"))
        if events:
            own += ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
        if origins := self.runtime.settings.cors_origins:
            origin = next((value for name, value in x.headers if name == "origin"), "")
            if origin and allowed_origin(origin, origins):
                allowed = (b"access-control-allow-origin", origin.encode("utf-8", "surrogateescape"))
                own += (allowed, (b"access-control-expose-headers", b"*"), (b"vary", b"origin"))
        return own


def understood(response: http.Response, x: Exchange, channel: Channel, content: bytes) -> tuple[Ended, bytes]:
    """What an answer is, and its body for the client: without the secrets that its upstream was sent."""
    if x.repeats(content):
        content = x.secrets.clean_bytes(content)
        put_body(response, content)
    ended, body = judge(x, channel, content)
    ended.fault = ended.fault and x.veiled(ended.fault)
    return ended, body


def take_error(response: http.Response, x: Exchange, channel: Channel, content: bytes) -> None:
    assert x.ended
    put_body(response, content)
    headers = {name.lower(): value for name, value in response.headers.items()}
    x.ended.fault = x.veiled(PROTOCOLS[channel.protocol].decode_error(response.status_code, headers, content))


def put_body(response: http.Response, body: bytes) -> None:
    response.raw_content = body
    response.headers["content-length"] = str(len(body))


def is_event_stream(x: Exchange) -> bool:
    """What the client's answer is: as the gateway sends it, whatever the upstream calls it."""
    return x.stream and not x.array and (x.opened or x.committed or (x.ended is not None and x.ended.kind == "ok"))


def visible(fields: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """Of an upstream's headers those that a client may see; of each name the first."""
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for field in fields:
        name = SHOWN[field[0]]
        if name and name not in found and RESPONSE_VALUE.fullmatch(field[1]):
            found[name] = field
    return tuple(found.values())


def wants_pictures(x: Exchange, channel: Channel) -> bool:
    """Whether the channel answers with addresses of pictures, and the client has not asked for just that."""
    if PICTURES not in channel.quirks or channel.protocol != "images":
        return False
    field = x.form.get("response_format") if x.form else None
    return (field.value if field else x.body and x.body.members.get("response_format")) != "url"


def skip(flow: http.HTTPFlow, x: Exchange, record: AttemptRecord) -> None:
    """Something vital would get lost, or the channel has ``on_loss: refuse``: on to the next candidate, or a 400 that
    names the losses."""
    assert x.failover
    x.losses = list(record.losses)
    words = "; ".join(f"{loss.path}: {loss.reason}" for loss in record.losses)
    fault = Fault("invalid_request", f"the conversion would lose something: {words}", 400, "conversion_loss")
    record.outcome = Outcome("refused_loss", fault=fault, detail=words)
    record.total_ms = 0.0
    try:
        following = x.failover.send(record.outcome)
    except StopIteration:
        if any(loss.path == "thread" for loss in record.losses):
            flow.response = unsupported(flow)
        else:
            first = min(record.losses, key=lambda loss: not loss.vital)
            refuse_bad(flow, BadRequest(fault.message, first.path))
        return
    x.begin(AttemptRecord(following, started=time.monotonic()))


def watcher(x: Exchange, record: AttemptRecord) -> PassWatcher | ConvertWatcher:
    """What reads the attempt's stream, and turns it into the client's where they differ."""
    upstream = PROTOCOLS[record.attempt.channel.protocol]
    if not record.converted and not x.masked:
        hidden = USAGE_CHUNK if hides_usage(x, record.attempt.channel) else None
        return PassWatcher(x, upstream, upstream.decoder(), hidden)
    request = neutral_request(x)
    encoder = works.encoder(x.kind, upstream.NAME, request, x.array, x.envelope is not None)
    decoder = Restorer(upstream.decoder(), x.masked) if x.masked else upstream.decoder()
    said = logprobs.said(upstream.NAME, x.kind, request)
    return ConvertWatcher(x, PROTOCOLS[x.kind], decoder, encoder, said)


@lru_cache(1024)
def header_text(name: str) -> bytes:
    """A name as a header can say it: other letters than ASCII's are percent-encoded."""
    return quote(name, safe=PRINTABLE).encode()


def loss_header(losses: list[Loss]) -> str:
    """Paths only, as header text; the log row has the reasons."""
    paths = "; ".join(dict.fromkeys(loss.path for loss in losses))
    return UNPRINTABLE.sub("?", paths)[:MAX_LOSSES]


def upstream_path(x: Exchange, protocol: WireProtocol, out: Outgoing, model: str, stream: bool) -> str:
    """Below the base URL and its version. Code Assist's calls have the model in their bodies."""
    if x.match and x.operation == ACCOUNT:
        return x.match.subject
    subject = x.match.subject if x.match and x.operation in STORED else model
    path = protocol.upstream_path(out.operation, subject, stream)
    return f":{path.rpartition(':')[2]}" if x.envelope else path
