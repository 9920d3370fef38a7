"""Paths, credentials, errors and the side-car of Gemini generateContent (ai.google.dev/api/generate-content)."""

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from ccx_addons.core import sse, wire_json
from ccx_addons.core.config import AuthStyle, Kind
from ccx_addons.core.faults import read_fault
from ccx_addons.core.neutral import FAULT_STATUS, NO_EXTRA, Extra, Fault, FaultKind, Json

NAME: Final[Kind] = "gemini"
DEFAULT_VERSION: Final = "v1beta"
METHODS: Final[Mapping[str, str]] = {
    "generate": ":generateContent",
    "count_tokens": ":countTokens",
    "embed": ":embedContent",
    "model": "",
}
ERROR_STATUS: Final[Mapping[FaultKind, str]] = {
    "invalid_request": "INVALID_ARGUMENT",
    "authentication": "UNAUTHENTICATED",
    "billing": "FAILED_PRECONDITION",
    "permission": "PERMISSION_DENIED",
    "not_found": "NOT_FOUND",
    "method": "UNIMPLEMENTED",
    "timeout": "DEADLINE_EXCEEDED",
    "conflict": "ABORTED",
    "too_large": "INVALID_ARGUMENT",
    "rate_limit": "RESOURCE_EXHAUSTED",
    "overloaded": "UNAVAILABLE",
    "unavailable": "UNAVAILABLE",
    "server": "INTERNAL",
}
SIGNATURE: Final = "thoughtSignature"

type Fields = dict[str, Any]
"""An object as it stands on the wire."""


def upstream_path(operation: str, model: str, stream: bool) -> str:
    if operation == "models":
        return "/models"
    method = ":streamGenerateContent?alt=sse" if operation == "generate" and stream else METHODS[operation]
    return f"/models/{quote(model, safe='/')}{method}"


def auth_header(secret: str, style: AuthStyle) -> tuple[str, str]:
    match style:
        case "query":
            return "?key", secret
        case "bearer":
            return "authorization", f"Bearer {secret}"
        case "x-api-key":
            return "x-api-key", secret
    return ("authorization", f"Bearer {secret}") if secret.startswith("ya29.") else ("x-goog-api-key", secret)


# ---- errors ----------------------------------------------------------------------------------------------------------
def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def error_body(fault: Fault) -> Fields:
    code = fault.status or FAULT_STATUS[fault.kind]
    error: Fields = {"code": code, "message": fault.message, "status": ERROR_STATUS[fault.kind]}
    if fault.retry_after is not None:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        error["details"] = [{"@type": kind, "retryDelay": f"{max(1, round(fault.retry_after))}s"}]
    return {"error": error}


def encode_error(fault: Fault, request_id: str) -> tuple[int, bytes]:
    return fault.status or FAULT_STATUS[fault.kind], wire_json.dumps(error_body(fault))


def encode_stream_error(fault: Fault) -> bytes:
    """A chunk with ``error``, on which google-genai raises APIError."""
    return sse.frame(wire_json.dump_text(error_body(fault)))


# ---- the side-car ----------------------------------------------------------------------------------------------------
def own(extra: Extra) -> Fields:
    """The fields that this protocol kept for itself."""
    return dict(extra[NAME]) if extra and NAME in extra else {}


def keep(fields: Mapping[str, Json]) -> Extra:
    """What has no neutral name, under this protocol's."""
    kept = {name: value for name, value in fields.items() if value is not None}
    return {NAME: kept} if kept else NO_EXTRA


def camel(name: str) -> str:
    """Google's JSON takes ``snake_case`` as well (protobuf.dev/programming-guides/json)."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest) if rest else name


def cameled(value: Json) -> Fields:
    """An object with its own names in camelCase; what is inside stays."""
    if not isinstance(value, dict):
        return {}
    return {camel(name) if "_" in name else name: item for name, item in value.items()}
