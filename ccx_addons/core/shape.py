"""What a request is made of, without what it says: a name, a size and a keyed hash for each part of the prompt.

Two shapes tell which part of a conversation changed, and so why an upstream's prompt cache no longer fits: what is
cached is a prefix, in the order tools, system, messages (platform.claude.com/docs/en/build-with-claude/prompt-caching,
developers.openai.com/api/docs/guides/prompt-caching, ai.google.dev/gemini-api/docs/caching). Names are those of tools
and settings; no text of a prompt, a result or an answer is in a shape.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

from ccx_addons.core.wire_json import JsonBody

type What = Literal["s", "t", "y", "u", "a"]
"""A setting, a tool, a system block, a message of the user's (results, too), one of the assistant's."""

MAX_PARTS: Final = 5000
MAX_NAME: Final = 64
FIVE_MINUTES: Final = 300
HALF_HOUR: Final = 1800
HOUR: Final = 3600
DAY: Final = 86_400


class Part(NamedTuple):
    """``size``: bytes of all of it; ``results`` and ``media``: bytes in it of tool results and of pictures or files,
    which are counted in ``pictures``."""

    what: What
    name: str
    size: int
    print: str
    results: int = 0
    media: int = 0
    pictures: int = 0


@dataclass(frozen=True)
class Shape:
    """``marks``: up to so many parts the client marks the prompt as to be cached. ``life``: seconds it asks to be kept,
    the shortest it says anywhere; 0: it does not say."""

    parts: tuple[Part, ...]
    marks: int = 0
    life: int = 0

    @cached_property
    def prints(self) -> frozenset[str]:
        return frozenset(part.print for part in self.parts)

    def of(self, *what: What) -> list[Part]:
        return [part for part in self.parts if part.what in what]

    def dump(self) -> str:
        return dumped(self.marks, self.life, map(written, self.parts))

    @classmethod
    def load(cls, text: str) -> "Shape":
        marks, life, *parts = json.loads(text)
        return cls(tuple(Part(*part) for part in parts), marks, life)


def dumped(marks: int, life: int, parts: Iterable[str]) -> str:
    return f"[{','.join((str(marks), str(life), *parts))}]"


def written(part: Part) -> str:
    """As JSON. Most parts have neither results nor pictures."""
    what, name, size, print, *more = part
    end = f",{','.join(map(str, more))}" if any(more) else ""
    return f'["{what}",{json.encoder.encode_basestring_ascii(name)},{size},"{print}"{end}]'


# ---- what changed ----------------------------------------------------------------------------------------------------
class Change(NamedTuple):
    """``what``: a key of WORDS. ``name``: of tools or settings. ``n`` of ``of``: which, from 1 on. ``many``: how many
    messages came or went."""

    what: str
    name: str = ""
    n: int = 0
    of: int = 0
    many: int = 0


WORDS: Final[Mapping[str, str]] = {
    "channel": "another channel answered: {name}",
    "key": "another key of the channel was used",
    "model": "another model was asked: {name}",
    "tools added": "tools came that were not there before: {name}",
    "tools removed": "tools went that were there before: {name}",
    "tools changed": "the definition of a tool changed: {name}",
    "tools moved": "the tools stand in another order",
    "system changed": "system block {n} of {of} changed",
    "system added": "system block {n} of {of} is new",
    "system removed": "system block {n} of {of} went",
    "settings": "a setting changed: {name}",
    "message changed": "message {n} of {of} changed",
    "message inserted": "{many} messages were inserted before message {n} of {of}",
    "message dropped": "{many} messages were dropped from message {n} of {of} on",
    "compacted": "the conversation was compacted: {many} of {of} messages were dropped",
    "marks": "the request no longer marks what is to be cached",
    "marks tools": "only the tools are still marked as to be cached",
    "marks system": "no message is marked as to be cached any more",
    "marks moved": "the last cache mark stands at message {n}, and stood at message {of} before",
    "waited": "it waited {n} s, and the cache lives {of} s",
    "forgot": "nothing changed: the upstream forgot it after {n} s",
    "said": "the upstream says so itself: {name}",
}
"""Why a cache was lost, as the end of a sentence."""


def words(change: Change, tokens: int, usd: float | None) -> str:
    """One sentence, in English."""
    cost = "" if usd is None else f" for ${usd:.4f}"
    reason = WORDS[change.what].format(**change._asdict())
    return f"the prompt cache was lost: {reason}; {tokens} tokens were written again{cost}"


def change(before: Shape, now: Shape) -> Change | None:
    """The first thing in the order of the prompt that makes its beginning another one."""
    return (
        _of_tools(before.of("t"), now.of("t"))
        or _of_system(before.of("y"), now.of("y"))
        or _of_settings(before.of("s"), now.of("s"))
        or _of_messages(before.of("u", "a"), now.of("u", "a"))
        or _of_marks(before, now)
    )


def alike(before: Shape, now: Shape) -> int:
    """How many parts of a prompt are the same: which of several requests of a session this one continues."""
    return len(before.prints & now.prints)


def _names(parts: Iterable[Part]) -> str:
    return ", ".join(part.name for part in parts)[:200]


def _of_tools(before: Sequence[Part], now: Sequence[Part]) -> Change | None:
    if before == now:
        return None
    old, new = ({part.name: part.print for part in parts} for parts in (before, now))
    if changed := [part for part in now if old.get(part.name, part.print) != part.print]:
        return Change("tools changed", _names(changed))
    if added := [part for part in now if part.name not in old]:
        return Change("tools added", _names(added))
    if removed := [part for part in before if part.name not in new]:
        return Change("tools removed", _names(removed))
    return Change("tools moved")


def _of_system(before: Sequence[Part], now: Sequence[Part]) -> Change | None:
    for n, (old, new) in enumerate(zip(before, now, strict=False), 1):
        if old.print != new.print:
            return Change("system changed", n=n, of=len(now))
    if len(now) > len(before):
        return Change("system added", n=len(before) + 1, of=len(now))
    return Change("system removed", n=len(now) + 1, of=len(before)) if len(before) > len(now) else None


def _of_settings(before: Sequence[Part], now: Sequence[Part]) -> Change | None:
    old, new = ({part.name: part.print for part in parts} for parts in (before, now))
    changed = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return Change("settings", ", ".join(changed)) if changed else None


def _of_marks(before: Shape, now: Shape) -> Change | None:
    """What is cached ends at the last mark: one that stands earlier leaves out what was in the cache."""
    if now.marks >= before.marks:
        return None
    if not now.marks:
        return Change("marks")
    n, of = (sum(part.what in "ua" for part in found.parts[: found.marks]) for found in (now, before))
    if n:
        return Change("marks moved", n=n, of=of)
    return Change("marks system" if any(part.what == "y" for part in now.parts[: now.marks]) else "marks tools")


def _of_messages(before: Sequence[Part], now: Sequence[Part]) -> Change | None:
    old, new = ([part.print for part in parts] for parts in (before, now))
    n = next((i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new)))
    if n == len(old):
        return None
    if len(new) <= len(old) // 2:
        return Change("compacted", of=len(old), many=len(set(old) - set(new)))
    if n == len(new):
        return Change("message dropped", n=n + 1, of=len(old), many=len(old) - n)
    if old[n] in new[n + 1 :]:
        return Change("message inserted", n=n + 1, of=len(new), many=new.index(old[n], n + 1) - n)
    if new[n] in old[n + 1 :]:
        return Change("message dropped", n=n + 1, of=len(old), many=old.index(new[n], n + 1) - n)
    return Change("message changed", n=n + 1, of=len(new))


# ---- what is lost ----------------------------------------------------------------------------------------------------
class Turn(NamedTuple):
    """What a request of a conversation was answered with: where, when (Unix milliseconds) and tokens."""

    channel: str
    key: str
    model: str
    began: int
    ended: int
    input: int
    read: int
    written: int


NOISE: Final = 1024
"""Tokens: upstreams cache in steps, and nothing that is shorter."""


def again(before: Turn, now: Turn) -> int:
    """Tokens of the prompt that were in the cache after the last request, or written to it, and were not read."""
    lost = min(before.read + before.written, now.input) - now.read
    return lost if lost >= NOISE else 0


def why(before: Turn, now: Turn, old: Shape, new: Shape, said: str = "", life: int = FIVE_MINUTES) -> Change:
    """Why ``again`` is not nothing. ``said``: the upstream's own words. ``life``: seconds that a prompt is cached where
    a request does not say; they begin when it is used."""
    if before.channel != now.channel:
        return Change("channel", now.channel)
    if before.key != now.key:
        return Change("key")
    if before.model != now.model:
        return Change("model", now.model)
    if found := change(old, new):
        return found
    waited = max(0, now.began - before.began) // 1000
    life = old.life or life
    if waited >= life:
        return Change("waited", n=waited, of=life)
    return Change("said", said) if said else Change("forgot", n=waited)


# ---- the parts of a request ------------------------------------------------------------------------------------------
class Anatomy(NamedTuple):
    """Where a protocol's prompt stands in its body. ``settings``: members that are part of what is cached."""

    system: str
    messages: str
    settings: tuple[str, ...]


