"""Good answers, deterministic and driven by the request, in every vendor's shape.

Words in the last user text: ``call:NAME {json}`` calls a tool (several may stand there), ``think`` thinks (where the
request enabled it), ``refuse`` refuses, ``long:N`` says N words, ``chunks:N`` streams N pieces, ``cached`` reads a cache.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

CALL = re.compile(r"call:([\w.-]+)\s*(\{[^}]*\})?")


@dataclass
class Said:
    """What the model says: thought, text, calls; and what it counts."""

    model: str
    text: str = ""
    thought: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    refused: bool = False
    pieces: int = 0
    input: int = 0
    cached: int = 0

    @property
    def output(self) -> int:
        return len(self.text.split()) + 7 * len(self.calls) + self.reasoning

    @property
    def reasoning(self) -> int:
        return len(self.thought.split())


def say(kind: str, model: str, body: dict[str, Any]) -> Said:
    text, results, tools, may_think = READERS[kind](body)
    said = Said(model, input=len(json.dumps(body)) // 4, pieces=int(_number(text, "chunks", 0)))
    said.cached = said.input // 2 if "cached" in text else 0
    if "think" in text and may_think:
        said.thought = "let me think about this"
    if "refuse" in text:
        said.refused, said.text = True, "I cannot help with that."
    elif results:
        said.text = "tool said: " + " | ".join(results)
    elif tools and (calls := CALL.findall(text)):
        said.calls = [(name, arguments or _arguments(tools.get(name, {}))) for name, arguments in calls]
    elif words := int(_number(text, "long", 0)):
        said.text = " ".join(f"word{n}" for n in range(words))
    else:
        said.text = f"{model} heard: {text}"
    if schema := _wanted_schema(kind, body):
        said.text = json.dumps(_example(schema))
    return said


def _number(text: str, name: str, default: float) -> float:
    found = re.search(rf"{name}:(\d+)", text)
    return float(found[1]) if found else default


def _arguments(schema: dict[str, Any]) -> str:
    return json.dumps(_example(schema) if schema else {})


def _example(schema: dict[str, Any]) -> Any:
    kind = str(schema.get("type", "object")).lower()
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {name: _example(inner) for name, inner in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [_example(schema.get("items") or {"type": "string"})]
    return {"string": "value", "integer": 7, "number": 1.5, "boolean": True}.get(kind)


def _wanted_schema(kind: str, body: dict[str, Any]) -> dict[str, Any] | None:
    readers: dict[str, Callable[[], Any]] = {
        "messages": lambda: (body.get("output_config") or {}).get("format", {}).get("schema"),
        "chat": lambda: (body.get("response_format") or {}).get("json_schema", {}).get("schema"),
        "responses": lambda: (body.get("text") or {}).get("format", {}).get("schema"),
        "gemini": lambda: (
            (body.get("generationConfig") or {}).get("responseSchema")
            or (body.get("generationConfig") or {}).get("responseJsonSchema")
        ),
    }
    found = readers[kind]()
    return found if isinstance(found, dict) else None


# ---- what the request says -------------------------------------------------------------------------------------------
type Heard = tuple[str, list[str], dict[str, Any], bool]
"""Last user text, tool results that stand at the end, tools by name, whether thinking is enabled."""


def _flat(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(filter(None, (_flat(part) for part in content)))
    if isinstance(content, dict):
        if content.get("type") in ("image", "image_url", "input_image", "document", "input_file", "file"):
            return f"[{content['type']}]"
        return str(content.get("text") or content.get("content") or "")
    return ""


def _hear_messages(body: dict[str, Any]) -> Heard:
    last = body["messages"][-1]
    blocks = last["content"] if isinstance(last["content"], list) else [{"type": "text", "text": last["content"]}]
    results = [_flat(b.get("content")) for b in blocks if b.get("type") == "tool_result"]
    text = " ".join(_flat(b) for b in blocks if b.get("type") != "tool_result")
    tools = {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools") or []}
    return text, results, tools, (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")


def _hear_chat(body: dict[str, Any]) -> Heard:
    results: list[str] = []
    text = ""
    for message in reversed(body["messages"]):
        if message["role"] == "tool":
            results.insert(0, _flat(message.get("content")))
        elif message["role"] == "user":
            text = _flat(message.get("content"))
            break
        elif results or message["role"] == "assistant":
            break
    tools = {
        t["function"]["name"]: t["function"].get("parameters", {}) for t in body.get("tools") or [] if "function" in t
    }
    return text, results, tools, "reasoning_effort" in body or "deepseek" in body["model"]


def _hear_responses(body: dict[str, Any]) -> Heard:
    items = body.get("input", "")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    results: list[str] = []
    text = ""
    for item in reversed(items):
        if str(item.get("type", "")).endswith("call_output"):
            results.insert(0, _flat(item.get("output")))
        elif item.get("role") == "user":
            text = _flat(item.get("content"))
            break
        elif results:
            break
    tools = {t.get("name", ""): t.get("parameters") or {} for t in body.get("tools") or [] if isinstance(t, dict)}
    return text, results, tools, bool(body.get("reasoning"))


def _hear_gemini(body: dict[str, Any]) -> Heard:
    last = (body.get("contents") or [{}])[-1]
    parts = last.get("parts") or []
    results = [json.dumps(p["functionResponse"]["response"]) for p in parts if "functionResponse" in p]
    text = " ".join(p.get("text", "[image]") for p in parts if "text" in p or "inlineData" in p)
    tools = {
        d["name"]: d.get("parameters") or d.get("parametersJsonSchema") or {}
        for tool in body.get("tools") or []
        for d in tool.get("functionDeclarations") or []
    }
    return text, results, tools, bool((body.get("generationConfig") or {}).get("thinkingConfig"))


READERS = {"messages": _hear_messages, "chat": _hear_chat, "responses": _hear_responses, "gemini": _hear_gemini}


def pieces(text: str, wanted: int) -> list[str]:
    """The text in about ``wanted`` pieces, or by words."""
    if wanted:
        size = max(1, -(-len(text) // wanted))
        return [text[i : i + size] for i in range(0, len(text), size)] or [""]
    return re.findall(r"\S+\s*", text)


# ---- Messages --------------------------------------------------------------------------------------------------------
def messages_json(said: Said) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    if said.thought:
        blocks.append(
            {
                "type": "thinking",
                "thinking": said.thought,
                "signature": "sig_" + base64.b64encode(said.thought.encode()).decode(),
            }
        )
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    for n, (name, arguments) in enumerate(said.calls):
        blocks.append({"type": "tool_use", "id": f"toolu_fake_{n}", "name": name, "input": json.loads(arguments)})
    stop = "refusal" if said.refused else "tool_use" if said.calls else "end_turn"
    return {
        "id": "msg_fake", "type": "message", "role": "assistant", "model": said.model, "content": blocks,
        "stop_reason": stop, "stop_sequence": None, "usage": messages_usage(said),
    }  # fmt: skip


def messages_usage(said: Said) -> dict[str, Any]:
    return {
        "input_tokens": said.input - said.cached, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": said.cached, "output_tokens": said.output,
    }  # fmt: skip


def messages_stream(said: Said) -> Iterator[tuple[str, dict[str, Any]]]:
    whole = messages_json(said)
    usage = {**whole["usage"], "output_tokens": 1}
    yield (
        "message_start",
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None, "usage": usage}},
    )
    yield "ping", {"type": "ping"}
    for n, block in enumerate(whole["content"]):
        kind = block["type"]
        deltas: list[dict[str, Any]]
        start = {
            "text": {"type": "text", "text": ""},
            "thinking": {"type": "thinking", "thinking": "", "signature": ""},
        }.get(kind)
        yield (
            "content_block_start",
            {"type": "content_block_start", "index": n, "content_block": start or {**block, "input": {}}},
        )
        if kind == "text":
            deltas = [{"type": "text_delta", "text": p} for p in pieces(block["text"], said.pieces)]
        elif kind == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": p} for p in pieces(block["thinking"], 0)]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        else:
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in pieces(json.dumps(block["input"]), 3)]
        for delta in deltas:
            yield "content_block_delta", {"type": "content_block_delta", "index": n, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": n}
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": delta, "usage": {"output_tokens": said.output}}
    yield "message_stop", {"type": "message_stop"}


# ---- Chat ------------------------------------------------------------------------------------------------------------
def chat_usage(said: Said) -> dict[str, Any]:
    return {
        "prompt_tokens": said.input, "completion_tokens": said.output, "total_tokens": said.input + said.output,
        "prompt_tokens_details": {"cached_tokens": said.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": said.reasoning, "audio_tokens": 0},
    }  # fmt: skip


def chat_calls(said: Said) -> list[dict[str, Any]]:
    return [
        {"id": f"call_fake_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(said.calls)
    ]


def chat_json(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.refused:
        message.update(content=None, refusal=said.text)
    if said.thought:
        message["reasoning_content"] = said.thought
    if said.calls:
        message["tool_calls"] = chat_calls(said)
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if said.calls else "stop", "logprobs": None}
    return {
        "id": "chatcmpl-fake", "object": "chat.completion", "created": 1_700_000_000, "model": said.model,
        "choices": [choice], "usage": chat_usage(said),
    }  # fmt: skip


def chat_stream(said: Said, include_usage: bool) -> Iterator[tuple[str, Any]]:
    def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> tuple[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        body = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": said.model}
        return "", {**body, "choices": [choice], **more}

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(said.thought, 0):
        yield chunk({"reasoning_content": piece})
    for piece in pieces(said.text, said.pieces):
        yield chunk({"refusal": piece} if said.refused else {"content": piece})
    for n, call in enumerate(chat_calls(said)):
        first = {**call, "index": n, "function": {"name": call["function"]["name"], "arguments": ""}}
        yield chunk({"tool_calls": [first]})
        for piece in pieces(call["function"]["arguments"], 3):
            yield chunk({"tool_calls": [{"index": n, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls" if said.calls else "stop")
    if include_usage:
        last = chunk({})[1]
        yield "", {**last, "choices": [], "usage": chat_usage(said)}
    yield "", "[DONE]"


# ---- Responses -------------------------------------------------------------------------------------------------------
def responses_json(said: Said, body: dict[str, Any]) -> dict[str, Any]:
    output: list[dict[str, Any]] = []
    if said.thought:
        output.append({
            "id": "rs_fake", "type": "reasoning", "encrypted_content": "enc_" + base64.b64encode(said.thought.encode()).decode(),
            "summary": [{"type": "summary_text", "text": said.thought}],
        })  # fmt: skip
    if said.text:
        part: dict[str, Any] = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        if said.refused:
            part = {"type": "refusal", "refusal": said.text}
        output.append(
            {"id": "msg_fake", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        )
    custom = {t.get("name") for t in body.get("tools") or [] if isinstance(t, dict) and t.get("type") == "custom"}
    for n, (name, arguments) in enumerate(said.calls):
        item = {"id": f"fc_fake_{n}", "call_id": f"call_fake_{n}", "name": name, "status": "completed"}
        if name in custom:
            output.append({**item, "type": "custom_tool_call", "input": arguments})
        else:
            output.append({**item, "type": "function_call", "arguments": arguments})
    return {
        "id": "resp_fake", "object": "response", "created_at": 1_700_000_000, "status": "completed", "model": said.model,
        "output": output, "error": None, "incomplete_details": None, "instructions": body.get("instructions"),
        "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto",
        "tools": body.get("tools") or [], "top_p": 1.0, "max_output_tokens": None, "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None}, "text": {"format": {"type": "text"}}, "truncation": "disabled",
        "usage": {
            "input_tokens": said.input, "input_tokens_details": {"cached_tokens": said.cached},
            "output_tokens": said.output, "output_tokens_details": {"reasoning_tokens": said.reasoning},
            "total_tokens": said.input + said.output,
        },
    }  # fmt: skip


def responses_stream(said: Said, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    whole = responses_json(said, body)
    number = iter(range(10**6))

    def event(kind: str, **more: Any) -> tuple[str, dict[str, Any]]:
        return kind, {"type": kind, "sequence_number": next(number), **more}

    empty = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield event("response.created", response=empty)
    yield event("response.in_progress", response=empty)
    for n, item in enumerate(whole["output"]):
        at = {"item_id": item["id"], "output_index": n}
        begun = {**item, **({"status": "in_progress"} if "status" in item else {})}
        for name, value in (("content", []), ("summary", []), ("arguments", ""), ("input", "")):
            if name in begun:
                begun[name] = value
        yield event("response.output_item.added", output_index=n, item=begun)
        yield from _responses_item(event, item, at, said)
        yield event("response.output_item.done", output_index=n, item=item)
    yield event("response.completed", response=whole)


def _responses_item(
    event: Any, item: dict[str, Any], at: dict[str, Any], said: Said
) -> Iterator[tuple[str, dict[str, Any]]]:
    if item["type"] == "message":
        part = item["content"][0]
        text = part.get("text", part.get("refusal"))
        kind = "output_text" if part["type"] == "output_text" else "refusal"
        spot = {**at, "content_index": 0}
        name = "text" if kind == "output_text" else "refusal"
        yield event("response.content_part.added", **spot, part={**part, name: ""})
        extra: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
        for piece in pieces(text, said.pieces):
            yield event(f"response.{kind}.delta", **spot, delta=piece, **extra)
        yield event(f"response.{kind}.done", **spot, **{name: text}, **extra)
        yield event("response.content_part.done", **spot, part=part)
    elif item["type"] == "reasoning":
        spot = {**at, "summary_index": 0}
        text = item["summary"][0]["text"]
        yield event("response.reasoning_summary_part.added", **spot, part={"type": "summary_text", "text": ""})
        for piece in pieces(text, 0):
            yield event("response.reasoning_summary_text.delta", **spot, delta=piece)
        yield event("response.reasoning_summary_text.done", **spot, text=text)
        yield event("response.reasoning_summary_part.done", **spot, part=item["summary"][0])
    else:
        name, kind = (
            ("arguments", "function_call_arguments") if "arguments" in item else ("input", "custom_tool_call_input")
        )
        for piece in pieces(item[name], 3):
            yield event(f"response.{kind}.delta", **at, delta=piece)
        yield event(
            f"response.{kind}.done",
            **at,
            **{name: item[name]},
            **({"name": item["name"]} if name == "arguments" else {}),
        )


# ---- Gemini ----------------------------------------------------------------------------------------------------------
def gemini_usage(said: Said) -> dict[str, Any]:
    usage = {
        "promptTokenCount": said.input, "candidatesTokenCount": said.output - said.reasoning,
        "totalTokenCount": said.input + said.output, "cachedContentTokenCount": said.cached,
    }  # fmt: skip
    return {**usage, "thoughtsTokenCount": said.reasoning} if said.reasoning else usage


def gemini_chunks(said: Said) -> Iterator[dict[str, Any]]:
    """The stream's chunks; the last one has the finish reason."""
    parts: list[dict[str, Any]] = []
    if said.thought:
        parts.append({"text": said.thought, "thought": True})
    parts += [{"text": piece} for piece in pieces(said.text, said.pieces)]
    signature = {"thoughtSignature": "c2ln"} if said.thought or said.model.startswith("gemini-3") else {}
    for n, (name, arguments) in enumerate(said.calls):
        call = {"functionCall": {"name": name, "args": json.loads(arguments)}}
        parts.append({**call, **(signature if n == 0 else {})})
    for part in parts:
        yield _gemini(said, [part])
    yield _gemini(said, [{"text": ""}], "SAFETY" if said.refused else "STOP")


