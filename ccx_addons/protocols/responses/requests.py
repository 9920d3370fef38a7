"""Request body -> neutral (platform.openai.com/docs/api-reference/responses/create)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ccx_addons.core import demand, read
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import (
    Json,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Text,
)
from ccx_addons.core.reasoning import effort_word
from ccx_addons.protocols.responses.calls import CALLS, RESULTS, read_call, read_result
from ccx_addons.protocols.responses.natives import BY_CALL
from ccx_addons.protocols.responses.parts import read_content
from ccx_addons.protocols.responses.thoughts import read_reasoning, true_origin
from ccx_addons.protocols.responses.tools import ToolBox, read_tool_choice
from ccx_addons.protocols.responses.wire import NAME, Item, keep, own, sidecar

FIELDS: Final = frozenset({
    "model", "input", "instructions", "stream", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens",
    "temperature", "top_p", "reasoning", "text", "user", "prompt_cache_key", "service_tier",
})  # fmt: skip
MESSAGE_FIELDS: Final = frozenset({"type", "role", "content", "status"})
CONTINUES: Final = ("previous_response_id", "conversation", "prompt")
"""Fields that stand for an input which the body does not have."""
SCHEMA_FIELDS: Final = frozenset({"type", "name", "schema", "strict"})
OUTPUTS: Final = frozenset({"text", "json_object", "json_schema"})
ROLES: Final = frozenset({"user", "assistant", "system", "developer"})
USERS: Final = ("_output", "_response")
"""How the types of items end that the user's side sends."""


@demand.shallow
def decode_request(body: Mapping[str, Json], model: str, stream: bool) -> Request:
    """``model`` and ``stream`` are the endpoint's. Raises BadRequest where the body cannot be understood.

    The side-car of every request has this protocol's name: what came from here is told from what did not.
    """
    box = ToolBox()
    box.add(demand.items(body, "tools"), "tools")
    talk = _Conversation(body, box)
    text = demand.mapping(body, "text")
    choice = read_tool_choice(body.get("tool_choice"), box)
    return Request(
        model,
        tuple(talk.messages),
        tuple(talk.system),
        tuple(box.chosen(body.get("tool_choice"))),
        choice,
        read.flag(body.get("parallel_tool_calls")),
        demand.integer(body, "max_output_tokens"),
        demand.number(body, "temperature"),
        demand.number(body, "top_p"),
        stop=tuple(read.texts(body.get("stop"))),
        presence_penalty=demand.number(body, "presence_penalty"),
        frequency_penalty=demand.number(body, "frequency_penalty"),
        reasoning=_reasoning(demand.mapping(body, "reasoning")),
        output=_output(text.get("format")),
        verbosity=read.text(text.get("verbosity")) or None,
        user=read.text(body.get("user")) or read.text(body.get("safety_identifier")) or None,
        cache_key=read.text(body.get("prompt_cache_key")) or None,
        service_tier=read.text(body.get("service_tier")) or None,
        stream=stream,
        extra={NAME: _kept(body, text, choice is None)},
    )


