"""Which requests belong together, and where they went: a conversation stays with its channel and its key."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.exchange import NOWHERE, Seat
from ccx_addons.core.header_names import SESSION_HEADER

MAX_TRACES: Final = 10_000
RENEW: Final = 15.0
"""Seconds: a place is renewed at most this often, so that a busy conversation does not write a row per answer."""

FIRST_HEADERS: Final = (
    SESSION_HEADER,
    "conversation_id", "conversation-id", "session_id", "session-id", "x-claude-code-session-id", "thread-id",
    "x-session-affinity", "x-session-id", "x-opencode-session", "x-openwebui-chat-id", "x-litellm-session-id",
)  # fmt: skip
LAST_HEADERS: Final = ("x-gemini-api-privileged-user-id", "x-client-request-id")
SUB_AGENT_HEADERS: Final = ("x-claude-code-agent-id", "x-codex-subagent", "x-openai-subagent")
"""A sub-agent has a conversation of its own inside its parent's session."""
PARENT_THREAD: Final = "x-codex-parent-thread-id"
PARENT_SESSION: Final = "x-parent-session-id"
"""Of clients whose sub-agents have sessions of their own (opencode)."""
PARENT_HEADERS: Final = ("x-claude-code-parent-agent-id", PARENT_THREAD)
"""Who started it, where that is not the session's first agent."""
TELLING: Final = frozenset((*FIRST_HEADERS, *LAST_HEADERS, *SUB_AGENT_HEADERS, *PARENT_HEADERS))
TELLING_MEMBERS: Final = frozenset({"prompt_cache_key", "session_id", "metadata", "user"})


def trace_of(headers: Mapping[str, str], members: Mapping[str, Any], session: str = "") -> str:
    """A hash of the first identifier present; empty: nothing says what this belongs to. The identifier is not kept.

    ``session``: the trace of the answer that ``previous_response_id`` continues, where it is known.
    """
    if TELLING.isdisjoint(headers) and TELLING_MEMBERS.isdisjoint(members):
        return session
    found = _first(headers, FIRST_HEADERS)
    found = found or read.text(members.get("prompt_cache_key")) or read.text(members.get("session_id"))
    found = found or read.text(read.mapping(members.get("metadata")).get("user_id"))
    found = found or read.text(members.get("user"))
    if session and not found:
        return session
    found = found or _first(headers, LAST_HEADERS)
    return _trace(found, agent_of(headers)) if found else ""


def parent_of(headers: Mapping[str, str]) -> str:
    """The trace of the agent that started this one; empty: nobody did, or nothing says who."""
    session = _first(headers, FIRST_HEADERS)
    if not session or not agent_of(headers):
        parent = headers.get(PARENT_SESSION, "").strip() if session else ""
        return _trace(parent, "") if parent not in ("", session) else ""
    parent = _first(headers, PARENT_HEADERS)
    return _trace(session, "" if parent == session else parent)


def agent_of(headers: Mapping[str, str]) -> str:
    """Which agent of its session asks; empty: the first one. Codex says what kind it is, and in which thread."""
    agent = _first(headers, SUB_AGENT_HEADERS)
    return headers.get("thread-id", "").strip() or agent if agent and PARENT_THREAD in headers else agent


def _first(headers: Mapping[str, str], names: Iterable[str]) -> str:
    if TELLING.isdisjoint(headers):
        return ""
    return next((value for name in names if (value := headers.get(name, "").strip())), "")


def _trace(session: str, agent: str) -> str:
    return hashlib.sha256(f"{session}\0{agent}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Traces:
    """Trace -> seat, each for a while after its last success, the oldest forgotten first."""

    def __init__(self) -> None:
        self._places: OrderedDict[tuple[str, str], Seat] = OrderedDict()

    def place_of(self, kind: str, trace: str) -> Seat:
        """The last one, over or not."""
        return self._places.get((kind, trace), NOWHERE)

    def seat(self, kind: str, trace: str, now: float) -> Seat:
        found = self.place_of(kind, trace)
        return found if found.until > now else NOWHERE

    def keep(self, kind: str, trace: str, seat: Seat) -> bool:
        """True: it is news worth writing down (another place, or at least RENEW seconds longer)."""
        known = self.place_of(kind, trace)
        if known[:2] == seat[:2] and seat.until < known.until + RENEW:
            return False
        self.put(kind, trace, seat)
        return True

    def put(self, kind: str, trace: str, seat: Seat) -> None:
        """As another worker says."""
        self._places[(kind, trace)] = seat
        self._places.move_to_end((kind, trace))
        while len(self._places) > MAX_TRACES:
            self._places.popitem(last=False)
