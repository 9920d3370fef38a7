"""Answers in the other form: a stream where JSON was asked for, and JSON where a stream was.

Some upstreams only stream, others never do, and relays forget what was asked. The answer is there and paid for: the
client gets it in the form that it asked for.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from ccx_addons.convert import logprobs, works
from ccx_addons.core import read
from ccx_addons.core.code_assist import enclosed
from ccx_addons.core.config import Channel
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Event, Fault, Request, Response, explode
from ccx_addons.core.verdict import Attempt
from ccx_addons.core.wire_json import BadJson, JsonBody, dumps, loads, loads_object
from ccx_addons.protocols import TEXT_PROTOCOLS

type Json = Any

STREAM: Final = re.compile(rb"\s{0,64}(?:data|event|id|retry)?:")
"""How a text of server-sent events begins, with a comment also."""
ONLY_STREAMS: Final = "only_streams"
WHOLE: Final = re.compile(rb'^data:\s?(\{"type":\s?"response\.(?:completed|incomplete)".*)$', re.MULTILINE)
"""The last event of a Responses stream."""


# ---- requests --------------------------------------------------------------------------------------------------------
def is_forced(x: Exchange, attempt: Attempt) -> bool:
    """Whether the upstream is asked for a stream although the client wants JSON: it answers with nothing else."""
    if x.stream or x.operation != "generate" or attempt.channel.protocol not in TEXT_PROTOCOLS:
        return False
    return ONLY_STREAMS in attempt.channel.quirks or ONLY_STREAMS in attempt.drop


def as_stream(channel: Channel, body: bytes) -> bytes:
    """A request's body that asks for a stream, and for its usage; Gemini says it in the path."""
    if channel.protocol == "gemini":
        return body
    wanted: dict[str, Json] = {"stream": True}
    if channel.protocol == "chat" and "no_stream_options" not in channel.quirks:
        wanted["stream_options"] = {"include_usage": True}
    return JsonBody.parse(body).edit(wanted, frozenset())


# ---- answers ---------------------------------------------------------------------------------------------------------
def is_stream(content: bytes) -> bool:
    return STREAM.match(content) is not None


def is_pieces(channel: Channel, content: bytes) -> bool:
    """Whether an answer came in pieces, Gemini's as one array."""
    return is_stream(content) or (channel.protocol == "gemini" and content[:64].lstrip()[:1] == b"[")


def events_of(channel: Channel, content: bytes) -> list[Event] | Fault | None:
    """What an upstream's answer says, whichever form it has; a Fault: it is none; None: it cannot be read."""
    protocol = TEXT_PROTOCOLS[channel.protocol]
    if is_pieces(channel, content):
        decoder = protocol.decoder()
        return [*decoder.feed(content), *decoder.flush()]
    try:
        value = loads(content)
    except BadJson:
        return None
    if fault := protocol.answer_fault(value):
        return fault
    answer = protocol.decode_response(value)
    return answer if isinstance(answer, Fault) else list(explode(answer))


def as_events(x: Exchange, channel: Channel, request: Request, events: Sequence[Event]) -> bytes:
    """The client's stream. Takes the losses."""
    encoder = works.encoder(x.kind, channel.protocol, request, x.array, x.envelope is not None)
    body = b"".join(encoder.encode(event) for event in events)
    x.losses += encoder.losses
    return body


def as_json(x: Exchange, channel: Channel, request: Request, answer: Response, content: bytes) -> bytes:
    """The client's JSON. A Responses stream ends with the upstream's own, which nobody has to write anew."""
    if x.kind == channel.protocol == "responses" and (found := WHOLE.search(content)):
        whole = read.mapping((loads_object(found[1]) or {}).get("response"))
        if whole.get("output"):
            return dumps(whole)
    answer, lost = works.carried(answer, x.kind, logprobs.said(channel.protocol, x.kind, request))
    body, losses = TEXT_PROTOCOLS[x.kind].encode_response(answer, request)
    x.losses += [*losses, *lost]
    return enclosed(dumps(body)) if x.envelope else dumps(body)
