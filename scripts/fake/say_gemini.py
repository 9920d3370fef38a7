"""The fake model's answer as generateContent gives it."""

import json
from collections.abc import Iterator
from typing import Any

from scripts.fake.said import CITED_TITLE, CITED_URL, Said, pieces

GROUNDING = {
    "groundingChunks": [{"web": {"uri": CITED_URL, "title": CITED_TITLE}}],
    "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 5}, "groundingChunkIndices": [0]}],
}


def gemini_usage(said: Said) -> dict[str, Any]:
    usage = {
        "promptTokenCount": said.input, "candidatesTokenCount": said.output - said.reasoning,
        "totalTokenCount": said.input + said.output, "cachedContentTokenCount": said.cached,
    }  # fmt: skip
    return {**usage, "thoughtsTokenCount": said.reasoning} if said.reasoning else usage


def gemini_chunks(said: Said) -> Iterator[dict[str, Any]]:
    """The stream's chunks; the last one has the finish reason: a call's own, or one without words."""
    parts: list[dict[str, Any]] = []
    if said.thought:
        parts.append({"text": said.thought, "thought": True})
    parts += [{"text": piece} for piece in pieces(said.text, said.pieces)]
    signature = {"thoughtSignature": "c2ln"} if said.thought or said.model.startswith("gemini-3") else {}
    for n, (name, arguments) in enumerate(said.calls):
        call = {"functionCall": {"name": name, "args": json.loads(arguments)}}
        parts.append({**call, **(signature if n == 0 else {})})
    last = [parts.pop()] if said.calls else [{"text": ""}]
    for part in parts:
        yield _gemini(said, [part])
    yield _gemini(said, last, _reason(said))


def _gemini(said: Said, parts: list[dict[str, Any]], reason: str = "") -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    if reason and said.cited:
        candidate["groundingMetadata"] = GROUNDING
    usage = gemini_usage(said)
    if not reason:
        usage = {"promptTokenCount": usage["promptTokenCount"]}
    return {
        "candidates": [candidate], "usageMetadata": usage, "modelVersion": said.model, "responseId": "resp-fake",
    }  # fmt: skip


def gemini_json(said: Said) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for chunk in gemini_chunks(said):
        for part in chunk["candidates"][0]["content"]["parts"]:
            if parts and set(part) == set(parts[-1]) == {"text"}:
                parts[-1] = {"text": parts[-1]["text"] + part["text"]}
            elif part != {"text": ""}:
                parts.append(part)
    return _gemini(said, parts, _reason(said))


def _reason(said: Said) -> str:
    return "SAFETY" if said.refused else "MAX_TOKENS" if said.cut else "STOP"
