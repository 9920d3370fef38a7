"""The fake model's answer as the Responses API gives it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from scripts.fake.said import CITED_TITLE, CITED_URL, Said, pieces


def _cited(said: Said) -> list[dict[str, Any]]:
    where = {"url": CITED_URL, "title": CITED_TITLE, "start_index": 0, "end_index": len(said.text)}
    return [{"type": "url_citation", **where}] if said.cited else []


def _plain(arguments: str) -> str:
    """The input of a custom tool: ``call:NAME {"input": text}`` means the text."""
    value = json.loads(arguments)
    return str(value["input"]) if value.keys() == {"input"} else arguments


def responses_json(said: Said, body: dict[str, Any]) -> dict[str, Any]:
    output: list[dict[str, Any]] = []
    status = "incomplete" if said.cut else "completed"
    if said.thought:
        output.append({
            "id": "rs_fake", "type": "reasoning", "encrypted_content": "enc_" + base64.b64encode(said.thought.encode()).decode(),
            "summary": [{"type": "summary_text", "text": said.thought}],
        })  # fmt: skip
    if said.text:
        part: dict[str, Any] = {"type": "output_text", "text": said.text, "annotations": _cited(said), "logprobs": []}
        if said.refused:
            part = {"type": "refusal", "refusal": said.text}
        output.append({"id": "msg_fake", "type": "message", "role": "assistant", "status": status, "content": [part]})
    custom = {t.get("name") for t in body.get("tools") or [] if isinstance(t, dict) and t.get("type") == "custom"}
    for n, (name, arguments) in enumerate(said.calls):
        item = {
            "id": f"fc_fake_{said.turn}_{n}",
            "call_id": f"call_fake_{said.turn}_{n}",
            "name": name,
            "status": "completed",
        }
        if name in custom:
            output.append(
                {**item, "id": f"ctc_fake_{said.turn}_{n}", "type": "custom_tool_call", "input": _plain(arguments)}
            )
        else:
            output.append({**item, "type": "function_call", "arguments": arguments})
    return {
        "id": "resp_fake", "object": "response", "created_at": 1_700_000_000, "status": status, "model": said.model,
        "output": output, "error": None, "incomplete_details": {"reason": "max_output_tokens"} if said.cut else None, "instructions": body.get("instructions"),
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
    yield event(f"response.{whole['status']}", response=whole)


def _responses_item(
    event: Any, item: dict[str, Any], at: dict[str, Any], said: Said
) -> Iterator[tuple[str, dict[str, Any]]]:
    if item["type"] == "message":
        part = item["content"][0]
        text = part.get("text", part.get("refusal"))
        kind = "output_text" if part["type"] == "output_text" else "refusal"
        spot = {**at, "content_index": 0}
        name = "text" if kind == "output_text" else "refusal"
        notes = part.get("annotations") or []
        bare: dict[str, Any] = {"annotations": []} if notes else {}
        yield event("response.content_part.added", **spot, part={**part, name: "", **bare})
        extra: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
        for piece in pieces(text, said.pieces):
            yield event(f"response.{kind}.delta", **spot, delta=piece, **extra)
        for n, note in enumerate(notes):
            yield event("response.output_text.annotation.added", **spot, annotation_index=n, annotation=note)
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
        for piece in said.argument_pieces(item[name]):
            yield event(f"response.{kind}.delta", **at, delta=piece)
        yield event(
            f"response.{kind}.done",
            **at,
            **{name: item[name]},
            **({"name": item["name"]} if name == "arguments" else {}),
        )
