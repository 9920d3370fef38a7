"""Neutral request -> body (platform.claude.com/docs/en/api/messages/create)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ccx_addons import vendors
from ccx_addons.core import cache_marks, resolution, tiers
from ccx_addons.core.choice import nameable
from ccx_addons.core.leftovers import Reads
from ccx_addons.core.neutral import Effort, Json, Loss, OutputFormat, Reasoning, Request
from ccx_addons.core.reasoning import BUDGETS, MIN_BUDGET, effort_of, said_effort
from ccx_addons.core.turns import Turn
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.messages.blocks import LOOP_WITHOUT_THOUGHTS
from ccx_addons.protocols.messages.grammar import Grammar, strict_schema
from ccx_addons.protocols.messages.mcp import write_servers
from ccx_addons.protocols.messages.tools import SERVER_TOOLS, tool_names, write_tool_choice, write_tools
from ccx_addons.protocols.messages.turns import Conversation
from ccx_addons.protocols.messages.wire import NAME, NOTHING, Block, own
from ccx_addons.vendors.facts import Messages as Rules

DEFAULT_MAX_TOKENS: Final = 8192
"""``max_tokens`` when nobody said one, the API demands it, and the model's own limit is not known. Thinking with a
budget leaves at least this much beside it."""

LEAST_TOP_P: Final = 0.95
"""The smallest ``top_p`` that goes with thinking."""

SERVICE_TIERS: Final[Mapping[str, str]] = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
DISPLAYS: Final[Mapping[str, str]] = {
    "auto": "summarized",
    "concise": "summarized",
    "detailed": "summarized",
    "none": "omitted",
}
"""Reasoning.summary -> ``thinking.display``."""

JSON_ONLY: Final = "Answer with one JSON object and nothing else: no prose, no code fence."
JSON_SCHEMA: Final = "Answer with one JSON value that is valid against this JSON schema, and nothing else: "
CACHE_MARK: Final[Mapping[str, Json]] = {"type": "ephemeral"}
MERGED: Final = frozenset({"thinking", "output_config", "metadata"})
"""Own fields that this module writes together with neutral ones."""

PERSONAL: Final = re.compile(r"[^@\s]@[^@\s]+\.[a-zA-Z]{2,}|^\+?[\d ()-]{8,20}$")
"""E-mail addresses and telephone numbers: "user_id appears to contain an email address". One letter before the ``@``
is enough: a run of them would be gone through anew from each of its letters."""
READS: Final[Reads] = {**cache_marks.READS, "gemini": resolution.FIELDS}

type Losses = list[Loss]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the model is to think. ``manual``: with a budget, which forbids much beside it."""

    thinking: Block | None = None
    effort: Effort | None = None
    max_tokens: int = DEFAULT_MAX_TOKENS
    manual: bool = False

    @property
    def on(self) -> bool:
        return self.thinking is not None and self.thinking.get("type") in ("enabled", "adaptive")


def encode_request(request: Request, base_url: str = "", style: str = "auto") -> tuple[dict[str, Json], Losses]:
    """The body, and what it cannot say of the request."""
    rules = vendors.messages(base_url, request.model)
    request, losses = cache_marks.carried(request, NAME, cache_marks.CONTROL)
    request = resolution.carried(nameable(request, SERVER_TOOLS, losses), losses)
    names = tool_names(request)
    talk = Conversation(request, rules, names, losses)
    grammar = Grammar(rules)
    form = _output_format(request.output, grammar, losses) if request.output else None
    tools = write_tools(request, rules, names, grammar, losses)
    choice = write_tool_choice(request, rules, tools, losses)
    forced = choice is not None and choice["type"] in ("any", "tool")
    most = vendors.size(base_url, request.model).output or DEFAULT_MAX_TOKENS
    plan = plan_thinking(request, rules, forced, talk.thoughts_in_loop(), losses, most)
    talk.close_ends(rules.prefill and not plan.on)
    config = _output_config(request, plan, form, talk.system)
    if request.cache_key:
        _mark_caches(talk.system, talk.turns, rules, losses)

    body: dict[str, Json] = {"model": request.model, "max_tokens": plan.max_tokens}
    if talk.system:
        body["system"] = talk.system
    body["messages"] = [{"role": turn.role, "content": turn.parts, **turn.fields} for turn in talk.turns]
    if tools:
        body["tools"] = tools
        body |= write_servers(request, tools, losses)
    if choice:
        body["tool_choice"] = choice
    if plan.thinking:
        body["thinking"] = plan.thinking
    if config:
        body["output_config"] = config
    body |= _sampling(request, rules, plan.on, losses)
    body |= _rest(request, rules, losses)
    body |= cache_marks.of_request(request, NAME, cache_marks.CONTROL, losses)
    if request.stream:
        body["stream"] = True
    return body, losses


