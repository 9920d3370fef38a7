"""The fake model's answer as the Messages API gives it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from scripts.fake.said import CITED_TITLE, CITED_URL, Said, pieces

CITATION = {
    "type": "web_search_result_location", "url": CITED_URL, "title": CITED_TITLE, "encrypted_index": "idx",
    "cited_text": "as it stands there",
}  # fmt: skip


def messages_json(said: Said) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    if said.thought:
        signature = "sig_" + base64.b64encode(said.thought.encode()).decode()
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": signature})
    if said.text:
        blocks.append({"type": "text", "text": said.text, **({"citations": [CITATION]} if said.cited else {})})
    for n, (name, arguments) in enumerate(said.calls):
        block = {"type": "tool_use", "id": f"toolu_fake_{said.turn}_{n}", "name": name, "input": json.loads(arguments)}
        blocks.append(block)
    return {
        "id": "msg_fake", "type": "message", "role": "assistant", "model": said.model, "content": blocks,
        "stop_reason": _stop(said), "stop_sequence": said.stopped_by or None, "usage": messages_usage(said),
    }  # fmt: skip


def _stop(said: Said) -> str:
    if said.refused:
        return "refusal"
    if said.cut:
        return "max_tokens"
    if said.stopped_by:
        return "stop_sequence"
    return "tool_use" if said.calls else "end_turn"


def messages_usage(said: Said) -> dict[str, Any]:
    return {
        "input_tokens": said.input - said.cached - said.cache_written,
        "cache_creation_input_tokens": said.cache_written, "cache_read_input_tokens": said.cached,
        "output_tokens": said.output,
    }  # fmt: skip


def messages_stream(said: Said) -> Iterator[tuple[str, dict[str, Any]]]:
    whole = messages_json(said)
    usage = {**whole["usage"], "output_tokens": 1}
    begun = {**whole, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield "message_start", {"type": "message_start", "message": begun}
    yield "ping", {"type": "ping"}
    for n, block in enumerate(whole["content"]):
        begun = {**block, **{name: empty for name, empty in EMPTY[block["type"]].items() if name in block}}
        yield "content_block_start", {"type": "content_block_start", "index": n, "content_block": begun}
        for delta in _deltas(block, said):
            yield "content_block_delta", {"type": "content_block_delta", "index": n, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": n}
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"]}
    yield "message_delta", {"type": "message_delta", "delta": delta, "usage": {"output_tokens": said.output}}
    yield "message_stop", {"type": "message_stop"}


EMPTY: dict[str, dict[str, Any]] = {
    "text": {"text": "", "citations": []}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}},
}  # fmt: skip


def _deltas(block: dict[str, Any], said: Said) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "text":
            yield from ({"type": "text_delta", "text": piece} for piece in pieces(block["text"], said.pieces))
            yield from ({"type": "citations_delta", "citation": c} for c in block.get("citations", []))
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"], 0))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case _:
            text = json.dumps(block["input"])
            yield from ({"type": "input_json_delta", "partial_json": p} for p in said.argument_pieces(text))
