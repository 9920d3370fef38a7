"""Calls and their results as items, both ways (platform.openai.com/docs/guides/function-calling).

A call's item is a function_call, a custom_tool_call, or a native tool's own. Which one is said by the tool's
definition; in a history without definitions by the item that the call came in.
"""

from collections.abc import Callable, Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.arguments import mended
from ccx_addons.core.neutral import Extra, Json, Loss, Text, Tool, ToolCall, ToolResult
from ccx_addons.core.wire_json import dump_text, loads_object
from ccx_addons.protocols.responses.freeform import arguments_of, text_of
from ccx_addons.protocols.responses.natives import BY_CALL, NAMES, NATIVES, Native
from ccx_addons.protocols.responses.parts import ERROR_MARK, read_content, write_parts
from ccx_addons.protocols.responses.tools import joined
from ccx_addons.protocols.responses.wire import Item, keep, own, sidecar

FUNCTION_CALL: Final = "function_call"
CUSTOM_CALL: Final = "custom_tool_call"
CALLS: Final = frozenset({FUNCTION_CALL, CUSTOM_CALL, *BY_CALL})
FUNCTION_RESULT: Final = "function_call_output"
CUSTOM_RESULT: Final = "custom_tool_call_output"
RESULTS: Final = frozenset({FUNCTION_RESULT, CUSTOM_RESULT, *(native.result for native in NATIVES.values())})

CALL_FIELDS: Final = frozenset({"type", "call_id", "name", "arguments", "input", "namespace", "status"})
NATIVE_CALL_FIELDS: Final = frozenset({"type", "call_id", "status"})
RESULT_FIELDS: Final = frozenset({"type", "call_id", "output"})

PREFIXES: Final[Mapping[str, str]] = {
    FUNCTION_CALL: "fc",
    CUSTOM_CALL: "ctc",
    "local_shell_call": "lsh",
    "shell_call": "sh",
    "apply_patch_call": "apc",
    "tool_search_call": "tsc",
}
"""Type of an item -> how its id begins."""

type NameOf = Callable[[str, str], str]
"""Namespace and name on the wire -> neutral name."""


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def read_call(item: Mapping[str, Json], name_of: NameOf = joined) -> ToolCall:
    """The call that an item of a type in CALLS makes. Wrong types read as absent."""
    kind = read.text(item.get("type"))
    id_ = read.text(item.get("call_id")) or read.text(item.get("id")) or read.text(item.get("name"))
    if native := BY_CALL.get(kind):
        arguments = dump_text(native.arguments(item))
        extra = _typed(kind, keep(item, NATIVE_CALL_FIELDS | native.holds))
        return ToolCall(id_, name_of("", NAMES[kind]), arguments, extra)
    if nested := read.mapping(item.get("function")):  # as Chat has it
        item = {**{name: value for name, value in item.items() if name != "function"}, **nested}
    namespace, name = read.text(item.get("namespace")), read.text(item.get("name"))
    extra = keep(item, CALL_FIELDS)
    if namespace:
        extra = sidecar({**own(extra), "namespace": namespace, "name": name})
    if kind == CUSTOM_CALL:
        arguments = arguments_of(read.text(item.get("input")))
        return ToolCall(id_, name_of(namespace, name), arguments, _typed(kind, extra))
    return ToolCall(id_, name_of(namespace, name), arguments_text(item.get("arguments")), extra)


def _typed(kind: str, extra: Extra) -> Extra:
    """The side-car of an item that is not the usual one."""
    return sidecar({**own(extra), "type": kind})


def arguments_text(value: Json) -> str:
    """Arguments are JSON text; some servers send the object itself, or write it badly."""
    return dump_text(value) if isinstance(value, dict | list) else mended(read.text(value))


