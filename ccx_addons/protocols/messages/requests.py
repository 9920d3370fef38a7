"""Request body -> neutral (platform.claude.com/docs/en/api/messages/create)."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from ccx_addons.core import demand, read
from ccx_addons.core.choice import kinds_by
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import (
    NO_EXTRA,
    Extra,
    Json,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Role,
    ServerTool,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from ccx_addons.core.reasoning import effort_word
from ccx_addons.protocols.messages.blocks import read_block, true_origin
from ccx_addons.protocols.messages.mcp import SERVERS, with_servers
from ccx_addons.protocols.messages.natives import read_native
from ccx_addons.protocols.messages.wire import NAME, NOTHING, keep

FIELDS: Final = frozenset({
    "model", "messages", "system", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream", "tools",
    "tool_choice", "thinking", "output_config", "output_format", "metadata", "service_tier",
})  # fmt: skip
MESSAGE_FIELDS: Final = frozenset({"role", "content"})
TOOL_FIELDS: Final = frozenset({"type", "name", "description", "input_schema", "strict"})

ROLES: Final[Mapping[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}
REQUIRED: Final[Mapping[str, Mapping[str, type]]] = {
    "text": {"text": str},
    "thinking": {"thinking": str},
    "redacted_thinking": {"data": str},
    "tool_use": {"id": str, "name": str, "input": dict},
    "tool_result": {"tool_use_id": str},
    "image": {"source": dict},
    "document": {"source": dict},
}
"""Block type -> what it cannot be understood without."""

type ServerKind = Literal["web_search", "web_fetch", "code", "computer", "mcp", "other"]

SERVER_TOOLS: Final[tuple[tuple[str, ServerKind], ...]] = (
    ("web_search", "web_search"),
    ("web_fetch", "web_fetch"),
    ("code_execution", "code"),
    ("computer", "computer"),
    ("mcp_toolset", "mcp"),
)
"""How a tool's type begins -> its neutral kind; every other type is ``other``."""

SUMMARIES: Final[Mapping[Json, str]] = {"summarized": "auto", "omitted": "none"}
"""``thinking.display`` -> Reasoning.summary."""


@demand.shallow
def decode_request(body: Mapping[str, Json], model: str, stream: bool) -> Request:
    """``model`` and ``stream`` are the endpoint's. Raises BadRequest where the body cannot be understood."""
    thinking = demand.mapping(body, "thinking")
    config = demand.mapping(body, "output_config")
    choice = demand.mapping(body, "tool_choice")
    metadata = demand.mapping(body, "metadata")
    parallel = read.flag(choice.get("disable_parallel_tool_use"))
    tools = tuple(_tool(item, f"tools[{n}]") for n, item in enumerate(demand.items(body, "tools")))
    if body.get(SERVERS):
        tools = with_servers(tools, body[SERVERS])
    return Request(
        model,
        tuple(_message(item, f"messages[{n}]") for n, item in enumerate(demand.items(body, "messages", required=True))),
        _content(body.get("system"), "system"),
        tools,
        _tool_choice(choice, tools),
        None if parallel is None else not parallel,
        demand.integer(body, "max_tokens"),
        demand.number(body, "temperature"),
        demand.number(body, "top_p"),
        demand.integer(body, "top_k"),
        tuple(demand.text(item, f"stop_sequences[{n}]") for n, item in enumerate(demand.items(body, "stop_sequences"))),
        reasoning=_reasoning(thinking, config),
        output=_output(config.get("format") or body.get("output_format")),
        user=read.text(metadata.get("user_id")) or None,
        service_tier=read.text(body.get("service_tier")) or None,
        stream=stream,
        extra=_extra(body, thinking, config, metadata),
    )


# ---- messages --------------------------------------------------------------------------------------------------------
def _message(value: Json, path: str) -> Message:
    if not isinstance(value, dict):
        raise BadRequest("a message must be an object", path)
    role = ROLES.get(read.text(value.get("role")))
    if role is None:
        raise BadRequest("role must be user, assistant or system", f"{path}.role")
    if value.get("content") is None:
        raise BadRequest("a message must have content", f"{path}.content")
    return Message(role, _content(value["content"], f"{path}.content"), keep(value, MESSAGE_FIELDS))


def _content(value: Json, path: str) -> tuple[Part, ...]:
    if isinstance(value, str):
        return (Text(value),) if value else ()
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRequest("content must be a string or a list of blocks", path)
    return tuple(_block(block, f"{path}[{n}]") for n, block in enumerate(value))


