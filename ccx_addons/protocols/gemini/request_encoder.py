"""Neutral -> request body (ai.google.dev/api/generate-content)."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import (
    Json,
    Loss,
    Media,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    safe_names,
)
from ccx_addons.core.reasoning import budget_of, effort_of
from ccx_addons.protocols.gemini.parts import write_call, write_media, write_result
from ccx_addons.protocols.gemini.schemas import cleaned
from ccx_addons.protocols.gemini.wire import NAME, SIGNATURE, Fields, own

MAX_STOPS: Final = 5
EMPTY: Final[Mapping[str, Json]] = {}
LEVELS: Final = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
SERVER_TOOLS: Final = {"web_search": "googleSearch", "web_fetch": "urlContext", "code": "codeExecution"}


def encode_request(request: Request) -> tuple[Fields, list[Loss]]:
    """The body; model and stream stand in the path. Losses: what Gemini has no words for."""
    losses: list[Loss] = []
    extra = own(request.extra)
    names = safe_names(tool.name for tool in request.tools if isinstance(tool, Tool))
    body: Fields = {"contents": _contents(request, names, losses)}
    if system := [part for part in request.system if isinstance(part, Text) and part.text]:
        body["systemInstruction"] = {"parts": [{"text": part.text} for part in system]}
    if tools := _tools(request, names, losses):
        body["tools"] = tools
    if request.tool_choice and any(isinstance(tool, Tool) for tool in request.tools):
        body["toolConfig"] = _choice(request.tool_choice, names)
    config = {**_config(request, losses), **read.mapping(extra.pop("generationConfig", None))}
    if config:
        body["generationConfig"] = config
    body |= extra
    _unsaid(request, losses)
    return body, losses


def is_third(model: str) -> bool:
    """Gemini 3 and later: levels instead of budgets, signatures with every call."""
    return "gemini-3" in model or "gemini-4" in model


# ---- contents --------------------------------------------------------------------------------------------------------
def _contents(request: Request, names: Mapping[str, str], losses: list[Loss]) -> list[Fields]:
    """Turns of one role are joined; the first is the user's."""
    called = {
        part.id: part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)
    }
    found: list[Fields] = []
    for n, message in enumerate(request.messages):
        role = "model" if message.role == "assistant" else "user"
        parts = list(_parts(message, f"messages[{n}]", called, names, is_third(request.model), losses))
        if not parts:
            continue
        if found and found[-1]["role"] == role:
            found[-1]["parts"] += parts
        else:
            found.append({"role": role, "parts": parts})
    if not found or found[0]["role"] == "model":
        found.insert(0, {"role": "user", "parts": [{"text": " "}]})
    for before, content in pairwise(found):
        _in_order(before, content)
    return found


def _in_order(before: Fields, content: Fields) -> None:
    """Results first, as their calls stand: Gemini knows whose they are by name and order."""
    calls = [part["functionCall"].get("id") for part in before["parts"] if "functionCall" in part]
    if calls:
        place = {id: n for n, id in reversed(list(enumerate(calls)))}
        content["parts"].sort(key=lambda part: place.get(part.get("functionResponse", EMPTY).get("id"), len(calls)))


def _parts(
    message: Message, path: str, called: Mapping[str, str], names: Mapping[str, str], third: bool, losses: list[Loss]
) -> Iterable[Fields]:
    signed = third and message.role == "assistant"
    for n, part in enumerate(message.parts):
        at = f"{path}.parts[{n}]"
        match part:
            case Text() | Refusal():
                yield from _text(part)
            case Thinking():
                yield from _thinking(part, at, losses)
            case ToolCall():
                yield write_call(part, names.get(part.name, part.name), signed)
                signed = False  # only the first of parallel calls carries one
            case ToolResult():
                name = part.name or called.get(part.id, "tool")
                written = [found for media in part.parts if isinstance(media, Media) and (found := write_media(media))]
                inside = [found for found in written if third and "inlineData" in found]
                yield write_result(part, names.get(name, name), inside)
                yield from (found for found in written if found not in inside)
            case Media():
                yield from _media(part, at, losses)
            case Opaque(protocol, value) if protocol == NAME:
                yield value
            case Opaque(protocol, _):
                losses.append(Loss(at, f"only {protocol} understands this"))


def _text(part: Text | Refusal) -> Iterable[Fields]:
    signature = own(part.extra).get(SIGNATURE)
    if part.text or signature:
        yield {"text": part.text, **({SIGNATURE: signature} if signature else {})}