def read_result(item: Mapping[str, Json], path: str) -> ToolResult:
    """Raises BadRequest for an output that cannot be read."""
    kind = read.text(item.get("type"))
    id_ = read.text(item.get("call_id")) or (read.text(item.get("id")) if kind == "local_shell_call_output" else "")
    name = read.text(item.get("name"))
    extra = keep(item, RESULT_FIELDS)
    if kind != FUNCTION_RESULT:
        extra = _typed(kind, extra)
    if kind == "shell_call_output" and isinstance(outputs := item.get("output"), list):
        extra = sidecar({**own(extra), "output": outputs})
        return ToolResult(id_, (Text(_shell_words(outputs)),), name=name, extra=extra)
    if kind == "tool_search_output":
        found = ", ".join(read.text(tool.get("name")) for tool in read.mappings(item.get("tools")))
        return ToolResult(id_, (Text(f"Tools found: {found or 'none'}"),), name=name, extra=extra)
    parts = read_content(item.get("output"), f"{path}.output")
    failed = kind == "apply_patch_call_output" and item.get("status") == "failed"
    first = parts[0] if parts else None
    if isinstance(first, Text) and first.text.startswith(ERROR_MARK):
        failed = True
        text = first.text.removeprefix(ERROR_MARK)
        parts = (*((Text(text, first.extra),) if text else ()), *parts[1:])
    return ToolResult(id_, parts, failed, name, extra)


def _shell_words(outputs: list[Json]) -> str:
    """What each command printed and how it ended."""
    words = []
    for output in read.mappings(outputs):
        outcome = read.mapping(output.get("outcome"))
        end = "timed out" if outcome.get("type") == "timeout" else f"exit code {outcome.get('exit_code')}"
        printed = (read.text(output.get(name)) for name in ("stdout", "stderr"))
        words.append("\n".join([*(text for text in printed if text), f"[{end}]"]))
    return "\n".join(words)


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def call_kind(call: ToolCall, tool: Tool | None) -> str:
    """The type of the call's item."""
    if tool is None:
        kind = read.text(own(call.extra).get("type"))
        return kind if kind in CALLS else FUNCTION_CALL
    if native := native_of(tool):
        return native.call
    return CUSTOM_CALL if tool.freeform else FUNCTION_CALL


def native_of(tool: Tool) -> Native | None:
    kind = own(tool.extra).get("type")
    return NATIVES.get(kind) if isinstance(kind, str) else None


def write_call(call: ToolCall, kind: str, tool: Tool | None, wire_name: str, call_id: str) -> Item:
    """The call's item, but for an id that it has not brought itself, and for its status."""
    item: Item = {"type": kind, "call_id": call_id}
    kept = own(call.extra)
    kept.pop("type", None)
    if native := BY_CALL.get(kind):
        return item | native.fields(loads_object(call.arguments) or {}) | kept
    item["name"] = wire_name
    if kind == CUSTOM_CALL:
        item["input"] = text_of(call.arguments)
    else:
        item["arguments"] = call.arguments or "{}"
    if tool is not None:
        for name in ("namespace", "name"):
            kept.pop(name, None)
        item |= placed(tool)
    return item | kept


def placed(tool: Tool | None) -> Item:
    """Namespace and name of a call to a tool inside a namespace; nothing for others."""
    kept = own(tool.extra) if tool else {}
    return {"name": kept["name"], "namespace": kept["namespace"]} if kept.get("namespace") else {}


def write_result(result: ToolResult, kind: str, call_id: str, path: str, losses: list[Loss]) -> Item:
    """The result of a call whose item has the type ``kind``."""
    kept = own(result.extra)
    usual = CUSTOM_RESULT if kind == CUSTOM_CALL else FUNCTION_RESULT
    item: Item = {"type": kept.get("type", usual), "call_id": call_id}
    if item["type"] != "tool_search_output" and "output" not in kept:
        item["output"] = _output(result, item["type"], path, losses)
    return item | kept


def _output(result: ToolResult, kind: str, path: str, losses: list[Loss]) -> Json:
    blocks = write_parts(result.parts, path, False, losses)
    if result.is_error and kind in (FUNCTION_RESULT, CUSTOM_RESULT):
        if blocks and blocks[0]["type"] == "input_text":
            blocks[0] = blocks[0] | {"text": ERROR_MARK + blocks[0]["text"]}
        else:
            blocks.insert(0, {"type": "input_text", "text": ERROR_MARK})
    match blocks:
        case []:
            return ""
        case [{"type": "input_text", "text": text, **rest}] if not rest:
            return text
    return blocks
