"""Claude's own tools that the client runs: for other protocols each is a function, whose calls look the same here.

Sources: platform.claude.com/docs/en/agents-and-tools/tool-use/bash-tool, /text-editor-tool, /memory-tool,
/computer-use-tool.
"""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core.neutral import Json, Tool
from ccx_addons.protocols.messages.wire import NAME

NATIVE: Final = "native"
"""Where the function keeps the tool that it stands for."""


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


def _schema(required: list[str], **properties: Json) -> Mapping[str, Json]:
    return {"type": "object", "properties": properties, "required": required}


_POINT: Final = {"type": "array", "items": {"type": "integer"}, "description": "x and y in pixels"}
_RANGE: Final = {"type": "array", "items": {"type": "integer"}, "description": "First and last line; -1: the end"}
_EDITS: Final[Mapping[str, Json]] = {
    "path": _text("The file or folder"),
    "view_range": _RANGE,
    "file_text": _text("What a created file holds"),
    "old_str": _text("The text to replace"),
    "new_str": _text("The text in its place"),
    "insert_line": {"type": "integer", "description": "The line behind which to insert; 0: before all"},
    "insert_text": _text("The text to insert"),
}


def _commands(*names: str) -> Json:
    return {"type": "string", "enum": list(names)}


FORMS: Final[Mapping[str, tuple[str, Mapping[str, Json]]]] = {
    "bash_": (
        "Runs a command in a bash session that stays open.",
        _schema([], command=_text("The command"), restart={"type": "boolean", "description": "Start the session anew"}),
    ),
    "text_editor_": (
        "Views, creates and edits files.",
        _schema(["command", "path"], command=_commands("view", "create", "str_replace", "insert"), **_EDITS),
    ),
    "memory_": (
        "Reads and writes files below /memories, which stay from one conversation to the next.",
        _schema(
            ["command"],
            command=_commands("view", "create", "str_replace", "insert", "delete", "rename"),
            **_EDITS,
            old_path=_text("The file to rename"),
            new_path=_text("Its new path"),
        ),
    ),
    "computer_2": (
        "Uses the screen, mouse and keyboard of a computer.",
        _schema(
            ["action"],
            action=_text("screenshot, left_click, right_click, double_click, mouse_move, type, key, scroll, wait, ..."),
            coordinate=_POINT,
            start_coordinate=_POINT,
            text=_text("What to type, or the keys to press"),
            scroll_direction=_commands("up", "down", "left", "right"),
            scroll_amount={"type": "integer"},
            duration={"type": "number", "description": "Seconds"},
        ),
    ),
}
"""How a tool's type begins -> what it does and takes."""
SIZES: Final = ("display_width_px", "display_height_px")
SAID: Final = frozenset({"type", "name", *SIZES})
"""Fields that the function says."""


def read_native(value: Mapping[str, Json], kind: str, name: str) -> Tool | None:
    """The function that stands for such a tool; None: it is none."""
    found = next((form for start, form in FORMS.items() if kind.startswith(start)), None)
    if found is None:
        return None
    about, schema = found
    if all(isinstance(value.get(size), int) for size in SIZES):
        about = f"{about} The screen has {value[SIZES[0]]} x {value[SIZES[1]]} pixels."
    settings = {key: inner for key, inner in value.items() if key not in SAID}
    return Tool(name, about, schema, extra={NAME: {**settings, NATIVE: dict(value)}})
