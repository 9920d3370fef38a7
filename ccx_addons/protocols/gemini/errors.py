"""Errors both ways (ai.google.dev/gemini-api/docs/troubleshooting, google.aip.dev/193)."""

import math
import time
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import sse, wire_json
from ccx_addons.core.faults import read_fault
from ccx_addons.core.neutral import FAULT_STATUS, Fault, FaultKind
from ccx_addons.protocols.gemini.wire import Fields

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
RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"
"""Where Google's clients read how long to wait."""


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def error_body(fault: Fault) -> Fields:
    code = fault.status or FAULT_STATUS[fault.kind]
    error: Fields = {"code": code, "message": fault.message, "status": ERROR_STATUS[fault.kind]}
    if fault.retry_after is not None:
        error["details"] = [{"@type": RETRY_INFO, "retryDelay": f"{max(1, math.ceil(fault.retry_after))}s"}]
    return {"error": error}


def encode_error(fault: Fault, request_id: str) -> tuple[int, bytes]:
    return fault.status or FAULT_STATUS[fault.kind], wire_json.dumps(error_body(fault))


def encode_stream_error(fault: Fault) -> bytes:
    return sse.frame(wire_json.dump_text(error_body(fault)))


def encode_bare_error(fault: Fault) -> bytes:
    """As Google's servers write it in a stream, without ``data:``: Gemini CLI takes nothing else for an error, and the
    answer for complete where there is none. It needs a chunk of its own (googleapis/js-genai, processStreamResponse),
    and whoever reads lines its own line (googleapis/python-genai, _api_client.py)."""
    return wire_json.dumps(error_body(fault)) + b"\n\n"


def encode_array_error(fault: Fault) -> bytes:
    """The last element and the end of a JSON array that has begun."""
    return b",\n" + wire_json.dumps(error_body(fault)) + b"]"
