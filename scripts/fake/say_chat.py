"""The fake model's answer as Chat Completions give it."""

from collections.abc import Iterator
from typing import Any

from scripts.fake.said import CITED_TITLE, CITED_URL, Said, pieces


def chat_usage(said: Said) -> dict[str, Any]:
    return {
        "prompt_tokens": said.input, "completion_tokens": said.output, "total_tokens": said.input + said.output,
        "prompt_tokens_details": {"cached_tokens": said.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": said.reasoning, "audio_tokens": 0},
    }  # fmt: skip


def chat_calls(said: Said) -> list[dict[str, Any]]:
    return [
        {"id": f"call_fake_{said.turn}_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(said.calls)
    ]


def _annotations(said: Said) -> list[dict[str, Any]]:
    cited = {"url": CITED_URL, "title": CITED_TITLE, "start_index": 0, "end_index": len(said.text)}
    return [{"type": "url_citation", "url_citation": cited}] if said.cited else []


def _reason(said: Said) -> str:
    return "length" if said.cut else "tool_calls" if said.calls else "stop"


def chat_json(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.refused:
        message.update(content=None, refusal=said.text)
    if said.thought:
        message["reasoning_content"] = said.thought
    if said.calls:
        message["tool_calls"] = chat_calls(said)
    if said.cited:
        message["annotations"] = _annotations(said)
    choice = {"index": 0, "message": message, "finish_reason": _reason(said), "logprobs": None}
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
    if said.cited:
        yield chunk({"annotations": _annotations(said)})
    for n, call in enumerate(chat_calls(said)):
        first = {**call, "index": n, "function": {"name": call["function"]["name"], "arguments": ""}}
        yield chunk({"tool_calls": [first]})
        for piece in said.argument_pieces(call["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": n, "function": {"arguments": piece}}]})
    yield chunk({}, _reason(said))
    if include_usage:
        last = chunk({})[1]
        yield "", {**last, "choices": [], "usage": chat_usage(said)}
    yield "", "[DONE]"
