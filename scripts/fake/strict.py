"""What the real APIs refuse, with their own words and shapes."""

import json
from typing import Any

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
        "labels", "model", "generateContentRequest", "content", "taskType", "title", "outputDimensionality", "store",
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
SCHEMA_KEYS_GEMINI_REFUSES = (
    "$schema",
    "additionalProperties",
    "const",
    "$ref",
    "$defs",
    "exclusiveMinimum",
    "patternProperties",
)


def error(kind: str, status: int, message: str, code: str = "", type_: str = "") -> bytes:
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
    return json.dumps({"error": {"message": message, "type": kind_word, "param": None, "code": code or None}}).encode()


def refusal(
    kind: str, operation: str, body: dict[str, Any], headers: dict[str, str], model: str
) -> tuple[int, bytes] | None:
    """Status and body with which the real API would refuse, or None."""
    if kind == "messages" and "anthropic-version" not in headers:
        return 400, error(kind, 400, "anthropic-version: header is required")
    if kind == "messages" and operation == "count_tokens":
        body = {"max_tokens": 1, **body}
    for name in REQUIRED[kind]:
        if name not in body:
            words = f"{name}: Field required" if kind == "messages" else f"Missing required parameter: '{name}'."
            return 400, error(kind, 400, words, "missing_required_parameter")
    for name in body:
        if name not in FIELDS[kind]:
            return 400, error(kind, 400, _unknown(kind, name), "unknown_parameter")
    checks = {"messages": _messages, "chat": _chat, "gemini": _gemini}
    words = checks[kind](body, model) if kind in checks and operation == "generate" else ""
    return (400, error(kind, 400, words)) if words else None


def _unknown(kind: str, name: str) -> str:
    if kind == "messages":
        return f"{name}: Extra inputs are not permitted"
    if kind == "gemini":
        return f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
    return f"Unknown parameter: '{name}'." if kind == "responses" else f"Unrecognized request argument supplied: {name}"


def _messages(body: dict[str, Any], model: str) -> str:
    messages = body["messages"]
    if not isinstance(messages, list) or not messages:
        return "messages: at least one message is required"
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "enabled" and thinking.get("budget_tokens", 0) >= body["max_tokens"]:
        return "`max_tokens` must be greater than `thinking.budget_tokens`"
    if thinking.get("type") in ("enabled", "adaptive") and body.get("temperature", 1) != 1:
        return "`temperature` may only be set to 1 when thinking is enabled"
    if "temperature" in body and "top_p" in body and "sonnet-4-5" in model:
        return "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    open_calls: set[str] = set()
    for n, message in enumerate(messages):
        if message.get("role") not in ("user", "assistant", "system"):
            return f"messages.{n}.role: Input should be 'user' or 'assistant'"
        blocks = (
            message["content"]
            if isinstance(message.get("content"), list)
            else [{"type": "text", "text": message.get("content")}]
        )
        results = {b.get("tool_use_id") for b in blocks if b.get("type") == "tool_result"}
        if open_calls - results:
            return f"messages.{n}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(sorted(open_calls))}"
        if results - open_calls:
            return f"messages.{n}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {results - open_calls}"
        if any(b.get("type") == "text" and not b.get("text") for b in blocks):
            return f"messages.{n}: text content blocks must be non-empty"
        calls = [b for b in blocks if b.get("type") == "tool_use"]
        if any(not isinstance(c.get("input"), dict) for c in calls):
            return f"messages.{n}.content.0.tool_use.input: Input should be a valid dictionary"
        if any(b.get("type") == "thinking" and not str(b.get("signature", "")).startswith("sig_") for b in blocks):
            return f"messages.{n}.content.0: Invalid `signature` in `thinking` block"
        if (
            calls
            and thinking.get("type") == "enabled"
            and blocks[0].get("type") not in ("thinking", "redacted_thinking")
        ):
            return f"messages.{n}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{blocks[0].get('type')}`"
        open_calls = {c["id"] for c in calls}
    return ""


def _chat(body: dict[str, Any], model: str) -> str:
    reasoning = model.startswith(("gpt-5", "o1", "o3", "o4"))
    if reasoning and "max_tokens" in body:
        return (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
    if reasoning and body.get("temperature", 1) != 1:
        return "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) value is supported."
    waiting: list[str] = []
    for n, message in enumerate(body["messages"]):
        role = message.get("role")
        if role not in ("system", "developer", "user", "assistant", "tool", "function"):
            return f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                return "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            waiting.remove(message["tool_call_id"])
        elif waiting:
            return f"An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following did not have response messages: {', '.join(waiting)}"
        waiting += [call["id"] for call in message.get("tool_calls") or []]
        if any(len(call["function"]["name"]) > 64 for call in message.get("tool_calls") or [] if "function" in call):
            return f"Invalid 'messages[{n}].tool_calls[0].function.name': string too long."
    return ""


def _gemini(body: dict[str, Any], model: str) -> str:
    calls = 0
    for content in body.get("contents") or []:
        if not isinstance(content, dict):
            return "Invalid value at 'contents'"
        parts = content.get("parts") or []
        answers = sum("functionResponse" in part for part in parts)
        if answers != calls and (calls or answers):
            return "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn."
        if any(part.get("text") == "" and len(part) == 1 for part in parts):
            return "Unable to submit request because it must have a text parameter."
        found = [part for part in parts if "functionCall" in part]
        if found and model.startswith("gemini-3") and not found[0].get("thoughtSignature"):
            return "Function call is missing a thought_signature in functionCall parts."
        calls = len(found)
        if any(not isinstance(p["functionResponse"].get("response"), dict) for p in parts if "functionResponse" in p):
            return "Invalid value at 'contents[0].parts[0].function_response.response'"
    for tool in body.get("tools") or []:
        for declaration in tool.get("functionDeclarations") or []:
            text = json.dumps(declaration.get("parameters") or {})
            for key in SCHEMA_KEYS_GEMINI_REFUSES:
                if f'"{key}":' in text:
                    return _unknown("gemini", key)
    return ""
