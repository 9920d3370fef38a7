from typing import Any

import pytest

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Loss, Media, Part, Text, Tool, ToolCall, ToolResult
from ccx_addons.protocols.responses.calls import call_kind, read_call, read_result, write_call, write_result
from tests.protocols.responses.values import CODEX, own

TOOLS = {tool.name: tool for tool in CODEX.tools if isinstance(tool, Tool)}
SHELL = {"action": {"type": "exec", "command": ["ls"], "env": {}}}


@pytest.mark.parametrize(
    ("item", "call"),
    [
        pytest.param(
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "id": "fc_1", "status": "completed"},
            ToolCall("c", "f", "{}", own(id="fc_1")),
            id="function",
        ),
        pytest.param(
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}}, ToolCall("c", "f", '{"a":1}'), id="object"
        ),
        pytest.param({"type": "function_call", "id": "fc_1", "name": "f"}, ToolCall("fc_1", "f", "", own(id="fc_1")), id="no call_id"),
        pytest.param({"type": "function_call", "name": "f"}, ToolCall("f", "f", ""), id="no id at all"),
        pytest.param(
            {"type": "function_call", "call_id": "c", "name": "f", "namespace": "n", "arguments": ""},
            ToolCall("c", "n__f", "", own(namespace="n", name="f")),
            id="namespace",
        ),
        pytest.param(
            {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": 'a"b'},
            ToolCall("c", "p", '{"input":"a\\"b"}', own(type="custom_tool_call")),
            id="custom",
        ),
        pytest.param(
            {"type": "local_shell_call", "call_id": "c", "id": "lsh", **SHELL},
            ToolCall("c", "local_shell", '{"command":["ls"]}', own(type="local_shell_call", id="lsh")),
            id="local shell",
        ),
        pytest.param(
            {"type": "tool_search_call", "call_id": "c", "arguments": {"query": "q"}, "execution": "client"},
            ToolCall("c", "tool_search", '{"query":"q"}', own(type="tool_search_call")),
            id="tool search",
        ),
    ],
)  # fmt: skip
def test_reading_calls(item: dict[str, Any], call: ToolCall) -> None:
    assert read_call(item) == call


@pytest.mark.parametrize(
    ("name", "arguments", "item"),
    [
        pytest.param("get_goal", "", {"type": "function_call", "name": "get_goal", "arguments": "{}"}, id="function"),
        pytest.param(
            "apply_patch",
            '{"input": "x"}',
            {"type": "custom_tool_call", "name": "apply_patch", "input": "x"},
            id="custom",
        ),
        pytest.param("local_shell", '{"command":["ls"]}', {"type": "local_shell_call", **SHELL}, id="local shell"),
        pytest.param(
            "local_shell",
            "not JSON",
            {"type": "local_shell_call", "action": {"type": "exec", "command": [], "env": {}}},
            id="bad arguments",
        ),
        pytest.param(
            "mcp__docs__search",
            "{}",
            {"type": "function_call", "name": "search", "namespace": "mcp__docs", "arguments": "{}"},
            id="namespace",
        ),
        pytest.param(
            "mcp__docs__note",
            '{"input":"x"}',
            {"type": "custom_tool_call", "name": "note", "namespace": "mcp__docs", "input": "x"},
            id="custom in a namespace",
        ),
    ],
)
def test_calls_have_the_form_of_their_tool(name: str, arguments: str, item: dict[str, Any]) -> None:
    call = ToolCall("c", name, arguments)
    kind = call_kind(call, TOOLS[name])
    assert write_call(call, kind, TOOLS[name], name, "c") == {"call_id": "c", **item}


@pytest.mark.parametrize(
    "item",
    [
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "id": "fc_1"},
        {"type": "function_call", "call_id": "c", "name": "f", "namespace": "n", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "x"},
        {"type": "local_shell_call", "call_id": "c", "id": "lsh", **SHELL},
        {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
    ],
)
def test_without_definitions_a_call_goes_back_as_it_came(item: dict[str, Any]) -> None:
    call = read_call(item)
    assert write_call(call, call_kind(call, None), None, call.name, call.id) == item


