"""Neutral request -> body (ai.google.dev/api/generate-content#GenerationConfig)."""

import re
from collections.abc import Mapping
from typing import Final

from ccx_addons import vendors
from ccx_addons.core import cache_marks, drawing, logprobs, tiers
from ccx_addons.core.choice import nameable
from ccx_addons.core.leftovers import Reads
from ccx_addons.core.neutral import Json, Loss, OutputFormat, Reasoning, Request
from ccx_addons.core.reasoning import budget_of, effort_of, next_lower
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.gemini.contents import Conversation
from ccx_addons.protocols.gemini.schema import clean, whole
from ccx_addons.protocols.gemini.tools import Tools, tool_names
from ccx_addons.protocols.gemini.wire import NAME, Fields, own
from ccx_addons.vendors.facts import Gemini as Rules

MAX_STOPS: Final = 5
HIGHEST_TEMPERATURE: Final = 2.0
SEEDS: Final = range(-(1 << 31), 1 << 31)

SERVICE_TIERS: Final[Mapping[str, str | None]] = {
    "auto": None,
    "default": "standard",
    "standard_only": "standard",
    "flex": "flex",
    "priority": "priority",
    "fast": "priority",
}
MERGED: Final = frozenset({"generationConfig", "toolConfig"})
"""Own fields that stand together with neutral ones."""

JSON_ONLY: Final = "Answer with one JSON object and nothing else: no prose, no code fence."
JSON_SCHEMA: Final = "Answer with one JSON value that is valid against this JSON schema, and nothing else: "
READS: Final[Reads] = {
    "messages": cache_marks.FIELDS | tiers.SPEED | {"mcp_servers"},
    "chat": cache_marks.FIELDS | logprobs.CHAT | drawing.OF_CHAT,
    "responses": cache_marks.FIELDS | logprobs.RESPONSES,
}
DRAWS: Final = re.compile(r"image|banana|omni")
"""In the names of models that make pictures; others refuse to be asked."""

type Losses = list[Loss]


def encode_request(request: Request, base_url: str = "", style: str = "auto") -> tuple[dict[str, Json], Losses]:
    """The body, and what it cannot say of the request. Model and streaming stand in the path."""
    rules = vendors.gemini(base_url, request.model)
    request, losses = cache_marks.carried(request, NAME, "")
    request = nameable(request, (), losses)
    names = tool_names(request)
    talk = Conversation(request, rules, names, losses)
    tools = Tools(request, rules, names, losses)
    config = _sampling(request, rules, losses)
    if thinking := _thinking(request.reasoning, rules, losses):
        config["thinkingConfig"] = thinking
    if request.output:
        form = _output(request.output, rules, tools.has_functions, losses)
        if isinstance(form, str):
            talk.system.append({"text": form})
        else:
            config |= form
    config |= _pictures(request, losses)
    kept = own(request.extra)
    if (wish := logprobs.wished(request.extra)) is not None:
        config |= logprobs.asked(wish, "responseLogprobs", "logprobs")
    for name, value in kept.get("generationConfig", {}).items():
        config[name] = {**config.get(name, {}), **value} if name == "thinkingConfig" else value

    body: Fields = {"contents": talk.contents}
    if talk.system:
        body["systemInstruction"] = {"parts": talk.system}
    if tools.tools:
        body["tools"] = tools.tools
    if tools.config:
        body["toolConfig"] = tools.config
    if config:
        body["generationConfig"] = config
    body |= {name: value for name, value in kept.items() if name not in MERGED}
    body |= _rest(request, losses)
    cache_marks.of_request(request, NAME, "", losses)
    return body, losses


def _sampling(request: Request, rules: Rules, losses: Losses) -> Fields:
    config: Fields = {}
    if request.max_tokens is not None:
        config["maxOutputTokens"] = request.max_tokens
    config |= _numbers(request, rules, losses)
    if request.seed is not None:
        if request.seed in SEEDS:
            config["seed"] = request.seed
        else:
            losses.append(Loss("seed", "it must fit into 32 bits"))
    stops = [text for text in request.stop if text]
    if stops:
        config["stopSequences"] = stops[:MAX_STOPS]
    if len(stops) > MAX_STOPS:
        losses.append(Loss("stop", f"at most {MAX_STOPS} stop sequences are taken"))
    return config


def _pictures(request: Request, losses: Losses) -> Fields:
    wish = drawing.of_chat(request.extra)
    if wish is None:
        return {}
    losses += wish.losses("chat")
    if wish.kinds and not DRAWS.search(request.model):
        losses.append(Loss("modalities", "the model answers with text only"))
        return {}
    return wish.as_gemini if wish.kinds else {}


