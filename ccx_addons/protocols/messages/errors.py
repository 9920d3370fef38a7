"""Errors both ways. Types and statuses: platform.claude.com/docs/en/api/errors."""

import time
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import sse, wire_json
from ccx_addons.core.faults import read_fault
from ccx_addons.core.neutral import FAULT_STATUS, Fault, FaultKind, Json

ERROR_TYPES: Final[Mapping[FaultKind, str]] = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "billing": "billing_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "method": "invalid_request_error",
    "timeout": "timeout_error",
    "conflict": "invalid_request_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "unavailable": "api_error",
    "server": "api_error",
}


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def error_body(fault: Fault) -> dict[str, Json]:
    kind = fault.type if fault.type in ERROR_TYPES.values() else ERROR_TYPES[fault.kind]
    return {"type": "error", "error": {"type": kind, "message": fault.message}}


def encode_error(fault: Fault, request_id: str) -> tuple[int, bytes]:
    body = error_body(fault) | ({"request_id": request_id} if request_id else {})
    return fault.status or FAULT_STATUS[fault.kind], wire_json.dumps(body)


def encode_stream_error(fault: Fault) -> bytes:
    return sse.frame(wire_json.dump_text(error_body(fault)), "error")
