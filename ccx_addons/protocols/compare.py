"""Two requests next to each other: by parts first (settings, tools, system, messages), then by lines. Pure.

Requests of one protocol are compared as they stand on the wire, those of two in neutral words; of bodies that were not
kept only their shapes, which say what changed and not how.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ccx_addons.core import shape
from ccx_addons.core.config import Kind
from ccx_addons.core.shape import Shape
from ccx_addons.core.wire_json import loads_object
from ccx_addons.protocols import reassembly

type Group = Literal["settings", "tools", "system", "messages", "answer"]
type Mark = Literal["same", "changed", "added", "removed"]
type Sign = Literal[" ", "-", "+", "~"]
"""Of a line: in both, only on the left, only on the right; so many that are alike are left out."""

MAX_PARTS: Final = 2_000
MAX_LINES: Final = 1_500
"""Of one part: the rest is not compared."""
CONTEXT: Final = 2
ONE_LINE: Final = 90


@dataclass(frozen=True, slots=True)
class Part:
    """``text`` None: only ``print`` is known, a hash of it."""

    group: Group
    name: str
    text: str | None
    print: str = ""

    @property
    def content(self) -> str:
        return self.print if self.text is None else self.text


@dataclass(frozen=True, slots=True)
class Line:
    sign: Sign
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """``name``: of a tool or setting, or the number and role of a message. ``lines``: none where a part is the same."""

    group: Group
    name: str
    mark: Mark
    lines: tuple[Line, ...] = ()


# ---- the parts of a request ------------------------------------------------------------------------------------------
def parts(kind: Kind, text: str) -> list[Part]:
    """As they stand on the wire. What is no request of the protocol is one part."""
    members, anatomy = loads_object(text), shape.ANATOMY.get(kind)
    if members is None or anatomy is None:
        return [Part("messages", "body", reassembly.pretty(text))]
    named = {"tools", anatomy.system, anatomy.messages} - {""}
    found = [Part("settings", name, readable(value)) for name, value in members.items() if name not in named]
    tools = members.get("tools")
    found += [Part("tools", *pair) for pair in _tools(kind, tools)]
    system = members.get(anatomy.system) if anatomy.system else None
    blocks = system.get("parts") if isinstance(system, dict) else system
    for n, block in enumerate(blocks if isinstance(blocks, list) else [blocks] if blocks else [], 1):
        found.append(Part("system", str(n), readable(block)))
    messages = members.get(anatomy.messages)
    for n, message in enumerate(messages if isinstance(messages, list) else [messages] if messages else [], 1):
        found.append(Part("messages", f"{n} {role_of(message)}".strip(), readable(message)))
    return found[:MAX_PARTS]


def _tools(kind: Kind, tools: Any) -> Iterator[tuple[str, str]]:
    for name, tool in shape.tools_of(kind, tools if isinstance(tools, list) else []):
        yield name, readable(tool)


def role_of(message: Any) -> str:
    found = message.get("role") or message.get("type") if isinstance(message, Mapping) else ""
    return found if isinstance(found, str) else ""


def neutral_parts(kind: Kind, model: str, text: str) -> list[Part]:
    """In the words that all protocols have in common."""
    asked = reassembly.asked(kind, model, False, {"text": text})
    if asked.raw:
        return [Part("messages", "body", asked.raw)]
    found = [Part("settings", "model", model)]
    found += [Part("settings", name, str(value)) for name, value in (asked.settings or {}).items()]
    found += [Part("tools", name, name) for name in asked.tools]
    found += [Part("system", str(n), said(piece)) for n, piece in enumerate(asked.system, 1)]
    for n, turn in enumerate(asked.turns, 1):
        found.append(Part("messages", f"{n} {turn.role}", "\n".join(map(said, turn.pieces))))
    return found[:MAX_PARTS]


def answer_parts(kind: Kind, text: str) -> list[Part]:
    """Of an answer, JSON or a stream: what it says, part by part, and how it ends."""
    found = reassembly.answer(kind, {"text": text})
    made = [Part("answer", f"{piece.look} {piece.name}".strip(), piece.text) for piece in found.pieces]
    end = found.fault or found.stop
    return [*made[:MAX_PARTS], *([Part("answer", "end", end)] if end else [])]


def said(piece: reassembly.Piece) -> str:
    return piece.text if piece.look == "text" else f"[{piece.look} {piece.name}]\n{piece.text}"


GROUPS: Final[Mapping[str, Group]] = {"s": "settings", "t": "tools", "y": "system", "u": "messages", "a": "messages"}
ROLES: Final = {"u": "user", "a": "assistant"}


def shape_parts(found: Shape) -> list[Part]:
    """Without content."""
    numbers: dict[Group, int] = {}
    made = []
    for part in found.parts:
        group = GROUPS[part.what]
        numbers[group] = n = numbers.get(group, 0) + 1
        name = part.name if group in ("settings", "tools") else f"{n} {ROLES.get(part.what, '')}".strip()
        made.append(Part(group, name, None, part.print))
    return made[:MAX_PARTS]


def readable(value: Any) -> str:
    """JSON for people: a line for each short value, and texts with their own lines."""
    return "\n".join(_lines(value, ""))


def _lines(value: Any, pad: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from (pad + line for line in value.split("\n"))
    elif isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _named(name, inner, pad)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _named("-", inner, pad)
    else:
        yield pad + json.dumps(value, ensure_ascii=False)


def _named(name: str, value: Any, pad: str) -> Iterator[str]:
    label = name if name == "-" else f"{name}:"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= ONE_LINE and "\n" not in text:
        yield f"{pad}{label} {text}"
    else:
        yield pad + label
        yield from _lines(value, pad + "  ")


# ---- side by side ----------------------------------------------------------------------------------------------------
def compare(left: Sequence[Part], right: Sequence[Part]) -> list[Difference]:
    """All parts in the order of a prompt, also those that are the same."""
    found: list[Difference] = []
    for group in ("settings", "tools"):
        old, new = ({part.name: part for part in side if part.group == group} for side in (left, right))
        found += [difference(old.get(name), new.get(name)) for name in dict.fromkeys((*old, *new))]
    for group in ("system", "messages", "answer"):
        found += _aligned(*([part for part in side if part.group == group] for side in (left, right)))
    return found


def _aligned(left: list[Part], right: list[Part]) -> Iterator[Difference]:
    """Parts that have no names: what is the same on both sides stands next to each other."""
    matcher = difflib.SequenceMatcher(None, [p.content for p in left], [p.content for p in right], autojunk=False)
    for _action, a, b, c, d in matcher.get_opcodes():
        for n in range(max(b - a, d - c)):
            yield difference(left[a + n] if a + n < b else None, right[c + n] if c + n < d else None)


def difference(old: Part | None, new: Part | None) -> Difference:
    part = new or old
    assert part
    if old and new and old.content == new.content:
        return Difference(part.group, part.name, "same")
    mark: Mark = "changed" if old and new else "added" if new else "removed"
    if any(side and side.text is None for side in (old, new)):
        return Difference(part.group, part.name, mark)
    return Difference(part.group, part.name, mark, tuple(lines((old and old.text) or "", (new and new.text) or "")))


def lines(old: str, new: str) -> Iterator[Line]:
    """Long stretches that are alike are folded to their edges."""
    left, right = (side.splitlines()[:MAX_LINES] for side in (old, new))
    for action, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if action == "equal":
            yield from _folded(left[a:b])
        else:
            yield from (Line("-", line) for line in left[a:b])
            yield from (Line("+", line) for line in right[c:d])


def _folded(same: list[str]) -> Iterator[Line]:
    if len(same) <= 2 * CONTEXT + 1:
        yield from (Line(" ", line) for line in same)
        return
    yield from (Line(" ", line) for line in same[:CONTEXT])
    yield Line("~", str(len(same) - 2 * CONTEXT))
    yield from (Line(" ", line) for line in same[-CONTEXT:])


def summary(found: Sequence[Difference]) -> str:
    """``2 messages added, tool Read changed``; empty: nothing is different."""
    words = []
    for group in ("settings", "tools", "system", "messages", "answer"):
        for mark in ("changed", "added", "removed"):
            names = [one.name for one in found if one.group == group and one.mark == mark]
            if names:
                which = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
                words.append(f"{group} {mark}: {which}")
    return "; ".join(words)
