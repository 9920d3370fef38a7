"""Secrets that come in pieces: an upstream's stream may repeat one over several of its events.

Whole events pass; only one whose text ends as a secret begins waits for what the same voice says next, which decides.
The work for each event is a fixed one for its size, and no more waits than a secret is long.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from ccx_addons.core.mask import HIDDEN
from ccx_addons.core.voices import DUBIOUS, MAY_ESCAPE, Frames, Heard, Said, Voice

LEAST: Final = 8
"""Bytes by which a secret is known to begin: fewer say nothing, and are no secret yet."""
MOST_HELD: Final = 64 << 10
"""Bytes that wait at most: events without a text may come in between, and decide nothing."""
MOST_VOICES: Final = 64
SHOWN: Final = HIDDEN.encode()

type Search = Callable[[bytes, int, int], re.Match[bytes] | None]
type Waiting = tuple[int, bytes, Said]
"""Events with their number and their texts."""


class Sought(NamedTuple):
    """What streams are looked through for. ``begins`` finds where a secret may begin: LEAST bytes of it, or fewer at
    the end. ``disturbs`` finds also what makes a text dubious."""

    needles: tuple[bytes, ...]
    longest: int
    begins: Search
    disturbs: Search

    def open_end(self, tail: bytes) -> int:
        """Where a secret begins that is not whole yet; the length: nowhere."""
        size = len(tail)
        at = max(0, size - self.longest)
        while found := self.begins(tail, at, size):
            begin = found.start()
            if any(needle.startswith(tail[begin:]) for needle in self.needles):
                return begin
            at = begin + 1
        return size

    def spans(self, tail: bytes) -> list[tuple[int, int]]:
        """Where whole secrets stand; those that touch are one."""
        found: list[tuple[int, int]] = []
        for begin, end in sorted(self._all(tail)):
            if found and begin <= found[-1][1]:
                found[-1] = found[-1][0], max(end, found[-1][1])
            else:
                found.append((begin, end))
        return found

    def _all(self, tail: bytes) -> Iterator[tuple[int, int]]:
        for needle in self.needles:
            at = tail.find(needle)
            while at >= 0:
                yield at, at + len(needle)
                at = tail.find(needle, at + len(needle))


@lru_cache(256)
def sought(needles: tuple[bytes, ...]) -> Sought:
    long = tuple(needle for needle in needles if len(needle) > LEAST)
    heads = begin_of({needle[:LEAST] for needle in long}) if long else b"(?!)"
    disturbs = re.compile(DUBIOUS + b"|" + heads).search
    return Sought(long, max(map(len, long), default=0), re.compile(heads).search, disturbs)


def begin_of(words: Iterable[bytes]) -> bytes:
    """A pattern for words of one length, and for the beginning of one at the end."""
    rests: dict[bytes, list[bytes]] = {}
    for word in sorted(words):
        rests.setdefault(word[:1], []).append(word[1:])
    parts = [re.escape(first) + (rb"(?:%s|\Z)" % begin_of(rest) if rest[0] else b"") for first, rest in rests.items()]
    return b"|".join(parts)


class Open:
    """A text that ends as a secret begins: ``tail``. ``pieces``: the events that wait for it, each with the length of
    its text."""

    __slots__ = ("pieces", "size", "tail")

    def __init__(self, tail: bytes) -> None:
        self.tail = tail
        self.pieces: deque[tuple[int, int]] = deque()
        self.size = 0

    def add(self, text: bytes, number: int) -> None:
        self.tail += text
        self.size += len(text)
        self.pieces.append((number, len(text)))

    def keep(self, begin: int) -> None:
        """Only what follows may be in a secret."""
        self.tail = self.tail[begin:]
        while self.pieces and self.size - self.pieces[0][1] >= len(self.tail):
            self.size -= self.pieces.popleft()[1]

    def forget(self) -> None:
        self.pieces.clear()
        self.size = 0


class Spread:
    """One stream. ``needles``: as core/mask.Secrets.needles has them; ``clean`` masks whole ones."""

    __slots__ = ("_clean", "_disturbs", "_ends", "_frames", "_held", "_number", "_open", "_size", "_sought")

    def __init__(
        self, needles: tuple[bytes, ...], clean: Callable[[bytes], bytes], frames: Frames | None = None
    ) -> None:
        self._sought = sought(needles)
        self._disturbs = self._sought.disturbs
        self._clean = clean
        self._frames = frames or Frames()
        self._ends: dict[Voice, bytes] = {}
        """Of voices whose text ends as a secret may begin, and no event waits for it."""
        self._open: dict[Voice, Open] = {}
        self._held: deque[Waiting] = deque()
        self._size = self._number = 0
        """Bytes of the events that wait, and how many there were before."""

    def feed(self, events: bytes, heard: Heard | None = None) -> bytes:
        """Whole events -> what may pass. ``heard``: what the frames made of them, if they were asked already."""
        if heard is None and self.passes(events) >= 0:
            return events
        heard, ends = heard or self._frames.read(events), self._ends.copy()
        risks = self._risks(heard)
        if self._repeats(heard.odd(events)) or (risks and self._repeats(events)):
            events = self._clean(events)
            heard, self._ends = self._frames.read(events), ends
            risks = self._risks(heard)
        if not (risks or self._held):
            return events
        self._number += 1
        self._held.append((self._number, events, heard.said(events)))
        self._size += len(events)
        for voice, text in risks.items():
            self._hear(voice, text)
        if self._size > MOST_HELD:
            return self.rest()
        return self._released(min((its.pieces[0][0] for its in self._open.values()), default=self._number + 1))

    def cleaned(self, events: bytes) -> bytes:
        """All that waits, and these events without whatever is masked anywhere."""
        return self.rest() + self._clean(events)

    def rest(self) -> bytes:
        """What still waits when the stream is over."""
        for voice, its in self._open.items():
            self._end(voice, its.tail)
        self._open.clear()
        return self._released(self._number + 1)

    def passes(self, events: bytes, dull: bool = False) -> int:
        """How many bytes of text there are in one event that is like one before, and in which no secret is, begins or
        goes on: most often, and to be found out at once. -1: it has to be fed. ``dull``: and tells no more than its
        text."""
        if self._held:
            return -1
        for frame in self._frames.seen:
            if not events.startswith(frame.before):
                continue
            if dull and frame.tells:
                return -1
            begin, end = len(frame.before), frame.end(events)
            if begin <= end:
                found = self._disturbs(events, begin, end)
                if found is None and not (self._ends and frame.voice in self._ends):
                    return end - begin
                if found is None or events[found.start()] not in MAY_ESCAPE:
                    return -1 if self._is_risk(frame.voice, events[begin:end]) else end - begin
            end, stop = frame.match(events, begin)
            is_done = stop == len(events) and not self._is_risk(frame.voice, events[begin:end])
            return end - begin if is_done else -1
        return -1 if dull or self._sought.needles else 0

    def _risks(self, heard: Heard) -> dict[Voice, bytes]:
        """What those say who may be about to say a secret, or say one."""
        return {voice: text for voice, text in heard.texts().items() if self._is_risk(voice, text)}

    def _is_risk(self, voice: Voice, text: bytes) -> bool:
        """Whether this voice may be about to say a secret. A few bytes of one are no risk, but are remembered."""
        if voice in self._open:
            return True
        tail = self._ends.get(voice, b"") + text
        found = self._sought.begins(tail, 0, len(tail))
        begin = found.start() if found else len(tail)
        if len(tail) - begin >= LEAST:
            return True
        self._end(voice, tail[begin:])
        return False

    def _end(self, voice: Voice, tail: bytes) -> None:
        if not tail:
            self._ends.pop(voice, None)
            return
        if len(self._ends) >= MOST_VOICES:
            del self._ends[next(iter(self._ends))]
        self._ends[voice] = tail

    def _repeats(self, events: bytes) -> bool:
        return any(map(events.__contains__, self._sought.needles))

    def _hear(self, voice: Voice, text: bytes) -> None:
        its = self._open.pop(voice, None) or Open(self._ends.pop(voice, b""))
        its.add(text, self._number)
        seen = 0
        if spans := self._sought.spans(its.tail):
            self._mask(voice, its, spans)
            seen = spans[-1][1]
        its.keep(seen + self._sought.open_end(its.tail[seen:]))
        if len(its.tail) < LEAST:
            self._end(voice, its.tail)
        elif len(self._open) < MOST_VOICES:
            self._open[voice] = its

    def _released(self, first: int) -> bytes:
        """What waits no longer: all that came before it."""
        passed = []
        while self._held and self._held[0][0] < first:
            passed.append(self._held.popleft()[1])
            self._size -= len(passed[-1])
        return b"".join(passed)

    def _mask(self, voice: Voice, its: Open, spans: list[tuple[int, int]]) -> None:
        """Takes the secrets out of the events that wait. What passed before was too little of one to say anything."""
        waits = [n for n, (number, _, _) in enumerate(self._held) if number >= its.pieces[0][0]]
        shift = sum(spoken(self._held[n][2], voice) for n in waits) - len(its.tail)
        hidden = [(begin + shift, end + shift) for begin, end in spans]
        its.forget()
        at = 0
        for n in waits:
            number, events, said = self._held[n]
            masked = without(events, said, voice, at, hidden)
            self._held[n] = number, *masked
            self._size += len(masked[0]) - len(events)
            at += spoken(said, voice)
            its.pieces.append((number, spoken(masked[1], voice)))
            its.size += its.pieces[-1][1]


def spoken(said: Said, voice: Voice) -> int:
    """Bytes."""
    return sum(end - begin for whose, begin, end in said if whose == voice)


def without(events: bytes, said: Said, voice: Voice, at: int, hidden: list[tuple[int, int]]) -> tuple[bytes, Said]:
    """The events, and their texts, without what is hidden of one voice's text, of which these events say what is
    from ``at`` on."""
    out: list[bytes] = []
    new: Said = []
    done = size = 0
    for whose, begin, end in said:
        text = events[begin:end]
        if whose == voice:
            text, at = shown(text, at, hidden), at + len(text)
        out += (events[done:begin], text)
        size += begin - done + len(text)
        new.append((whose, size - len(text), size))
        done = end
    return b"".join((*out, events[done:])), new


def shown(text: bytes, at: int, hidden: list[tuple[int, int]]) -> bytes:
    """The text from ``at`` on, with one mark for each hidden part that begins in it."""
    out: list[bytes] = []
    done = at
    for begin, end in hidden:
        if begin < at + len(text) and end > at:
            out.append(text[done - at : max(done, begin) - at])
            if begin >= at or at == 0:
                out.append(SHOWN)
            done = end
    return b"".join((*out, text[done - at :]))
