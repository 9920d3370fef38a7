"""Which requests belong together, and where they went: a conversation stays with its channel."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from ccx_addons.core import read

MAX_TRACES: Final = 10_000

FIRST_HEADERS: Final = (
    "conversation_id", "conversation-id", "session_id", "session-id", "x-claude-code-session-id", "thread-id",
)  # fmt: skip
LAST_HEADERS: Final = ("x-gemini-api-privileged-user-id", "x-client-request-id")
SUB_AGENT_HEADERS: Final = ("x-claude-code-agent-id", "x-codex-subagent", "x-openai-subagent")
"""A sub-agent has a conversation of its own inside its parent's session."""


def trace_of(headers: Mapping[str, str], members: Mapping[str, Any]) -> str:
    """A hash of the first identifier present; empty: nothing says what this belongs to. The identifier is not kept."""
    found = next((value for name in FIRST_HEADERS if (value := headers.get(name, "").strip())), "")
    found = found or read.text(members.get("prompt_cache_key"))
    found = found or read.text(read.mapping(members.get("metadata")).get("user_id"))
    found = found or read.text(members.get("user")) or read.text(members.get("previous_response_id"))
    found = found or next((value for name in LAST_HEADERS if (value := headers.get(name, "").strip())), "")
    if not found:
        return ""
    agent = next((value for name in SUB_AGENT_HEADERS if (value := headers.get(name, "").strip())), "")
    return hashlib.sha256(f"{found}\0{agent}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Traces:
    """Trace -> channel id, each for a while after its last success, the oldest forgotten first."""

    def __init__(self) -> None:
        self._places: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()

    def channel_of(self, kind: str, trace: str, now: float) -> str:
        channel, until = self._places.get((kind, trace), ("", 0.0))
        return channel if until > now else ""

    def keep(self, kind: str, trace: str, channel: str, until: float) -> None:
        self._places[(kind, trace)] = (channel, until)
        self._places.move_to_end((kind, trace))
        while len(self._places) > MAX_TRACES:
            self._places.popitem(last=False)
