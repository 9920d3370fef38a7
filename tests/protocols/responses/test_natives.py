from typing import Any

import pytest

from ccx_addons.protocols.responses.natives import BY_CALL, NATIVES, is_native


@pytest.mark.parametrize(
    ("tool", "native"),
    [
        ({"type": "local_shell"}, True),
        ({"type": "apply_patch"}, True),
        ({"type": "shell"}, True),
        ({"type": "shell", "environment": {"type": "local"}}, True),
        ({"type": "shell", "environment": {"type": "container_auto"}}, False),
        ({"type": "tool_search", "execution": "client"}, True),
        ({"type": "tool_search"}, False),
        ({"type": "web_search"}, False),
        ({"type": 5}, False),
    ],
)
def test_which_tools_the_client_runs(tool: dict[str, Any], native: bool) -> None:
    assert is_native(tool) is native


@pytest.mark.parametrize(
    ("kind", "arguments", "fields"),
    [
        pytest.param(
            "local_shell",
            {"command": ["ls", "-l"], "workdir": "/w", "timeout_ms": 9, "env": {"A": "b"}},
            {"action": {"type": "exec", "command": ["ls", "-l"], "env": {"A": "b"}, "working_directory": "/w", "timeout_ms": 9}},
            id="local_shell",
        ),
        pytest.param(
            "shell",
            {"commands": ["ls"], "timeout_ms": 9, "max_output_length": 4096},
            {"action": {"commands": ["ls"], "timeout_ms": 9, "max_output_length": 4096}},
            id="shell",
        ),
        pytest.param(
            "apply_patch",
            {"type": "create_file", "path": "a.py", "diff": "+x"},
            {"operation": {"type": "create_file", "path": "a.py", "diff": "+x"}},
            id="apply_patch",
        ),
        pytest.param(
            "apply_patch",
            {"type": "delete_file", "path": "a.py"},
            {"operation": {"type": "delete_file", "path": "a.py"}},
            id="apply_patch that deletes",
        ),
        pytest.param(
            "tool_search", {"query": "mail"}, {"arguments": {"query": "mail"}, "execution": "client"}, id="tool_search"
        ),
    ],
)  # fmt: skip
def test_arguments_and_fields_fit(kind: str, arguments: dict[str, Any], fields: dict[str, Any]) -> None:
    native = NATIVES[kind]
    assert native.fields(arguments) == fields
    assert native.arguments(fields) == arguments
    assert native.holds == fields.keys()
    assert BY_CALL[native.call] is native


@pytest.mark.parametrize(
    ("kind", "arguments", "fields"),
    [
        pytest.param(
            "local_shell",
            {"command": "ls | wc", "timeout_ms": "9", "env": {"A": 1}},
            {"action": {"type": "exec", "command": ["bash", "-lc", "ls | wc"], "env": {}}},
            id="one line",
        ),
        pytest.param("local_shell", {}, {"action": {"type": "exec", "command": [], "env": {}}}, id="nothing"),
        pytest.param(
            "shell",
            {"commands": "ls"},
            {"action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": None}},
            id="one command",
        ),
        pytest.param(
            "apply_patch", {}, {"operation": {"type": "update_file", "path": "", "diff": ""}}, id="no operation"
        ),
    ],
)
def test_what_models_write_instead(kind: str, arguments: dict[str, Any], fields: dict[str, Any]) -> None:
    assert NATIVES[kind].fields(arguments) == fields
