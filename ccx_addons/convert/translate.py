"""Between the client's protocol and the channel's: request bodies out, complete answers back.

Same protocol on both sides: the client's own bytes, with only the edits the channel asks for. Otherwise the request is
decoded once an exchange and encoded freshly for each attempt.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ccx_addons import vendors
from ccx_addons.convert import compaction, logprobs, recast, works
from ccx_addons.core import choice, code_assist, leftovers, multipart, read, signatures
from ccx_addons.core.config import Channel, Mapped
from ccx_addons.core.endpoints import ACCOUNT, STORED, VECTORS
from ccx_addons.core.errors import BadRequest, UnknownResponse
from ccx_addons.core.exchange import NOWHERE, Ended, Exchange, Seat
from ccx_addons.core.faults import glimpse
from ccx_addons.core.leftovers import ECHO
from ccx_addons.core.neutral import Fault, Loss, Request, Response, fold, merge_extra
from ccx_addons.core.references import written_out
from ccx_addons.core.refusals import CONTINUED, MOST, field_of, loss_of
from ccx_addons.core.stops import broken_off
from ccx_addons.core.value import value
from ccx_addons.core.verdict import Attempt
from ccx_addons.core.wire_json import BadJson, dumps, dumps_from, loads
from ccx_addons.protocols import PROTOCOLS, TEXT_PROTOCOLS, cures, embeddings, policy, quirks
from ccx_addons.protocols.chat.requests import wants_usage

type Json = Any

ELSEWHERE: Final = "only the key that it was made with can read it"

BILLED: Final = quirks.BILLING_HEADER.encode()
"""Begins what Claude Code asks, each time with other words, for Anthropic alone: others have no such prompt in their
caches (musistudio/claude-code-router#1343)."""
ANSWER_QUIRKS: Final = frozenset({"passback_reasoning", "low_quality_usage"})
"""Quirks that look at answers."""


@value(frozen=True, slots=True)
class Outgoing:
    """A body for an upstream, the names of its top-level members, and what it could not say."""

    body: bytes
    operation: str
    stream: bool
    fields: frozenset[str] = frozenset()
    losses: tuple[Loss, ...] = ()
    wished: tuple[Loss, ...] = ()
    """Losses that the channel's own quirks cause: recorded, but no reason to refuse."""
    forced: bool = False
    """It asks for a stream although the client wants JSON."""


def converts(x: Exchange, channel: Channel) -> bool:
    """Whether this attempt needs another protocol than the client's."""
    return channel.protocol != x.kind and x.kind in TEXT_PROTOCOLS and channel.protocol in TEXT_PROTOCOLS


def outgoing(x: Exchange, attempt: Attempt, mapped: Mapped) -> Outgoing:
    """The body of an attempt. Raises BadRequest when the client's request cannot be understood for a conversion."""
    out = _converted(x, attempt, mapped) if converts(x, attempt.channel) else _native(x, attempt, mapped)
    if recast.is_forced(x, attempt):
        return replace(out, body=recast.as_stream(attempt.channel, out.body), forced=True)
    return out


def closed(x: Exchange, body: bytes, mapped: Mapped) -> bytes:
    """The body in the envelope it came in, if it did; the client's own bytes where nothing is another."""
    if x.envelope is None:
        return body
    renamed = mapped.model if mapped.model != x.model else ""
    if body is x.raw and not renamed:
        return x.envelope.text.encode()
    return code_assist.closed(x.envelope, body, renamed)


def _native(x: Exchange, attempt: Attempt, mapped: Mapped) -> Outgoing:
    """The client's own body with the model renamed and refused fields left out; not one other byte changes."""
    if x.body is None:
        return _form(x, attempt, mapped)
    members, channel = x.body.members, attempt.channel
    changes = _renamed(x, members, mapped.model) if mapped.model != x.model else {}
    if hides_usage(x, channel) and vendors.chat(attempt.base_url, mapped.model).stream_options:
        changes["stream_options"] = {**read.mapping(members.get("stream_options")), "include_usage": True}
    if x.operation == "generate":
        changes |= policy.changes(
            channel.protocol, members, channel.reasoning, x.model, mapped.model, mapped.effort, attempt.base_url
        )
    own, losses = _own(x, members)
    if own is not members:
        changes |= {name: value for name, value in own.items() if value is not members[name]}
    fields = frozenset(members.keys() | changes.keys() if changes else members)
    drop: frozenset[str] = frozenset()
    refused = attempt.drop
    if (most := channel.limits.max_output_tokens) and x.operation == "generate":
        refused |= {f"{MOST}{most}"}
    if refused:
        left, lost = cures.cured(refused, channel.protocol, {**members, **changes}, _context(x))
        losses += _of_client(x, lost)
        changes = {name: value for name, value in left.items() if name not in members or value is not members[name]}
        drop = frozenset(members.keys() - left.keys())
    away = is_away(x.home, attempt) or CONTINUED in attempt.drop
    if "previous_response_id" in members and x.history is not None and away:
        told = cures.without_thoughts("responses", continued(x, members), _context(x))
        changes["input"] = told["input"]
        drop |= {"previous_response_id"}
        losses.append(Loss("reasoning", ELSEWHERE))
    elif x.named and (
        apart := {id: one.item for id, one in x.named.items() if one.item and is_away(one.seat, attempt)}
    ):
        items = written_out(read.items(members.get("input")), apart)
        changes["input"] = kept = [item for item in items if not _is_thought(item, apart)]
        losses += [Loss("reasoning", ELSEWHERE)] * (len(kept) < len(items))
    if channel.quirks:
        asked = {name: value for name, value in {**members, **changes}.items() if name not in drop}
        wanted, wished = quirks.apply(channel.quirks, channel.protocol, asked, _context(x))
        if wanted is not asked:
            body = dumps_from(len(x.raw), wanted)
            return Outgoing(body, x.operation, x.stream, fields, tuple(losses), tuple(wished))
    body = x.body.edit(changes, drop) if changes or drop else x.raw
    return Outgoing(body, x.operation, x.stream, fields, tuple(losses))


def _of_client(x: Exchange, losses: list[Loss]) -> list[Loss]:
    """Without those of what only the gateway had asked for: the usage of a stream."""
    said = x.body.members if x.body else ()
    return [loss for loss in losses if "stream_options" in said or loss.path != "stream_options"]


def _form(x: Exchange, attempt: Attempt, mapped: Mapped) -> Outgoing:
    """The same of a multipart body."""
    form = x.form or {}
    refused = {}
    for name in sorted(attempt.drop):
        field, stays = field_of(name)
        if field in form and form[field].value not in stays:
            refused[field] = name
    edits: dict[multipart.Field, str | None] = {form[field]: None for field in refused}
    if (place := form.get("model")) and place.value != mapped.model:
        edits[place] = mapped.model
    body = multipart.edited(x.raw, edits) if edits else x.raw
    losses = tuple(loss for name in refused.values() if (loss := loss_of(name)))
    return Outgoing(body, x.operation, x.stream, frozenset(form), losses)


def is_away(seat: Seat, attempt: Attempt) -> bool:
    """Whether an answer was made with another key, which alone knows its id."""
    return seat[:2] not in (NOWHERE[:2], (attempt.channel.id, attempt.key.id), (attempt.channel.id, ""))


def _is_thought(item: Json, said: Mapping[str, Json]) -> bool:
    """Whether it is one of those that were written out."""
    one = read.mapping(item)
    return one.get("type") == "reasoning" and said.get(read.text(one.get("id"))) is item


def _renamed(x: Exchange, members: Mapping[str, Json], name: str) -> dict[str, Json]:
    """Gemini's embeddings name the model in the body as well, each request of a batch for itself."""
    if x.match and x.match.endpoint.model_in == "body":
        return {"model": name}
    if x.operation not in VECTORS:
        return {}
    model = f"models/{name}"
    changes: dict[str, Json] = {"model": model} if "model" in members else {}
    if batch := read.mappings(members.get("requests")):
        changes["requests"] = [{**one, "model": model} for one in batch]
    return changes


def _own(x: Exchange, members: Mapping[str, Json]) -> tuple[Mapping[str, Json], list[Loss]]:
    """What an upstream of the client's protocol can read: nothing that this gateway wrote for the client to keep."""
    if x.kind not in TEXT_PROTOCOLS or x.body is None or not signatures.may_be_in(x.body.outline):
        return members, []
    if x.kind == "responses":
        members = compaction.restored(members)
    return TEXT_PROTOCOLS[x.kind].without_foreign(members)


def _context(x: Exchange) -> quirks.Context:
    return quirks.Context(x.stream, x.pictures or {}, x.thoughts)


def _converted(x: Exchange, attempt: Attempt, mapped: Mapped) -> Outgoing:
    channel = attempt.channel
    request = neutral_request(x)
    if request.model != mapped.model:
        request = replace(request, model=mapped.model)
    if summarises(x):
        request = compaction.summary_request(request)
    target = TEXT_PROTOCOLS[channel.protocol]
    if request.tools:
        request = works.remembered(request, channel.protocol)
    losses = leftovers.of_request(request, channel.protocol, target.READS)
    request = choice.once(request, losses)
    if x.named:
        away = (id for id, one in x.named.items() if not one.item)
        losses += [Loss(id, "only the upstream that made it has it", vital=True) for id in away]
    limit = channel.limits.max_output_tokens
    if limit and (request.max_tokens is None or request.max_tokens > limit):
        if request.max_tokens is not None:
            losses.append(Loss("max_tokens", f"the channel's model answers with at most {limit} tokens"))
        request = replace(request, max_tokens=limit)
    style, at = channel.reasoning.style, attempt.base_url
    body, lost = target.encode_request(request, at, style)
    body |= policy.changes(channel.protocol, body, channel.reasoning, x.model, mapped.model, mapped.effort, at)
    fields = frozenset(body)
    losses += lost
    left: Mapping[str, Json] = body
    if attempt.drop:
        left, refused = cures.cured(attempt.drop, channel.protocol, body, _context(x))
        losses += _of_client(x, refused)
    named = channel.quirks
    if x.kind == "messages" and BILLED in x.raw:
        named |= {"strip_billing_header"}
    wanted, quirky = quirks.apply(named, channel.protocol, left, _context(x)) if named else (left, [])
    return Outgoing(dumps_from(len(x.raw), wanted), "generate", request.stream, fields, tuple(losses), tuple(quirky))


def neutral_request(x: Exchange) -> Request:
    """The client's request in neutral form, decoded once. Raises BadRequest."""
    if x.request is None:
        if x.body is None:
            raise BadRequest("this request cannot be converted for the channels that could take it")
        members = x.body.members
        if x.operation == "count_tokens":
            members = read.mapping(members.get("generateContentRequest")) or members
        if x.kind == "responses":
            members = compaction.untriggered(compaction.restored(continued(x, members)))
        request = TEXT_PROTOCOLS[x.kind].decode_request(members, x.model, x.stream)
        if x.kind == "responses" and (id_ := x.body.members.get("previous_response_id")):
            request = replace(
                request, extra=merge_extra(request.extra, {x.kind: {ECHO: {"previous_response_id": id_}}})
            )
        x.request = request
    return x.request


def continued(x: Exchange, members: Mapping[str, Json]) -> Mapping[str, Json]:
    """The input with what ``previous_response_id`` stands for, and with the items that it names.

    Raises UnknownResponse: nobody remembers that answer.
    """
    if x.named:
        said = {id: one.item for id, one in x.named.items() if one.item is not None}
        members = {**members, "input": written_out(read.items(members.get("input")), said)}
    if not members.get("previous_response_id"):
        return members
    if x.history is None:
        raise UnknownResponse(read.text(members.get("previous_response_id")))
    whole = {**members, "input": [*x.history, *read.input_items(members.get("input"))]}
    del whole["previous_response_id"]
    return whole


def summarises(x: Exchange) -> bool:
    """Whether the client asks for a compaction, which a converting channel answers with a summary."""
    if x.kind != "responses" or x.body is None:
        return False
    return x.operation == "compact" or compaction.triggered(x.body.members)


def hides_usage(x: Exchange, channel: Channel) -> bool:
    """A Chat stream counts its tokens only when asked to: the gateway asks, and hides what the client did not want."""
    if x.kind != "chat" or not x.stream or x.body is None or "no_stream_options" in channel.quirks:
        return False
    return not wants_usage(x.body.members)


# ---- answers ---------------------------------------------------------------------------------------------------------
def judge(x: Exchange, channel: Channel, content: bytes) -> tuple[Ended, bytes]:
    """Whether a 2xx body is an answer, and the body for the client. Takes its usage, stop and losses."""
    if not content and x.operation == "delete":
        return Ended("ok"), content
    if x.expects_stream or (content[:1] != b"{" and recast.is_pieces(channel, content)):
        return _recast(x, channel, content)
    try:
        value = loads(content)
    except BadJson as bad:
        return _unreadable(content, str(bad)), content
    if x.operation in STORED or x.operation == ACCOUNT:
        return Ended("ok"), content  # whatever it says of itself, and it was counted when it was made
    if converts(x, channel):
        return _translated(x, channel, value, len(content))
    protocol = PROTOCOLS[channel.protocol]
    if fault := protocol.answer_fault(value):
        return _no_answer(value, fault), content
    x.usage = protocol.usage_of(value)
    if channel.protocol == embeddings.NAME and x.body:
        other = embeddings.in_form(value, x.body.members)
        return Ended("ok"), content if other is None else dumps_from(len(content), other)
    uncounted = x.usage is None and x.operation == "generate"
    if (uncounted or channel.quirks & ANSWER_QUIRKS) and channel.protocol in TEXT_PROTOCOLS:
        answer = TEXT_PROTOCOLS[channel.protocol].decode_response(value)
        x.answer = answer if isinstance(answer, Response) else None
    return Ended("ok"), content


def _unreadable(content: bytes, problem: str) -> Ended:
    """No answer; what came instead tells people more than where a parser stopped."""
    if not content:
        return Ended("empty", "the answer is empty")
    said = glimpse(content)
    return Ended("bad_body", problem if said[:1] in ("{", "[") else f"{problem}; it said: {said}")


def _recast(x: Exchange, channel: Channel, content: bytes) -> tuple[Ended, bytes]:
    """An answer in the form that was not asked for."""
    events = recast.events_of(channel, content) if channel.protocol in TEXT_PROTOCOLS else None
    if events is None:
        asked = "a stream request without a stream" if x.expects_stream else "with a stream that nobody asked for"
        return _unreadable(content, f"the upstream answered {asked}"), content
    answer = events if isinstance(events, Fault) else fold(events)
    if isinstance(answer, Fault):
        return Ended("error_body", answer.message, answer), content
    if isinstance(events, Fault) or not answer.parts:
        return Ended("empty", "the answer has no content"), content
    if converts(x, channel) and summarises(x):
        return _written(x, channel, answer, len(content))
    x.stop, x.usage, x.answer = answer.stop, answer.usage, answer
    if x.expects_stream and x.kind == channel.protocol and recast.is_stream(content) and not x.array:
        return Ended("ok"), content
    try:
        request = neutral_request(x)
    except (BadRequest, UnknownResponse) as bad:
        return Ended("bad_body", f"the answer's form was not asked for, and {bad}"), content
    x.losses += leftovers.of_answer(answer, x.kind, logprobs.said(channel.protocol, x.kind, request))
    if x.stream:
        return Ended("ok"), recast.as_events(x, channel, request, events)
    return Ended("ok"), recast.as_json(x, channel, request, answer, content)


def _translated(x: Exchange, channel: Channel, value: Json, size: int) -> tuple[Ended, bytes]:
    answer = TEXT_PROTOCOLS[channel.protocol].decode_response(value)
    if isinstance(answer, Fault):
        return _no_answer(value, answer), b""
    x.usage = answer.usage
    if fault := broken_off(answer.stop, answer.extra):
        return Ended("error_body", fault.message, fault), b""
    return _written(x, channel, answer, size)


def _written(x: Exchange, channel: Channel, answer: Response, size: int) -> tuple[Ended, bytes]:
    """The answer in the client's protocol."""
    x.stop, x.usage, x.answer = answer.stop, answer.usage or x.usage, answer
    if x.operation == "compact":
        return Ended("ok"), dumps(compaction.compacted(answer))
    client = TEXT_PROTOCOLS[x.kind]
    request = neutral_request(x)
    said = logprobs.said(channel.protocol, x.kind, request)
    told, lost = works.carried(answer, x.kind, said)
    body, losses = client.encode_response(told, request)
    x.losses += [*losses, *lost, *leftovers.of_answer(answer, x.kind, said)]
    if summarises(x):
        body = compaction.answered(body, answer)
        return Ended("ok"), compaction.events(body) if x.stream else dumps(body)
    return Ended("ok"), dumps_from(size, body)


def _no_answer(value: Json, fault: Fault) -> Ended:
    if isinstance(value, str) and value.strip():
        fault = replace(fault, message=f"{fault.message}; it said: {value[:300]}")
    has_error = isinstance(value, Mapping) and bool(value.get("error"))
    return Ended("error_body" if has_error else "empty", fault.message, fault)
