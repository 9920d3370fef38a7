"""How many tokens a request has, roughly, where no upstream counts it. Always marked as an estimate.

About four characters of Latin text are a token, and about one and a half of Chinese, Japanese or Korean. A picture of
the size that vendors recommend is about 1,600 tokens (platform.claude.com/docs/en/build-with-claude/vision).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import (
    Json,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from ccx_addons.core.wire_json import dump_text

BYTES_PER_TOKEN: Final = 4
"""Of UTF-8, in which a character of the wide scripts has three bytes."""
OUTPUT_FIELDS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")
WANTED: Final = frozenset({*OUTPUT_FIELDS, "generationConfig"})
BASE64: Final = re.compile(rb"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/=]{400,}")
BASE64_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
IN_BASE64: Final = bytes(byte in BASE64_ALPHABET for byte in range(256))
LONG: Final = tuple((step, b"\1" * (400 // step - 1)) for step in (5, 7))
"""What a long run of base64 is at least, of which only each fifth or seventh byte is looked at. Words that fall into
one step do not fall into the other."""
SAMPLED: Final = 256 << 10
WINDOW: Final = 16 << 10
EDGE: Final = 256
PER_MESSAGE: Final = 4
PER_PICTURE: Final = 1600
WIDE: Final = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]+")


def prompt_tokens(raw: bytes) -> int:
    """About how many tokens a body is, pictures and files left out: enough to pass by a window that is too small.
    Of a large body only the edges of each window are looked at."""
    if len(raw) < SAMPLED:
        if any(raw[::step].translate(IN_BASE64).find(long) < 0 for step, long in LONG):
            return len(raw) // BYTES_PER_TOKEN
        return len(BASE64.sub(b"", raw)) // BYTES_PER_TOKEN
    text = sum(
        (_is_text(raw[at : at + EDGE]) + _is_text(raw[at + WINDOW - EDGE : at + WINDOW])) * WINDOW // 2
        for at in range(0, len(raw), WINDOW)
    )
    return min(text, len(raw)) // BYTES_PER_TOKEN


def _is_text(piece: bytes) -> bool:
    return bool(piece.translate(None, BASE64_ALPHABET))


def output_tokens(members: Mapping[str, Json]) -> int:
    """The longest answer that is asked for; 0: the request does not say."""
    if WANTED.isdisjoint(members):
        return 0
    wanted = next((n for name in OUTPUT_FIELDS if (n := read.count(members.get(name)))), 0)
    return wanted or read.count(read.mapping(members.get("generationConfig")).get("maxOutputTokens"))


def tokens_of_text(text: str) -> int:
    wide = 0 if text.isascii() else len(text) - len(WIDE.sub("", text))
    return round((len(text) - wide) / 4 + wide / 1.5)


def tokens_of(request: Request) -> int:
    """Prompt tokens: system, tools and every message."""
    tools = sum(_tool(tool) for tool in request.tools if isinstance(tool, Tool))
    return tools + sum(map(_part, request.system)) + sum(map(_message, request.messages))


def tokens_of_parts(parts: Iterable[Part]) -> int:
    """What a model said."""
    return sum(map(_part, parts))


@dataclass(slots=True)
class Said:
    """How much a model has said so far, in constant work for each piece: bytes of text, arguments and thoughts."""

    size: int = 0
    skimmed: int = 0
    """Bytes that are themselves an estimate: of pieces that nobody read."""
    pieces: int = 0

    def add(self, text: str) -> None:
        if text:
            self.size += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
            self.pieces += 1

    @property
    def tokens(self) -> int:
        """A piece is at least one token."""
        return max(round((self.size + self.skimmed) / BYTES_PER_TOKEN), self.pieces)


def completed(known: Usage | None, prompt: int, output: int) -> Usage:
    """What was counted of an answer before it broke off, and an estimate of the rest."""
    known = known or Usage()
    return replace(known, input=known.input or prompt, output=max(known.output, output))


def _message(message: Message) -> int:
    return PER_MESSAGE + sum(map(_part, message.parts))


def _tool(tool: Tool) -> int:
    return tokens_of_text(tool.name + tool.description + dump_text(dict(tool.parameters)))


def _part(part: Part) -> int:
    match part:
        case Text(text) | Refusal(text) | Thinking(text):
            return tokens_of_text(text)
        case ToolCall(_, name, arguments):
            return tokens_of_text(name + arguments)
        case ToolResult(_, parts):
            return sum(map(_part, parts))
        case Media():
            return PER_PICTURE
        case Opaque(_, value):
            return tokens_of_text(dump_text(value))