@pytest.mark.parametrize(
    ("item", "result"),
    [
        pytest.param({"type": "function_call_output", "call_id": "c", "output": "r"}, ToolResult("c", (Text("r"),)), id="text"),
        pytest.param({"type": "function_call_output", "call_id": "c", "output": ""}, ToolResult("c", ()), id="nothing"),
        pytest.param(
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [{"type": "input_text", "text": "r"}, {"type": "input_image", "image_url": "https://x.test/a"}],
            },
            ToolResult("c", (Text("r"), Media("image/*", url="https://x.test/a"))),
            id="list",
        ),
        pytest.param(
            {"type": "function_call_output", "call_id": "c", "output": "[error] r", "id": "fco"},
            ToolResult("c", (Text("r"),), True, extra=own(id="fco")),
            id="failed",
        ),
        pytest.param(
            {"type": "function_call_output", "call_id": "c", "output": "[error] "}, ToolResult("c", (), True), id="failed silently"
        ),
        pytest.param(
            {"type": "custom_tool_call_output", "call_id": "c", "output": "r"},
            ToolResult("c", (Text("r"),), extra=own(type="custom_tool_call_output")),
            id="custom",
        ),
        pytest.param(
            {"type": "local_shell_call_output", "id": "c", "call_id": "c", "output": "r"},
            ToolResult("c", (Text("r"),), extra=own(type="local_shell_call_output", id="c")),
            id="local shell",
        ),
        pytest.param(
            {"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "r"},
            ToolResult("c", (Text("r"),), True, extra=own(type="apply_patch_call_output", status="failed")),
            id="patch",
        ),
    ],
)  # fmt: skip
def test_results_go_there_and_back(item: dict[str, Any], result: ToolResult) -> None:
    losses: list[Loss] = []
    assert read_result(item, "input[0]") == result
    assert write_result(result, "function_call", "c", "p", losses) == item
    assert losses == []


def test_shell_output_is_said_in_words() -> None:
    output = [
        {"stdout": "a", "stderr": "b", "outcome": {"type": "exit", "exit_code": 2}},
        {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}},
    ]
    item = {"type": "shell_call_output", "call_id": "c", "output": output}
    result = read_result(item, "p")
    assert result.parts == (Text("a\nb\n[exit code 2]\n[timed out]"),)
    assert write_result(result, "shell_call", "c", "p", []) == item


def test_found_tools_are_named() -> None:
    item = {
        "type": "tool_search_output",
        "call_id": "c",
        "tools": [{"name": "a"}, {"name": "b"}],
        "execution": "client",
    }
    result = read_result(item, "p")
    assert result.parts == (Text("Tools found: a, b"),)
    assert write_result(result, "tool_search_call", "c", "p", []) == item


@pytest.mark.parametrize(
    ("parts", "kind", "item"),
    [
        pytest.param((), "function_call", {"type": "function_call_output", "output": "[error] "}, id="nothing"),
        pytest.param((Text("no"),), "custom_tool_call", {"type": "custom_tool_call_output", "output": "[error] no"}, id="text"),
        pytest.param(
            (Media("image/*", url="https://x.test/a"),),
            "function_call",
            {
                "type": "function_call_output",
                "output": [
                    {"type": "input_text", "text": "[error] "},
                    {"type": "input_image", "image_url": "https://x.test/a"},
                ],
            },
            id="picture",
        ),
    ],
)  # fmt: skip
def test_failures_are_marked(parts: tuple[Part, ...], kind: str, item: dict[str, Any]) -> None:
    assert write_result(ToolResult("c", parts, True), kind, "c", "p", []) == {"call_id": "c", **item}


def test_an_output_of_the_wrong_type() -> None:
    with pytest.raises(BadRequest) as caught:
        read_result({"type": "function_call_output", "call_id": "c", "output": 5}, "input[3]")
    assert caught.value.param == "input[3].output"
