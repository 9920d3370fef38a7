"""How many tokens a request has, roughly, where no upstream counts it. Always marked as an estimate.

About four characters of Latin text are a token, and about one and a half of Chinese, Japanese or Korean. A picture of
the size that vendors recommend is about 1,600 tokens (platform.claude.com/docs/en/build-with-claude/vision).
"""

import re
from collections.abc import Iterable
from typing import Final

from ccx_addons.core.neutral import (
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
)
from ccx_addons.core.wire_json import dump_text

PER_MESSAGE: Final = 4
PER_PICTURE: Final = 1600
WIDE: Final = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")


def tokens_of_text(text: str) -> int:
    wide = len(WIDE.findall(text))
    return round((len(text) - wide) / 4 + wide / 1.5)


def tokens_of(request: Request) -> int:
    """Prompt tokens: system, tools and every message."""
    tools = sum(_tool(tool) for tool in request.tools if isinstance(tool, Tool))
    return tools + sum(map(_part, request.system)) + sum(map(_message, request.messages))


def tokens_of_parts(parts: Iterable[Part]) -> int:
    """What a model said."""
    return sum(map(_part, parts))


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
