"""GET /v1/models and its kin: what the caller may use, merged over all channels, in the caller's own shape.

Three SDKs ask the same path and each parses its own form, which their headers tell (``endpoints.kind_of``).
"""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, Final

from mitmproxy import http

from ccx_addons import vendors
from ccx_addons.auth import json_response
from ccx_addons.core import read, wire_json
from ccx_addons.core.asked import MAX_MODEL
from ccx_addons.core.config import Channel
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Fault
from ccx_addons.io.apart import apart
from ccx_addons.io.probe import list_models
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import about, guarded, refuse

CACHE: Final = 60.0
"""Seconds a channel's list is kept."""
WINDOWS: Final = ("max_input_tokens", "context_length", "context_window", "max_model_len", "inputTokenLimit")
OUTPUTS: Final = ("max_output_tokens", "max_completion_tokens", "max_tokens", "outputTokenLimit")
"""How upstreams' lists name a model's sizes (Anthropic, OpenRouter, Groq, vLLM, Google)."""
LATEST: Final = 253_402_300_799
"""Unix seconds of the end of 9999: some upstreams write milliseconds."""


class Models:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.lists: dict[Channel, tuple[float, asyncio.Future[list[dict[str, Any]]]]] = {}
        self.last: dict[Channel, list[dict[str, Any]]] = {}
        """What a channel listed when it could be asked: while it can not, its models do not vanish."""

    @guarded
    @about(operations={"models", "model"})
    def request(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        return self.answer(flow, x)

    async def answer(self, flow: http.HTTPFlow, x: Exchange) -> None:
        assert x.match
        if "x-goog-api-key" in flow.request.headers:
            flow.metadata["ccx_google"] = True  # a replay is without credentials
        google = bool(flow.metadata.get("ccx_google")) or x.kind == "gemini"
        anthropic = x.kind == "messages"
        found = await self.visible(x)
        if x.operation == "model":
            entry = found.get(x.match.subject) or self.routed(x, x.match.subject)
            if entry is None:
                fault = Fault("not_found", f"no channel offers the model {x.match.subject!r}", 404, "model_not_found")
                flow.response = refuse(flow, fault, "gemini" if google else x.kind)
                return
            flow.response = json_response(wire_json.dumps(_one(entry, google, anthropic)))
            return
        entries = [found[name] for name in sorted(found)]
        flow.response = json_response(wire_json.dumps(_all(entries, google, anthropic)))

    def routed(self, x: Exchange, model: str) -> dict[str, Any] | None:
        """A model that nobody lists, and that a request would be routed for all the same."""
        assert x.match and x.client
        index, prefix = self.runtime.state.indexes.of(x.snapshot), x.match.route_prefix
        if len(model) > MAX_MODEL or not x.client.models.allows(model):
            return None
        plans = (index.plan(kind, model, prefix) for kind in sorted(x.client.kinds))
        return {"id": model} if any(entry.keys for plan in plans for entry in plan.entries) else None

    async def visible(self, x: Exchange) -> dict[str, dict[str, Any]]:
        """Model name -> what is known of it. Names of a channel's mapping count as well as its upstream's list."""
        assert x.match and x.client
        client = x.client
        channels = [
            channel
            for channel in x.snapshot.channels
            if channel.status == "active"
            and channel.route_prefix == x.match.route_prefix
            and channel.serves & client.kinds
        ]
        lists = await asyncio.gather(*(self.of(channel) for channel in channels))
        found: dict[str, dict[str, Any]] = {}
        for channel, listed in zip(channels, lists, strict=True):
            for entry in [*({"id": name} for name in channel.named), *listed]:
                name = entry["id"]
                if channel.allow.allows(name) and client.models.allows(name):
                    found.setdefault(name, entry | _sizes(channel, entry))
        return found

    async def of(self, channel: Channel) -> list[dict[str, Any]]:
        """A channel's list, asked at most once a minute however many ask for it."""
        now = time.monotonic()
        self.lists = {c: entry for c, entry in self.lists.items() if now - entry[0] < CACHE}
        if channel not in self.lists:
            self.lists[channel] = (now, asyncio.ensure_future(apart(list_models(channel))))
        if listed := await asyncio.shield(self.lists[channel][1]):
            known = {c: entries for c, entries in self.last.items() if c in self.lists}
            self.last = {**known, channel: listed}
        return listed or self.last.get(channel, [])


def _sizes(channel: Channel, entry: dict[str, Any]) -> dict[str, int]:
    """Tokens that the model takes and gives, as the upstream's list says, else as its vendor does; 0: not known."""
    size = vendors.size(channel.base_urls[0], channel.models.apply(entry["id"]).model)
    window = next(filter(None, (read.count(entry.get(name)) for name in WINDOWS)), 0)
    output = next(filter(None, (read.count(entry.get(name)) for name in OUTPUTS)), 0)
    return {"window": channel.limits.context_window or window or size.window, "output": output or size.output}


def _all(entries: list[dict[str, Any]], google: bool, anthropic: bool) -> dict[str, Any]:
    shaped = [_one(entry, google, anthropic) for entry in entries]
    if google:
        return {"models": shaped}
    if anthropic:
        ends = (
            {"first_id": entries[0]["id"], "last_id": entries[-1]["id"]}
            if entries
            else {"first_id": None, "last_id": None}
        )
        return {"data": shaped, "has_more": False, **ends}
    return {"object": "list", "data": shaped}


def _one(entry: dict[str, Any], google: bool, anthropic: bool) -> dict[str, Any]:
    name = entry["id"]
    label = read.text(entry.get("display_name")) or read.text(entry.get("displayName")) or name
    window, output = entry.get("window", 0), entry.get("output", 0)
    if google:
        entry = {name: known for name, known in entry.items() if name not in ("window", "output")}
        sizes = {"inputTokenLimit": window, "outputTokenLimit": output}
        entry |= {name: known for name, known in sizes.items() if known}
        methods = entry.get("supportedGenerationMethods") or ["generateContent", "countTokens"]
        return {**entry, "name": f"models/{name}", "displayName": label, "supportedGenerationMethods": methods}
    created = read.count(entry.get("created"))
    if anthropic:
        moment = read.text(entry.get("created_at")) or datetime.fromtimestamp(min(created, LATEST), UTC).isoformat()
        sizes = {"max_input_tokens": window or None, "max_tokens": output or None}
        return {"type": "model", "id": name, "display_name": label, "created_at": moment, **sizes}
    owner = read.text(entry.get("owned_by")) or "ccx"
    more = {"context_length": window} if window else {}
    return {"id": name, "object": "model", "created": created, "owned_by": owner, **more}
