"""Why an answer stopped, in the words of all vendors and of relays between them, which pass on each other's words.

https://platform.openai.com/docs/api-reference/chat/object, platform.claude.com/docs/en/build-with-claude/
handling-stop-reasons, ai.google.dev/api/generate-content#FinishReason, and what servers of the same protocols add:
api-docs.deepseek.com/api/create-chat-completion, docs.z.ai/api-reference/llm/chat-completion, docs.vllm.ai.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Extra, Fault, FaultKind, Stop, own_fields


def _all(stop: Stop, words: str) -> Iterable[tuple[str, Stop]]:
    return ((word, stop) for word in words.split())


WORDS: Final[Mapping[str, Stop]] = dict([
    *_all("end", "stop eos end_turn complete completed"),
    *_all("length", "length max_tokens max_output_tokens max_completion_tokens max_length length_limit model_length"),
    *_all("length", "model_context_window_exceeded context_length context_length_exceeded"),
    *_all("tool_call", "tool_calls function_call tool_use tool_call"),
    *_all("refusal", "content_filter content_filtered sensitive refusal safety recitation language blocklist blocked"),
    *_all("refusal", "prohibited_content spii guardrail_intervened model_armor image_safety image_recitation"),
    *_all("stop_sequence", "stop_sequence"),
    *_all("pause", "pause_turn"),
    *_all("error", "malformed_function_call unexpected_tool_call malformed_response missing_thought_signature"),
    *_all("error", "too_many_tool_calls"),
])  # fmt: skip
FULL: Final = frozenset({"model_context_window_exceeded", "context_length", "context_length_exceeded"})
"""Words that say the window ended: before a word was said the prompt alone had filled it."""
BROKEN: Final[Mapping[str, FaultKind]] = {
    "error": "server",
    "abort": "server",
    "aborted": "server",
    "failed": "server",
    "network_error": "server",
    "timeout": "timeout",
    "insufficient_system_resource": "overloaded",
}
"""Words that say the answer was not finished at all: a failure, in streams and in JSON."""


LONGEST: Final = 80
"""Characters of a reason."""


def _words(reason: str) -> list[str]:
    """The word, or both: Google's Chat endpoint says who withheld an answer and why, ``content_filter: SPII``."""
    words = reason.lower().replace("-", "_").split(":")
    return [word.strip().replace(" ", "_") for word in reversed(words)]


def stop_of(reason: str) -> Stop | None:
    """The neutral word; None: nobody knows this one."""
    return WORDS.get(reason) or _found(reason[:LONGEST])[0]


def broken(reason: str) -> FaultKind | None:
    """What went wrong, where the word says that the answer was not finished."""
    return None if reason in WORDS else _found(reason[:LONGEST])[1]


@lru_cache(256)
def _found(reason: str) -> tuple[Stop | None, FaultKind | None]:
    words = _words(reason)
    stop = next((stop for word in words if (stop := WORDS.get(word))), None)
    return stop, next((kind for word in words if (kind := BROKEN.get(word))), None)


def full(reason: str) -> Fault | None:
    """What an answer without content is that ended so: a prompt that a larger model takes."""
    if reason not in FULL:
        return None
    words = f"the prompt is too long: it leaves no room for an answer ({reason})"
    return Fault("invalid_request", words, code="context_length_exceeded")


def broken_off(stop: Stop, extra: Extra) -> Fault | None:
    """What an answer is whose last call the model could not write, in a protocol that has no word for it: whatever was
    said before, an agent that takes it for the end stops working. ``extra``: of the answer, where Google says more."""
    if stop != "error":
        return None
    said = read.mapping(own_fields(extra, "gemini").get("candidate"))
    reason = read.text(said.get("finishReason"))
    message = read.text(said.get("finishMessage")) or "the model broke off its answer: it could not write a call"
    return Fault("server", message, code=reason)
