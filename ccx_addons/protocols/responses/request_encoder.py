"""Neutral request -> body (platform.openai.com/docs/api-reference/responses/create)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ccx_addons import vendors
from ccx_addons.core import cache_marks, drawing, logprobs, read, resolution, tiers
from ccx_addons.core.choice import nameable
from ccx_addons.core.ids import shortened
from ccx_addons.core.leftovers import Reads
from ccx_addons.core.neutral import Effort, Json, Loss, Message, Request, Text, safe_name
from ccx_addons.core.openai import SHARED, fits_strict, shared
from ccx_addons.core.reasoning import effort_of, said_effort
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.responses.conversation import Conversation
from ccx_addons.protocols.responses.requests import CONTINUES
from ccx_addons.protocols.responses.schemas import REFUSED_AT_TOP
from ccx_addons.protocols.responses.tools import SERVER_TOOLS, Naming, write_tool_choice, write_tools
from ccx_addons.protocols.responses.wire import NAME, NOTHING, Item, own
from ccx_addons.vendors.facts import Responses as Rules

SERVICE_TIERS: Final[Mapping[str, str]] = {
    "auto": "auto",
    "default": "default",
    "standard": "default",
    "standard_only": "default",
    "flex": "flex",
    "scale": "scale",
    "priority": "priority",
    "fast": "priority",
}
DEFAULTS: Final[Mapping[str, float]] = {"temperature": 1, "top_p": 1}
"""Sampling fields and what they are where nobody says one."""
ENCRYPTED: Final = "reasoning.encrypted_content"
JSON_SCHEMA: Final = "Answer with one JSON value that is valid against this JSON schema, and nothing else: "
JSON_ONLY: Final = "Answer with JSON."
"""The API takes ``json_object`` only where the input speaks of JSON."""
MERGED: Final = frozenset({"reasoning", "text"})
"""Own fields that this module writes together with neutral ones."""
SEEN: Final = frozenset({"include_reasoning", "reasoning.exclude", "reasoning.summary"})
"""Chat's words for a summary of thoughts, which the neutral form has."""
READS: Final[Reads] = {
    **cache_marks.READS,
    "chat": SHARED
    | cache_marks.FIELDS
    | SEEN
    | logprobs.CHAT
    | drawing.OF_CHAT
    | {"format", "response_format.json_schema.description"},
    "gemini": logprobs.GEMINI | drawing.OF_GEMINI | resolution.FIELDS,
    "messages": cache_marks.FIELDS | tiers.SPEED | {"mcp_servers"},
}

type Losses = list[Loss]


def encode_request(request: Request, base_url: str = "", style: str = "auto") -> tuple[dict[str, Json], Losses]:
    """The body, and what it cannot say of the request.

    Clients of other protocols bring the whole conversation each time, so the upstream need not store it, and gives its
    reasoning along, encrypted.
    """
    rules = vendors.responses(base_url, request.model)
    request, losses = cache_marks.carried(request, NAME, rules.cache_marks)
    request = resolution.carried(nameable(request, SERVER_TOOLS, losses), losses)
    kept = own(request.extra)
    naming = Naming(request)
    request = _with_format_in_words(request, losses)
    talk = Conversation(request, rules, naming, losses)
    body: Item = {"model": request.model}
    items = talk.items
    if not items and not any(name in kept for name in CONTINUES):
        # An input there must be.
        items = [{"type": "message", "role": "developer", "content": talk.instructions}]
    elif talk.instructions:
        body["instructions"] = talk.instructions
    if items:
        body["input"] = items
    body |= _tools(request, rules, naming, losses)
    body |= _limit(request, rules, losses)
    reasoning = _reasoning(request, kept, rules, losses)
    if reasoning:
        body["reasoning"] = reasoning
    body |= _sampling(request, rules, reasoning.get("effort"), losses)
    if text := write_text_config(request, rules, losses):
        body["text"] = text
    body |= _rest(request, kept, losses)
    cache_marks.of_request(request, NAME, rules.cache_marks, losses)
    if NAME not in request.extra:
        body["store"] = False
        if rules.encrypts:
            body["include"] = [ENCRYPTED]
        body |= _from_chat(request, body)
        body |= _logprobs(request, body)
    if request.stream:
        body["stream"] = True
    return body | {name: value for name, value in kept.items() if name not in MERGED}, losses


def _from_chat(request: Request, body: Item) -> Item:
    """What a Chat client says by the same names."""
    wire: Item = shared(request.extra, "chat")
    if "user" in body and body["user"] == wire.get("safety_identifier"):
        del body["user"]
    return wire


def _logprobs(request: Request, body: Item) -> Item:
    wish = logprobs.wished(request.extra)
    if wish is None:
        return {}
    return logprobs.asked(wish, "include", "top_logprobs", [*body.get("include", ()), logprobs.INCLUDED])


def _tools(request: Request, rules: Rules, naming: Naming, losses: Losses) -> Item:
    wire: Item = {}
    tools = write_tools(request, naming, losses) + _pictures(request, losses)
    if tools:
        wire["tools"] = tools
    if (choice := write_tool_choice(request, tools, naming, losses)) is not None:
        wire["tool_choice"] = choice
    if request.parallel_tools is not None and (tools or NAME in request.extra):
        if rules.parallel:
            wire["parallel_tool_calls"] = request.parallel_tools
        elif not request.parallel_tools:
            losses.append(Loss("parallel_tools", "the model takes no word on parallel calls"))
    return wire


