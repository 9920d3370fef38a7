"""What the real APIs refuse, with their own words and shapes."""

import json
from typing import Any

from scripts.fake import refuse_chat, refuse_gemini, refuse_messages, refuse_responses
from scripts.fake.refused import OPENAI_MODELS, Refused

FIELDS = {
    "messages": {
        "model", "messages", "max_tokens", "system", "tools", "tool_choice", "stream", "thinking", "temperature",
        "top_p", "top_k", "stop_sequences", "metadata", "service_tier", "output_config", "output_format", "container",
        "context_management", "mcp_servers", "cache_control", "inference_geo", "speed",
    },
    "chat": {
        "model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "max_tokens",
        "max_completion_tokens", "temperature", "top_p", "stop", "n", "seed", "presence_penalty", "frequency_penalty",
        "logit_bias", "logprobs", "top_logprobs", "response_format", "reasoning_effort", "verbosity", "user",
        "safety_identifier", "prompt_cache_key", "service_tier", "store", "metadata", "modalities", "audio",
        "prediction", "web_search_options", "functions", "function_call", "prompt_cache_retention",
    },
    "responses": {
        "model", "input", "instructions", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls",
        "max_output_tokens", "max_tool_calls", "temperature", "top_p", "reasoning", "text", "user", "store", "include",
        "safety_identifier", "prompt_cache_key", "service_tier", "metadata", "previous_response_id", "truncation",
        "background", "conversation", "prompt", "top_logprobs", "client_metadata", "context_management",
        "prompt_cache_retention",
    },
    "gemini": {
        "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent",
        "labels", "model", "generateContentRequest", "content", "taskType", "title", "outputDimensionality", "requests",
        "store",
        "serviceTier",
    },
    "embeddings": {"model", "input", "encoding_format", "dimensions", "user"},
    "images": {
        "model", "prompt", "n", "size", "quality", "response_format", "style", "user", "background", "moderation",
        "output_format", "output_compression", "stream", "partial_images", "image", "mask", "input_fidelity", "images",
    },
}  # fmt: skip

REQUIRED = {
    "messages": ("model", "messages", "max_tokens"),
    "chat": ("model", "messages"),
    "responses": ("model",),
    "gemini": (),
    "embeddings": ("model", "input"),
    "images": ("model",),
}
CHECKS = {
    "messages": refuse_messages.check,
    "chat": refuse_chat.check,
    "responses": refuse_responses.check,
    "gemini": refuse_gemini.check,
}


def error(kind: str, status: int, message: str, code: str = "", type_: str = "", param: str = "") -> bytes:
    """An error body as that vendor writes it."""
    if kind == "messages":
        words = {
            400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
            404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error",
        }  # fmt: skip
        return json.dumps(
            {
                "type": "error",
                "error": {"type": type_ or words.get(status, "api_error"), "message": message},
                "request_id": "req_fake",
            }
        ).encode()
    if kind == "gemini":
        words = {
            400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
            429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
        }  # fmt: skip
        return json.dumps(
            {"error": {"code": status, "message": message, "status": words.get(status, "UNKNOWN")}}
        ).encode()
    words = {400: "invalid_request_error", 401: "invalid_request_error", 429: "rate_limit_error"}
    kind_word = type_ or words.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return json.dumps(
        {"error": {"message": message, "type": kind_word, "param": param or None, "code": code or None}}
    ).encode()


def stream_error(kind: str, status: int, message: str) -> tuple[str, dict[str, Any]]:
    """Name and data of an error event inside a stream as that vendor writes it."""
    body = json.loads(error(kind, status, message))
    if kind == "responses":
        code = "server_is_overloaded" if status == 529 else "server_error"
        inner = {"type": "server_error", "code": code, "message": message, "param": None}
        return "error", {"type": "error", "error": inner, "sequence_number": 99}
    return "error" if kind == "messages" else "", body


NO_THREADS = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": "thread: this request cannot be threaded",
        "details": {"error_code": "thread_unsupported_request", "unsupported": ["thread"]},
    },
}
"""Conversations are kept by the server only for some requests (anthropic-beta: message threads)."""


def refusal(
    kind: str, operation: str, body: dict[str, Any], headers: dict[str, str], model: str
) -> tuple[int, bytes] | None:
    """Status and body with which the real API would refuse, or None."""
    if kind == "messages" and "thread" in body:
        return 400, json.dumps(NO_THREADS).encode()
    try:
        _check(kind, operation, body, headers, model)
    except Refused as refused:
        return refused.status, error(kind, refused.status, refused.words, refused.code, "", refused.param)
    return None


def _check(kind: str, operation: str, body: dict[str, Any], headers: dict[str, str], model: str) -> None:
    if kind == "messages" and "anthropic-version" not in headers:
        raise Refused("anthropic-version: header is required")
    if kind == "messages" and operation == "count_tokens":
        body = {"max_tokens": 1, **body}
    for name in REQUIRED[kind]:
        if name not in body:
            words = f"{name}: Field required" if kind == "messages" else f"Missing required parameter: '{name}'."
            raise Refused(words, "missing_required_parameter", name)
    for name in body:
        if name not in FIELDS[kind] and not (kind == "chat" and not OPENAI_MODELS.search(model)):
            raise Refused(unknown_field(kind, name), "unknown_parameter", name)
    if kind in CHECKS and operation == "generate":
        CHECKS[kind](body, model)


def unknown_field(kind: str, name: str) -> str:
    """The vendor's words for a top-level member that it does not know."""
    if kind == "messages":
        return f"{name}: Extra inputs are not permitted"
    if kind == "gemini":
        return f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
    return f"Unknown parameter: '{name}'." if kind == "responses" else f"Unrecognized request argument supplied: {name}"