# ---- thinking --------------------------------------------------------------------------------------------------------
def plan_thinking(
    request: Request,
    rules: Rules,
    forced: bool,
    loop_has_thoughts: bool,
    losses: Losses,
    most: int = DEFAULT_MAX_TOKENS,
) -> Plan:
    """Thinking, effort and max_tokens that go together.

    A forced tool call wins over manual thinking, since the client relies on the call; adaptive thinking allows both.
    The client's max_tokens wins over the budget, since it is a limit. ``most``: the model's own, where nobody said one.
    """
    limit = most if request.max_tokens is None else request.max_tokens
    reasoning = request.reasoning
    kept = own(request.extra)
    if "thinking" in kept:
        effort = reasoning.effort if reasoning else None
        return Plan(kept["thinking"], _effort(effort, rules, losses), limit)
    if reasoning is None:
        off = forced and not rules.forced_while_thinking
        return Plan({"type": "disabled"} if off else None, max_tokens=limit)
    if effort_of(reasoning) == "none":
        return _thinking_off(reasoning, rules, limit, losses)
    if not _wants_thoughts(reasoning, rules):
        if reasoning.summary not in (None, "none"):
            losses.append(Loss("reasoning.summary", "the model is not asked to think"))
        return Plan(max_tokens=limit)
    adaptive = rules.thinking == "adaptive" or (
        rules.thinking == "either" and (reasoning.budget is None or forced or not loop_has_thoughts)
    )
    if adaptive:
        if reasoning.budget is not None and reasoning.budget > 0:
            losses.append(Loss("reasoning.budget", "the model takes an effort in place of a budget"))
        effort = reasoning.effort or (effort_of(reasoning) if reasoning.budget else None)
        return Plan(_display({"type": "adaptive"}, reasoning, rules), _effort(effort, rules, losses), limit)
    if forced:
        losses.append(Loss("reasoning", "a forced tool call excludes thinking"))
        return _thinking_off(reasoning, rules, limit, losses)
    if not (loop_has_thoughts or rules.unsigned_thoughts):
        losses.append(Loss("reasoning", LOOP_WITHOUT_THOUGHTS))
        return _thinking_off(reasoning, rules, limit, losses)
    return _manual(request, reasoning, rules, losses, most)


def _wants_thoughts(reasoning: Reasoning, rules: Rules) -> bool:
    """Asking for summaries asks for thoughts, where thinking costs nothing but what the model finds worth it."""
    if reasoning.enabled or reasoning.effort or reasoning.budget is not None:
        return True
    return rules.thinking != "budget" and reasoning.summary not in (None, "none")


def _thinking_off(reasoning: Reasoning, rules: Rules, limit: int, losses: Losses) -> Plan:
    effort = None if reasoning.effort == "none" else reasoning.effort
    if rules.off == "never":
        losses.append(Loss("reasoning", "the model always thinks; it was asked for the least"))
        return Plan(None, _effort(effort or "low", rules, losses), limit)
    if rules.off == "disabled" and effort in ("xhigh", "max") and "xhigh" in rules.efforts:
        losses.append(Loss("reasoning.effort", "without thinking the highest effort is high"))
        effort = "high"
    wire: Block | None = None if rules.off == "omit" else {"type": rules.off}
    return Plan(wire, _effort(effort, rules, losses), limit)


