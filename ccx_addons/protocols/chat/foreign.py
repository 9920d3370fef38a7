"""Other protocols' forms in Chat bodies, as some clients mix them (Cursor sends Claude's models Claude's blocks, and
others the flat tools of Responses): tolerance, since vendors refuse them."""

from collections.abc import Callable, Mapping
from typing import Final

from ccx_addons.core import demand, read
from ccx_addons.core.media import of_data
from ccx_addons.core.neutral import Json, Media, Part, Text, Thinking, ToolCall, ToolResult
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.chat.wire import Fields, keep

CLAUDE: Final = "messages"
"""Whose signatures stand in blocks of thoughts."""
ANY: Final[Mapping[str, str]] = {"image": "image/*", "document": "application/pdf"}
TOOL_FIELDS: Final = frozenset({"type", "name", "description", "parameters", "strict", "format", "input_schema"})

type Content = Callable[[Json, str], tuple[Part, ...]]
"""Reads a content at a path."""


# ---- blocks ----------------------------------------------------------------------------------------------------------
def read_block(block: Mapping[str, Json], path: str, content: Content) -> Part | None:
    """The part that a block of another protocol says; None: no such block. Raises BadRequest."""
    match block.get("type"):
        case "tool_use":
            id_, name = demand.text(block.get("id"), f"{path}.id"), demand.text(block.get("name"), f"{path}.name")
            return ToolCall(id_, name, dump_text(read.mapping(block.get("input"))))
        case "tool_result":
            id_ = demand.text(block.get("tool_use_id"), f"{path}.tool_use_id")
            return ToolResult(id_, content(block.get("content"), f"{path}.content"), block.get("is_error") is True)
        case "thinking":
            return Thinking(read.text(block.get("thinking")), read.text(block.get("signature")) or None, CLAUDE)
        case "redacted_thinking":
            return Thinking("", read.text(block.get("data")) or None, CLAUDE, True)
        case "image" if isinstance(url := block.get("image"), str):
            found = read.data_url(url)
            return of_data(*found) if found else Media(ANY["image"], url=url)
        case "image" | "document" as kind:
            return _media(ANY[kind], read.mapping(block.get("source")), read.text(block.get("title")))
        case "input_image":
            url = demand.text(block.get("image_url"), f"{path}.image_url")
            found = read.data_url(url)
            return of_data(*found) if found else Media(ANY["image"], url=url)
    return None


def _media(mime: str, source: Mapping[str, Json], name: str) -> Part | None:
    match source:
        case {"type": "base64", "data": str(data)}:
            return of_data(read.text(source.get("media_type"), mime), data, name)
        case {"type": "text", "data": str(data)}:
            return Text(data)
        case {"type": "url", "url": str(url)}:
            return Media(mime, url=url, name=name)
    return None


# ---- tools -----------------------------------------------------------------------------------------------------------
def nested_tool(value: Mapping[str, Json]) -> Fields:
    """A flat tool of Responses, or one of Claude's, in this protocol's form."""
    beside = keep(value, TOOL_FIELDS).get("chat", {})
    said = {name: value[name] for name in ("name", "description", "strict") if value.get(name) is not None}
    if value.get("type") == "custom" and "input_schema" not in value:
        form = read.mapping(value.get("format"))
        grammar = {"grammar": {name: form.get(name) for name in ("syntax", "definition")}} if "syntax" in form else {}
        inner = {**said, "format": {"type": form.get("type"), **grammar}} if form else said
        return {"type": "custom", "custom": inner, **beside}
    schema = value.get("input_schema") if "input_schema" in value else value.get("parameters")
    return {"type": "function", "function": {**said, "parameters": schema}, **beside}


def is_flat(value: Mapping[str, Json]) -> bool:
    """Whether a tool's name stands beside its type."""
    kind = value.get("type")
    nested = isinstance(value.get("function"), dict) or isinstance(value.get("custom"), dict)
    return kind in (None, "function", "custom") and isinstance(value.get("name"), str) and not nested


def nested_choice(value: Json) -> Json:
    """A choice of Responses or Claude in this protocol's form."""
    match value:
        case {"type": "auto" | "any" | "none" as mode}:
            return mode
        case {"type": "tool" | "function" | "custom" as kind, "name": str(name)} if kind not in value:
            return {"type": "function", "function": {"name": name}}
    return value
