"""Good answers, deterministic and driven by the request (said.py), in every vendor's shape."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from scripts.fake.heard import READERS as READERS
from scripts.fake.said import Said as Said
from scripts.fake.said import say as say
from scripts.fake.say_chat import chat_json as chat_json
from scripts.fake.say_chat import chat_stream as chat_stream
from scripts.fake.say_gemini import gemini_chunks as gemini_chunks
from scripts.fake.say_gemini import gemini_json as gemini_json
from scripts.fake.say_messages import messages_json as messages_json
from scripts.fake.say_messages import messages_stream as messages_stream
from scripts.fake.say_responses import responses_json as responses_json
from scripts.fake.say_responses import responses_stream as responses_stream

# ---- Images, embeddings ----------------------------------------------------------------------------------------------
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGE_USAGE = {
    "input_tokens": 12, "output_tokens": 272, "total_tokens": 284, "input_tokens_details": {"text_tokens": 12, "image_tokens": 0},
}  # fmt: skip


def image_json(model: str, body: dict[str, Any], url: str) -> dict[str, Any]:
    """DALL-E answers with addresses unless it is asked for the pictures; the newer models have only pictures."""
    if model.startswith("dall-e") and body.get("response_format") != "b64_json":
        places = [f"{url}/__picture/{n}.png" for n in range(int(body.get("n") or 1))]
        if "gone" in str(body.get("prompt")):
            places[-1] = f"{url}/__gone.png"
        return {"created": 1_700_000_000, "data": [{"url": place, "revised_prompt": "a pixel"} for place in places]}
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


VECTOR = {"values": [0.1, 0.2, 0.3]}
COUNTS: dict[str, tuple[str, dict[str, str]]] = {
    "messages": ("input_tokens", {}),
    "gemini": ("totalTokens", {}),
    "responses": ("input_tokens", {"object": "response.input_tokens"}),
}


def count_json(kind: str, tokens: int) -> dict[str, Any]:
    name, more = COUNTS[kind]
    return {**more, name: tokens}


def models_json(kind: str) -> dict[str, Any]:
    names = ["alpha-model", "beta-model"]
    if kind == "gemini":
        return {"models": [{"name": f"models/{n}", "supportedGenerationMethods": ["generateContent"]} for n in names]}
    data = [{"id": n, "object": "model", "created": 1, "owned_by": "fake"} for n in names]
    return {"object": "list", "data": data}


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
