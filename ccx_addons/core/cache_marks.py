"""Marks behind which the beginning of a prompt may be cached, in the form of the protocol that a request is written in.

``cache_control`` is Claude's (platform.claude.com/docs/en/build-with-claude/prompt-caching), also on Chat where relays
take it (openrouter.ai/docs/features/prompt-caching); ``prompt_cache_breakpoint`` is OpenAI's on Chat and Responses
(developers.openai.com/api/docs/guides/prompt-caching). Both take at most four.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from ccx_addons.core.neutral import (
    NO_EXTRA,
    Extra,
    Json,
    Loss,
    Media,
    Part,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    merge_extra,
)

type Form = Literal["", "cache_control", "prompt_cache_breakpoint"]
"""The field of a mark; none: there are no marks."""

CONTROL: Final = "cache_control"
BREAKPOINT: Final = "prompt_cache_breakpoint"
FIELDS: Final = frozenset({CONTROL, BREAKPOINT})
READS: Final = dict.fromkeys(("messages", "chat", "responses"), FIELDS)
"""What every encoder reads of side-cars, or tells as lost."""
MOST: Final = 4
LONG: Final[Mapping[str, str]] = {CONTROL: "1h", BREAKPOINT: "12h"}
"""Form -> its lifetime for a mark that asks for more than the default."""

type Place = tuple[str, int, int, int]
"""Which list of the request (tools, system, messages), and the indexes in it; -1: none."""


def carried(request: Request, target: str, form: Form) -> tuple[Request, list[Loss]]:
    """The request with the marks of other protocols in ``form``, which ``target`` takes, and those that are lost."""
    places = list(_places(request, target))
    if not places:
        return request, []
    if not form:
        return request, [Loss(f"{_path(places[0])}.{CONTROL}", "there are no cache marks here")]
    losses: list[Loss] = []
    if len(places) > MOST:
        left = places[1 : len(places) - MOST + 1]
        losses.append(Loss(f"{_path(left[0])}.{CONTROL}", f"{MOST} cache marks are the most"))
        places = [place for place in places if place not in left]
    return _written(request, set(places), target, form, losses), losses


def of_request(request: Request, target: str, form: Form, losses: list[Loss]) -> dict[str, Json]:
    """``cache_control`` of a whole request: the upstream is to mark the prompt's end, as OpenAI's does unasked."""
    mark = _mark(request.extra, target)
    if mark and not form:
        losses.append(Loss(CONTROL, "there are no cache marks here"))
    return {CONTROL: _said(mark, CONTROL)} if mark and form == CONTROL else {}


# ---- where they are --------------------------------------------------------------------------------------------------
def _mark(extra: Extra, target: str) -> Mapping[str, Json] | None:
    """The mark that another protocol's side-car holds."""
    for protocol, fields in extra.items():
        if protocol != target:
            for name in (CONTROL, BREAKPOINT):
                if isinstance(mark := fields.get(name), dict):
                    return mark
    return None


def _places(request: Request, target: str) -> Iterator[Place]:
    """In the order in which a prompt is read."""
    for n, tool in enumerate(request.tools):
        if isinstance(tool, Tool) and tool.extra and _mark(tool.extra, target):
            yield "tools", n, -1, -1
    for p, part in enumerate(request.system):
        if part.extra is not NO_EXTRA and _mark(part.extra, target):
            yield "system", p, -1, -1
    for m, message in enumerate(request.messages):
        for p, part in enumerate(message.parts):
            if isinstance(part, ToolResult):
                for i, inner in enumerate(part.parts):
                    if inner.extra is not NO_EXTRA and _mark(inner.extra, target):
                        yield "messages", m, p, i
            if part.extra is not NO_EXTRA and _mark(part.extra, target):
                yield "messages", m, p, -1


def _path(place: Place) -> str:
    where, first, second, _ = place
    return f"{where}[{first}]" if second < 0 else f"{where}[{first}].content[{second}]"


# ---- writing ---------------------------------------------------------------------------------------------------------
def _said(mark: Mapping[str, Json], form: str) -> dict[str, Json]:
    """A mark in another form. The default lifetimes are like each other, and so are the longer ones."""
    lifetime = mark.get("ttl")
    long = lifetime in ("1h", "12h") or (lifetime == "30m" and form == CONTROL)
    kind = {"type": "ephemeral"} if form == CONTROL else {"mode": "explicit"}
    return {**kind, **({"ttl": LONG[form]} if long else {})}


def _written(request: Request, places: set[Place], target: str, form: str, losses: list[Loss]) -> Request:
    def extra(given: Extra) -> Extra:
        return merge_extra(given, {target: {form: _said(_mark(given, target) or {}, form)}})

    def marked(part: Part, place: Place) -> Part:
        if isinstance(part, ToolResult):
            part = replace(part, parts=tuple(marked(each, (*place[:3], i)) for i, each in enumerate(part.parts)))
        if place not in places:
            return part
        if isinstance(part, Text | Media) or (isinstance(part, ToolResult | ToolCall) and target == "messages"):
            return replace(part, extra=extra(part.extra))
        if isinstance(part, ToolResult) and part.parts and isinstance(last := part.parts[-1], Text | Media):
            mark = replace(last, extra=merge_extra(last.extra, {target: extra(part.extra)[target]}))
            return replace(part, parts=(*part.parts[:-1], mark))
        losses.append(Loss(f"{_path(place)}.{CONTROL}", "only content can be marked here"))
        return part

    tools = list(request.tools)
    for where, n, *_ in sorted(places):
        tool = tools[n] if where == "tools" else None
        if isinstance(tool, Tool) and form == CONTROL:
            tools[n] = replace(tool, extra=extra(tool.extra))
        elif tool:
            losses.append(Loss(f"tools[{n}].{CONTROL}", "tools cannot be marked here"))
    touched = {place[1] for place in places if place[0] == "messages"}
    messages = [
        replace(message, parts=_parts(message.parts, m, marked)) if m in touched else message
        for m, message in enumerate(request.messages)
    ]
    system = tuple(marked(part, ("system", p, -1, -1)) for p, part in enumerate(request.system))
    return replace(request, tools=tuple(tools), system=system, messages=tuple(messages))


def _parts(parts: Sequence[Part], m: int, marked: Callable[[Part, Place], Part]) -> tuple[Part, ...]:
    return tuple(marked(part, ("messages", m, p, -1)) for p, part in enumerate(parts))
