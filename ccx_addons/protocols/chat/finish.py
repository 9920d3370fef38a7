"""How an answer ends: finish reasons and usage, in both directions.

https://platform.openai.com/docs/api-reference/chat/object, and what servers that speak the same protocol add:
https://api-docs.deepseek.com/api/create-chat-completion, https://openrouter.ai/docs/api/reference/overview,
https://docs.z.ai/api-reference/llm/chat-completion, https://docs.vllm.ai/en/latest/serving/openai_compatible_server.
"""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read, stops
from ccx_addons.core.neutral import NO_EXTRA, Json, Loss, Stop, Usage
from ccx_addons.protocols.chat.wire import NOTHING, Fields, own, sidecar

FINISH_REASONS: Final[Mapping[Stop, str]] = {
    "end": "stop",
    "stop_sequence": "stop",
    "pause": "stop",
    "length": "length",
    "error": "length",
    "tool_call": "tool_calls",
    "refusal": "content_filter",
}

PROMPT: Final = ("prompt_tokens", "input_tokens")
OUTPUT: Final = ("completion_tokens", "output_tokens")
PROMPT_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details")
OUTPUT_DETAILS: Final = ("completion_tokens_details", "output_tokens_details")
DETAILS: Final = frozenset({*PROMPT_DETAILS, *OUTPUT_DETAILS})
CACHE_READS: Final = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
CACHED: Final = frozenset(CACHE_READS)
PLAIN: Final = frozenset({*PROMPT, *OUTPUT, "total_tokens"})
"""All that most answers count."""
NEUTRAL: Final = frozenset({
    *PROMPT, *OUTPUT, *PROMPT_DETAILS, *OUTPUT_DETAILS, *CACHE_READS, "total_tokens", "prompt_cache_miss_tokens",
    "cache_creation_input_tokens", "cache_write_tokens", "reasoning_tokens",
})  # fmt: skip
"""What the neutral counts say, at any depth."""


# ---- finish reasons --------------------------------------------------------------------------------------------------
def stop_of(finish: str, has_calls: bool, refused: bool, sequence: str | None) -> Stop:
    """The neutral word. What is in the answer counts more than the word when they disagree about tool calls; a word
    that nobody knows ends an answer like ``stop``."""
    stop = stops.stop_of(finish) or "end"
    if stop == "tool_call" and not has_calls:
        stop = "end"
    if stop != "end":
        return stop
    if has_calls:
        return "tool_call"
    if refused:
        return "refusal"
    return "stop_sequence" if sequence else "end"


def finish_reason(stop: Stop, has_calls: bool, refused: bool, losses: list[Loss]) -> str:
    """Clients run tools on ``tool_calls``; a refusal in words of its own ends with ``stop``."""
    if stop in ("pause", "error"):
        losses.append(Loss("finish_reason", f"there is no word for the stop reason {stop}"))
    if stop == "refusal" and refused:
        return "stop"
    return "tool_calls" if stop == "end" and has_calls else FINISH_REASONS[stop]


# ---- usage -----------------------------------------------------------------------------------------------------------
def merge_usage(old: Fields, new: Mapping[str, Json]) -> None:
    """Adds what one more usage object says to ``old``: the last count wins, but nothing overwrites something by 0."""
    for name, value in new.items():
        if isinstance(value, dict):
            known = read.mapping(old.get(name))
            old[name] = {**known, **{key: count for key, count in value.items() if count or key not in known}}
        elif value or old.get(name) is None:
            old[name] = value


def read_usage(usage: Mapping[str, Json], served: str = "") -> Usage | None:
    """A usage object in neutral counts; None when it says nothing. ``served``: the tier that stands beside it.

    ``prompt_tokens`` includes the cached part and ``completion_tokens`` the reasoning part, as OpenAI counts. Servers
    that count them apart are recognised by arithmetic: a part larger than its whole, or a total that needs both. What
    only the total has are thoughts (Google's Chat endpoint).
    DeepSeek's hit and miss make the prompt together; the hit alone is no prompt.
    """
    prompt, output = _first(usage, PROMPT), _first(usage, OUTPUT)
    miss = read.integer(usage.get("prompt_cache_miss_tokens"))
    if prompt is None and output is None and miss is None:
        return None
    plain = PLAIN.issuperset(usage)
    cached, written, reasoning = (0, 0, 0) if plain else _parts(usage)
    whole = read.count(prompt) if prompt is not None else cached + read.count(miss) if miss is not None else 0
    generated, total = read.count(output), read.count(usage.get("total_tokens"))
    if prompt is not None and (cached + written > whole or total == whole + cached + written + generated):
        whole += cached + written
    cached = min(cached, whole)
    hidden = total - whole - generated
    if not reasoning and hidden > 0 and NEUTRAL.issuperset(usage):
        reasoning = hidden
    if reasoning > generated or (reasoning and hidden == reasoning):
        generated += reasoning
    extra = NO_EXTRA if plain else sidecar(_rest(usage))
    return Usage(whole, generated, cached, min(written, whole - cached), reasoning, extra, served)


def _parts(usage: Mapping[str, Json]) -> tuple[int, int, int]:
    """What was read from the cache, what was written to it, and what was thought."""
    details, thoughts = _details(usage, PROMPT_DETAILS), _details(usage, OUTPUT_DETAILS)
    cached = read.count(details.get("cached_tokens"))
    if not cached and not CACHED.isdisjoint(usage):
        cached = max(read.count(usage.get(name)) for name in CACHE_READS)
    written = read.count(details.get("cache_write_tokens")) or read.count(usage.get("cache_creation_input_tokens"))
    return cached, written, read.count(thoughts.get("reasoning_tokens")) or read.count(usage.get("reasoning_tokens"))


def write_usage(usage: Usage) -> Fields:
    prompt = {"cached_tokens": usage.cache_read}
    if usage.cache_write:
        prompt["cache_write_tokens"] = usage.cache_write
    kept = own(usage.extra)
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": prompt | kept.pop("prompt_tokens_details", NOTHING),
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning}
        | kept.pop("completion_tokens_details", NOTHING),
        **kept,
    }


def _rest(usage: Mapping[str, Json]) -> Fields:
    """Counts without a neutral name, e.g. of sound, and prices."""
    if NEUTRAL.issuperset(usage) and DETAILS.isdisjoint(usage):
        return {}
    kept = {name: value for name, value in usage.items() if name not in NEUTRAL}
    for names in (PROMPT_DETAILS, OUTPUT_DETAILS):
        kept[names[0]] = {k: v for k, v in _details(usage, names).items() if v and k not in NEUTRAL} or None
    return kept


def _details(usage: Mapping[str, Json], names: tuple[str, ...]) -> Mapping[str, Json]:
    for name in names:
        if name in usage and (found := read.mapping(usage[name])):
            return found
    return NOTHING


def _first(usage: Mapping[str, Json], names: tuple[str, ...]) -> int | None:
    for name in names:
        if (number := read.integer(usage.get(name))) is not None:
            return number
    return None
