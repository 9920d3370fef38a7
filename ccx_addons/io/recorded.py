"""Recorded requests from files: HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/) of any program."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ccx_addons.core.endpoints import find
from ccx_addons.core.errors import CcxError
from ccx_addons.core.header_names import LOGIN

DROPPED: Final = frozenset(
    {
        *LOGIN, "accept-encoding", "connection", "content-encoding", "content-length", "cookie", "expect", "host",
        "te", "traceparent", "transfer-encoding", "upgrade", "x-ccx-channel", "x-ccx-key", "proxy-authorization",
    }
)  # fmt: skip
"""Headers that belong to who asked, or to how the request came."""


class Unreadable(CcxError):
    """A file that is none of recorded requests; the message names it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as its client sent it, without credentials, and what it got. ``facts``: what was counted then."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int
    answer: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Of its endpoint; empty: the gateway has none."""
        match = find(self.method, self.path.partition("?")[0])
        return match.endpoint.kind if match else ""


def kept(headers: Iterator[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in headers if name.lower() not in DROPPED and name[:1] != ":")


def har(path: Path) -> Iterator[Recorded]:
    """Requests with a body, in the order of the file. Raises Unreadable, OSError."""
    try:
        entries = json.loads(path.read_text("utf-8-sig"))["log"]["entries"]
        for entry in entries:
            if body := _text(entry["request"].get("postData", {})):
                yield _entry(entry, body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"{path} is no HAR file: {error}") from None


def _text(content: Mapping[str, Any]) -> bytes:
    text = str(content.get("text", ""))
    return base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()


def _entry(entry: Mapping[str, Any], body: bytes) -> Recorded:
    asked, answered = entry["request"], entry["response"]
    url = urlsplit(asked["url"])
    text = _text(answered.get("content", {})).decode("utf-8", "replace")
    headers = ((header["name"], header["value"]) for header in asked.get("headers", []))
    place = url.path + (f"?{without_key(url.query)}" if without_key(url.query) else "")
    facts = {"total_ms": entry.get("time"), **entry.get("_ccx", {})}
    return Recorded(asked["method"], place, kept(headers), body, int(answered["status"]), text, facts)


def without_key(query: str) -> str:
    return "&".join(part for part in query.split("&") if part.partition("=")[0] not in ("key", "api_key", ""))
