"""Errors both ways (platform.openai.com/docs/guides/error-codes, /docs/api-reference/responses-streaming).

A complete error has ``error.message``, ``type`` and ``code``. A stream ends with ``response.failed``, and Codex reads
nothing else; before it comes an ``error`` event, without which most libraries take what came for the whole answer
(github.com/langchain-ai/langchain/issues/39039, github.com/vercel/ai/pull/12937).
"""

import time
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read, sse, wire_json
from ccx_addons.core.faults import read_fault
from ccx_addons.core.neutral import Fault, FaultKind
from ccx_addons.core.openai import error_body
from ccx_addons.core.vendor_errors import category_of
from ccx_addons.protocols.responses.wire import Item

CODES: Final[Mapping[FaultKind, str]] = {
    "invalid_request": "invalid_prompt",
    "authentication": "invalid_api_key",
    "billing": "insufficient_quota",
    "permission": "permission_denied",
    "not_found": "model_not_found",
    "method": "invalid_prompt",
    "timeout": "server_error",
    "conflict": "server_error",
    "too_large": "context_length_exceeded",
    "rate_limit": "rate_limit_exceeded",
    "overloaded": "server_is_overloaded",
    "unavailable": "server_error",
    "server": "server_error",
}
"""Neutral kind -> ``error.code`` of a failed answer; clients retry by it."""

KNOWN_CODES: Final = frozenset({
    *CODES.values(), "slow_down", "usage_not_included", "cyber_policy", "data_residency_mismatch", "bio_policy",
    "misalignment_policy_violation", "vector_store_timeout", "invalid_image", "invalid_image_format",
    "invalid_base64_image", "invalid_image_url", "image_too_large", "image_too_small", "image_parse_error",
    "image_content_policy_violation", "invalid_image_mode", "image_file_too_large", "unsupported_image_media_type",
    "empty_image_file", "failed_to_download_image", "image_file_not_found",
})  # fmt: skip


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def encode_stream_error(fault: Fault) -> bytes:
    return sse.frame(wire_json.dump_text({"type": "error", "sequence_number": 0, **error_event(fault)}), "error")


def error_event(fault: Fault) -> Item:
    """As the reference has it, and in ``error`` as the server writes it: the SDKs raise at that member alone."""
    error = read.mapping(error_body(fault)["error"])
    told = {"code": error.get("code") or error["type"], "message": fault.message, "param": None}
    return {**told, "error": {"type": error["type"], **told}}


def failure(fault: Fault) -> Item:
    """``response.error`` of a failed answer."""
    code = fault.code
    if code not in KNOWN_CODES:
        code = "context_length_exceeded" if category_of(fault) == "context_length" else CODES[fault.kind]
    return {"code": code, "message": fault.message}