# ---- the conversation ------------------------------------------------------------------------------------------------
class _Conversation:
    """Items as turns: what the assistant said and called until somebody else speaks is one message.

    What was said before anything else by the system is the system prompt, together with the instructions.
    """

    def __init__(self, body: Mapping[str, Json], box: ToolBox) -> None:
        self.messages: list[Message] = []
        self.system: list[Part] = []
        self._box = box
        self._turn: list[Part] = []
        """Parts of the assistant's message, or results, that the next item may join."""
        self._shells: dict[str, str] = {}
        """Ids of a local shell's items -> those of its calls: a result may name either."""
        self._results = False
        instructions = body.get("instructions")
        if not isinstance(instructions, str | None):
            raise BadRequest("instructions must be a string", "instructions")
        if instructions:
            self.system.append(Text(instructions))
        items = body.get("input")
        if isinstance(items, str):
            self.messages.append(Message("user", (Text(items),) if items else ()))
            return
        if items is None and any(body.get(name) for name in CONTINUES):
            return
        if not isinstance(items, list):
            raise BadRequest("input must be a string or a list of items", "input")
        self._load_tools(items)
        for n, item in enumerate(items):
            self._add(item, f"input[{n}]")
        self._end_turn()

    def _load_tools(self, items: list[Json]) -> None:
        """Tools that came with the conversation; a search's result keeps those that it found."""
        for n, item in enumerate(items):
            kind = read.mapping(item).get("type")
            if kind in ("additional_tools", "tool_search_output"):
                tools = read.items(read.mapping(item).get("tools"))
                self._box.add(tools, f"input[{n}].tools", loaded=kind == "tool_search_output")

    def _add(self, item: Json, path: str) -> None:
        if not isinstance(item, dict):
            raise BadRequest("an item must be an object", path)
        kind = item.get("type", "message" if "role" in item else None)
        if not isinstance(kind, str):
            raise BadRequest("an item must have a type", f"{path}.type")
        if kind == "message":
            self._add_message(item, path)
        elif kind in CALLS:
            call = read_call(_checked_call(item, kind, path), self._box.name)
            if kind == "local_shell_call":
                self._shells[read.text(item.get("id"))] = call.id
            self._say(call)
        elif kind in RESULTS:
            result = read_result(_checked_result(item, path), path)
            if kind == "local_shell_call_output":
                result = replace(result, id=self._shells.get(result.id, result.id))
            self._say(result, results=True)
        elif kind == "reasoning":
            self._say(true_origin(read_reasoning(item)))
        elif kind != "additional_tools":
            self._say(Opaque(NAME, item), results=kind.endswith(USERS))

    def _say(self, part: Part, results: bool = False) -> None:
        if results != self._results:
            self._end_turn()
            self._results = results
        self._turn.append(part)

    def _end_turn(self) -> None:
        if self._turn:
            self.messages.append(Message("user" if self._results else "assistant", tuple(self._turn)))
            self._turn = []

    def _add_message(self, item: Item, path: str) -> None:
        role = item.get("role")
        if not isinstance(role, str) or role not in ROLES:
            raise BadRequest("role must be user, assistant, system or developer", f"{path}.role")
        extra = keep(item, MESSAGE_FIELDS)
        if role == "assistant":
            for n, part in enumerate(read_content(item.get("content"), f"{path}.content", own(extra))):
                if not n and isinstance(part, Text) and self._turn and isinstance(self._turn[-1], Text):
                    part = replace(part, apart=True)
                self._say(part)
            return
        self._end_turn()
        if role == "user":
            self.messages.append(Message("user", read_content(item.get("content"), f"{path}.content"), extra))
            return
        own_fields = {"role": role, **own(extra)}
        parts = read_content(item.get("content"), f"{path}.content", own_fields)
        if not self.messages and all(isinstance(part, Text) for part in parts):
            self.system += parts
            return
        kept = own_fields if role == "system" else own(extra)
        parts = read_content(item.get("content"), f"{path}.content")
        self.messages.append(Message("system", parts, sidecar(kept)))


def _checked_call(item: Item, kind: str, path: str) -> Item:
    for name in ("call_id", "id"):
        _optional(item.get(name), str, f"{path}.{name}", "a string")
    if kind in BY_CALL:
        return item
    if not isinstance(item.get("name"), str):
        raise BadRequest("name must be a string", f"{path}.name")
    if kind == "function_call":
        _optional(item.get("arguments"), str | dict | list, f"{path}.arguments", "a string")
    else:
        _optional(item.get("input"), str, f"{path}.input", "a string")
    return item


def _checked_result(item: Item, path: str) -> Item:
    _optional(item.get("call_id"), str, f"{path}.call_id", "a string")
    return item


def _optional(value: Json, wanted: Any, path: str, word: str) -> None:
    if value is not None and not isinstance(value, wanted):
        raise BadRequest(f"{path} must be {word}", path)


# ---- reasoning and output --------------------------------------------------------------------------------------------
def _reasoning(reasoning: Mapping[str, Json]) -> Reasoning | None:
    effort = effort_word(read.text(reasoning.get("effort")))
    summary = read.text(reasoning.get("summary")) or read.text(reasoning.get("generate_summary")) or None
    return Reasoning(effort=effort, summary=summary) if effort or summary else None


def _output(value: Json) -> OutputFormat | None:
    form = read.mapping(value)
    match form.get("type"):
        case "text":
            return OutputFormat("text")
        case "json_object":
            return OutputFormat("json")
        case "json_schema":
            schema = form.get("schema")
            if not isinstance(schema, dict | None):
                raise BadRequest("schema must be an object", "text.format.schema")
            return OutputFormat("json_schema", schema or {}, read.text(form.get("name")), read.flag(form.get("strict")))
    return None


def _kept(body: Mapping[str, Json], text: Mapping[str, Json], unsaid_choice: bool) -> Item:
    """The fields that have no neutral name, and what is left of those that have one only for a part."""
    kept = {name: value for name, value in body.items() if name not in FIELDS}
    reasoning = dict(demand.mapping(body, "reasoning"))
    if effort_word(read.text(reasoning.get("effort"))):
        del reasoning["effort"]
    for name in ("summary", "generate_summary"):
        if isinstance(reasoning.get(name), str):
            del reasoning[name]
    kept["reasoning"] = {name: value for name, value in reasoning.items() if value is not None} or None
    rest = {name: value for name, value in text.items() if name not in ("format", "verbosity")}
    form = read.mapping(text.get("format"))
    if isinstance(kind := form.get("type"), str) and kind in OUTPUTS:
        form = {name: value for name, value in form.items() if name not in SCHEMA_FIELDS and value is not None}
    kept["text"] = rest | ({"format": dict(form)} if form else {}) or None
    if unsaid_choice:
        kept["tool_choice"] = body.get("tool_choice")
    return {name: value for name, value in kept.items() if value is not None}
