"""Request body -> neutral (ai.google.dev/api/generate-content)."""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import (
    Json,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    ServerTool,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
)
from ccx_addons.core.reasoning import effort_word
from ccx_addons.protocols.gemini.parts import CallIds, joined, read_part
from ccx_addons.protocols.gemini.schemas import read_schema
from ccx_addons.protocols.gemini.wire import NAME, cameled, keep

FIELDS: Final = frozenset(
    {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "model", "stream"}
)
CONFIG_FIELDS: Final = frozenset({
    "temperature", "topP", "topK", "seed", "maxOutputTokens", "stopSequences", "presencePenalty", "frequencyPenalty",
    "responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig", "candidateCount",
})  # fmt: skip
SERVER_TOOLS: Final = {
    "googleSearch": "web_search", "googleSearchRetrieval": "web_search", "urlContext": "web_fetch",
    "codeExecution": "code", "fileSearch": "file_search", "computerUse": "computer",
}  # fmt: skip
MODES: Final = {"AUTO": "auto", "ANY": "any", "NONE": "none", "VALIDATED": "auto"}


def decode_request(body: Mapping[str, Json], model: str, stream: bool) -> Request:
    """``model`` and ``stream`` stand in the path. Raises BadRequest where the body cannot be understood."""
    try:
        return _request(cameled(dict(body)), model, stream)
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None


def _request(body: Mapping[str, Json], model: str, stream: bool) -> Request:
    ids = CallIds()
    contents = body.get("contents")
    if isinstance(contents, dict):
        contents = [contents]
    if not isinstance(contents, list) or not contents:
        raise BadRequest("contents must be a list that is not empty", "contents")
    messages = tuple(message for n, entry in enumerate(contents) if (message := _message(entry, n, ids)))
    config = cameled(body.get("generationConfig"))
    if config.get("candidateCount") not in (None, 1):
        raise BadRequest("candidateCount must be 1", "generationConfig.candidateCount")
    extra = {name: value for name, value in body.items() if name not in FIELDS}
    rest = {name: value for name, value in config.items() if name not in CONFIG_FIELDS}
    if rest:
        extra["generationConfig"] = rest
    return Request(
        model=model,
        messages=messages,
        system=_system(body.get("systemInstruction"), ids),
        tools=_tools(body.get("tools")),
        tool_choice=_choice(body.get("toolConfig")),
        max_tokens=read.integer(config.get("maxOutputTokens")),
        temperature=read.number(config.get("temperature")),
        top_p=read.number(config.get("topP")),
        top_k=read.integer(config.get("topK")),
        stop=tuple(text for text in read.items(config.get("stopSequences")) if isinstance(text, str)),
        seed=read.integer(config.get("seed")),
        presence_penalty=read.number(config.get("presencePenalty")),
        frequency_penalty=read.number(config.get("frequencyPenalty")),
        reasoning=_reasoning(config.get("thinkingConfig")),
        output=_output(config),
        stream=stream,
        extra=keep(extra),
    )


def _message(value: Json, n: int, ids: CallIds) -> Message | None:
    if not isinstance(value, dict):
        raise BadRequest("a content must be an object", f"contents[{n}]")
    parts = tuple(joined(part for entry in read.items(value.get("parts")) if (part := read_part(entry, ids))))
    role = read.text(value.get("role"), "user")
    if role not in ("user", "model", "function", "system"):
        raise BadRequest("role must be user or model", f"contents[{n}].role")
    if not parts:
        return None
    return Message("assistant" if role == "model" else "system" if role == "system" else "user", parts)


def _system(value: Json, ids: CallIds) -> tuple[Part, ...]:
    if isinstance(value, str):
        return (Text(value),) if value else ()
    entries = value if isinstance(value, list) else read.items(read.mapping(value).get("parts"))
    found = (read_part({"text": entry} if isinstance(entry, str) else entry, ids) for entry in entries)
    return tuple(part for part in found if part and not isinstance(part, ToolResult))


def _tools(value: Json) -> tuple[Tool | ServerTool, ...]:
    tools: list[Tool | ServerTool] = []
    for entry in map(cameled, read.mappings(value)):
        for function in map(cameled, read.mappings(entry.get("functionDeclarations"))):
            plain = function.get("parametersJsonSchema")
            schema = read_schema(plain if plain is not None else function.get("parameters"))
            rest = {
                k: v
                for k, v in function.items()
                if k not in ("name", "description", "parameters", "parametersJsonSchema")
            }
            tools.append(
                Tool(read.text(function.get("name")), read.text(function.get("description")), schema, extra=keep(rest))
            )
        for name, inner in entry.items():
            if name != "functionDeclarations":
                kind = SERVER_TOOLS.get(name, "other")
                tools.append(ServerTool(kind, NAME, {name: inner}))  # type: ignore[arg-type]  # the table's words are its
    return tuple(tools)


def _choice(value: Json) -> ToolChoice | None:
    config = cameled(cameled(value).get("functionCallingConfig"))
    mode = MODES.get(read.text(config.get("mode")).upper())
    if mode is None:
        return None
    names = tuple(name for name in read.items(config.get("allowedFunctionNames")) if isinstance(name, str))
    return ToolChoice(mode, names)  # type: ignore[arg-type]  # the table's words are its


def _reasoning(value: Json) -> Reasoning | None:
    """A budget of 0 is off, -1 leaves it to the model; levels are efforts."""
    config = cameled(value)
    if not config:
        return None
    budget = read.integer(config.get("thinkingBudget"))
    effort = effort_word(read.text(config.get("thinkingLevel")))
    shown = read.flag(config.get("includeThoughts"))
    summary = None if shown is None else "auto" if shown else "none"
    enabled = None if budget is None and effort is None else budget != 0
    return Reasoning(enabled, effort, budget, summary)


def _output(config: Mapping[str, Json]) -> OutputFormat | None:
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if isinstance(schema, dict):
        return OutputFormat("json_schema", read_schema(schema), "answer")
    kind = read.text(config.get("responseMimeType"))
    if kind == "application/json":
        return OutputFormat("json")
    return OutputFormat("text") if kind == "text/plain" else None