def _manual(request: Request, reasoning: Reasoning, rules: Rules, losses: Losses, most: int) -> Plan:
    budget = reasoning.budget
    if budget is None or budget < 0:
        budget = BUDGETS[effort_of(replace(reasoning, budget=None)) or "medium"]
    budget = max(budget, MIN_BUDGET)
    limit = request.max_tokens
    if limit is None:
        limit = max(most, DEFAULT_MAX_TOKENS + budget)
    elif budget >= limit:
        budget = max(limit // 2, MIN_BUDGET)
        if budget >= limit:
            losses.append(Loss("reasoning", f"max_tokens leaves no room to think: {MIN_BUDGET} is the least"))
            return _thinking_off(Reasoning(False), rules, limit, losses)
        losses.append(Loss("reasoning", "the thinking budget was lowered to stay below max_tokens"))
    wire = _display({"type": "enabled", "budget_tokens": budget}, reasoning, rules)
    effort = _effort(reasoning.effort, rules, losses) if rules.efforts else None
    return Plan(wire, effort, limit, True)


def _display(thinking: Block, reasoning: Reasoning, rules: Rules) -> Block:
    if rules.claude and (display := DISPLAYS.get(reasoning.summary or "")):
        thinking["display"] = display
    return thinking


def _effort(effort: Effort | None, rules: Rules, losses: Losses) -> Effort | None:
    """``none`` is said by ``thinking``, not by a word."""
    return None if effort is None or effort == "none" else said_effort(effort, rules.efforts, losses)


# ---- output ----------------------------------------------------------------------------------------------------------
def _output_config(request: Request, plan: Plan, form: Block | str | None, system: list[Block]) -> Block:
    config: Block = {}
    if plan.effort:
        config["effort"] = plan.effort
    if isinstance(form, str):
        system.append({"type": "text", "text": form})
    elif form:
        config["format"] = form
    return {**config, **own(request.extra).get("output_config", NOTHING)}


def _output_format(output: OutputFormat, grammar: Grammar, losses: Losses) -> Block | str | None:
    """``output_config.format``, or the words that ask for the same where the model has no such thing."""
    if output.kind == "text":
        return None
    if output.kind == "json" or output.schema is None:
        losses.append(Loss("output", "JSON without a schema is asked for in words"))
        return JSON_ONLY
    schema = strict_schema(output.schema)
    if why := grammar.refuses(schema):
        losses.append(Loss("output", f"the JSON schema is asked for in words: {why}"))
        return JSON_SCHEMA + dump_text(output.schema)
    if schema != output.schema:
        losses.append(Loss("output.schema", "limits that structured outputs do not take were left out"))
    return {"type": "json_schema", "schema": schema}


# ---- the other fields ------------------------------------------------------------------------------------------------
def _sampling(request: Request, rules: Rules, thinking: bool, losses: Losses) -> dict[str, Json]:
    """temperature, top_p and top_k as far as the model and its thinking allow. 1 is the default of the first two."""
    asked = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
    wire: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if wire.get("temperature", 0) > 1:
        losses.append(Loss("temperature", "1 is the most"))
        wire["temperature"] = 1.0
    if rules.sampling == "none":
        losses += [Loss(name, "the model takes no sampling parameters") for name, value in wire.items() if value != 1]
        return {}
    if thinking:
        for name in ("temperature", "top_k"):
            if wire.get(name, 1) != 1:
                losses.append(Loss(name, "thinking excludes it"))
            wire.pop(name, None)
        if wire.get("top_p", 1) < LEAST_TOP_P:
            losses.append(Loss("top_p", f"with thinking {LEAST_TOP_P} is the least"))
            del wire["top_p"]
    if rules.sampling == "one" and "temperature" in wire and "top_p" in wire:
        dropped = "temperature" if wire["temperature"] == 1 else "top_p"
        if wire.pop(dropped) != 1:
            losses.append(Loss(dropped, "the model takes temperature or top_p, not both"))
    return wire


def _rest(request: Request, rules: Rules, losses: Losses) -> dict[str, Json]:
    kept = own(request.extra)
    wire: dict[str, Json] = {name: value for name, value in kept.items() if name not in MERGED}
    stops = [text for text in request.stop if text.strip()]
    if stops:
        wire["stop_sequences"] = stops
    if len(stops) < len(request.stop):
        losses.append(Loss("stop", "a stop sequence of white space is not taken"))
    metadata = dict(kept.get("metadata", NOTHING))
    if request.user and PERSONAL.search(request.user):
        losses.append(Loss("user", "an address or telephone number is refused as an id"))
    elif request.user:
        metadata["user_id"] = request.user
    if metadata:
        wire["metadata"] = metadata
    if request.service_tier:
        if request.service_tier == tiers.FAST and rules.fast:
            wire["speed"] = tiers.FAST
        elif tier := SERVICE_TIERS.get(request.service_tier):
            wire["service_tier"] = tier
        else:
            losses.append(Loss("service_tier", f"there is no tier {request.service_tier}"))
    unsaid = {
        "seed": request.seed is not None,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "verbosity": request.verbosity,
    }
    losses += [Loss(name, "there is nothing like it here") for name, asked in unsaid.items() if asked]
    return wire


def _mark_caches(system: list[Block], turns: list[Turn], rules: Rules, losses: Losses) -> None:
    """A cache key asks for prompt caching, which is a mark on blocks here: the prompt's end and the last user turn's.

    (platform.claude.com/docs/en/build-with-claude/prompt-caching)
    """
    last = next((turn.parts for turn in reversed(turns) if turn.role == "user"), [])
    blocks = [*system, *(block for turn in turns for block in turn.parts)]
    if not rules.claude or any("cache_control" in block for block in blocks):
        losses.append(Loss("cache_key", "caches have no keys here"))
        return
    for marked in (system, last):
        if marked:
            marked[-1] = marked[-1] | {"cache_control": CACHE_MARK}
