"""Request body -> neutral (platform.openai.com/docs/api-reference/chat/create)."""

from collections import deque
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import demand, read
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import (
    Extra,
    Json,
    Message,
    OutputFormat,
    Part,
    Refusal,
    Request,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from ccx_addons.core.reasoning import effort_word
from ccx_addons.protocols.chat.effort import SWITCHES, read_reasoning
from ccx_addons.protocols.chat.parts import read_content
from ccx_addons.protocols.chat.thoughts import DETAILS, read_thoughts
from ccx_addons.protocols.chat.thoughts import FIELDS as THOUGHT_FIELDS
from ccx_addons.protocols.chat.tools import (
    arguments_text,
    legacy_choice,
    legacy_tools,
    read_call,
    read_tool,
    read_tool_choice,
)
from ccx_addons.protocols.chat.wire import NAME, NOTHING, Fields, keep, sidecar

USAGE: Final = {"stream_options": "include_usage", "usage": "include"}
"""Where a client asks for the usage of its stream."""
FIELDS: Final = frozenset({
    "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p",
    "stop", "seed", "presence_penalty", "frequency_penalty", "reasoning_effort", "response_format", "tools",
    "tool_choice", "functions", "function_call", "parallel_tool_calls", "user", "prompt_cache_key", "service_tier",
    "verbosity", "n", "web_search_options",
})  # fmt: skip
MESSAGE_FIELDS: Final = frozenset({"role", "content"})
ASSISTANT_FIELDS: Final = frozenset({
    "role", "content", "refusal", "tool_calls", "function_call", "images", DETAILS, *THOUGHT_FIELDS,
})  # fmt: skip
RESULT_FIELDS: Final = frozenset({"role", "content", "tool_call_id", "name"})
OUTPUTS: Final = frozenset({"text", "json_object", "json_schema"})
SCHEMA_FIELDS: Final = frozenset({"name", "schema", "strict"})
ERROR_MARK: Final = "[error] "
"""Stands before the text of a tool's result that is an error, for which the wire has no field."""


@demand.shallow
def decode_request(body: Mapping[str, Json], model: str, stream: bool) -> Request:
    """``model`` and ``stream`` are the endpoint's. Raises BadRequest where the body cannot be understood."""
    if body.get("n") not in (None, 1):
        raise BadRequest("n must be 1: the channels that serve this model give one answer", "n")
    talk = _Talk()
    for n, message in enumerate(demand.items(body, "messages", required=True)):
        talk.add(message, n)
    tools, legacy = _tools(body)
    choice = legacy_choice(body.get("function_call"))
    parallel = read.flag(body.get("parallel_tool_calls"))
    limit = "max_tokens" if body.get("max_completion_tokens") is None else "max_completion_tokens"
    options = read.mapping(body.get("stream_options"))
    return Request(
        model,
        talk.messages(),
        tuple(talk.system),
        tools,
        read_tool_choice(body.get("tool_choice")) or choice,
        False if legacy and parallel is None else parallel,
        demand.integer(body, limit),
        demand.number(body, "temperature"),
        demand.number(body, "top_p"),
        read.integer(body.get("top_k")),
        _stop(body.get("stop")),
        demand.integer(body, "seed"),
        demand.number(body, "presence_penalty"),
        demand.number(body, "frequency_penalty"),
        read_reasoning(body),
        _output(body.get("response_format")),
        read.text(body.get("verbosity")) or None,
        read.text(body.get("user")) or read.text(body.get("safety_identifier")) or None,
        read.text(body.get("prompt_cache_key")) or None,
        read.text(body.get("service_tier")) or None,
        stream,
        stream and wants_usage(body),
        _extra(body, options),
    )


# ---- messages --------------------------------------------------------------------------------------------------------
class _Talk:
    """Collects the messages: system text before all others apart, results of tools as one user turn."""

    def __init__(self) -> None:
        self.system: list[Part] = []
        self._messages: list[Message] = []
        self._results: list[Part] = []
        self._legacy: dict[str, deque[str]] = {}
        """Function -> ids, made up, of its calls without a result."""

    def messages(self) -> tuple[Message, ...]:
        self._close_results()
        return tuple(self._messages)

    def add(self, value: Json, n: int) -> None:
        path = f"messages[{n}]"
        if not isinstance(value, dict):
            raise BadRequest("a message must be an object", path)
        role = value.get("role")
        if role in ("tool", "function"):
            self._results.append(self._result(value, path))
            return
        self._close_results()
        if role in ("system", "developer"):
            self._add_system(value, path)
        elif role == "user":
            content = read_content(value.get("content"), f"{path}.content")
            self._messages.append(Message("user", content, keep(value, MESSAGE_FIELDS)))
        elif role == "assistant":
            self._messages.append(self._assistant(value, path, n))
        else:
            raise BadRequest("role must be system, developer, user, assistant or tool", f"{path}.role")

    def _close_results(self) -> None:
        if self._results:
            self._messages.append(Message("user", tuple(self._results)))
            self._results = []

    def _add_system(self, value: Mapping[str, Json], path: str) -> None:
        parts = read_content(value.get("content"), f"{path}.content")
        extra = keep(value, MESSAGE_FIELDS)
        if not self._messages and not extra:
            self.system += parts
            return
        role = {"role": "developer"} if value["role"] == "developer" else NOTHING
        self._messages.append(Message("system", parts, sidecar({**extra.get(NAME, NOTHING), **role})))

    def _assistant(self, value: Mapping[str, Json], path: str, n: int) -> Message:
        parts: list[Part] = [*read_thoughts(value), *read_content(value.get("content"), f"{path}.content")]
        if refusal := read.text(value.get("refusal")):
            parts.append(Refusal(refusal))
        if images := value.get("images"):
            parts += read_content(images, f"{path}.images")
        for m, call in enumerate(demand.items(value, "tool_calls", f"{path}.")):
            parts.append(read_call(call, f"{path}.tool_calls[{m}]"))
        if isinstance(function := value.get("function_call"), dict):
            name = read.text(function.get("name"))
            id_ = f"call_function_{n}"
            self._legacy.setdefault(name, deque()).append(id_)
            parts.append(ToolCall(id_, name, arguments_text(function.get("arguments"))))
        return Message("assistant", tuple(parts), keep(value, ASSISTANT_FIELDS))

    def _result(self, value: Mapping[str, Json], path: str) -> ToolResult:
        name = read.text(value.get("name"))
        id_ = value.get("tool_call_id")
        if id_ is None and value["role"] == "function":
            waiting = self._legacy.get(name)
            id_ = waiting.popleft() if waiting else f"call_function_{name}"
        if not isinstance(id_, str):
            raise BadRequest("tool_call_id must be a string", f"{path}.tool_call_id")
        parts = read_content(value.get("content"), f"{path}.content")
        first = parts[0] if parts else None
        failed = isinstance(first, Text) and first.text.startswith(ERROR_MARK)
        if failed and isinstance(first, Text):
            text = first.text.removeprefix(ERROR_MARK)
            parts = (*((Text(text, first.extra),) if text else ()), *parts[1:])
        return ToolResult(id_, parts, failed, name, keep(value, RESULT_FIELDS))


# ---- tools and output ------------------------------------------------------------------------------------------------
def _tools(body: Mapping[str, Json]) -> tuple[tuple[Tool | ServerTool, ...], bool]:
    """The tools, and whether they are in the deprecated form."""
    tools = [read_tool(tool, f"tools[{n}]") for n, tool in enumerate(demand.items(body, "tools"))]
    functions = legacy_tools(demand.items(body, "functions"))
    search = body.get("web_search_options")
    options = [ServerTool("web_search", NAME, search)] if isinstance(search, dict) else []
    return (*tools, *functions, *options), bool(functions)


def _output(value: Json) -> OutputFormat | None:
    form = read.mapping(value)
    match form.get("type"):
        case "text":
            return OutputFormat("text")
        case "json_object":
            return OutputFormat("json")
        case "json_schema":
            inner = read.mapping(form.get("json_schema"))
            schema = inner.get("schema")
            if not isinstance(schema, dict | None):
                raise BadRequest("schema must be an object", "response_format.json_schema.schema")
            name = read.text(inner.get("name"))
            return OutputFormat("json_schema", schema or {}, name, read.flag(inner.get("strict")))
    return None


def _stop(value: Json) -> tuple[str, ...]:
    values = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise BadRequest("stop must be a string or a list of strings", "stop")
    return tuple(values)


def wants_usage(body: Mapping[str, Json]) -> bool:
    """Whether a stream tells its usage, in OpenAI's words or OpenRouter's (openrouter.ai/docs, usage accounting)."""
    return any(read.mapping(body.get(of)).get(name) is True for of, name in USAGE.items())


def _extra(body: Mapping[str, Json], options: Mapping[str, Json]) -> Extra:
    kept: Fields = {name: value for name, value in body.items() if name not in FIELDS}
    effort = body.get("reasoning_effort")
    if not effort_word(read.text(effort)) or any(kept.get(name) is not None for name in SWITCHES):
        kept["reasoning_effort"] = effort
    form = read.mapping(body.get("response_format"))
    kind = form.get("type")
    if form and not (isinstance(kind, str) and kind in OUTPUTS):
        kept["response_format"] = dict(form)
    elif inner := read.mapping(form.get("json_schema")):
        rest = {name: value for name, value in inner.items() if name not in SCHEMA_FIELDS and value is not None}
        kept["response_format"] = {"json_schema": rest} if rest else None
    if read.mapping(body.get("usage")).keys() == {"include"}:
        del kept["usage"]
    kept["stream_options"] = {name: value for name, value in options.items() if name != "include_usage"} or None
    return sidecar(kept)