def _numbers(request: Request, rules: Rules, losses: Losses) -> Fields:
    """Sampling parameters and penalties, as far as the model takes them. 1 and 0 are their defaults."""
    temperature = request.temperature
    if temperature is not None and temperature > HIGHEST_TEMPERATURE:
        losses.append(Loss("temperature", "2 is the most"))
        temperature = HIGHEST_TEMPERATURE
    wanted = (
        ("temperature", "temperature", temperature, rules.sampling, 1),
        ("top_p", "topP", request.top_p, rules.sampling, 1),
        ("top_k", "topK", request.top_k, rules.sampling, None),
        ("presence_penalty", "presencePenalty", request.presence_penalty, rules.penalties, 0),
        ("frequency_penalty", "frequencyPenalty", request.frequency_penalty, rules.penalties, 0),
    )
    config: Fields = {}
    for name, wire_name, value, taken, default in wanted:
        if value is not None and taken:
            config[wire_name] = value
        elif value is not None and value != default:
            losses.append(Loss(name, "the model samples in its own way only"))
    return config


# ---- thinking --------------------------------------------------------------------------------------------------------
def _thinking(reasoning: Reasoning | None, rules: Rules, losses: Losses) -> Fields:
    """``thinkingConfig``. Thoughts are shown to whoever asks for thinking, unless they want none."""
    if reasoning is None:
        return {}
    off = effort_of(reasoning) == "none"
    if rules.thinking == "none":
        if not off and (reasoning.enabled or reasoning.effort or reasoning.budget is not None):
            losses.append(Loss("reasoning", "the model does not think"))
        return {}
    control = _level(reasoning, rules, losses) if rules.thinking == "levels" else _budget(reasoning, rules, losses)
    if reasoning.summary is not None:
        control["includeThoughts"] = reasoning.summary != "none"
    elif not off:
        control["includeThoughts"] = True
    return control


def _level(reasoning: Reasoning, rules: Rules, losses: Losses) -> Fields:
    effort = effort_of(reasoning)
    if effort is None or (effort == "medium" and reasoning.effort is None and (reasoning.budget or -1) < 0):
        return {}
    if effort == "none":
        losses.append(Loss("reasoning", "the model always thinks; it was asked for the least"))
        return {"thinkingLevel": rules.levels[0]}
    if reasoning.effort is None:
        losses.append(Loss("reasoning.budget", "the model takes a level in place of a budget"))
    level = next_lower(effort, rules.levels)
    if level != effort and reasoning.effort is not None:
        losses.append(Loss("reasoning.effort", f"{effort} is said as {level}"))
    return {"thinkingLevel": level}


def _budget(reasoning: Reasoning, rules: Rules, losses: Losses) -> Fields:
    if reasoning.effort is None and reasoning.budget is None and reasoning.enabled is not False:
        return {"thinkingBudget": -1} if reasoning.enabled else {}
    budget = budget_of(reasoning) or 0
    if budget < 0:
        return {"thinkingBudget": -1}
    least, most = rules.budgets
    if budget == 0 and rules.off:
        return {"thinkingBudget": 0}
    if budget == 0:
        losses.append(Loss("reasoning", "the model always thinks; it was asked for the least"))
    elif reasoning.budget is not None and not least <= budget <= most:
        losses.append(Loss("reasoning.budget", f"the model takes {least} to {most} tokens"))
    return {"thinkingBudget": min(max(budget, least), most)}


# ---- the other fields ------------------------------------------------------------------------------------------------
def _output(output: OutputFormat, rules: Rules, has_functions: bool, losses: Losses) -> Fields | str:
    """Fields of ``generationConfig``, or the words that ask for the same where the model has no such thing."""
    if output.kind == "text":
        return {"responseMimeType": "text/plain"}
    if has_functions and not rules.json_with_functions:
        losses.append(Loss("output", "the model takes either functions or a format; JSON is asked for in words"))
        return JSON_SCHEMA + dump_text(output.schema) if output.schema else JSON_ONLY
    form: Fields = {"responseMimeType": "application/json"}
    if output.kind == "json" or output.schema is None:
        return form
    schema, lost = clean(output.schema)
    if lost and rules.json_schema:
        return form | {"responseJsonSchema": whole(output.schema)}
    if lost:
        losses.append(Loss("output.schema", f"there is no word here for: {', '.join(lost)}"[:300]))
    return form | {"responseSchema": schema}


def _rest(request: Request, losses: Losses) -> Fields:
    unsaid = {
        "user": request.user,
        "cache_key": request.cache_key,
        "verbosity": request.verbosity,
    }
    losses += [Loss(name, "there is nothing like it here") for name, asked in unsaid.items() if asked]
    asked = tiers.tier(request)
    if not asked:
        return {}
    if asked not in SERVICE_TIERS:
        losses.append(Loss("service_tier", f"there is no tier {asked}"))
        return {}
    tier = SERVICE_TIERS[asked]
    return {"serviceTier": tier} if tier else {}
