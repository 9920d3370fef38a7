"""Who says what in a stream's events: the texts of each answer, part and call that a model tells side by side.

Most events differ from the one before in their text alone, so that what stands around it is remembered.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from ccx_addons.core.wire_json import Json, loads_object

NAMES: Final = (
    *("content", "text", "delta", "partial_json", "thinking", "arguments"),
    *("reasoning_content", "reasoning", "refusal", "transcript"),
)
"""Members that hold what a model says, in any text protocol."""
TEXT: Final = re.compile(rb'"(?:%s)"\s?:\s?"((?:[^"\\]++|\\.)*+)"' % "|".join(NAMES).encode(), re.DOTALL)
"""What a model says in an event, as it is written there."""
INDEXES: Final = frozenset({"index", "output_index", "content_index", "summary_index"})
"""Members that say which of several answers, parts or calls an event goes on with."""
INDEX: Final = re.compile(rb'"((?:output_|content_|summary_)?index)"\s?:\s?(\d+)')
VALUE: Final = re.compile(rb'(index)?"\s?:\s?(?:"((?:[^"\\]++|\\.)*+)"|(\d++)(?![.eE]))', re.DOTALL)
SHORT: Final = 15
"""Bytes of a value that may be another one in each event of a voice: the number of the event, or mere padding."""
EVENT_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
LAST: Final = b"}\n\n"
NUMBERED: Final = re.compile(rb'(".*":)\d+\}\n\n', re.DOTALL)
"""What follows a text in an event whose last member is its number."""
DUBIOUS: Final = rb'"(?<!\\")|\\(?:\\|\Z)'
"""What may make a text end where it does not seem to; and its bytes."""
MAY_ESCAPE: Final = b'"\\'
BACKSLASH: Final = ord("\\")
MOST_FRAMES: Final = 4
MOST_LESSONS: Final = 8
LONGEST_LESSON: Final = 512
"""How often, and from how many bytes, a stream's events are compared to make a pattern: patterns are dear."""

type Voice = tuple[tuple[bytes, bytes], ...]
"""The member that holds a text, and the indexes that it has."""
type Said = list[tuple[Voice, int, int]]
"""Texts of events: whose, and where they begin and end."""
type Match = Callable[[bytes, int], re.Match[bytes] | None]


class Frame:
    """An event around its one text."""

    __slots__ = ("_match", "_number", "_same", "after", "before", "voice")

    def __init__(self, before: bytes, member: bytes, after: bytes) -> None:
        self.before, self.after = before, after
        self._number = numbered[1] if (numbered := NUMBERED.fullmatch(after)) else b""
        self.voice = voice(member, before + after)
        self._match: Match | None = None
        self._same: tuple[bytes, ...] = ()

    def learn(self, other: "Frame") -> None:
        """From another event of this voice, what may be another value in each of them."""
        words, same = followed(self.after)
        if (words, same) == followed(other.after):
            self._match, self._same = pattern(words), same

    def end(self, events: bytes) -> int:
        """Where the text of an event ends that ends as this one does, but for a number at its very end; -1: another."""
        if events.endswith(self.after):
            return len(events) - len(self.after)
        at = events.rfind(self._number) if self._number else -1
        rest = events[at + len(self._number) :]
        return at if rest.endswith(LAST) and rest[: -len(LAST)].isdigit() else -1

    def match(self, events: bytes, begin: int) -> tuple[int, int]:
        """Where a text that begins here ends, and its event, if that is like this one but for short values; -1: it
        is not."""
        found = self._match(events, begin) if self._match else None
        if found is None or found.groups()[1:] != self._same:
            return -1, -1
        return found.end(1), found.end()

    def run(self, events: bytes, at: int, said: Said) -> int:
        """Reads as many events as are like this one; where they end."""
        voice, before, after = self.voice, self.before, self.after
        while events.startswith(before, at):
            begin = at + len(before)
            end = events.find(b'"', begin)
            if events.startswith(after, end) and events[end - 1] != BACKSLASH:
                at = end + len(after)
            else:
                end, stop = self.match(events, begin)
                if end < 0:
                    break
                at = stop
            said.append((voice, begin, end))
        return at


class Frames:
    """Of one stream, those seen last."""

    __slots__ = ("_lessons", "seen")

    def __init__(self) -> None:
        self.seen: tuple[Frame, ...] = ()
        self._lessons = 0

    def read(self, events: bytes) -> tuple[Said, list[bytes]]:
        """The texts of whole events; and those events that look like none before."""
        said: Said = []
        odd: list[bytes] = []
        at = 0
        while at < len(events):
            stop = at
            for frame in self.seen:
                stop = frame.run(events, stop, said)
            if stop == at:
                end = EVENT_END.search(events, at)
                stop = end.end() if end else len(events)
                odd.append(events[at:stop])
                said += self._learn(events, at, stop)
            at = stop
        return said, odd

    def _learn(self, events: bytes, at: int, stop: int) -> Iterator[tuple[Voice, int, int]]:
        texts = list(TEXT.finditer(events, at, stop))
        if len(texts) == 1:
            begin, end = texts[0].span(1)
            member = texts[0][0][1 : texts[0][0].index(b'"', 1)]
            self._keep(Frame(events[at:begin], member, events[end:stop]))
            yield self.seen[0].voice, begin, end
        elif texts:
            event = events[at:stop]
            found = list(voices(loads_object(event[event.find(b"{") :]), ()))
            if len(found) != len(texts):
                found = [voice(b"", event)] * len(texts)
            for whose, text in zip(found, texts, strict=True):
                yield whose, *text.span(1)

    def _keep(self, frame: Frame) -> None:
        for old in self.seen:
            if old.before == frame.before and self._lessons < MOST_LESSONS and len(frame.after) <= LONGEST_LESSON:
                self._lessons += 1
                frame.learn(old)
        self.seen = (frame, *(old for old in self.seen if old.voice != frame.voice))[:MOST_FRAMES]


def followed(after: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """The pattern of a text and the rest of its event behind it; and what has to be in its other groups."""
    parts, same, at = [rb'((?:[^"\\]++|\\.)*+)'], [], 0
    for found in VALUE.finditer(after):
        n = 2 if found[2] is not None else 3
        begin, end = found.span(n)
        parts.append(re.escape(after[at:begin]))
        if found[1] or end - begin > SHORT:
            parts.append(rb'((?:[^"\\]++|\\.)*+)' if n == 2 else rb"(\d*+)")
            same.append(found[n])
        else:
            parts.append(rb'[^"\\]{0,%d}+' % SHORT if n == 2 else rb"\d{1,%d}+" % SHORT)
        at = end
    return b"".join((*parts, re.escape(after[at:]))), tuple(same)


@lru_cache(256)
def pattern(words: bytes) -> Match:
    return re.compile(words, re.DOTALL).match


def voice(member: bytes, event: bytes) -> Voice:
    return (member, b""), *INDEX.findall(event)


def voices(value: Json, inside: Voice) -> Iterator[Voice]:
    """Whose each text in a value is, in the order in which they are written."""
    if isinstance(value, list):
        for inner in value:
            yield from voices(inner, inside)
    elif isinstance(value, dict):
        inside += tuple((name.encode(), b"%d" % n) for name, n in value.items() if name in INDEXES and type(n) is int)
        for name, inner in value.items():
            if name in NAMES and isinstance(inner, str):
                yield (name.encode(), b""), *inside
            else:
                yield from voices(inner, inside)
