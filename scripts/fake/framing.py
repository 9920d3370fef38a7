"""Heads, encodings and SPECs of the imitated providers: what needs no connection."""

import gzip
import zlib
from typing import Any

REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


def is_delta(name: str, value: Any) -> bool:
    """Whether an event carries content, for SPECs that count."""
    if not isinstance(value, dict):
        return False
    if name:
        return name.endswith((".delta", "content_block_delta", "partial_image"))
    if "choices" in value:
        return any(
            c["delta"].get("content") or c["delta"].get("tool_calls") or c["delta"].get("reasoning_content")
            for c in value["choices"]
        )
    return "candidates" in value


def read_spec(text: str) -> dict[str, str]:
    found = {}
    for part in text.split("+"):
        name, _, value = part.partition("=")
        if name:
            found[name] = value
    return found


def compress(body: bytes, spec: dict[str, str]) -> tuple[bytes, list[tuple[str, str]]]:
    if "gzip" in spec:
        return gzip.compress(body), [("content-encoding", "gzip")]
    if "deflate" in spec:
        return zlib.compress(body), [("content-encoding", "deflate")]
    if "br" in spec:
        import brotli

        return brotli.compress(body), [("content-encoding", "br")]
    if "zstd" in spec:
        from backports import zstd

        return zstd.compress(body), [("content-encoding", "zstd")]
    return body, []


def head(status: int, headers: list[tuple[str, str]], version: str = "1.1") -> bytes:
    lines = [
        f"HTTP/{version} {status} {REASONS.get(status, 'Status')}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
