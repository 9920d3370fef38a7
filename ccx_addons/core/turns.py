"""Calls, their results and the turns they stand in, for protocols that are strict about the order of both."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ccx_addons.core.neutral import Json, Loss, Message, Part, Role, Text, ToolCall, ToolResult

NO_RESULT: Final = "No result was recorded for this call."
NO_THOUGHTS: Final = "(no reasoning was recorded)"
"""Stands where an upstream demands thoughts that nobody kept."""
CONTINUE: Final = "Continue."
"""What a user's turn says that an API demands and nobody wrote."""
MADE: Final = "A picture that the assistant made:"
"""What stands before it in the user's turn, where an assistant's holds none."""
SHOWN: Final = "an assistant's turn holds no media; the user's next one shows it"
NOTHING: Final[Mapping[str, Json]] = {}

KINDS: Final[Mapping[Role, type[ToolCall] | type[ToolResult]]] = {"assistant": ToolCall, "user": ToolResult}

type Place = tuple[int, int]
"""Index of a message and of a part in it."""

type Fields = dict[str, Any]
"""A JSON object as it stands on the wire."""


def walk(messages: Iterable[Message], **add: Callable[[int, Message], None]) -> None:
    """``add``: role -> what takes its messages, each with its index."""
    for m, message in enumerate(messages):
        add[message.role](m, message)


# ---- calls and results -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Pairs:
    """Which result answers which call: ``results`` by the call's place, ``calls`` (places) by the result's."""

    results: Mapping[Place, ToolResult]
    calls: Mapping[Place, Place]

    def said(self, m: int, parts: Sequence[Part], losses: list[Loss]) -> Iterator[tuple[Part, str]]:
        """Each part, with its path, of a user's message but for results; those without a call are said in words."""
        for p, part in enumerate(parts):
            path = f"messages[{m}].content[{p}]"
            if not isinstance(part, ToolResult):
                yield part, path
            elif (m, p) not in self.calls:
                losses.append(Loss(path, "a result without its call is said as the user's text"))
                yield Text(f"Result of the tool call {part.name or part.id}".rstrip() + ":"), path
                yield from ((inner, path) for inner in part.parts)


def pair_calls(messages: Sequence[Message]) -> Pairs:
    """Each result belongs to the oldest unanswered call with its id; a call that comes again in a later message closes
    it: what the earlier one lacks it will not get."""
    results: dict[Place, ToolResult] = {}
    calls: dict[Place, Place] = {}
    waiting: dict[str, deque[Place]] = {}
    for place, part in _calls_and_results(messages):
        if isinstance(part, ToolCall):
            earlier = waiting.setdefault(part.id, deque())
            if earlier and earlier[0][0] < place[0]:
                earlier.clear()
            earlier.append(place)
        elif found := waiting.get(part.id):
            calls[place] = found.popleft()
            results[calls[place]] = part
    return Pairs(results, calls)


def calls_in(m: int, message: Message) -> list[Place]:
    return [(m, p) for p, part in enumerate(message.parts) if isinstance(part, ToolCall)]


def call_ids(messages: Sequence[Message], safe: Callable[[str], str]) -> dict[Place, str]:
    """The id of each call on the wire, as ``safe`` makes it; ids that come again are told apart."""
    apart = Apart(safe)
    return {place: apart.id(part.id) for place, part in _calls_and_results(messages) if isinstance(part, ToolCall)}


class Apart:
    """Makes ids with ``safe``, no two alike: one that comes again gets a number."""

    def __init__(self, safe: Callable[[str], str]) -> None:
        self._safe = safe
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}
        """The last number that each id got: lower ones are taken."""

    def id(self, wanted: str) -> str:
        found = first = self._safe(wanted)
        while found in self._taken:
            self._numbers[first] = number = self._numbers.get(first, 1) + 1
            found = self._safe(f"{first}_{number}")
        self._taken.add(found)
        return found


def _calls_and_results(messages: Sequence[Message]) -> Iterator[tuple[Place, ToolCall | ToolResult]]:
    """With their places. Calls of others than the assistant and results of others than the user are neither."""
    for m, message in enumerate(messages):
        if message.role in KINDS:
            kind = KINDS[message.role]
            yield from (((m, p), part) for p, part in enumerate(message.parts) if isinstance(part, kind))


# ---- turns -----------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Turn:
    """``parts`` and ``fields`` are the wire's; ``role`` is the protocol's word."""

    role: str
    parts: list[Fields]
    fields: Fields = field(default_factory=dict)
    calls: list[Place] = field(default_factory=list)
    """Calls of this turn that still need their results after it."""


class Turns(list[Turn]):
    """Turns whose roles alternate: what one role says twice in a row is one turn."""

    def say(self, role: str, parts: list[Fields], fields: Mapping[str, Json] = NOTHING) -> Turn:
        if not self or self[-1].role != role:
            self.append(Turn(role, []))
        turn = self[-1]
        turn.parts += parts
        turn.fields |= fields
        return turn

    def open_calls(self) -> list[Place]:
        """The calls of the last turn, whose results must come next; each is given once."""
        if not self:
            return []
        calls, self[-1].calls = self[-1].calls, []
        return calls
