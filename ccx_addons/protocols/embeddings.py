"""OpenAI Embeddings (platform.openai.com/docs/api-reference/embeddings). Passes through; usage and errors are read."""

import base64
import binascii
import sys
import time
from array import array
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.config import Kind
from ccx_addons.core.faults import fault_of, read_fault
from ccx_addons.core.neutral import NO_EXTRA, Event, Fault, Json, Usage
from ccx_addons.core.openai import auth_header as auth_header
from ccx_addons.core.openai import encode_error as encode_error
from ccx_addons.core.openai import encode_stream_error as encode_stream_error

NAME: Final[Kind] = "embeddings"
DEFAULT_VERSION: Final = "v1"
PATHS: Final[Mapping[str, str]] = {"embeddings": "/embeddings", "models": "/models"}
COUNTS: Final = ("prompt_tokens", "total_tokens", "input_tokens")
"""Of OpenAI, of Voyage, of Cohere."""
OWN_FORMS: Final = frozenset({"embedding_type", "embedding_types", "output_dtype"})
"""How Jina, Cohere, Voyage and Mistral are asked for forms that OpenAI does not have: their answers stay."""


def upstream_path(operation: str, model: str, stream: bool) -> str:
    return PATHS[operation]


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def usage_of(body: Json) -> Usage | None:
    table = read.mapping(body)
    usage = read.mapping(table.get("usage")) or read.mapping(read.mapping(table.get("meta")).get("billed_units"))
    tokens = next((n for name in COUNTS if (n := read.count(usage.get(name)))), 0)
    tokens = tokens or read.count(table.get("prompt_eval_count"))
    more = {name: value for name, value in usage.items() if name not in COUNTS}
    return Usage(input=tokens, extra={NAME: more} if more else NO_EXTRA) if tokens else None


def answer_fault(body: Json) -> Fault | None:
    """Several vectors of one text (Jina) and those of Cohere and Ollama are ``embeddings``."""
    table = read.mapping(body)
    if table.get("error"):
        return fault_of(table)
    rows = read.mappings(table.get("data"))
    if not table.get("embeddings") and not (
        rows and all(row.get("embedding") or row.get("embeddings") for row in rows)
    ):
        return Fault("server", "the answer has no embedding")
    return None


def in_form(body: Json, asked: Mapping[str, Json]) -> Json | None:
    """The answer with its vectors in the form that was asked for; None: they have it. OpenAI's clients ask for
    ``base64`` (of float32) on their own and take numbers for its bytes, of which a quarter is left."""
    if OWN_FORMS & asked.keys():
        return None
    wanted: type = str if asked.get("encoding_format") == "base64" else list
    body, changed = _as_openai(read.mapping(body))
    rows = []
    for row in read.mappings(body.get("data")):
        vector = row.get("embedding")
        other = None if isinstance(vector, wanted) else _other_form(vector)
        changed = changed or other is not None
        rows.append(row if other is None else {**row, "embedding": other})
    return {**body, "data": rows} if changed else None


def _as_openai(body: Mapping[str, Json]) -> tuple[Mapping[str, Json], bool]:
    """Cohere's and Ollama's answers, which OpenAI's clients cannot read, in OpenAI's form; and whether it was one."""
    found = body.get("embeddings")
    vectors = read.items(found.get("float") if isinstance(found, dict) else found)
    if body.get("data") or not vectors:
        return body, False
    usage = usage_of(body)
    tokens = usage.input if usage else 0
    rows = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    counts = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": rows, "model": read.text(body.get("model")), "usage": counts}, True


def _other_form(vector: Json) -> str | list[float] | None:
    """None: it is no vector."""
    floats = array("f")
    try:
        if isinstance(vector, list):
            floats.extend(vector)
            return base64.b64encode(_little(floats).tobytes()).decode()
        if isinstance(vector, str):
            floats.frombytes(base64.b64decode(vector, validate=True))
            return _little(floats).tolist()
    except (TypeError, ValueError, OverflowError, binascii.Error):
        pass
    return None


def _little(floats: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


class NoStream:
    """Embeddings are never streamed."""

    counted: Usage | None = None

    def feed(self, data: bytes) -> list[Event]:
        return []

    def flush(self) -> list[Event]:
        return []


def decoder() -> NoStream:
    return NoStream()