def _block(block: Json, path: str) -> Part:
    if not isinstance(block, dict):
        raise BadRequest("a content block must be an object", path)
    kind = block.get("type")
    if not isinstance(kind, str):
        raise BadRequest("a content block must have a type", f"{path}.type")
    for name, wanted in REQUIRED.get(kind, NOTHING).items():
        if not isinstance(block.get(name), wanted):
            raise BadRequest(f"{name} must be {_word(wanted)}", f"{path}.{name}")
    if kind == "tool_result":
        _content(block.get("content"), f"{path}.content")
    part = read_block(block)
    return true_origin(part) if isinstance(part, Thinking) else part


# ---- tools -----------------------------------------------------------------------------------------------------------
def _tool(value: Json, path: str) -> Tool | ServerTool:
    if not isinstance(value, dict):
        raise BadRequest("a tool must be an object", path)
    kind = value.get("type")
    if kind is not None and not isinstance(kind, str):
        raise BadRequest("type must be a string", f"{path}.type")
    if kind not in (None, "custom"):
        if native := read_native(value, kind, read.text(value.get("name"), kind)):
            return native
        found: ServerKind = "other"
        for prefix, neutral in SERVER_TOOLS:
            if kind.startswith(prefix):
                found = neutral
        return ServerTool(found, NAME, value)
    name = demand.text(value.get("name"), f"{path}.name")
    schema = value.get("input_schema")
    if not isinstance(schema, dict | None):
        raise BadRequest("input_schema must be an object", f"{path}.input_schema")
    description = read.text(value.get("description"))
    return Tool(name, description, schema or {}, read.flag(value.get("strict")), extra=keep(value, TOOL_FIELDS))


def _tool_choice(choice: Mapping[str, Json], tools: Sequence[Tool | ServerTool]) -> ToolChoice | None:
    if not choice:
        return None
    match choice.get("type"):
        case "auto":
            return ToolChoice("auto")
        case "any":
            return ToolChoice("any")
        case "none":
            return ToolChoice("none")
        case "tool":
            named = ToolChoice("any", (demand.text(choice.get("name"), "tool_choice.name"),))
            served = {read.text(tool.value.get("name")): tool.kind for tool in tools if isinstance(tool, ServerTool)}
            return kinds_by(served, {tool.name for tool in tools if isinstance(tool, Tool)}, named)
    raise BadRequest("type must be auto, any, tool or none", "tool_choice.type")


# ---- thinking and output ---------------------------------------------------------------------------------------------
def _reasoning(thinking: Mapping[str, Json], config: Mapping[str, Json]) -> Reasoning | None:
    effort = effort_word(read.text(config.get("effort")))
    kind = thinking.get("type")
    if kind in ("disabled", "between_tools"):
        return Reasoning(False, effort)
    if kind in ("enabled", "adaptive"):
        budget = read.integer(thinking.get("budget_tokens")) if kind == "enabled" else None
        display = thinking.get("display")
        return Reasoning(True, effort, budget, SUMMARIES.get(display) if isinstance(display, str) else None)
    return Reasoning(effort=effort) if effort else None


def _output(value: Json) -> OutputFormat | None:
    form = read.mapping(value)
    if form.get("type") == "json_schema" and isinstance(form.get("schema"), dict):
        return OutputFormat("json_schema", form["schema"], strict=True)  # the API keeps to it
    return None


def _extra(
    body: Mapping[str, Json], thinking: Mapping[str, Json], config: Mapping[str, Json], metadata: Mapping[str, Json]
) -> Extra:
    if not (thinking or config or metadata):
        return keep(body, FIELDS)
    kept = dict(keep(body, FIELDS).get(NAME, NOTHING))
    for name, fields, known in (("output_config", config, {"effort", "format"}), ("metadata", metadata, {"user_id"})):
        if fields and (rest := {key: value for key, value in fields.items() if key not in known and value is not None}):
            kept[name] = rest
    if thinking and thinking.get("type") not in ("enabled", "adaptive", "disabled", "between_tools"):
        kept["thinking"] = dict(thinking)
    elif not thinking and effort_word(read.text(config.get("effort"))):
        # An effort of this protocol switches no thinking on, unlike that of others.
        kept["thinking"] = None
    return {NAME: kept} if kept else NO_EXTRA


def _word(wanted: type) -> str:
    return "an object" if wanted is dict else "a string"
