"""Bodies as real clients send them, shortened: system prompt, injected context, tools, thinking, a picture, results."""

import json
from typing import Any, Final

PICTURE: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
QUESTION: Final = "Please count the words in poem.txt"

CLAUDE_CODE: Final[dict[str, Any]] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 32000,
    "stream": True,
    "thinking": {"type": "enabled", "budget_tokens": 31999},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "metadata": {"user_id": '{"device_id":"835b1a4d","account_uuid":"","session_id":"143cf369-9c9e-461a-bf61-6bc9"}'},
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.6ca; cc_entrypoint=sdk-cli;"},
        {"type": "text", "text": "You are a Claude agent.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "\nYou are an interactive agent.", "cache_control": {"type": "ephemeral"}},
    ],
    "tools": [
        {
            "name": "Read",
            "description": "Reads a file",
            "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {"file_path": {"type": "string"}, "limit": {"type": "number", "exclusiveMinimum": 0}},
                "required": ["file_path"],
                "additionalProperties": False,
            },
        },
        {"name": "EnterPlanMode", "input_schema": {"type": "object", "properties": {}}, "defer_loading": True},
    ],
    "messages": [
        {
            "role": "user",
            "content": [
                {
                    "type": "text",
                    "text": "<system-reminder>\nAvailable agent types for the Agent tool\n</system-reminder>",
                },
                {"type": "text", "text": QUESTION},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "The file has to be read.", "signature": "c2ln"},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "poem.txt"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "1\troses are red"}],
                    "cache_control": {"type": "ephemeral"},
                }
            ],
        },
    ],
}

CODEX: Final[dict[str, Any]] = {
    "model": "gpt-5.1",
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "prompt_cache_key": "01a2254a-285a-7392-9db5-34b05050cb38",
    "reasoning": {"summary": "auto"},
    "client_metadata": {"x-codex-installation-id": "77ab7647-3be3-4954-b6a0-eeee38f03e1a"},
    "tools": [
        {
            "type": "function",
            "name": "exec_command",
            "strict": False,
            "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}},
        },
        {
            "type": "namespace",
            "name": "multi_agent_v1",
            "tools": [{"type": "function", "name": "spawn_agent", "parameters": {"type": "object", "properties": {}}}],
        },
        {"type": "web_search"},
    ],
    "input": [
        {
            "type": "message",
            "id": "msg_e6493a1f",
            "role": "developer",
            "content": [{"type": "input_text", "text": "You are a coding agent running in the Codex CLI."}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "<environment_context>\n  <cwd>/src</cwd>\n</environment_context>"}
            ],
        },
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": QUESTION},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "The file has to be read."}],
            "encrypted_content": "gAAAAB",
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "exec_command",
            "arguments": '{"cmd":"cat poem.txt"}',
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "1\troses are red"},
    ],
}

GEMINI_CLI: Final[dict[str, Any]] = {
    "systemInstruction": {"role": "user", "parts": [{"text": "You are Gemini CLI, an interactive CLI agent."}]},
    "generationConfig": {
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "HIGH"},
    },
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "read_file",
                    "description": "Reads a file",
                    "parametersJsonSchema": {"type": "object", "properties": {"file_path": {"type": "string"}}},
                }
            ]
        }
    ],
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": f"<session_context>\nThis is the Gemini CLI.\n</session_context>\n {QUESTION}"},
                {"inlineData": {"mimeType": "image/png", "data": PICTURE}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "The file has to be read.", "thought": True},
                {"functionCall": {"name": "read_file", "args": {"file_path": "poem.txt"}}, "thoughtSignature": "c2ln"},
            ],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "read_file", "response": {"output": "1\troses are red"}}}],
        },
    ],
}

OPENCODE: Final[dict[str, Any]] = {
    "model": "glm-5",
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_tokens": 8000,
    "tools": [
        {
            "type": "function",
            "function": {"name": "read", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}},
        }
    ],
    "messages": [
        {"role": "system", "content": "You are opencode, an agent for code."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": QUESTION},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
            ],
        },
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "The file has to be read.",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": '{"path":"poem.txt"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "1\troses are red"},
    ],
}

ASKED: Final[dict[str, dict[str, Any]]] = {
    "messages": CLAUDE_CODE,
    "chat": OPENCODE,
    "responses": CODEX,
    "gemini": GEMINI_CLI,
}


def _sse(*events: Any, names: bool = True) -> list[str]:
    return [
        (f"event: {event['type']}\n" if names else "")
        + f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n"
        for event in events
    ]


def _messages() -> list[str]:
    usage = {"input_tokens": 9, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [], "usage": usage}
    return _sse(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Three lines."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "There are three"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": " words."}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "glm-5", "choices": [choice]}


def _chat() -> list[str]:
    return _sse(
        _chunk({"role": "assistant", "reasoning_content": "Three lines."}),
        _chunk({"content": "There are three"}),
        _chunk({"content": " words."}),
        _chunk({}, "stop"),
        "[DONE]",
        names=False,
    )


def _responses() -> list[str]:
    part = {"type": "output_text", "text": "", "annotations": []}
    said = {"type": "output_text", "text": "There are three words.", "annotations": []}
    item = {"type": "message", "id": "msg_2", "role": "assistant", "status": "in_progress", "content": []}
    done = {**item, "status": "completed", "content": [said]}
    response = {"id": "resp_1", "object": "response", "model": "gpt-5.1", "status": "in_progress", "output": []}
    place = {"item_id": "msg_2", "output_index": 0, "content_index": 0}
    return _sse(
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": "There are three"},
        {"type": "response.output_text.delta", **place, "delta": " words."},
        {"type": "response.output_text.done", **place, "text": "There are three words."},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": {**response, "status": "completed", "output": [done]}},
    )


def _gemini() -> list[str]:
    def piece(text: str, **more: Any) -> dict[str, Any]:
        return {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, **more}]}

    return _sse(piece("There are three"), piece(" words.", finishReason="STOP"), names=False)


ANSWERED: Final[dict[str, list[str]]] = {
    "messages": _messages(),
    "chat": _chat(),
    "responses": _responses(),
    "gemini": _gemini(),
}
"""Events of a good stream, each as its bytes; "There are three" comes before the last but one with words."""


def begun(kind: str) -> str:
    """A stream as it stands after its first words."""
    events = ANSWERED[kind]
    first = next(n for n, event in enumerate(events) if "There are three" in event)
    return "".join(events[: first + 1])


def whole(kind: str) -> str:
    return "".join(ANSWERED[kind])