def _gemini(said: Said, parts: list[dict[str, Any]], reason: str = "") -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {
        "candidates": [candidate], "usageMetadata": gemini_usage(said), "modelVersion": said.model, "responseId": "resp-fake",
    }  # fmt: skip


def gemini_json(said: Said) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for chunk in gemini_chunks(said):
        for part in chunk["candidates"][0]["content"]["parts"]:
            if parts and set(part) == set(parts[-1]) == {"text"}:
                parts[-1] = {"text": parts[-1]["text"] + part["text"]}
            elif part != {"text": ""}:
                parts.append(part)
    return _gemini(said, parts, "SAFETY" if said.refused else "STOP")


# ---- Images, embeddings ----------------------------------------------------------------------------------------------
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGE_USAGE = {
    "input_tokens": 12, "output_tokens": 272, "total_tokens": 284, "input_tokens_details": {"text_tokens": 12, "image_tokens": 0},
}  # fmt: skip


def image_json() -> dict[str, Any]:
    return {"created": 1_700_000_000, "data": [{"b64_json": PIXEL}], "usage": IMAGE_USAGE, "output_format": "png"}


def image_stream(operation: str) -> Iterator[tuple[str, dict[str, Any]]]:
    word = "image_edit" if operation == "image_edit" else "image_generation"
    shape = {
        "b64_json": PIXEL,
        "background": "opaque",
        "created_at": 1,
        "output_format": "png",
        "quality": "low",
        "size": "1024x1024",
    }
    for n in range(2):
        yield f"{word}.partial_image", {"type": f"{word}.partial_image", "partial_image_index": n, **shape}
    yield f"{word}.completed", {"type": f"{word}.completed", "usage": IMAGE_USAGE, **shape}


def embeddings_json(body: dict[str, Any]) -> dict[str, Any]:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    size = int(body.get("dimensions") or 8)
    rows = []
    for n, text in enumerate(texts):
        vector = [round(((hash_of(text) >> (i % 24)) % 97) / 97, 6) for i in range(size)]
        value: Any = vector
        if body.get("encoding_format") == "base64":
            import struct

            value = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        rows.append({"object": "embedding", "index": n, "embedding": value})
    tokens = sum(len(str(text)) for text in texts)
    return {
        "object": "list",
        "data": rows,
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def hash_of(value: Any) -> int:
    import zlib

    return zlib.crc32(json.dumps(value).encode())
