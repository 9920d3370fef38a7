"""What a request says, read from every protocol's shape: the last user text, results, tools, thinking, wishes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ATTACHMENTS = {
    "image": "[image]", "image_url": "[image]", "input_image": "[image]", "document": "[document]",
    "input_file": "[document]", "file": "[document]", "input_audio": "[audio]",
}  # fmt: skip


@dataclass
class Heard:
    """``text``: the last user text, attachments as ``[image]``. ``results``: tool results that stand at the end.

    ``tools``: schemas by name. ``forced``: a tool that must be called. ``stop``: stop sequences.
    """

    text: str
    results: list[str] = field(default_factory=list)
    tools: dict[str, Any] = field(default_factory=dict)
    thinks: bool = False
    forced: str = ""
    stop: list[str] = field(default_factory=list)
    schema: dict[str, Any] | None = None
    turns: int = 0


def flat(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(filter(None, map(flat, content)))
    if isinstance(content, dict):
        return ATTACHMENTS.get(str(content.get("type"))) or str(content.get("text") or content.get("content") or "")
    return ""


def _schema(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _messages(body: dict[str, Any]) -> Heard:
    turns = [turn for turn in body["messages"] if turn.get("role") != "system"]
    last = turns[-1] if turns else {"content": ""}
    blocks = last["content"] if isinstance(last["content"], list) else [{"type": "text", "text": last["content"]}]
    choice = body.get("tool_choice") or {}
    return Heard(
        " ".join(flat(block) for block in blocks if block.get("type") != "tool_result"),
        [flat(block.get("content")) for block in blocks if block.get("type") == "tool_result"],
        {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools") or []},
        (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
        choice.get("name", "*") if choice.get("type") in ("tool", "any") else "",
        body.get("stop_sequences") or [],
        _schema((body.get("output_config") or {}).get("format", {}).get("schema")),
        len(turns),
    )


def _chat(body: dict[str, Any]) -> Heard:
    results: list[str] = []
    text = ""
    for message in reversed(body["messages"]):
        if message["role"] == "tool":
            results.insert(0, flat(message.get("content")))
        elif message["role"] == "user":
            text = f"{flat(message.get('content'))} {text}".strip()
            if not str(text).startswith("Content of the result"):
                break
        elif results or message["role"] == "assistant":
            break
    functions = [tool["function"] for tool in body.get("tools") or [] if "function" in tool]
    choice = body.get("tool_choice")
    forced = (choice.get("function") or {}).get("name", "*") if isinstance(choice, dict) else ""
    stop = body.get("stop") or []
    return Heard(
        text,
        results,
        {function["name"]: function.get("parameters", {}) for function in functions},
        body.get("reasoning_effort", "none") != "none" or "deepseek" in body["model"],
        "*" if choice == "required" else forced,
        [stop] if isinstance(stop, str) else stop,
        _schema((body.get("response_format") or {}).get("json_schema", {}).get("schema")),
        len(body["messages"]),
    )


def _responses(body: dict[str, Any]) -> Heard:
    items = body.get("input", "")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    results: list[str] = []
    text = ""
    for item in reversed(items):
        if str(item.get("type", "")).endswith("call_output"):
            results.insert(0, flat(item.get("output")))
        elif item.get("role") == "user":
            text = flat(item.get("content"))
            break
        elif results:
            break
    choice = body.get("tool_choice")
    return Heard(
        text,
        results,
        {
            tool.get("name", ""): tool.get("parameters") or {}
            for tool in body.get("tools") or []
            if isinstance(tool, dict)
        },
        bool(body.get("reasoning")),
        choice.get("name", "*") if isinstance(choice, dict) else "*" if choice == "required" else "",
        [],
        _schema((body.get("text") or {}).get("format", {}).get("schema")),
        len(items),
    )


def _gemini(body: dict[str, Any]) -> Heard:
    contents = body.get("contents") or [{}]
    parts = contents[-1].get("parts") or []
    responses = [part["functionResponse"] for part in parts if "functionResponse" in part]
    config = body.get("generationConfig") or {}
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    return Heard(
        " ".join(filter(None, map(_gemini_text, parts))),
        [
            " ".join([json.dumps(answer["response"]), *map(_gemini_text, answer.get("parts") or [])])
            for answer in responses
        ],
        {
            declaration["name"]: declaration.get("parameters") or declaration.get("parametersJsonSchema") or {}
            for tool in body.get("tools") or []
            for declaration in tool.get("functionDeclarations") or []
        },
        (config.get("thinkingConfig") or {}).get("thinkingBudget", 1) != 0 and "thinkingConfig" in config,
        ([*(calling.get("allowedFunctionNames") or []), "*"])[0] if calling.get("mode") == "ANY" else "",
        config.get("stopSequences") or [],
        _schema(config.get("responseSchema") or config.get("responseJsonSchema")),
        len(contents),
    )


def _gemini_text(part: dict[str, Any]) -> str:
    data = part.get("inlineData") or part.get("fileData")
    if not data:
        return str(part.get("text") or "")
    mime = str(data.get("mimeType", "image/"))
    return "[image]" if mime.startswith("image/") else "[audio]" if mime.startswith("audio/") else "[document]"


READERS: dict[str, Callable[[dict[str, Any]], Heard]] = {
    "messages": _messages, "chat": _chat, "responses": _responses, "gemini": _gemini,
}  # fmt: skip