ANATOMY: Final[Mapping[str, Anatomy]] = {
    "messages": Anatomy("system", "messages", ("tool_choice", "thinking", "output_config", "mcp_servers", "speed")),
    "chat": Anatomy(
        "",
        "messages",
        ("tool_choice", "reasoning_effort", "response_format", "verbosity", "prompt_cache_key", "service_tier"),
    ),
    "responses": Anatomy(
        "instructions", "input", ("tool_choice", "reasoning", "text", "prompt_cache_key", "service_tier")
    ),
    "gemini": Anatomy(
        "systemInstruction", "contents", ("toolConfig", "generationConfig", "cachedContent", "system_instruction")
    ),
}


def is_conversation(kind: str, body: JsonBody) -> bool:
    """Whether more than one message is asked."""
    anatomy = ANATOMY.get(kind)
    messages = body.members.get(anatomy.messages) if anatomy else None
    return isinstance(messages, list) and len(messages) > 1


RESULTS: Final = frozenset(
    {"tool_result", "function_call_output", "custom_tool_call_output", "local_shell_call_output", "shell_call_output"}
)
CALLS: Final = frozenset({"tool_use", "server_tool_use", "function_call", "custom_tool_call", "local_shell_call"})
MEDIA: Final = frozenset({"image", "document", "image_url", "input_image", "input_file", "file", "input_audio"})
SYSTEM: Final = frozenset({"system", "developer"})


