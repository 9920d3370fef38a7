"""Neutral request -> body (platform.openai.com/docs/api-reference/chat/create)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ccx_addons import vendors
from ccx_addons.core import cache_marks, drawing, logprobs, read, resolution, tiers
from ccx_addons.core.choice import nameable
from ccx_addons.core.ids import shortened
from ccx_addons.core.leftovers import Reads
from ccx_addons.core.neutral import Effort, Json, Loss, OutputFormat, Request, Text, safe_name
from ccx_addons.core.openai import SHARED, fits_strict, shared
from ccx_addons.core.reasoning import effort_of
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.chat.conversation import Conversation
from ccx_addons.protocols.chat.effort import SWITCHES, can_be_off, thinks, write_effort
from ccx_addons.protocols.chat.tools import Naming, write_tool_choice, write_tools, write_web_search
from ccx_addons.protocols.chat.wire import NAME, NOTHING, Fields, own
from ccx_addons.vendors.facts import Chat as Rules
from ccx_addons.vendors.openrouter import OPENROUTER

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
JSON_SCHEMA: Final = "Answer with one JSON object that is valid against this JSON schema, and nothing else: "
JSON_ONLY: Final = "Answer with JSON."
"""The API takes ``json_object`` only where the messages speak of JSON."""
PENALTIES: Final = ("presence_penalty", "frequency_penalty")
MERGED: Final = frozenset({"response_format", "stream_options"})
"""Own fields that this module writes together with neutral ones."""
READS: Final[Reads] = {
    **cache_marks.READS,
    "messages": cache_marks.FIELDS | tiers.SPEED,
    "responses": SHARED | cache_marks.FIELDS | logprobs.RESPONSES | {"format", "text.format.description"},
    "gemini": logprobs.GEMINI | drawing.OF_GEMINI | resolution.FIELDS,
}

type Losses = list[Loss]

UNSURE: Final = "sent, but it is not known whether this server reads it"


def encode_request(request: Request, base_url: str = "", style: str = "auto") -> tuple[dict[str, Json], Losses]:
    """The body, and what it cannot say of the request."""
    rules = vendors.chat(base_url, request.model, style)
    request, losses = _marked(request, rules, base_url)
    request = resolution.carried(nameable(request, (), losses), losses)
    kept = own(request.extra)
    naming = Naming.of(request, rules)
    request = _with_format_in_words(request, rules, losses)
    talk = Conversation(request, rules, naming, losses)
    body: Fields = {"model": request.model, "messages": talk.messages}
    tools = write_tools(request, rules, naming, losses)
    if tools:
        body["tools"] = tools
    effort = _effort(request, kept, rules, bool(tools), losses)
    choice = write_tool_choice(request, tools, rules, naming, losses)
    if not rules.forced_while_thinking and choice not in (None, "auto", "none") and thinks(rules, effort):
        choice, effort = _force(choice, effort, rules, losses)
    if choice is not None:
        body["tool_choice"] = choice
    body |= write_web_search(request, losses)
    if tools and request.parallel_tools is not None:
        if rules.parallel:
            body["parallel_tool_calls"] = request.parallel_tools
        elif not request.parallel_tools:
            losses.append(Loss("parallel_tools", "the model takes no word on parallel calls"))
    if request.max_tokens is not None:
        body[rules.limit] = request.max_tokens
    if effort:
        body |= write_effort(effort, rules, request.model, losses, _only_on(request))
    body |= _sampling(request, rules, effort, losses)
    if form := _response_format(request.output, kept.get("response_format") or _described(request), rules, losses):
        body["response_format"] = form
    body |= _rest(request, kept, rules, losses)
    body |= cache_marks.of_request(request, NAME, rules.cache_marks, losses)
    body |= _from_others(request, body, base_url, losses)
    if request.stream:
        body["stream"] = True
        if rules.stream_options:
            body["stream_options"] = {**(kept.get("stream_options") or NOTHING), "include_usage": True}
    return body | {name: value for name, value in kept.items() if name not in MERGED}, losses


def _from_others(request: Request, body: Fields, base_url: str, losses: Losses) -> Fields:
    """What a Responses client says by the same names, and anybody's wish for probabilities or pictures."""
    if not request.extra:
        return {}
    wire: Fields = {}
    if NAME not in request.extra and (wish := logprobs.wished(request.extra)) is not None:
        wire = logprobs.asked(wish, "logprobs", "top_logprobs")
        if not vendors.at_host(base_url):
            losses += [Loss(logprobs.WISHES[kind], UNSURE) for kind in request.extra if kind in logprobs.WISHES]
    if "gemini" in request.extra:
        return wire | _pictures(request, base_url, losses)
    if "responses" not in request.extra:
        return wire
    wire |= shared(request.extra, "responses")
    if not wire.get("store") and wire.pop("metadata", None):
        losses.append(Loss("metadata", "it goes only with answers that are stored"))
    if "user" in body and body["user"] == wire.get("safety_identifier"):
        del body["user"]
    return wire


