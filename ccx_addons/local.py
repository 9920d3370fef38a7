"""Answers that need no upstream: the connection tests of Claude's clients, and token counts that nobody else gives.

Claude Desktop and Claude Code ask for one token to see whether an address works. Upstreams often answer that with
nothing, which would look like a failure of every channel. Counts are estimates, and say so in a header.
"""

from collections.abc import Awaitable, Mapping
from typing import Any, Final

from mitmproxy import http

from ccx_addons.auth import json_response
from ccx_addons.convert.translate import neutral_request
from ccx_addons.core import read, wire_json
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.estimate import prompt_tokens, tokens_of
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Fault, Response, Text, Usage, explode
from ccx_addons.core.patient_json import BIG
from ccx_addons.io.aside import aside
from ccx_addons.processes.runtime import Runtime
from ccx_addons.protocols import TEXT_PROTOCOLS
from ccx_addons.proxy.guard import about, guarded, refuse

type Json = Any

MAX_PROBE: Final = 16
"""Characters of the one word that a probe says."""
DESKTOP: Final = Response(
    "msg_ccx_connection_test",
    "haiku",
    (Text("I'm ready to help. What would you like to work on?"),),
    "end",
    Usage(15, 14),
)
PROBE: Final = Response("msg_ccx_model_switch_probe", "", (Text("ok"),), "end", Usage(1, 1))
COUNTS: Final[Mapping[str, str]] = {"messages": "input_tokens", "gemini": "totalTokens", "responses": "input_tokens"}
COUNTED: Final[Mapping[str, str]] = {"object": "response.input_tokens"}
"""What an answer of Responses says beside its count."""


OF_THE_REQUEST: Final = frozenset({400, 413, 422})
"""Statuses by which an upstream says that a request is wrong."""


class Local:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @guarded
    @about("messages", "gemini", "responses", operations={"count_tokens", "generate"})
    def request(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        """Waits only for the count of a large body."""
        if x.body is None:
            return None
        if x.operation == "count_tokens" and not self.counted_upstream(x):
            if len(x.raw) >= BIG:
                return aside(self.count, flow, x)
            self.count(flow, x)
        elif x.kind == "messages" and x.operation == "generate" and (answer := probe_answer(x.body.members, x.model)):
            flow.response = written(x, answer)
        return None

    def counted_upstream(self, x: Exchange) -> bool:
        """Whether a channel that would get this model speaks the client's protocol, so that it may be asked."""
        assert x.match
        plan = self.runtime.state.indexes.of(x.snapshot).plan(x.kind, x.model, x.match.route_prefix)
        return any(entry.channel.protocol == x.kind for entry in plan.entries)

    def count(self, flow: http.HTTPFlow, x: Exchange) -> None:
        try:
            flow.response = estimated(x, tokens_of(neutral_request(x)))
        except BadRequest as bad:
            flow.response = refuse(flow, Fault("invalid_request", str(bad), 400, param=bad.param))


def estimated(x: Exchange, tokens: int) -> http.Response:
    """A count in the client's form; that it is an estimate stands in a header (convert.py)."""
    x.usage, x.usage_estimated = Usage(tokens), True
    return json_response(wire_json.dumps({**(COUNTED if x.kind == "responses" else {}), COUNTS[x.kind]: tokens}))


def counted_instead(x: Exchange, fault: Fault | None = None) -> http.Response | None:
    """An estimate where no upstream counts: not for a request that one of them finds wrong (``fault``)."""
    if x.operation != "count_tokens" or (fault and fault.status in OF_THE_REQUEST):
        return None
    return estimated(x, prompt_tokens(x.raw))


def probe_answer(members: Mapping[str, Json], model: str) -> Response | None:
    """What a connection test gets; None: it is an ordinary request."""
    messages = read.mappings(members.get("messages"))
    if members.get("max_tokens") != 1 or len(messages) != 1 or members.get("tools") or members.get("tool_choice"):
        return None
    content = messages[0].get("content")
    blocks = read.mappings(content)
    text = content if isinstance(content, str) else read.text(blocks[0].get("text")) if len(blocks) == 1 else ""
    if messages[0].get("role") != "user" or not 1 <= len(text.strip()) <= MAX_PROBE:
        return None
    return DESKTOP if model == "haiku" and text == "." else PROBE


def written(x: Exchange, answer: Response) -> http.Response:
    """The answer in Messages' own form, whole or as a stream."""
    messages, request = TEXT_PROTOCOLS["messages"], neutral_request(x)
    x.usage = answer.usage
    if not x.stream:
        return json_response(wire_json.dumps(messages.encode_response(answer, request)[0]))
    encoder = messages.encoder(request)
    body = b"".join(encoder.encode(event) for event in explode(answer))
    return http.Response.make(200, body, {"content-type": "text/event-stream"})