def blocks_of(message: Any) -> Iterator[Mapping[str, Any]]:
    """The blocks of a message of any protocol: what has a type or a form of its own."""
    if not isinstance(message, dict):
        return
    content = message.get("content") or message.get("parts")
    if isinstance(content, list):
        yield from (block for block in content if isinstance(block, dict))
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        yield from (call for call in calls if isinstance(call, dict))
    if "content" not in message and "parts" not in message:
        yield message


def call_of(block: Mapping[str, Any]) -> tuple[str, str] | None:
    """(id, name of the tool) of a call."""
    inner = block.get("functionCall") or block.get("function")
    if isinstance(inner, dict) and ("functionCall" in block or block.get("type") == "function"):
        return str(block.get("id") or inner.get("id") or ""), str(inner.get("name") or "")
    if type_of(block) in CALLS:
        id = block.get("call_id") or block.get("id") or ""
        return str(id), str(block.get("name") or type_of(block))
    return None


def type_of(block: Mapping[str, Any]) -> str:
    found = block.get("type")
    return found if isinstance(found, str) else ""


def is_result(block: Mapping[str, Any]) -> bool:
    return type_of(block) in RESULTS or "functionResponse" in block


def result_id(block: Mapping[str, Any]) -> str:
    return str(block.get("tool_use_id") or block.get("call_id") or block.get("tool_call_id") or "")


def is_media(block: Mapping[str, Any]) -> bool:
    return type_of(block) in MEDIA or "inlineData" in block or "inline_data" in block or "fileData" in block


def tools_of(kind: str, tools: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """(name, definition) of each tool; Gemini's stand in groups."""
    for tool in tools:
        if not isinstance(tool, dict):
            continue
        declared = tool.get("functionDeclarations") or tool.get("function_declarations")
        if kind == "gemini" and isinstance(declared, list):
            yield from ((str(one.get("name", "")), one) for one in declared if isinstance(one, dict))
        else:
            inner = tool.get("function")
            named = inner if isinstance(inner, dict) else tool
            yield str(named.get("name") or tool.get("type") or next(iter(tool), "")), tool