def _pictures(request: Request, losses: Losses) -> list[Item]:
    """A wish for pictures is a tool here."""
    for protocol, wish in (("chat", drawing.of_chat(request.extra)), ("gemini", drawing.of_gemini(request.extra))):
        if wish:
            losses += [*wish.losses(protocol), *(Loss(name, "there is nothing like it here") for name in wish.config)]
            return [{"type": "image_generation"}] if wish.kinds else []
    return []


def _limit(request: Request, rules: Rules, losses: Losses) -> Item:
    if request.max_tokens is None:
        return {}
    if request.max_tokens < rules.least_tokens:
        losses.append(Loss("max_tokens", f"{rules.least_tokens} is the smallest limit"))
    return {"max_output_tokens": max(request.max_tokens, rules.least_tokens)}


def _reasoning(request: Request, kept: Item, rules: Rules, losses: Losses) -> Item:
    """Effort and summary. Thinking that was switched on elsewhere is meant to be seen, and so asks for a summary."""
    wire: Item = dict(kept.get("reasoning") or NOTHING)
    reasoning = request.reasoning
    if reasoning is None:
        return wire
    if effort := _effort(request, rules, losses):
        wire["effort"] = effort
    summary = reasoning.summary or ("auto" if reasoning.enabled else None)
    if summary in (None, "none"):
        return wire
    if rules.efforts:
        wire["summary"] = summary
    elif reasoning.summary:
        losses.append(Loss("reasoning.summary", "the model does not reason"))
    return wire


def _effort(request: Request, rules: Rules, losses: Losses) -> Effort | None:
    """The effort in a word that the model has: its own, or the next lower one, or its lowest."""
    reasoning, effort = request.reasoning, effort_of(request.reasoning)
    if reasoning is None or effort is None:
        return None
    if reasoning.budget is not None and reasoning.budget > 0 and reasoning.effort is None:
        losses.append(Loss("reasoning.budget", "a budget is said as an effort"))
    return said_effort(effort, rules.efforts, losses)


def _sampling(request: Request, rules: Rules, effort: Json, losses: Losses) -> Item:
    asked = {"temperature": request.temperature, "top_p": request.top_p}
    wire = {name: value for name, value in asked.items() if value is not None}
    if rules.sampling or (rules.sampling_at_none and effort == "none"):
        return wire
    losses += [
        Loss(name, "the model takes no sampling parameters") for name, value in wire.items() if value != DEFAULTS[name]
    ]
    return {}


def write_text_config(request: Request, rules: Rules, losses: Losses) -> Item:
    """``text``: the output's format and verbosity."""
    kept = own(request.extra).get("text") or NOTHING
    wire: Item = {name: value for name, value in kept.items() if name != "format"}
    if form := _format(request, kept.get("format") or _described(request), losses):
        wire["format"] = form
    if request.verbosity and rules.verbosity:
        wire["verbosity"] = request.verbosity
    elif request.verbosity:
        losses.append(Loss("verbosity", "the model takes no verbosity"))
    return wire


def _format(request: Request, kept: Mapping[str, Json], losses: Losses) -> Item:
    output = request.output
    if output is None:
        return dict(kept)
    if output.kind != "json_schema":
        return {"type": "text" if output.kind == "text" else "json_object", **kept}
    schema = {"type": "object", **(output.schema or {})}
    wire: Item = {"type": "json_schema", "name": safe_name(output.name or "response"), "schema": schema}
    if output.strict and not fits_strict(schema):
        losses.append(Loss("output.strict", "the schema does not allow strict mode"))
    elif output.strict is not None:
        wire["strict"] = output.strict
    return {**wire, **kept}


def _described(request: Request) -> Mapping[str, Json]:
    """What a Chat client says of its schema in words."""
    form = read.mapping(request.extra.get("chat", NOTHING).get("response_format"))
    about = read.mapping(form.get("json_schema")).get("description")
    return {"description": about} if about and request.output else NOTHING


def _with_format_in_words(request: Request, losses: Losses) -> Request:
    """The request with a message about its output, where ``text.format`` demands one or cannot say it alone."""
    output = request.output
    if output is None or output.kind == "text":
        return request
    if output.kind == "json_schema":
        schema = output.schema or {}
        if schema.get("type", "object") == "object" and not REFUSED_AT_TOP & schema.keys():
            return request
        losses.append(Loss("output.schema", "the top of a schema must be an object; it is said in words"))
        words = Message("system", (Text(JSON_SCHEMA + dump_text(schema)),))
        return replace(request, messages=(*request.messages, words), output=None)
    texts = (part.text for message in request.messages for part in message.parts if isinstance(part, Text))
    if any("json" in text.lower() for text in texts):
        return request
    return replace(request, messages=(*request.messages, Message("system", (Text(JSON_ONLY),))))


def _rest(request: Request, kept: Item, losses: Losses) -> Item:
    wire: Item = {}
    if request.user and request.user != kept.get("safety_identifier"):
        wire["user"] = shortened(request.user, "user")
    if request.cache_key:
        wire["prompt_cache_key"] = shortened(request.cache_key, "key")
    if asked := tiers.tier(request):
        if NAME in request.extra or asked in SERVICE_TIERS:
            wire["service_tier"] = SERVICE_TIERS.get(asked, asked)
        else:
            losses.append(Loss("service_tier", f"there is no tier {asked}"))
    unsaid = {
        "stop": bool(request.stop),
        "seed": request.seed is not None,
        "top_k": request.top_k is not None,
        "presence_penalty": bool(request.presence_penalty),
        "frequency_penalty": bool(request.frequency_penalty),
    }
    losses += [
        Loss(name, "there is nothing like it here") for name, asked in unsaid.items() if asked and name not in kept
    ]
    return wire
