"""How an answer ends: finish reasons and usage, both ways (ai.google.dev/api/generate-content#FinishReason)."""

from collections.abc import Mapping, Sequence
from typing import Final

from ccx_addons.core import code_assist, read, stops
from ccx_addons.core.neutral import Extra, Json, Loss, Source, Stop, Usage
from ccx_addons.core.sources import grounding
from ccx_addons.protocols.gemini.wire import NOTHING, Fields, camel, keep, own

STOPS: Final[Mapping[str, Stop]] = {
    "STOP": "end",
    "FINISH_REASON_UNSPECIFIED": "end",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "LANGUAGE": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "MODEL_ARMOR": "refusal",
    "IMAGE_SAFETY": "refusal",
    "IMAGE_PROHIBITED_CONTENT": "refusal",
    "IMAGE_RECITATION": "refusal",
    "OTHER": "error",
    "IMAGE_OTHER": "error",
    "NO_IMAGE": "error",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
}
"""A word that is not here is a new way to withhold an answer."""
VAGUE: Final = frozenset({"OTHER", "IMAGE_OTHER", "NO_IMAGE"})
"""Reasons that say why there is nothing, and nothing of what there is."""
REASONS: Final[Mapping[Stop, str]] = {
    "end": "STOP",
    "tool_call": "STOP",
    "stop_sequence": "STOP",
    "pause": "STOP",
    "length": "MAX_TOKENS",
    "refusal": "SAFETY",
    "error": "MALFORMED_RESPONSE",
}
ANSWER_FIELDS: Final = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "error"})
CANDIDATE_FIELDS: Final = frozenset({"content", "finishReason", "index"})
USAGE_FIELDS: Final = frozenset({
    "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount", "totalTokenCount",
})  # fmt: skip
TOOL_USE: Final = "toolUsePromptTokenCount"
"""Tokens of tool results, which the prompt's count leaves out."""
LOGPROBS: Final = "logprobsResult"
TOKENS: Final = ("chosenCandidates", "topCandidates")
BLOCKED: Final = "BLOCKED"
"""The reason of an answer whose prompt was refused."""
CANDIDATE: Final = "candidate"
"""Where the side-car of an answer keeps the fields of its candidate."""


# ---- usage -----------------------------------------------------------------------------------------------------------
def read_usage(usage: Mapping[str, Json], candidate: Mapping[str, Json] = NOTHING) -> Usage | None:
    """The prompt's count includes what came from the cache; thoughts stand beside the candidates' count."""
    if not usage:
        return None
    thoughts = read.count(usage.get("thoughtsTokenCount"))
    return Usage(
        read.count(usage.get("promptTokenCount")) + read.count(usage.get(TOOL_USE)),
        read.count(usage.get("candidatesTokenCount")) + thoughts,
        read.count(usage.get("cachedContentTokenCount")),
        0,
        thoughts,
        keep(usage, USAGE_FIELDS),
        searches=_searches(candidate) if "groundingMetadata" in candidate else 0,
    )


def _searches(candidate: Mapping[str, Json]) -> int:
    grounding = camel(read.mapping(candidate.get("groundingMetadata")))
    return sum(bool(query) for query in read.texts(grounding.get("webSearchQueries")))


def write_usage(usage: Usage | None) -> Fields:
    usage = usage or Usage()
    kept = own(usage.extra)
    wire: Fields = {
        "promptTokenCount": max(0, usage.input - read.count(kept.get(TOOL_USE))),
        "candidatesTokenCount": max(0, usage.output - usage.reasoning),
        "totalTokenCount": usage.input + usage.output,
    }
    if usage.cache_read:
        wire["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        wire["thoughtsTokenCount"] = usage.reasoning
    return wire | kept


def usage_of(body: Json) -> Usage | None:
    table = camel(code_assist.answer_in(read.mapping(body)))
    first = camel(next(iter(read.mappings(table.get("candidates"))), NOTHING))
    return read_usage(camel(read.mapping(table.get("usageMetadata"))), first)


# ---- the end --------------------------------------------------------------------------------------------------------
def stop_of(reason: str) -> Stop:
    """The neutral word; relays pass on other vendors' words."""
    if reason == BLOCKED:
        return "refusal"
    return STOPS.get(reason or "STOP") or stops.stop_of(reason) or "refusal"


def ending(
    stop: Stop, stop_sequence: str | None, extra: Extra, losses: list[Loss], sources: Sequence[Source] = ()
) -> Fields:
    """The candidate's fields that come at the end."""
    if stop == "pause":
        losses.append(Loss("finishReason", "there is no word for an answer that pauses"))
    if stop_sequence is not None:
        losses.append(Loss("stop_sequence", "the answer does not say which sequence ended it"))
    kept = read.mapping(own(extra).get(CANDIDATE))
    if sources:
        kept = {**kept, "groundingMetadata": {**grounding(sources), **read.mapping(kept.get("groundingMetadata"))}}
    return {"finishReason": REASONS[stop], "index": 0, **kept}


def joined(before: Fields, fields: Mapping[str, Json]) -> Mapping[str, Json]:
    """What one more chunk says of the candidate. Of the probabilities it has those of its own tokens."""
    more, said = read.mapping(fields.get(LOGPROBS)), read.mapping(before.get(LOGPROBS))
    if not more or not said:
        return fields
    tokens = {name: [*read.items(said.get(name)), *read.items(more.get(name))] for name in TOKENS}
    return {**fields, LOGPROBS: {**said, **more, **{name: values for name, values in tokens.items() if values}}}


def top_fields(extra: Extra) -> Fields:
    return {name: value for name, value in own(extra).items() if name != CANDIDATE}
