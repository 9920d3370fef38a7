"""The words of the panel for states: each has a word, an icon and a tone, so that no colour speaks alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

type Tone = Literal["good", "warn", "bad", "info", "calm"]


@dataclass(frozen=True, slots=True)
class Badge:
    """``word`` is English, as i18n wants it; ``icon`` a symbol of icons.svg."""

    word: str
    icon: str
    tone: Tone


UNKNOWN: Final = Badge("unknown", "dot", "calm")

STATES: Final[Mapping[str, Badge]] = {
    "running": Badge("running", "pulse", "info"),
    "ok": Badge("ok", "check", "good"),
    "failed": Badge("failed", "cross", "bad"),
    "client_left": Badge("client left", "exit", "warn"),
    "lost": Badge("lost", "ghost", "bad"),
}
"""Of requests."""

PHASES: Final[Mapping[str, Badge]] = {
    "queued": Badge("queued", "clock", "calm"),
    "connecting": Badge("connecting", "plug", "info"),
    "waiting": Badge("waiting for the first token", "clock", "info"),
    "streaming": Badge("streaming", "pulse", "info"),
    "tool": Badge("tool call", "wrench", "info"),
    "done": Badge("done", "check", "calm"),
}
"""Of requests in flight."""

SAME: Final[Mapping[str, Badge]] = {
    "same": Badge("the same", "check", "good"),
    "other": Badge("others", "cross", "warn"),
}
"""Tools that two answers call."""

ENDS: Final[Mapping[str, Badge]] = {
    "done": Badge("done", "check", "calm"),
    "cut": Badge("cut", "scissors", "bad"),
    "error event": Badge("error event", "alert", "bad"),
    "idle": Badge("went silent", "clock", "bad"),
    "client left": Badge("client left", "exit", "warn"),
    "empty": Badge("empty", "empty", "bad"),
    "converter error": Badge("converter error", "alert", "bad"),
}
"""How a stream ended."""

CHANNELS: Final[Mapping[str, Badge]] = {
    "ok": Badge("ok", "check", "good"),
    "degraded": Badge("degraded", "alert", "warn"),
    "open": Badge("open", "cross", "bad"),
    "half-open": Badge("half-open", "half", "warn"),
    "paused": Badge("paused", "pause", "calm"),
    "standby": Badge("standby", "moon", "calm"),
    "no keys": Badge("no keys", "key", "bad"),
}
"""Of channels; the words of breakers are theirs, too."""

KEYS: Final[Mapping[str, Badge]] = {
    "ok": Badge("ok", "check", "good"),
    "partly": Badge("rests for some models", "clock", "warn"),
    "cooling": Badge("cooling down", "clock", "warn"),
    "blocked": Badge("blocked", "cross", "bad"),
    "off": Badge("off", "pause", "calm"),
}

EVENTS: Final[Mapping[str, str]] = {
    "audit": "who did what",
    "bodies": "kept bodies",
    "breaker": "breakers",
    "config": "configuration",
    "health": "health checks",
    "key": "keys",
    "login": "logins",
    "meeting": "limits of all workers",
    "mirror": "mirrors",
    "rules": "own rules",
    "stall": "stalls",
    "start": "starts",
    "stop": "stops",
    "store": "the log",
}
"""Kinds of events; others are shown as they are."""

LEVELS: Final[Mapping[str, Badge]] = {
    "info": Badge("info", "dot", "calm"),
    "warning": Badge("warning", "alert", "warn"),
    "error": Badge("error", "cross", "bad"),
}

CELLS: Final[Mapping[str, Badge]] = {
    "waiting": Badge("waiting", "clock", "calm"),
    "running": Badge("running", "pulse", "info"),
    "ok": Badge("ok", "check", "good"),
    "failed": Badge("failed", "cross", "bad"),
    "skipped": Badge("not asked", "exit", "calm"),
}
"""Of the questions of a capability test."""

JOBS: Final[Mapping[str, Badge]] = {
    "running": Badge("running", "pulse", "info"),
    "cancelling": Badge("stopping", "clock", "warn"),
    "cancelled": Badge("cancelled", "exit", "warn"),
    "done": Badge("done", "check", "good"),
}
"""Of capability tests."""

CHECKS: Final[Mapping[str, str]] = {"text": "text", "stream": "stream", "tools": "tools", "image": "image"}
"""What a capability test asks for (io.capability.Check)."""

KIND_LABELS: Final[Mapping[str, str]] = {
    "messages": "Claude",
    "chat": "Chat",
    "responses": "Codex",
    "gemini": "Gemini",
    "images": "Images",
    "embeddings": "Embed",
}
"""Short names of kinds for badges; they are product names and not translated."""

OUTCOMES: Final[Mapping[str, str]] = {
    "ok": "answered",
    "connect": "could not connect",
    "tls": "no secure connection",
    "connect_timeout": "connecting took too long",
    "first_byte_timeout": "no answer in time",
    "total_timeout": "out of time",
    "reset": "connection closed before an answer",
    "status": "answered with an error",
    "bad_body": "the answer is not usable",
    "empty": "the answer has no content",
    "error_body": "an error inside a 200",
    "stream_error": "the stream began with an error",
    "first_event_timeout": "no content in time",
    "converter": "the answer could not be read",
    "cut": "the answer broke off",
    "late_error": "the stream broke after it had begun",
    "idle": "the upstream stopped sending",
    "client_left": "the client left",
    "refused_loss": "the conversion would lose something",
    "rate_wait": "its own limits are used up",
    "key_wait": "the limits of its key are used up",
    "probe_wait": "another worker is trying it",
    "unsendable": "the gateway would not send this request",
    "no_room": "the gateway has no memory left for the answer",
}
"""How an attempt came out (core.verdict.OutcomeKind), in words; other outcomes are shown as they are."""

ACTIONS: Final[Mapping[str, str]] = {
    "commit": "answer used",
    "same_key": "tried again with the same key",
    "next_model": "moved to the next model",
    "next_offer": "moved to the next model",
    "next_key": "moved to the next key",
    "next_channel": "moved to the next channel",
    "stop": "stopped here",
}
"""What was decided after an attempt."""


def badge(table: Mapping[str, Badge], name: str) -> Badge:
    return table.get(name, Badge(name, "dot", "calm") if name else UNKNOWN)
