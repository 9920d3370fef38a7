"""What a person said in a request, apart from what their client put around it; and a title of it.

Clients put context into the user's turns (seen from Claude Code 2.1, Codex 0.171, Gemini CLI 0.61): whole elements
like ``<system-reminder>...</system-reminder>``, and Codex the text of AGENTS.md.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.config import Kind

INJECTED: Final = frozenset(
    {
        *("system-reminder", "local-command-caveat", "local-command-stdout", "command-name", "command-message"),
        *("ide_opened_file", "ide_selection", "ide_diagnostics", "task-notification", "user-prompt-submit-hook"),
        *("environment_context", "user_instructions", "permissions", "collaboration_mode", "skills_instructions"),
        *("turn_aborted", "subagent_notification", "session_context", "environment_details", "INSTRUCTIONS"),
    }
)
"""Names of elements that a client writes."""
ELEMENT: Final = re.compile(r"<([A-Za-z_-]{3,32})(?: [^<>]{0,200})?>")
HEADINGS: Final = ("# AGENTS.md instructions", "This session is being continued from a previous conversation")
"""Beginnings of texts that are a client's to their end."""

TITLE: Final = 80
"""Characters of a title."""
READ: Final = 20_000
"""Characters of one text that a title is looked for in."""
PROBES: Final = frozenset({"quota", "count", "test", "hi", "ping"})
"""Words that clients ask to find out whether anybody answers, with room for an answer of one token."""


def split(text: str) -> Iterator[tuple[bool, str]]:
    """The text in stretches: whether a client wrote it, and the stretch, without the space around it."""
    if text.lstrip().startswith(HEADINGS):
        yield True, text.strip()
        return
    said, at = 0, 0
    while found := ELEMENT.search(text, at):
        at = found.end()
        end = text.find(f"</{found[1]}>", at) if found[1] in INJECTED else -1
        if end < 0:
            if found[1] in INJECTED:
                break  # cut in the middle
            continue
        at = end + len(found[1]) + 3
        if before := text[said : found.start()].strip():
            yield False, before
        yield True, text[found.start() : at]
        said = at
    if rest := text[said:].strip():
        yield False, rest


def spoken(text: str) -> str:
    """What is left when a client's own words are taken away."""
    return "\n".join(part for injected, part in split(text) if not injected)


def title(kind: Kind, members: Mapping[str, Any]) -> str:
    """The first words of a conversation on one line; empty: nobody has said anything that can be read."""
    for text in _texts(kind, members):
        words = " ".join(spoken(text[:READ]).split())
        if words and not (words.lower() in PROBES and _asks_for_nothing(members)):
            return words if len(words) <= TITLE else words[: TITLE - 1].rstrip() + "…"
    return ""


def _asks_for_nothing(members: Mapping[str, Any]) -> bool:
    return members.get("max_tokens") == 1


def _texts(kind: Kind, members: Mapping[str, Any]) -> Iterator[str]:
    """Texts of the user, in order."""
    where = {"responses": "input", "gemini": "contents"}.get(kind, "messages")
    turns = members.get(where)
    if isinstance(turns, str):
        yield turns
        return
    for turn in read.mappings(turns):
        if turn.get("role", "user") != "user" or turn.get("type", "message") != "message":
            continue
        content = turn.get("parts") if kind == "gemini" else turn.get("content")
        if isinstance(content, str):
            yield content
        for part in read.mappings(content):
            yield read.text(part.get("text"))