def _media(part: Media, at: str, losses: list[Loss]) -> Iterable[Fields]:
    if written := write_media(part):
        yield written
    else:
        losses.append(Loss(at, "neither data nor an address"))


def _thinking(part: Thinking, at: str, losses: list[Loss]) -> Iterable[Fields]:
    """Own thoughts go back with their signature; foreign ones are nothing that the model could use."""
    if part.origin == NAME:
        yield {"text": part.text, "thought": True, **({SIGNATURE: part.signature} if part.signature else {})}
    elif part.signature or part.text:
        losses.append(Loss(at, "thinking of another protocol"))


# ---- tools -----------------------------------------------------------------------------------------------------------
def _tools(request: Request, names: Mapping[str, str], losses: list[Loss]) -> list[Fields]:
    functions: list[Fields] = []
    others: list[Fields] = []
    for n, tool in enumerate(request.tools):
        if isinstance(tool, Tool):
            functions.append(_function(tool, names[tool.name]))
        elif tool.protocol == NAME:
            others.append(dict(tool.value))
        elif name := SERVER_TOOLS.get(tool.kind):
            others.append({name: {}})
        else:
            losses.append(Loss(f"tools[{n}]", f"Gemini has no {tool.kind} tool"))
    if functions and others and not is_third(request.model):
        # Function calling and built-in tools exclude each other before Gemini 3.
        losses += [Loss("tools", f"{next(iter(tool))} cannot stand beside functions") for tool in others]
        others = []
    return [*([{"functionDeclarations": functions}] if functions else []), *others]


def _function(tool: Tool, name: str) -> Fields:
    found: Fields = {"name": name, "description": tool.description, **own(tool.extra)}
    if read.mapping(tool.parameters).get("properties"):
        found["parameters"] = cleaned(tool.parameters)
    return found


def _choice(choice: ToolChoice, names: Mapping[str, str]) -> Fields:
    mode = {"auto": "AUTO", "any": "ANY", "none": "NONE"}[choice.mode]
    config: Fields = {"mode": mode}
    if choice.names and choice.mode != "none":
        config = {"mode": "ANY" if choice.mode == "any" else "VALIDATED"}
        config["allowedFunctionNames"] = [names.get(name, name) for name in choice.names]
    return {"functionCallingConfig": config}


# ---- settings --------------------------------------------------------------------------------------------------------
def _config(request: Request, losses: list[Loss]) -> Fields:
    stops = list(request.stop[:MAX_STOPS])
    if len(request.stop) > MAX_STOPS:
        losses.append(Loss("stop", f"Gemini takes at most {MAX_STOPS} stop sequences"))
    found: dict[str, Json] = {
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "seed": request.seed,
        "maxOutputTokens": request.max_tokens,
        "stopSequences": stops or None,
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
        "thinkingConfig": _thinking_config(request.reasoning, request.model),
    }
    if request.output and request.output.kind != "text":
        found["responseMimeType"] = "application/json"
        if request.output.schema:
            found["responseSchema"] = cleaned(request.output.schema)
    return {name: value for name, value in found.items() if value is not None}


def _thinking_config(reasoning: Reasoning | None, model: str) -> Fields | None:
    """Levels for Gemini 3, which cannot be switched off; budgets before. Thoughts show unless nobody wants them."""
    effort = effort_of(reasoning)
    if reasoning is None or (effort is None and reasoning.summary is None):
        return None
    found: Fields = {}
    if effort == "none":
        found = {"thinkingLevel": "low"} if is_third(model) else {"thinkingBudget": 0}
    elif effort is not None and is_third(model):
        found = {"thinkingLevel": LEVELS[effort]}
    elif effort is not None:
        found = {"thinkingBudget": budget_of(reasoning)}
    if effort != "none":
        found["includeThoughts"] = reasoning.summary != "none"
    return found


def _unsaid(request: Request, losses: list[Loss]) -> None:
    for value, path in (
        (request.user, "user"),
        (request.service_tier, "service_tier"),
        (request.verbosity, "verbosity"),
        (request.cache_key, "prompt_cache_key"),
    ):
        if value:
            losses.append(Loss(path, "Gemini has no such setting"))
    if request.parallel_tools is False and request.tools:
        losses.append(Loss("parallel_tool_calls", "Gemini decides itself how many functions it calls"))
