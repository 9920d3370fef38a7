"""Neutral request -> body (platform.openai.com/docs/api-reference/chat/create)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ccx_addons.core.neutral import Effort, Json, Loss, OutputFormat, Request, Text, safe_name
from ccx_addons.core.openai import fits_strict
from ccx_addons.core.reasoning import effort_of, said_effort
from ccx_addons.protocols.chat.conversation import Conversation
from ccx_addons.protocols.chat.models import Rules, rules_of
from ccx_addons.protocols.chat.requests import SWITCHES
from ccx_addons.protocols.chat.tools import Naming, write_tool_choice, write_tools, write_web_search
from ccx_addons.protocols.chat.wire import NAME, NOTHING, Fields, own

MAX_STOPS: Final = 4
SERVICE_TIERS: Final[Mapping[str, str]] = {
    "auto": "auto",
    "default": "default",
    "standard": "default",
    "standard_only": "default",
    "flex": "flex",
    "scale": "scale",
    "priority": "priority",
    "fast": "fast",
}
DEFAULTS: Final[Mapping[str, float]] = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
"""Sampling fields and what they are where nobody says one."""
JSON_ONLY: Final = "Answer with JSON."
"""The API takes ``json_object`` only where the messages speak of JSON."""
MERGED: Final = frozenset({"response_format", "stream_options"})
"""Own fields that this module writes together with neutral ones."""

type Losses = list[Loss]


def encode_request(request: Request) -> tuple[dict[str, Json], Losses]:
    """The body, and what it cannot say of the request."""
    losses: Losses = []
    rules = rules_of(request.model)
    kept = own(request.extra)
    naming = Naming.of(request, rules)
    talk = Conversation(_speaking_of_json(request), rules, naming, losses)
    body: Fields = {"model": request.model, "messages": talk.messages}
    tools = write_tools(request, rules, naming, losses)
    if tools:
        body["tools"] = tools
    if (choice := write_tool_choice(request, tools, rules, naming, losses)) is not None:
        body["tool_choice"] = choice
    body |= write_web_search(request, losses)
    if tools and request.parallel_tools is not None:
        if rules.parallel:
            body["parallel_tool_calls"] = request.parallel_tools
        elif not request.parallel_tools:
            losses.append(Loss("parallel_tools", "the model takes no word on parallel calls"))
    if request.max_tokens is not None:
        body["max_completion_tokens"] = request.max_tokens
    effort = _effort(request, kept, rules, bool(tools), losses)
    if effort:
        body["reasoning_effort"] = effort
    body |= _sampling(request, rules, effort, losses)
    if form := _response_format(request.output, kept.get("response_format") or NOTHING, losses):
        body["response_format"] = form
    body |= _rest(request, kept, rules, losses)
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {**(kept.get("stream_options") or NOTHING), "include_usage": True}
    return body | {name: value for name, value in kept.items() if name not in MERGED}, losses


def _effort(request: Request, kept: Fields, rules: Rules, with_tools: bool, losses: Losses) -> Effort | None:
    """The effort in a word that the model has: its own, or the next lower one, or its lowest."""
    reasoning = request.reasoning
    if reasoning is None or any(name in kept for name in SWITCHES):
        return None
    if reasoning.summary not in (None, "none"):
        losses.append(Loss("reasoning.summary", "the protocol has no word for summaries"))
    effort = effort_of(reasoning)
    if effort is None:
        return None
    if reasoning.budget is not None and reasoning.budget > 0 and reasoning.effort is None:
        losses.append(Loss("reasoning.budget", "a budget is said as an effort"))
    if with_tools and not rules.tools_with_effort and effort != "none":
        losses.append(Loss("reasoning.effort", "the model takes functions only without an effort on this endpoint"))
        return "none"
    return said_effort(effort, rules.efforts, losses)


def _sampling(request: Request, rules: Rules, effort: Effort | None, losses: Losses) -> Fields:
    asked = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
    }
    wire = {name: value for name, value in asked.items() if value is not None}
    if rules.sampling or (rules.sampling_at_none and effort == "none"):
        return wire
    refused = [name for name, value in wire.items() if value != DEFAULTS[name]]
    losses += [Loss(name, "the model takes no sampling parameters") for name in refused]
    return {name: value for name, value in wire.items() if name == "temperature" and name not in refused}


def _response_format(output: OutputFormat | None, kept: Mapping[str, Json], losses: Losses) -> Json:
    if output is None:
        return dict(kept)
    if output.kind == "text":
        return {"type": "text"}
    if output.kind == "json":
        return {"type": "json_object"}
    inner: Fields = {"name": safe_name(output.name or "response"), "schema": output.schema or {}}
    if output.strict and not fits_strict(inner["schema"]):
        losses.append(Loss("output.strict", "the schema does not allow strict mode"))
    elif output.strict is not None:
        inner["strict"] = output.strict
    return {"type": "json_schema", "json_schema": inner | kept.get("json_schema", NOTHING)}


def _speaking_of_json(request: Request) -> Request:
    if request.output is None or request.output.kind != "json":
        return request
    texts = (part for message in request.messages for part in message.parts)
    if any(isinstance(part, Text) and "json" in part.text.lower() for part in (*request.system, *texts)):
        return request
    return replace(request, system=(*request.system, Text(JSON_ONLY)))


def _rest(request: Request, kept: Fields, rules: Rules, losses: Losses) -> Fields:
    wire: Fields = {}
    if request.stop and not rules.stop:
        losses.append(Loss("stop", "the model takes no stop sequences"))
    elif request.stop:
        wire["stop"] = list(request.stop[:MAX_STOPS])
        if len(request.stop) > MAX_STOPS:
            losses.append(Loss("stop", f"{MAX_STOPS} stop sequences are the most"))
    if request.seed is not None:
        wire["seed"] = request.seed
    if request.top_k is not None and "top_k" not in kept:
        losses.append(Loss("top_k", "there is nothing like it here"))
    if request.verbosity:
        if rules.verbosity:
            wire["verbosity"] = request.verbosity
        else:
            losses.append(Loss("verbosity", "the model takes no verbosity"))
    if request.user and request.user != kept.get("safety_identifier"):
        wire["user"] = request.user
    if request.cache_key:
        wire["prompt_cache_key"] = request.cache_key
    if request.service_tier:
        if NAME in request.extra or request.service_tier in SERVICE_TIERS:
            wire["service_tier"] = SERVICE_TIERS.get(request.service_tier, request.service_tier)
        else:
            losses.append(Loss("service_tier", f"there is no tier {request.service_tier}"))
    return wire
