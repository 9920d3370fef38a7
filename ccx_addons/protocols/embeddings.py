"""OpenAI Embeddings (platform.openai.com/docs/api-reference/embeddings). Passes through; usage and errors are read."""

import time
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.config import Kind
from ccx_addons.core.faults import fault_of, read_fault
from ccx_addons.core.neutral import Event, Fault, Json, Usage
from ccx_addons.core.openai import auth_header as auth_header
from ccx_addons.core.openai import encode_error as encode_error
from ccx_addons.core.openai import encode_stream_error as encode_stream_error

NAME: Final[Kind] = "embeddings"
DEFAULT_VERSION: Final = "v1"
PATHS: Final[Mapping[str, str]] = {"embeddings": "/embeddings", "models": "/models"}


def upstream_path(operation: str, model: str, stream: bool) -> str:
    return PATHS[operation]


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    return read_fault(status, headers, body, time.time())


def usage_of(body: Json) -> Usage | None:
    usage = read.mapping(read.mapping(body).get("usage"))
    tokens = read.count(usage.get("prompt_tokens")) or read.count(usage.get("total_tokens"))
    return Usage(input=tokens) if tokens else None


def answer_fault(body: Json) -> Fault | None:
    table = read.mapping(body)
    if table.get("error"):
        return fault_of(table)
    rows = read.mappings(table.get("data"))
    if not rows or not all(row.get("embedding") for row in rows):
        return Fault("server", "the answer has no embedding")
    return None


class NoStream:
    """Embeddings are never streamed."""

    counted: Usage | None = None

    def feed(self, data: bytes) -> list[Event]:
        return []

    def flush(self) -> list[Event]:
        return []


def decoder() -> NoStream:
    return NoStream()
