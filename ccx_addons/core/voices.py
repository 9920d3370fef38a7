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
ESCAPED: Final = 3
BACKSLASH: Final = ord("\\")
WHOLE: Final = re.compile(rb'(?:[^"\\]++|\\[^\n])*+')
"""Lines of which each may be a text: its quotes are escaped, and its end is not."""
WINDOW: Final = 16 << 10
"""Bytes that are taken apart at once."""
MOST_FRAMES: Final = 4
MOST_LESSONS: Final = 8
LONGEST_LESSON: Final = 512
"""How often, and from how many bytes, a stream's events are compared to make a pattern: patterns are dear."""

type Voice = tuple[tuple[bytes, bytes], ...]
"""The member that holds a text, and the indexes that it has."""
type Said = list[tuple[Voice, int, int]]
"""Texts of events: whose, and where they begin and end."""
type Telling = tuple[re.Pattern[bytes], ...]
"""What an event must hold to say more than another piece of text."""
type Match = Callable[[bytes, int], re.Match[bytes] | None]


class Heard:
    """What events say. ``runs``: texts as they follow each other, with their voice. ``looked``: where those events are
    that look like none before (True), or are like one that told more than its text. ``pieces`` and ``size``: how many
    others there are, and how many bytes their texts have."""

    __slots__ = ("looked", "pieces", "runs", "size")

    def __init__(self) -> None:
        self.runs: list[tuple[Voice, list[bytes]]] = []
        self.looked: list[tuple[int, int, bool]] = []
        self.pieces = self.size = 0

    def odd(self, events: bytes) -> bytes:
        """All that looks like none before."""
        return b"".join([events[begin:end] for begin, end, is_odd in self.looked if is_odd])

    def texts(self) -> dict[Voice, bytes]:
        """All of each voice."""
        if len(self.runs) == 1:
            return {voice: b"".join(texts) for voice, texts in self.runs}
        found: dict[Voice, list[bytes]] = {}
        for voice, texts in self.runs:
            found.setdefault(voice, []).extend(texts)
        return {voice: b"".join(texts) for voice, texts in found.items()}

    def said(self, events: bytes) -> Said:
        voices = (voice for voice, texts in self.runs for _ in texts)
        return [(voice, *text.span(1)) for voice, text in zip(voices, TEXT.finditer(events), strict=True)]


class Frame:
    """An event around its one text. ``tells``: it says more than that."""

    __slots__ = ("_between", "_match", "_number", "_same", "after", "before", "tells", "voice")

    def __init__(self, before: bytes, member: bytes, after: bytes, telling: Telling) -> None:
        self.before, self.after = before, after
        self._between = after + before
        self._number = numbered[1] if (numbered := NUMBERED.fullmatch(after)) else b""
        self.voice = voice(member, around := before + after)
        self.tells = any(pattern.search(around) for pattern in telling)
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

    def run(self, events: bytes, at: int, heard: Heard) -> int:
        """Reads as many events as are like this one; where they end."""
        before, after, texts, start = self.before, self.after, list[bytes](), at
        several = not self.tells
        while events.startswith(before, at):
            if several and len(texts) > 1:
                stop = self.leap(events, at, texts)
                several = stop > at
                at = stop
                continue
            begin = at + len(before)
            end = events.find(b'"', begin)
            stop = end + len(after)
            if not events.startswith(after, end) or events[end - 1] == BACKSLASH:
                end, stop = self.match(events, begin)
                if end < 0:
                    break
            texts.append(events[begin:end])
            if self.tells:
                heard.looked.append((at, stop, False))
            at = stop
        if texts:
            heard.runs.append((self.voice, texts))
            if not self.tells:
                heard.pieces += len(texts)
                heard.size += sum(map(len, texts)) - escaped(events, start, at)
        return at

    def leap(self, events: bytes, at: int, texts: list[bytes]) -> int:
        """Many events that are the same but for their text, at once; where it began if they are not."""
        begin = at + len(self.before)
        window = events[begin : begin + WINDOW]
        *found, rest = window.rsplit(self._between)  # faster than split (scan.py)
        all = b"\n".join(found)
        if not found or ((b'"' in all or b"\\" in all) and not WHOLE.fullmatch(all)):
            return at
        texts += found
        return begin + len(window) - len(rest) - len(self.before)


class Frames:
    """Of one stream, those seen last."""

    __slots__ = ("_lessons", "_telling", "seen")

    def __init__(self, telling: Telling = ()) -> None:
        self._telling = telling
        self.seen: tuple[Frame, ...] = ()
        self._lessons = 0

    def read(self, events: bytes) -> Heard:
        """Whole events."""
        heard, plain = Heard(), b"\r" not in events
        at = 0
        while at < len(events):
            stop = at
            for frame in self.seen:
                stop = frame.run(events, stop, heard)
            if stop == at:
                stop = event_end(events, at, plain)
                heard.looked.append((at, stop, True))
                heard.runs += self._learn(events, at, stop)
            at = stop
        return heard

    def _learn(self, events: bytes, at: int, stop: int) -> Iterator[tuple[Voice, list[bytes]]]:
        texts = list(TEXT.finditer(events, at, stop))
        if len(texts) == 1:
            begin, end = texts[0].span(1)
            member = texts[0][0][1 : texts[0][0].index(b'"', 1)]
            self._keep(Frame(events[at:begin], member, events[end:stop], self._telling))
            yield self.seen[0].voice, [texts[0][1]]
        elif texts:
            event = events[at:stop]
            found = list(voices(loads_object(event[event.find(b"{") :]), ()))
            if len(found) != len(texts):
                found = [voice(b"", event)] * len(texts)
            for whose, text in zip(found, texts, strict=True):
                yield whose, [text[1]]

    def _keep(self, frame: Frame) -> None:
        for old in self.seen:
            if old.before == frame.before and self._lessons < MOST_LESSONS and len(frame.after) <= LONGEST_LESSON:
                self._lessons += 1
                frame.learn(old)
        self.seen = (frame, *(old for old in self.seen if old.voice != frame.voice))[:MOST_FRAMES]


def event_end(events: bytes, at: int, plain: bool) -> int:
    """Where the event ends that begins here. ``plain``: all events end as most do."""
    if plain:
        end = events.find(b"\n\n", at) + 2
        return end if end > 1 else len(events)
    found = EVENT_END.search(events, at)
    return found.end() if found else len(events)


def escaped(events: bytes, begin: int, end: int) -> int:
    """By how many bytes texts are shorter than they are written: ``\\uXXXX`` is one character, of mostly three. To find
    none costs less than to count them."""
    return ESCAPED * events.count(b"\\u", begin, end) if events.rfind(b"\\u", begin, end) >= 0 else 0


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
