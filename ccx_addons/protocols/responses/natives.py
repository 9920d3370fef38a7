"""Tools of the API's own that the client runs: no functions, but calls and results in items of their own.

For other protocols each is a function, whose arguments are what the call's item says
(platform.openai.com/docs/guides/tools-local-shell, /tools-shell, /tools-apply-patch, /tools-tool-search).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json
from ccx_addons.protocols.responses.wire import Item

type Fields = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Native:
    """``arguments`` reads a call's item, ``fields`` writes it; each fits what the other gives."""

    call: str
    """Type of the item that calls it."""
    result: str
    description: str
    parameters: Mapping[str, Json]
    arguments: Callable[[Fields], Item]
    fields: Callable[[Fields], Item]
    holds: frozenset[str]
    """Fields of the call's item that the arguments say."""


def _schema(required: list[str], **properties: Json) -> Mapping[str, Json]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _array(description: str) -> Json:
    return {"type": "array", "items": {"type": "string"}, "description": description}


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


def _count(description: str) -> Json:
    return {"type": "integer", "description": description}


def _known(**fields: Json) -> Item:
    return {name: value for name, value in fields.items() if value is not None}


def _words(value: Json) -> list[str]:
    """A command as words; models also write it as one line, which a shell then reads."""
    if isinstance(value, str):
        return ["bash", "-lc", value]
    return read.texts(value)


# ---- local_shell -----------------------------------------------------------------------------------------------------
def _local_shell_arguments(item: Fields) -> Item:
    action = read.mapping(item.get("action"))
    return _known(
        command=action.get("command"),
        workdir=action.get("working_directory"),
        timeout_ms=action.get("timeout_ms"),
        env=action.get("env") or None,
        user=action.get("user"),
    )


def _local_shell_fields(arguments: Fields) -> Item:
    action: Item = {
        "type": "exec",
        "command": _words(arguments.get("command")),
        "env": {k: v for k, v in read.mapping(arguments.get("env")).items() if isinstance(v, str)},
    }
    action |= _known(
        working_directory=read.text(arguments.get("workdir")) or None,
        timeout_ms=read.integer(arguments.get("timeout_ms")),
        user=read.text(arguments.get("user")) or None,
    )
    return {"action": action}


# ---- shell -----------------------------------------------------------------------------------------------------------
def _shell_arguments(item: Fields) -> Item:
    action = read.mapping(item.get("action"))
    return _known(
        commands=action.get("commands"),
        timeout_ms=action.get("timeout_ms"),
        max_output_length=action.get("max_output_length"),
    )


def _shell_fields(arguments: Fields) -> Item:
    commands = arguments.get("commands")
    lines = [commands] if isinstance(commands, str) else read.texts(commands)
    return {
        "action": {
            "commands": lines,
            "timeout_ms": read.integer(arguments.get("timeout_ms")),
            "max_output_length": read.integer(arguments.get("max_output_length")),
        }
    }


# ---- apply_patch -----------------------------------------------------------------------------------------------------
def _patch_arguments(item: Fields) -> Item:
    operation = read.mapping(item.get("operation"))
    return _known(type=operation.get("type"), path=operation.get("path"), diff=operation.get("diff"))


def _patch_fields(arguments: Fields) -> Item:
    kind = read.text(arguments.get("type"), "update_file")
    operation: Item = {"type": kind, "path": read.text(arguments.get("path"))}
    if kind != "delete_file":
        operation["diff"] = read.text(arguments.get("diff"))
    return {"operation": operation}


NATIVES: Final[Mapping[str, Native]] = {
    "local_shell": Native(
        "local_shell_call",
        "local_shell_call_output",
        "Runs a command on the user's machine and returns its output.",
        _schema(
            ["command"],
            command=_array("The program and its arguments"),
            workdir=_text("The folder to run in"),
            timeout_ms=_count("The time limit in milliseconds"),
            env={"type": "object", "additionalProperties": {"type": "string"}, "description": "Environment variables"},
        ),
        _local_shell_arguments,
        _local_shell_fields,
        frozenset({"action"}),
    ),
    "shell": Native(
        "shell_call",
        "shell_call_output",
        "Runs shell commands on the user's machine and returns what they print and how they end.",
        _schema(
            ["commands"],
            commands=_array("Command lines, run one after the other"),
            timeout_ms=_count("The time limit in milliseconds"),
            max_output_length=_count("The most characters of output to return"),
        ),
        _shell_arguments,
        _shell_fields,
        frozenset({"action"}),
    ),
    "apply_patch": Native(
        "apply_patch_call",
        "apply_patch_call_output",
        "Creates, updates or deletes one file. A diff is in V4A form: lines of context as they are, removed lines "
        "begin with '-', added lines with '+', and '@@' names the place.",
        _schema(
            ["type", "path"],
            type={"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            path=_text("The file"),
            diff=_text("What to change; not for delete_file"),
        ),
        _patch_arguments,
        _patch_fields,
        frozenset({"operation"}),
    ),
    "tool_search": Native(
        "tool_search_call",
        "tool_search_output",
        "Finds tools that are not loaded yet.",
        _schema(["query"], query=_text("What the tool should do")),
        lambda item: dict(read.mapping(item.get("arguments"))),
        lambda arguments: {"arguments": dict(arguments), "execution": "client"},
        frozenset({"arguments", "execution"}),
    ),
}
"""Type of the tool, which is also the function's name -> what it is."""

BY_CALL: Final[Mapping[str, Native]] = {native.call: native for native in NATIVES.values()}
NAMES: Final[Mapping[str, str]] = {native.call: name for name, native in NATIVES.items()}


def is_native(tool: Fields) -> bool:
    """Whether the client runs this tool. Some types are the client's only where they say so, or do not say else."""
    match tool.get("type"):
        case "local_shell" | "apply_patch":
            return True
        case "shell":
            return read.text(read.mapping(tool.get("environment")).get("type"), "local") == "local"
        case "tool_search":
            return tool.get("execution") == "client"
    return False
