"""What a channel adds to requests: a reasoning effort, a verbosity, the priority tier, in its protocol's own words.

Effort in Chat bodies has several styles: OpenAI's ``reasoning_effort``, OpenRouter's ``reasoning``, the ``thinking``
switch of DeepSeek and GLM, and Google's ``extra_body`` (ai.google.dev/gemini-api/docs/openai).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from ccx_addons import vendors
from ccx_addons.core.config import Kind, Patterns, ReasoningPolicy
from ccx_addons.core.neutral import Effort, Reasoning
from ccx_addons.core.read import integer, mapping
from ccx_addons.core.reasoning import BUDGETS, budget_of, effort_word
from ccx_addons.protocols.chat.effort import thinking_config, write_effort

SWITCHES: Final = (
    "reasoning_effort", "reasoning", "thinking", "enable_thinking", "chat_template_kwargs", "extra_body",
)  # fmt: skip
"""Fields of Chat bodies that speak of thinking."""

type Json = Any
type Body = Mapping[str, Json]


def changes(
    protocol: Kind,
    body: Body,
    policy: ReasoningPolicy,
    client_model: str,
    upstream_model: str,
    mapped: str | None,
    base_url: str = "",
) -> dict[str, Json]:
    """Top-level members to set on a wire body of ``protocol``; empty: nothing is configured for this request.

    ``mapped``: the effort of the channel's model mapping, which wins over the request's own. The policy's effort,
    verbosity and tier are set only on requests that name none.
    """
    found: dict[str, Json] = {}
    if not (mapped or policy.effort or policy.verbosity or policy.fast):
        return found
    asked = mapped or next((e for pattern, e in policy.effort if Patterns((pattern,)).allows(client_model)), None)
    effort = effort_word(asked) if asked else None
    if effort and (mapped or not NAMES_EFFORT[protocol](body)):
        found |= SET_EFFORT[protocol](body, effort, policy.style, base_url, upstream_model)
    if policy.verbosity and protocol == "chat" and "verbosity" not in body:
        found["verbosity"] = policy.verbosity
    if policy.verbosity and protocol == "responses" and "verbosity" not in mapping(body.get("text")):
        found["text"] = {**mapping(body.get("text")), "verbosity": policy.verbosity}
    if policy.fast and protocol in ("chat", "responses") and "service_tier" not in body:
        found["service_tier"] = "priority"
    return found


def _messages(body: Body, effort: Effort, style: str, base_url: str, model: str) -> dict[str, Json]:
    rules = vendors.messages(base_url, model)
    if effort == "none":
        return {"thinking": {"type": "disabled"}} if rules.off == "disabled" else {}
    if rules.thinking != "budget" and rules.efforts:
        level = effort if effort in rules.efforts else rules.efforts[0] if effort == "minimal" else rules.efforts[-1]
        output = {**mapping(body.get("output_config")), "effort": level}
        return {"thinking": {"type": "adaptive"}, "output_config": output}
    budget = budget_of(Reasoning(effort=effort)) or 0
    found: dict[str, Json] = {"thinking": {"type": "enabled", "budget_tokens": budget}}
    limit = integer(body.get("max_tokens"))
    if limit is not None and limit <= budget:
        # The budget is a part of max_tokens: what was left for the answer stays.
        found["max_tokens"] = limit + budget
    return found


def _chat(body: Body, effort: Effort, style: str, base_url: str, model: str) -> dict[str, Json]:
    """The operator's word goes as it is, to whom takes words at all."""
    rules = vendors.chat(base_url, model, style)
    return write_effort(effort, replace(rules, efforts=tuple(BUDGETS)) if rules.efforts else rules, model, [])


def _responses(body: Body, effort: Effort, style: str, base_url: str, model: str) -> dict[str, Json]:
    return {"reasoning": {**mapping(body.get("reasoning")), "effort": effort}}


def _gemini(body: Body, effort: Effort, style: str, base_url: str, model: str) -> dict[str, Json]:
    config = mapping(body.get("generationConfig"))
    level = thinking_config(effort, model)
    words = {"thinking_budget": "thinkingBudget", "thinking_level": "thinkingLevel"}
    thinking = {
        name: value for name, value in mapping(config.get("thinkingConfig")).items() if name not in words.values()
    }
    thinking |= {words[name]: value for name, value in level.items()}
    return {"generationConfig": {**config, "thinkingConfig": thinking}}


SET_EFFORT: Final[Mapping[Kind, Callable[[Body, Effort, str, str, str], dict[str, Json]]]] = {
    "messages": _messages,
    "chat": _chat,
    "responses": _responses,
    "gemini": _gemini,
    "images": lambda *_: {},
    "embeddings": lambda *_: {},
}
NAMES_EFFORT: Final[Mapping[Kind, Callable[[Body], bool]]] = {
    "messages": lambda body: "thinking" in body or "effort" in mapping(body.get("output_config")),
    "chat": lambda body: any(name in body for name in SWITCHES),
    "responses": lambda body: bool(mapping(body.get("reasoning")).get("effort")),
    "gemini": lambda body: "thinkingConfig" in mapping(body.get("generationConfig")),
    "images": lambda _: True,
    "embeddings": lambda _: True,
}
