"""Test requests to one channel, logged with source ``test`` so that no statistics count them."""

from typing import Any, Final

from ccx_addons.core.confidential import hide_url
from ccx_addons.core.config import Channel, Key, Kind
from ccx_addons.core.ids import uuid7
from ccx_addons.io import probe
from ccx_addons.io.capability import Finding
from ccx_addons.io.prices import Cost, cost
from ccx_admin.api.problem import Failure, invalid
from ccx_admin.panel import Panel

MAX_NAMES: Final = 200


def run(panel: Panel, channel: Channel, key: Key, model: str) -> dict[str, Any]:
    """One minimal request: ``ok``, ``request_id``, ``total_ms``, ``text``, ``error`` and what it cost.

    Raises Failure for images, and when nobody knows a model to ask.
    """
    if channel.protocol not in probe.BODIES:
        raise Failure(409, "Not tested", f"every request to {channel.protocol} costs; send one through the gateway")
    if not model:
        model = channel.health_check.model or first_model(channel, key)
    started = panel.now_ms()
    found = probe.test(channel, key, model)
    usage = found.usage
    finding = Finding(found.ok, found.model, found.status, found.total_ms, error=found.error, usage=usage)
    id, usd = record(panel, channel, key, channel.protocol, model, finding, started)
    return {
        "ok": found.ok,
        "request_id": id,
        "status": found.status,
        "model": model,
        "upstream_model": found.model,
        "key_mask": found.key_mask,
        "url": hide_url(found.url),
        "total_ms": found.total_ms,
        "text": found.text,
        "error": panel.secrets().clean(found.error),
        "usage": {"input": usage.input, "output": usage.output} if usage else None,
        "cost_usd": usd,
    }


def record(
    panel: Panel,
    channel: Channel,
    key: Key,
    kind: Kind,
    model: str,
    found: Finding,
    started: int,
    stream: bool = False,
) -> tuple[str, float | None]:
    """Rows of the request and its attempt, with source ``test``: (id of the request, dollars if they are known).

    ``model``: the client's name of it. ``started``: Unix milliseconds.
    """
    usage, error = found.usage, panel.secrets().clean(found.error)
    price = cost(found.upstream_model, usage, kind, panel.snapshot().prices, panel.clock()) if usage else Cost(None)
    price = price.times(channel.price_multiplier)
    id = uuid7(panel.clock())
    shared = {
        "started_at": started,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "key_mask": key.mask,
        "upstream_model": found.upstream_model,
        "status": found.status,
        "error_message": error,
        "total_ms": found.total_ms,
        "source": "test",
    }
    attempt = {"request_id": id, "n": 1, "base_url": hide_url(key.base_url or channel.base_urls[0])}
    outcome = "ok" if found.ok else "status" if found.status >= 300 else "bad_body" if found.status else "connect"
    panel.store.put_attempts([{**shared, **attempt, "outcome": outcome, "verdict": "commit" if found.ok else "stop"}])
    if found.sent:
        panel.store.put_body(id, "upstream_request", found.sent)
    if found.received:
        panel.store.put_body(id, "upstream_response", found.received)
    panel.store.put_request(
        {
            **shared,
            "id": id,
            "boot_id": panel.store.boot_id,
            "worker": panel.store.worker,
            "ended_at": started + int(found.total_ms),
            "state": "ok" if found.ok else "failed",
            "phase": "done",
            "kind": kind,
            "operation": "embeddings" if kind == "embeddings" else "generate",
            "stream": int(stream),
            "client_name": "panel",
            "model": model,
            "attempts_n": 1,
            "error_kind": "" if found.ok else "test",
            "first_event_ms": found.first_ms,
            "input_tokens": usage.input if usage else None,
            "output_tokens": usage.output if usage else None,
            "cost_usd": price.usd,
            "price_source": price.source,
            "usage_source": "reported" if usage else "",
            "bytes_in": len(found.sent) or None,
            "bytes_out": len(found.received) or None,
            "config_revision": panel.snapshot().revision,
        }
    )
    return id, price.usd


def first_model(channel: Channel, key: Key) -> str:
    """A model to test with when nobody names one: of the mapping, of the allowed names, or of the upstream's list."""
    names = [*channel.models.entries, *channel.allow.include]
    if plain := next((name for name in names if "*" not in name), ""):
        return plain
    listed = probe.ask_models(channel, key)
    found = next((str(m["id"]) for m in listed.models[:MAX_NAMES] if channel.allow.allows(str(m["id"]))), "")
    if not found:
        raise invalid(
            f"name a model to test with; the upstream's list could not be used: {listed.error or 'it is empty'}"
        )
    return found
