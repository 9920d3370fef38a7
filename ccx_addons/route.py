"""What is asked, and who may answer it: reads the body once, ranks the channels, and starts the failover."""

import re
import time
from collections.abc import Generator, Mapping
from typing import Any, Final

from mitmproxy import http

from ccx_addons.core import multipart, read
from ccx_addons.core.config import Channel, Key
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.exchange import AttemptRecord, Exchange
from ccx_addons.core.neutral import Fault
from ccx_addons.core.verdict import Attempt, Outcome, Verdict, attempts
from ccx_addons.core.wire_json import BadJson, JsonBody
from ccx_addons.guard import guarded, refuse
from ccx_addons.proxy.encoding import BadEncoding, inflate
from ccx_addons.runtime import Runtime
from ccx_addons.scheduler import Pick, Ranking, rank
from ccx_addons.scheduler.affinity import trace_of

IMAGE: Final = re.compile(
    rb'"type"\s*:\s*"(?:image|input_image|image_url)"|"(?:inline_?[dD]ata|file_?[dD]ata)"\s*:\s*\{[^}]{0,200}?"image/'
)
"""A picture in a text protocol's body. Inside a JSON string the quotes are escaped, so text does not match."""

PIN_HEADER: Final = "x-ccx-channel"
FORM_FIELDS: Final = frozenset({"model", "stream"})


class Route:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> None:
        try:
            self.read_body(flow, x)
        except BadRequest as bad:
            fault = Fault("invalid_request", str(bad), status=400, param=bad.param, code="invalid_request")
            flow.response = refuse(flow, fault)
            return
        assert x.client
        if x.model and not x.client.models.allows(x.model):
            words = f"the key {x.client.name!r} may not use the model {x.model!r}"
            flow.response = refuse(flow, Fault("permission", words, status=403, code="model_not_allowed"))
            return
        pick = self.pick(x)
        now = time.time()
        ranking = rank(pick, x.snapshot, self.runtime.state, now)
        x.decisions = ranking.decisions
        if not ranking.channels:
            flow.response = refuse(flow, nobody(x, ranking))
            return
        x.failover = self.failover(x, pick)
        x.next_attempt = next(x.failover, None)

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> None:
        """The next candidate becomes the attempt; convert writes its request."""
        attempt, x.next_attempt = x.next_attempt, None
        if attempt:
            x.attempts.append(AttemptRecord(attempt, started=time.monotonic()))

    def failover(self, x: Exchange, pick: Pick) -> Generator[Attempt, Outcome, None]:
        """The attempts for this exchange, under the snapshot it arrived with."""
        state, snapshot = self.runtime.state, x.snapshot

        def channels(done: frozenset[str]) -> list[Channel]:
            left = rank(pick, snapshot, state, time.time()).channels
            return [channel for channel in left if channel.id not in done]

        def choose(channel: Channel, used: frozenset[tuple[str, str, str]]) -> tuple[Key, str] | None:
            return state.keys.choose(pick.kind, channel, channel.models.apply(pick.model).model, used, time.time())

        def learn(attempt: Attempt, outcome: Outcome, verdict: Verdict) -> None:
            if x.current:
                x.current.verdict = verdict
            state.learn(pick, snapshot, attempt, outcome, verdict, time.time())

        return attempts(channels, choose, learn, time.monotonic, x.deadline, time.time, pinned=bool(x.pin))

    # ---- the body ---------------------------------------------------------------------------------------------------
    def read_body(self, flow: http.HTTPFlow, x: Exchange) -> None:
        """Fills raw, body or form, model and stream. Raises BadRequest."""
        assert x.match
        endpoint = x.match.endpoint
        limit = int(self.runtime.settings.max_request_body_mb * (1 << 20))
        raw = flow.request.raw_content or b""
        try:
            x.raw = inflate(raw, flow.request.headers.get("content-encoding", ""), limit)
        except BadEncoding as bad:
            raise BadRequest(f"the request body has {bad}") from None
        kind = flow.request.headers.get("content-type", "")
        if endpoint.method != "POST":
            x.model = x.match.subject if endpoint.model_in == "path" else ""
            return
        if kind.lower().startswith("multipart/form-data"):
            x.form = multipart.fields(x.raw, kind, FORM_FIELDS)
            if x.form is None:
                raise BadRequest("the multipart body is malformed")
            values: Mapping[str, Any] = {name: field.value for name, field in x.form.items()}
            stream = values.get("stream", "").lower() == "true"
        else:
            try:
                x.body = JsonBody.parse(x.raw)
            except BadJson as bad:
                raise BadRequest(str(bad)) from None
            values = x.body.members
            stream = read.flag(values.get("stream")) is True
        x.stream = stream if endpoint.stream is None else endpoint.stream
        x.model = x.match.subject if endpoint.model_in == "path" else read.text(values.get("model"))
        if not x.model:
            raise BadRequest("the request names no model", "model")
        if len(x.model) > 256 or not x.model.isprintable():
            raise BadRequest("the model's name is not a name", "model")

    def pick(self, x: Exchange) -> Pick:
        assert x.match and x.client
        members = x.body.members if x.body else {}
        headers = dict(x.headers)
        x.trace = trace_of(headers, members)
        x.images = x.body is not None and IMAGE.search(x.raw) is not None
        x.pin = headers.get(PIN_HEADER, "")
        return Pick(
            kind=x.kind,
            model=x.model,
            client=x.client,
            trace=x.trace,
            route_prefix=x.match.route_prefix,
            pin=x.pin,
            images=x.images,
        )


def nobody(x: Exchange, ranking: Ranking) -> Fault:
    """Why no channel can take this: an unknown model is the caller's affair, everything else the gateway's."""
    serving = [c for c in x.snapshot.channels if x.kind in c.serves]
    if not serving:
        words = f"no channel serves {x.kind} yet: add one to config/ccx.yaml under channels, or in the panel"
        return Fault("unavailable", words, status=503, code="no_channel")
    if x.pin and not any(x.pin in (c.name, c.id) for c in serving):
        return Fault("not_found", f"there is no {x.kind} channel named {x.pin!r}", status=404, code="unknown_channel")
    if x.model and not any(listed(channel, x) for channel in serving):
        words = f"no {x.kind} channel offers the model {x.model!r}"
        return Fault("not_found", words, status=404, code="model_not_found", param="model")
    last = next((d.reason for d in reversed(ranking.decisions) if not d.kept), "none is usable")
    return Fault("unavailable", f"no {x.kind} channel can take this request: {last}", status=503, code="no_channel")


def listed(channel: Channel, x: Exchange) -> bool:
    assert x.match
    return channel.route_prefix == x.match.route_prefix and channel.allow.allows(x.model) and channel.status == "active"
