"""The operator's own rules in the chain, where HOOKS_FILE names them: before routing, before an upstream, of an answer,
and of a finished request. What the client itself sent is kept for the comparison."""

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any, Final

from mitmproxy import http

from ccx_addons.body import read_body
from ccx_addons.convert import put_body
from ccx_addons.core import code_assist
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.hooks import Asked
from ccx_addons.core.wire_json import JsonBody, dumps, loads_object
from ccx_addons.metrics import Metrics
from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import guarded
from ccx_addons.rules.file import File

log: Final = logging.getLogger("ccx")

EVERY: Final = 1.0
"""Seconds between two looks at the file."""


class Rules(Periodic):
    """Behind the reading of the body: another body for everybody after it."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self.limit = int(settings.max_request_body_mb * (1 << 20))
        self.file = File(
            Path(settings.hooks_file),
            settings.hooks_budget / 1000,
            lambda words: runtime.store.put_event("warning", "rules", words),
        )

    def running(self) -> None:
        self.file.look()
        self.begin("looking at the rules", lambda: asyncio.to_thread(self.file.look), EVERY)

    def done(self) -> None:
        super().done()
        self.file.close()

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        return self.edit(flow, x) if x.body and self.file.ready("request") else None

    async def edit(self, flow: http.HTTPFlow, x: Exchange) -> None:
        assert x.body
        found = await self.file.call("request", partial(asked_of, x, x.kind, x.raw))
        if found is None:
            return
        before, raw, asked = (x.body, x.envelope, x.model, x.stream), x.raw, x.asked
        try:
            flow.request.raw_content = closed(x.envelope, dumps(found))
            flow.request.headers.pop("content-encoding", None)
            read_body(flow.request, x, self.limit)
        except (BadRequest, ValueError, TypeError, RecursionError) as error:
            x.raw, flow.request.raw_content = raw, asked or raw
            x.body, x.envelope, x.model, x.stream = before
            x.asked = asked
            self.file.wrong("request", f"gave a body that cannot be used: {error}")
            return
        x.asked = asked or (raw if x.raw != raw else b"")


class Rewrites:
    """Behind everybody who writes a request or judges an answer."""

    def __init__(self, runtime: Runtime, rules: Rules) -> None:
        self.file = rules.file
        self.rows = Metrics(runtime)

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        ready = self.file.ready("upstream") and x.body is not None and x.current is not None
        return self.rewrite(flow, x) if ready and flow.response is None else None

    async def rewrite(self, flow: http.HTTPFlow, x: Exchange) -> None:
        assert x.current
        channel = x.current.attempt.channel
        body = flow.request.raw_content or b""
        found = await self.file.call("upstream", partial(asked_of, x, channel.protocol, body, channel.name))
        if (written := self.written("upstream", found)) is not None:
            written = closed(JsonBody.parse(body) if x.envelope else None, written)
            flow.request.data.content = written
            flow.request.headers["content-length"] = str(len(written))

    @guarded
    def upstream_outcome(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        whole = x.decision == "commit" and not x.stream and not x.committed and x.body is not None
        return self.answer(flow, x) if whole and self.file.ready("answer") else None

    async def answer(self, flow: http.HTTPFlow, x: Exchange) -> None:
        response = flow.response
        if response is None:
            return
        found = await self.file.call("answer", partial(answered_of, x, response.raw_content or b""))
        if (written := self.written("answer", found)) is not None:
            put_body(response, code_assist.enclosed(written) if x.envelope else written)

    def written(self, name: str, found: Any) -> bytes | None:
        if found is None:
            return None
        try:
            return dumps(found)
        except (ValueError, TypeError, RecursionError) as error:
            self.file.wrong(name, f"gave what is no JSON: {error}")
            return None

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.finished(x)

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.finished(x)

    def finished(self, x: Exchange) -> None:
        if x.client and x.match and self.file.ready("finished"):
            self.file.send("finished", self.rows.row(x))


def closed(envelope: JsonBody | None, body: bytes) -> bytes:
    """Rules see what stands in an envelope, and write that."""
    return code_assist.closed(envelope, body) if envelope else body


def asked_of(x: Exchange, kind: str, raw: bytes, channel: str = "") -> tuple[Asked] | None:
    """None: the body is no JSON object."""
    client, body = x.client.name if x.client else "", loads_object(raw)
    body = code_assist.asked_in(body) if body and x.envelope else body
    if body is None:
        return None
    return (Asked(x.id, client, kind, x.operation, x.model, x.stream, dict(x.headers), body, channel),)


def answered_of(x: Exchange, content: bytes) -> tuple[Asked, dict[str, Any]] | None:
    asked, said = asked_of(x, x.kind, x.raw), loads_object(content)
    said = code_assist.answer_in(said) if said and x.envelope else said
    return None if asked is None or said is None else (*asked, said)
