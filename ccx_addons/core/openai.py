"""What OpenAI's endpoints share: how a key is sent and how an error looks.

Source: platform.openai.com/docs/guides/error-codes and the official SDK's ``_exceptions`` (status -> class).
"""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core import sse, wire_json
from ccx_addons.core.config import AuthStyle
from ccx_addons.core.neutral import FAULT_STATUS, Fault, FaultKind

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


def auth_header(secret: str, style: AuthStyle) -> tuple[str, str]:
    """Bearer unless the channel says otherwise. ``?key``: the query parameter of that name."""
    match style:
        case "x-api-key" | "x-goog-api-key":
            return style, secret
        case "query":
            return "?key", secret
    return "authorization", f"Bearer {secret}"


def error_body(fault: Fault) -> dict[str, object]:
    code = fault.code or None
    kind = fault.type or ERROR_TYPES[fault.kind]
    return {"error": {"message": fault.message, "type": kind, "param": fault.param or None, "code": code}}


def encode_error(fault: Fault, request_id: str) -> tuple[int, bytes]:
    return fault.status or FAULT_STATUS[fault.kind], wire_json.dumps(error_body(fault))


def encode_stream_error(fault: Fault) -> bytes:
    """A data line with an ``error`` member: the SDK raises APIError on it."""
    return sse.frame(wire_json.dump_text(error_body(fault)))
