"""Errors: read from whatever an upstream sends, also inside answers and streams.

https://platform.openai.com/docs/guides/error-codes/api-errors, https://openrouter.ai/docs/api-reference/errors,
https://platform.minimax.io/docs/api-reference/errorcode.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

from ccx_addons.core import read
from ccx_addons.core.faults import MAX_TEXT, bare_fault, fault_of, read_fault
from ccx_addons.core.neutral import Fault, Json
from ccx_addons.core.wire_json import dump_text, loads_object


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    fault = read_fault(status, headers, body, time.time())
    return _with_provider(fault, loads_object(body) or {}) if b'"metadata"' in body else fault


def error_in(answer: Mapping[str, Json]) -> Fault | None:
    """The error that a 2xx answer or a chunk of a stream carries; None when it carries none."""
    if answer.get("error") or answer.get("object") == "error":
        return _with_provider(fault_of(answer), answer)
    choices = answer.get("choices")
    if choices and isinstance(choices, list) and isinstance(choice := choices[0], dict) and choice.get("error"):
        return _with_provider(fault_of(choice), choice)
    if "base_resp" in answer and (fault := _base_fault(read.mapping(answer["base_resp"]))):
        return fault
    return None if "choices" in answer else bare_fault(answer)


def _base_fault(state: Mapping[str, Json]) -> Fault | None:
    """MiniMax's error, whose code is 0 where there is none."""
    code = read.count(state.get("status_code"))
    return Fault("server", read.text(state.get("status_msg")) or f"error {code}", code=str(code)) if code else None


def _with_provider(fault: Fault, body: Mapping[str, Json]) -> Fault:
    """OpenRouter's own message is a general one; what the provider answered stands in ``metadata.raw``, told here where
    there is no error in it that could be read."""
    error = read.mapping(body.get("error"))
    raw = read.mapping(error.get("metadata")).get("raw")
    if not raw or fault.message != error.get("message"):
        return fault
    return replace(fault, message=f"{fault.message}: {raw if isinstance(raw, str) else dump_text(raw)}"[:MAX_TEXT])
