"""Claude's own client tools are functions elsewhere, and what they were at home."""

from typing import Any

import pytest

from ccx_addons.core.neutral import Response, Tool, ToolCall
from ccx_addons.protocols import TEXT_PROTOCOLS, messages

BASH = {"type": "bash_20250124", "name": "bash"}
EDITOR = {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 10000}
MEMORY = {"type": "memory_20250818", "name": "memory"}
SCREEN = {"type": "computer_20250124", "name": "computer", "display_width_px": 800, "display_height_px": 600}


def asked(tool: dict[str, Any]) -> Any:
    body = {"max_tokens": 99, "messages": [{"role": "user", "content": "q"}], "tools": [tool]}
    return messages.decode_request(body, "m", False)


@pytest.mark.parametrize("tool", [BASH, EDITOR, MEMORY, SCREEN], ids=lambda tool: str(tool["name"]))
def test_they_are_functions_and_come_back(tool: dict[str, Any]) -> None:
    request = asked(tool)
    (function,) = request.tools
    assert isinstance(function, Tool) and function.name == tool["name"] and function.parameters["properties"]
    assert messages.encode_request(request)[0]["tools"] == [tool]
    for kind in ("chat", "responses", "gemini"):
        assert tool["name"] in str(TEXT_PROTOCOLS[kind].encode_request(request)[0]["tools"])
    call = ToolCall("toolu_1", str(tool["name"]), '{"command":"ls"}')
    answer, losses = messages.encode_response(Response("r", "m", (call,), "tool_call"), request)
    assert answer["content"] == [
        {"type": "tool_use", "id": "toolu_1", "name": tool["name"], "input": {"command": "ls"}}
    ]
    assert losses == []


def test_the_screen_has_a_size() -> None:
    assert "800 x 600" in asked(SCREEN).tools[0].description
