"""Bodies of clients that mix other protocols' forms into this one."""

from typing import Any

import pytest

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Media, Part, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult
from ccx_addons.protocols import chat
from ccx_addons.protocols.chat.tools import FREEFORM_SCHEMA

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
GRAMMAR = {"syntax": "lark", "definition": "start: x"}
CONTROL = {"type": "ephemeral"}


@pytest.mark.parametrize(
    ("tool", "wanted"),
    [
        ({"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
         Tool("f", "d", SCHEMA, True)),
        ({"name": "f", "description": "d", "input_schema": SCHEMA, "cache_control": CONTROL},
         Tool("f", "d", SCHEMA, extra={"chat": {"cache_control": CONTROL}})),
        ({"type": "custom", "name": "f", "input_schema": SCHEMA}, Tool("f", "", SCHEMA)),
        ({"type": "custom", "name": "p", "format": {"type": "grammar", **GRAMMAR}},
         Tool("p", "", FREEFORM_SCHEMA, freeform=True, extra={"chat": {"format": {"type": "grammar", "grammar": GRAMMAR}}})),
        ({"type": "custom", "name": "p", "format": {"type": "text"}},
         Tool("p", "", FREEFORM_SCHEMA, freeform=True, extra={"chat": {"format": {"type": "text"}}})),
        ({"type": "custom", "name": "p"}, Tool("p", "", FREEFORM_SCHEMA, freeform=True)),
    ],
    ids=["Responses", "Claude", "Claude, with its type", "custom with a grammar", "custom with text", "custom"],
)  # fmt: skip
def test_tools(tool: dict[str, Any], wanted: Tool) -> None:
    request = chat.decode_request({"messages": [], "tools": [tool]}, "m", False)
    assert request.tools == (wanted,)


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"type": "auto"}, ToolChoice("auto")),
        ({"type": "any"}, ToolChoice("any")),
        ({"type": "none"}, ToolChoice("none")),
        ({"type": "tool", "name": "f"}, ToolChoice("any", ("f",))),
        ({"type": "function", "name": "f"}, ToolChoice("any", ("f",))),
    ],
)
def test_choices(choice: dict[str, Any], wanted: ToolChoice) -> None:
    request = chat.decode_request({"messages": [], "tool_choice": choice}, "m", False)
    assert request.tool_choice == wanted


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}, ToolCall("t", "f", '{"a":1}')),
        ({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r"}], "is_error": True},
         ToolResult("t", (Text("r"),), True)),
        ({"type": "tool_result", "tool_use_id": "t"}, ToolResult("t", ())),
        ({"type": "thinking", "thinking": "hm", "signature": "s"}, Thinking("hm", "s", "messages")),
        ({"type": "redacted_thinking", "data": "s"}, Thinking("", "s", "messages", True)),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}, Media("image/png", data="aGk=")),
        ({"type": "image", "source": {"type": "url", "url": "https://x.test"}}, Media("image/*", url="https://x.test")),
        ({"type": "document", "title": "D", "source": {"type": "base64", "data": "aGk="}},
         Media("application/pdf", data="aGk=", name="D")),
        ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "t"}}, Text("t")),
        ({"type": "input_image", "image_url": "data:image/png;base64,aGk="}, Media("image/png", data="aGk=")),
        ({"type": "input_image", "image_url": "https://x.test"}, Media("image/*", url="https://x.test")),
    ],
)  # fmt: skip
def test_blocks(block: dict[str, Any], part: Part) -> None:
    request = chat.decode_request({"messages": [{"role": "user", "content": [block]}]}, "m", False)
    assert request.messages[0].parts == (part,)


@pytest.mark.parametrize("block", [{"type": "tool_use", "name": "f"}, {"type": "tool_result"}, {"type": "input_image"}])
def test_blocks_that_say_nothing_are_refused(block: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        chat.decode_request({"messages": [{"role": "user", "content": [block]}]}, "m", False)
    assert refused.value.param.startswith("messages[0].content[0].")