def _pictures(request: Request, base_url: str, losses: Losses) -> Fields:
    """OpenAI's own models make no pictures here; OpenRouter's do, and nobody knows of other servers."""
    wish = drawing.of_gemini(request.extra)
    if wish is None:
        return {}
    losses += wish.losses("gemini")
    if not wish.kinds:
        return {}
    if (server := vendors.at_host(base_url)) and server is not OPENROUTER:
        losses.append(Loss("generationConfig.responseModalities", "the upstream answers with text only"))
        return {}
    if not server:
        losses.append(Loss("generationConfig.responseModalities", UNSURE))
    return wish.as_chat


def _marked(request: Request, rules: Rules, base_url: str) -> tuple[Request, Losses]:
    """Relays of Claude's models take its marks; of a server that nobody knows it is only likely."""
    marked, losses = cache_marks.carried(request, NAME, rules.cache_marks)
    if marked is not request and rules.cache_marks == cache_marks.CONTROL and not vendors.at_host(base_url):
        losses.append(Loss(cache_marks.CONTROL, UNSURE))
    return marked, losses


def _effort(request: Request, kept: Fields, rules: Rules, with_tools: bool, losses: Losses) -> Effort | None:
    """The effort that is asked for; None: nothing is said of it."""
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
    return effort


def _only_on(request: Request) -> bool:
    """Whether thinking is asked for and nothing said of how much."""
    reasoning = request.reasoning
    return reasoning is not None and reasoning.effort is None and (reasoning.budget or -1) < 0


def _force(choice: Json, effort: Effort | None, rules: Rules, losses: Losses) -> tuple[Json, Effort | None]:
    """A tool can be forced only without thinking: the client relies on the call, so thinking gives way if it can."""
    if not can_be_off(rules):
        losses.append(Loss("tool_choice", "the model always thinks, and then no tool can be forced"))
        return "auto", effort
    if effort is not None:
        losses.append(Loss("reasoning", "a forced tool call excludes thinking"))
    return choice, "none"


def _sampling(request: Request, rules: Rules, effort: Effort | None, losses: Losses) -> Fields:
    asked = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
    }
    wire = {name: value for name, value in asked.items() if value is not None}
    if not wire:
        return wire
    if not rules.penalties:
        refused = [name for name in PENALTIES if wire.pop(name, 0)]
        losses += [Loss(name, "the model takes no penalties") for name in refused]
    if rules.sampling or (rules.sampling_at_none and effort == "none"):
        return wire
    refused = [name for name, value in wire.items() if value != DEFAULTS[name]]
    losses += [Loss(name, "the model takes no sampling parameters") for name in refused]
    return {name: value for name, value in wire.items() if name == "temperature" and name not in refused}


def _response_format(output: OutputFormat | None, kept: Mapping[str, Json], rules: Rules, losses: Losses) -> Json:
    if output is None:
        return dict(kept)
    if output.kind == "text":
        return {"type": "text"}
    if output.kind == "json" or not rules.schemas:
        return {"type": "json_object"}
    inner: Fields = {"name": safe_name(output.name or "response"), "schema": output.schema or {}}
    if output.strict and not fits_strict(inner["schema"]):
        losses.append(Loss("output.strict", "the schema does not allow strict mode"))
    elif output.strict is not None:
        inner["strict"] = output.strict
    return {"type": "json_schema", "json_schema": inner | kept.get("json_schema", NOTHING)}


def _described(request: Request) -> Mapping[str, Json]:
    """What a Responses client says of its schema in words."""
    if "responses" not in request.extra:
        return NOTHING
    form = read.mapping(read.mapping(request.extra["responses"].get("text")).get("format"))
    return {"json_schema": {"description": form["description"]}} if "description" in form else NOTHING


def _with_format_in_words(request: Request, rules: Rules, losses: Losses) -> Request:
    """The request with words about its output, where the API demands them or has no field for a schema."""
    output = request.output
    if output is None or output.kind == "text" or (output.kind == "json_schema" and rules.schemas):
        return request
    if output.kind == "json_schema" and output.schema:
        losses.append(Loss("output", "the JSON schema is asked for in words"))
        return replace(request, system=(*request.system, Text(JSON_SCHEMA + dump_text(output.schema))))
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
        wire["user"] = shortened(request.user, "user", rules.user)
    if request.cache_key:
        wire["prompt_cache_key"] = shortened(request.cache_key, "key", rules.user)
    if asked := tiers.tier(request):
        if NAME in request.extra or asked in SERVICE_TIERS:
            wire["service_tier"] = SERVICE_TIERS.get(asked, asked)
        else:
            losses.append(Loss("service_tier", f"there is no tier {asked}"))
    return wire
