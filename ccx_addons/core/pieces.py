"""Pieces of a text that come in events which are alike but for it, read without reading their JSON.

An upstream says each piece of an answer in the same words: the same ids, names and nulls around one string. Once such
an event was read, the next one that begins and ends with the same characters is another piece, and its string all that
is new. What is not alike is read as ever, and forgets what was learned: it may have ended the text.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Final

from ccx_addons.core.neutral import Event, PartDelta
from ccx_addons.core.sse import Reader, ServerEvent

type Say = Callable[[str], PartDelta]
"""What another text of the same event is, with whatever its decoder counts."""

UNREAD: Final = re.compile(r'(?<="sequence_number":)\d{1,18}(?=[,}])|(?<="obfuscation":")[A-Za-z0-9]{0,64}(?=")')
"""What differs in each event and no decoder reads: the number of an event, and letters that pad it
(platform.openai.com/docs/api-reference/chat-streaming, ``obfuscation``)."""
LONGEST: Final = 64


class Pieces:
    """The events of a stream; pieces that are like the last one are given as what they are."""

    __slots__ = ("_after", "_before", "_reader", "_say")

    def __init__(self) -> None:
        self._reader = Reader()
        self._say: Say | None = None
        self._before: list[str] = []
        """What stands before the string, as it is written between the members that differ."""
        self._after: list[str] = []

    def feed(self, data: bytes) -> Iterator[ServerEvent | PartDelta]:
        """One after the other, so that a decoder may ``learn`` from an event before the next is looked at."""
        reader = self._reader
        text, at = reader.text(data), 0
        while at < len(text):
            if self._say is not None and reader.between:
                at = yield from self._alike(text, at)
            end = text.find("\n\n", at) + 2
            if end < 2:
                end = len(text)
            for event in reader.lines(text[at:end]):
                self._say = None
                yield event
            at = end

    def flush(self) -> Iterator[ServerEvent | PartDelta]:
        yield from self._reader.flush()

    def learn(self, event: ServerEvent, text: str, say: Say) -> None:
        """``text`` is the value of one member of the event, which said nothing else.

        Where nothing is escaped, it stands there as it is, and where that stands once, it stands nowhere else.
        """
        before, quoted, after = event.data.partition(f'"{text}"')
        if quoted and "\\" not in event.data and quoted not in after:
            name = f"event: {event.name}\n" if event.name else ""
            self._before = UNREAD.split(f'{name}data: {before}"')
            self._after = UNREAD.split(f"{after}\n\n")
            self._say = say

    def _alike(self, text: str, at: int) -> Generator[PartDelta, None, int]:
        """The pieces at a place of the text, and where they end."""
        say = self._say
        while say is not None and (begin := _along(text, at, self._before)) >= 0:
            try:
                piece, end = scanstring(text, begin, True)
            except ValueError:  # its end has not come yet
                break
            end = _along(text, end, self._after)
            if end < 0:
                break
            at = end
            if piece:
                yield say(piece)
        return at


def told(found: Iterable[ServerEvent | PartDelta], read: Callable[[ServerEvent], list[Event]]) -> list[Event]:
    """Events of a stream as its decoder reads them; pieces are what they are."""
    events: list[Event] = []
    for message in found:
        if isinstance(message, PartDelta):
            events.append(message)
        else:
            events += read(message)
    return events


def _along(text: str, at: int, literals: list[str]) -> int:
    """Where the literals end, with what nobody reads between them; -1: they are not there."""
    first, *others = literals
    if not text.startswith(first, at):
        return -1
    at += len(first)
    for literal in others:
        end = text.find(literal, at, at + LONGEST + len(literal))
        if end > at and not text[at:end].isalnum():
            return -1
        if end < 0:
            return -1
        at = end + len(literal)
    return at
