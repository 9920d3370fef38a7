"""What OpenAI's endpoints share: how a key is sent, how an error looks, and which schemas are strict.

Source: platform.openai.com/docs/guides/error-codes and the official SDK's ``_exceptions`` (status -> class).
"""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read, sse, wire_json
from ccx_addons.core.config import AuthStyle
from ccx_addons.core.neutral import FAULT_STATUS, Extra, Fault, FaultKind, Json, Usage

ERROR_TYPES: Final[Mapping[FaultKind, str]] = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "billing": "insufficient_quota",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "method": "invalid_request_error",
    "timeout": "timeout_error",
    "conflict": "conflict_error",
    "too_large": "invalid_request_error",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "unavailable": "service_unavailable",
    "server": "server_error",
}

SHARED: Final = frozenset({
    "metadata", "moderation", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "store",
})  # fmt: skip
"""Settings without a neutral name that Chat and Responses have under one name and with one meaning."""


def shared(extra: Extra, protocol: str) -> dict[str, Json]:
    """Those that a request of the other protocol brings. What is not stored by default is not forbidden either."""
    kept = extra.get(protocol)
    return {name: kept[name] for name in SHARED & kept.keys() if kept[name] is not False} if kept else {}


def auth_header(secret: str, style: AuthStyle) -> tuple[str, str]:
    """Bearer unless the channel says otherwise. ``?key``: the query parameter of that name."""
    match style:
        case "x-api-key" | "api-key" | "x-goog-api-key":
            return style, secret
        case "query":
            return "?key", secret
    return "authorization", f"Bearer {secret}"


USAGE_LIMIT: Final = "usage_limit_reached"
"""A limit of hours or days, with the moment ``resets_at``: Codex says when, and asks no more (codex-rs, api_bridge)."""


def error_body(fault: Fault) -> dict[str, object]:
    code = fault.code or None
    kind = fault.type or ERROR_TYPES[fault.kind]
    error = {"message": fault.message, "type": kind, "param": fault.param or None, "code": code}
    return {"error": error | ({"resets_at": int(fault.resets_at)} if fault.resets_at else {})}


def encode_error(fault: Fault, request_id: str) -> tuple[int, bytes]:
    return fault.status or FAULT_STATUS[fault.kind], wire_json.dumps(error_body(fault))


def encode_stream_error(fault: Fault) -> bytes:
    """A data line with an ``error`` member: the SDK raises APIError on it."""
    return sse.frame(wire_json.dump_text(error_body(fault)))


def chat_counts(usage: Mapping[str, Json]) -> Usage | None:
    """What relays count in Chat's words where another protocol's are due; None: in no words of Chat's."""
    if "input_tokens" in usage or "output_tokens" in usage:
        return None
    if "prompt_tokens" not in usage and "completion_tokens" not in usage:
        return None
    taken, given = (read.mapping(usage.get(f"{side}_tokens_details")) for side in ("prompt", "completion"))
    prompt = read.count(usage.get("prompt_tokens"))
    cached = min(prompt, read.count(taken.get("cached_tokens")))
    output = read.count(usage.get("completion_tokens"))
    return Usage(prompt, output, cached, reasoning=min(output, read.count(given.get("reasoning_tokens"))))


# ---- schemas ---------------------------------------------------------------------------------------------------------
NAMED_SCHEMAS: Final = ("properties", "$defs", "definitions", "patternProperties")
NESTED_SCHEMAS: Final = ("items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf")
"""Keywords that hold one schema or a list of them; those above hold schemas by name."""


def fits_strict(schema: Json) -> bool:
    """Whether strict mode takes a schema: every object is closed and requires all its properties.

    Source: platform.openai.com/docs/guides/structured-outputs#supported-schemas.
    """
    if isinstance(schema, list):
        return all(map(fits_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = read.mapping(schema.get("properties"))
    if properties or schema.get("type") == "object":
        required = {name for name in read.items(schema.get("required")) if isinstance(name, str)}
        if schema.get("additionalProperties") is not False or required != properties.keys():
            return False
    for name, inner in schema.items():
        if isinstance(inner, dict | list):
            if name in NESTED_SCHEMAS and not fits_strict(inner):
                return False
            if name in NAMED_SCHEMAS and isinstance(inner, dict) and not all(map(fits_strict, inner.values())):
                return False
    return True
