"""What a request and its attempts are in OpenTelemetry's words. Pure.

Names: opentelemetry.io/docs/specs/semconv/gen-ai, /http, /general/session; what is the gateway's own begins with
``ccx.``.
The request is a server's span, each attempt a client's below it; tokens stand on the attempt that answered alone, so
that nobody counts them twice.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ccx_addons.core.config import Kind
from ccx_addons.protocols import reassembly
from ccx_addons.protocols.reassembly import Piece

PARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
"""w3.org/TR/trace-context/#traceparent-header"""

PROVIDERS: Final[Mapping[str, str]] = {
    "anthropic.com": "anthropic", "openai.azure.com": "azure.ai.openai", "services.ai.azure.com": "azure.ai.inference",
    "amazonaws.com": "aws.bedrock", "aiplatform.googleapis.com": "gcp.vertex_ai", "googleapis.com": "gcp.gemini",
    "cohere.com": "cohere", "deepseek.com": "deepseek", "groq.com": "groq", "mistral.ai": "mistral_ai",
    "perplexity.ai": "perplexity", "x.ai": "x_ai", "openai.com": "openai",
}  # fmt: skip
"""End of a host -> the provider; others are named by their protocol's vendor."""
VENDORS: Final[Mapping[str, str]] = {"messages": "anthropic", "gemini": "gcp.gemini"}
OPERATIONS: Final[Mapping[str, str]] = {"embeddings": "embeddings", "gemini": "generate_content"}
"""Kind -> what is done; text is ``chat``."""
ASKED: Final[Mapping[str, str]] = {
    "max_tokens": "max_tokens", "max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens",
    "temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "seed": "seed",
    "presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty",
    "maxOutputTokens": "max_tokens", "topP": "top_p", "topK": "top_k",
}  # fmt: skip
"""Member of a body, or of Gemini's generationConfig -> attribute."""


def parent_of(traceparent: str) -> tuple[int, int, bool] | None:
    """(trace, span, sampled) of the caller; None: it names none."""
    found = PARENT.fullmatch(traceparent.strip())
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return None
    return int(found[1], 16), int(found[2], 16), bool(int(found[3], 16) & 1)


def traceparent(trace: int, span: int) -> str:
    return f"00-{trace:032x}-{span:016x}-01"


def operation_of(kind: str, operation: str) -> str:
    if operation not in ("generate", "embeddings"):
        return operation
    return OPERATIONS.get(kind, "chat")


def provider_of(base_url: str, protocol: str) -> str:
    host = (urlsplit(base_url).hostname or "").lower()
    found = next((name for end, name in PROVIDERS.items() if host == end or host.endswith(f".{end}")), "")
    return found or VENDORS.get(protocol, "openai")


def request_attributes(row: Mapping[str, Any], method: str, path: str) -> dict[str, Any]:
    """Of the request's own span. ``row``: as in the log."""
    return present(
        {
            "http.request.method": method,
            "url.path": path,
            "http.response.status_code": row["status"] or None,
            "user_agent.original": row["user_agent"],
            "user.id": row["client_name"],
            "session.id": row["trace_hash"],
            "gen_ai.conversation.id": row["trace_hash"],
            "gen_ai.operation.name": operation_of(row["kind"], row["operation"]),
            "gen_ai.request.model": row["model"],
            "error.type": row["error_kind"],
            "ccx.request.id": row["id"],
            "ccx.kind": row["kind"],
            "ccx.state": row["state"],
            "ccx.channel": row["channel_name"],
            "ccx.attempts": row["attempts_n"],
            "ccx.cost_usd": row["cost_usd"],
        }
    )


def attempt_attributes(row: Mapping[str, Any], attempt: Mapping[str, Any], protocol: str) -> dict[str, Any]:
    """Of one attempt's span."""
    place = urlsplit(attempt["base_url"])
    failed = attempt["outcome"] not in ("ok", "client_left")
    return present(
        {
            "gen_ai.operation.name": operation_of(row["kind"], row["operation"]),
            "gen_ai.provider.name": provider_of(attempt["base_url"], protocol),
            "gen_ai.request.model": attempt["upstream_model"],
            "server.address": place.hostname,
            "server.port": place.port or (443 if place.scheme == "https" else 80),
            "http.response.status_code": attempt["status"] or None,
            "error.type": (str(attempt["status"]) if attempt["status"] >= 400 else attempt["outcome"])
            if failed
            else "",
            "ccx.attempt": attempt["n"],
            "ccx.channel": attempt["channel_name"],
            "ccx.key": attempt["key_mask"],
            "ccx.outcome": attempt["outcome"],
            "ccx.verdict": attempt["verdict"],
            "ccx.reason": attempt["reason"],
            "ccx.connection.reused": bool(attempt["reused"]),
        }
    )


def answer_attributes(row: Mapping[str, Any], members: Mapping[str, Any], stop: str | None) -> dict[str, Any]:
    """Of the attempt that answered: what was asked of the model, and what it took."""
    settings = members.get("generationConfig")
    asked = {**members, **settings} if isinstance(settings, dict) else members
    numbers = {
        f"gen_ai.request.{attribute}": asked[name]
        for name, attribute in ASKED.items()
        if isinstance(asked.get(name), int | float) and not isinstance(asked[name], bool)
    }
    first = row["first_event_ms"] if row["first_event_ms"] is not None else row["ttfb_ms"]
    return present(
        {
            **numbers,
            "gen_ai.request.stream": bool(row["stream"]),
            "gen_ai.response.finish_reasons": [stop] if stop else None,
            "gen_ai.response.time_to_first_chunk": first / 1000 if first is not None and row["stream"] else None,
            "gen_ai.usage.input_tokens": row["input_tokens"],
            "gen_ai.usage.output_tokens": row["output_tokens"],
            "gen_ai.usage.cache_read.input_tokens": row["cache_read_tokens"],
            "gen_ai.usage.cache_creation.input_tokens": row["cache_write_tokens"],
            "gen_ai.usage.reasoning.output_tokens": row["reasoning_tokens"],
            "ccx.usage.source": row["usage_source"],
            "ccx.cost_usd": row["cost_usd"],
        }
    )


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value != ""}


# ---- content, where it is asked for ----------------------------------------------------------------------------------
def content(kind: Kind, model: str, asked: str, answered: str) -> dict[str, Any]:
    """Messages as JSON, in the form of the convention's schemas (gen-ai-input-messages.json)."""
    request = reassembly.asked(kind, model, False, {"text": asked})
    answer = reassembly.answer(kind, {"text": answered}) if answered else None
    found = {
        "gen_ai.system_instructions": [part(piece) for piece in request.system],
        "gen_ai.input.messages": [
            {"role": turn.role, "parts": [part(piece) for piece in turn.pieces]} for turn in request.turns
        ],
    }
    if answer and answer.pieces:
        said = {"role": "assistant", "parts": [part(piece) for piece in answer.pieces]}
        found["gen_ai.output.messages"] = [{**said, "finish_reason": answer.stop or "error"}]
    return {name: json.dumps(value, ensure_ascii=False) for name, value in found.items() if value}


def part(piece: Piece) -> dict[str, Any]:
    match piece.look:
        case "call":
            return {"type": "tool_call", "id": piece.note, "name": piece.name, "arguments": arguments(piece.text)}
        case "result":
            return {"type": "tool_call_response", "id": piece.note, "response": piece.text}
        case "thinking":
            return {"type": "reasoning", "content": piece.text}
        case "media":
            return {"type": "uri", "modality": "image", "uri": piece.text or piece.name}
    return {"type": "text", "content": piece.text}


def arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
