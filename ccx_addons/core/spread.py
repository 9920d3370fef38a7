"""Secrets that come in pieces: an upstream's stream may repeat one over several of its events.

Whole events pass; only one whose text ends as a secret begins waits for the next, which decides. The work for each
event is a fixed one for its size, and no more waits than a secret is long.
"""

import re
from collections import deque
from collections.abc import Iterable
from typing import Final

from ccx_addons.core.mask import HIDDEN

TEXT: Final = re.compile(
    rb'"(?:content|text|delta|partial_json|thinking|arguments|reasoning_content|reasoning|refusal|transcript)"'
    rb'\s?:\s?"((?:[^"\\]++|\\.)*+)"',
    re.DOTALL,
)
"""What a model says in an event of any text protocol, as it is written there."""
LEAST: Final = 8
"""Bytes by which a secret is known to begin: fewer say nothing, and are no secret yet."""
MOST_HELD: Final = 64 << 10
"""Bytes that wait at most: events without a text may come in between, and decide nothing."""
SHOWN: Final = HIDDEN.encode()


class Spread:
    """The end of one stream's text. ``needles``: as core/mask.Secrets.needles has them."""

    __slots__ = ("_begins", "_held", "_needles", "_said", "_size", "_tail")

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._needles = tuple(needle for needle in needles if len(needle) > LEAST)
        heads = sorted({re.escape(needle[:LEAST]) for needle in self._needles})
        self._begins = re.compile(b"|".join(heads)).search if heads else None
        self._tail = b""
        self._held: deque[tuple[bytes, int]] = deque()
        """Events that wait, each with the length of its text."""
        self._size = self._said = 0
        """Bytes of all of them, and of their texts."""

    def feed(self, events: bytes) -> bytes:
        """Whole events -> what may pass."""
        if self._begins is None:
            return events
        text = b"".join(TEXT.findall(events))
        tail = self._tail + text
        found = self._begins(tail)
        if found is None:
            self._tail = tail[1 - LEAST :]
            return self._released(events)
        if any(needle in tail for needle in self._needles):
            events = self._masked(self._released(events), tail)
            self._tail = b""
            return events
        begin = self._open_end(tail, found.start()) if self._size < MOST_HELD else -1
        if begin < 0:
            self._tail = tail[1 - LEAST :]
            return self._released(events)
        self._tail = tail[begin:]
        return self._hold(events, len(text))

    def rest(self) -> bytes:
        """What still waits when the stream is over."""
        return self._released(b"")

    def _hold(self, events: bytes, said: int) -> bytes:
        """Those before it in whose texts no secret can begin any more."""
        self._held.append((events, said))
        self._size, self._said = self._size + len(events), self._said + said
        passed: list[bytes] = []
        while self._said - self._held[0][1] >= len(self._tail):
            first, its = self._held.popleft()
            self._size, self._said = self._size - len(first), self._said - its
            passed.append(first)
        return b"".join(passed)

    def _released(self, events: bytes) -> bytes:
        if not self._held:
            return events
        held = b"".join(event for event, _ in self._held)
        self._held.clear()
        self._size = self._said = 0
        return held + events

    def _open_end(self, tail: bytes, start: int) -> int:
        """Where a secret begins that is not whole yet; -1: nowhere."""
        longest = max(map(len, self._needles))
        for begin in range(max(start, len(tail) - longest), len(tail) - LEAST + 1):
            if any(needle.startswith(tail[begin:]) for needle in self._needles):
                return begin
        return -1

    def _masked(self, events: bytes, tail: bytes) -> bytes:
        """The events without every secret that their texts are together."""
        texts = list(TEXT.finditer(events))
        whole = b"".join(text[1] for text in texts)
        hidden = bytearray(len(whole))
        for needle in self._needles:
            at = whole.find(needle)
            while at >= 0:
                hidden[at : at + len(needle)] = b"\1" * len(needle)
                at = whole.find(needle, at + len(needle))
        if not any(hidden):  # its first bytes have passed: they were fewer than LEAST
            covered = next(len(whole) - len(tail) + tail.find(n) + len(n) for n in self._needles if n in tail)
            hidden[:covered] = b"\1" * covered
        out: list[bytes] = []
        at = place = 0
        for text in texts:
            mine = hidden[place : place + len(text[1])]
            out += (events[at : text.start(1)], _shown(text[1], mine, place == 0 or not hidden[place - 1]))
            at, place = text.end(1), place + len(text[1])
        return b"".join((*out, events[at:]))


def _shown(text: bytes, hidden: bytearray, begins: bool) -> bytes:
    """The text with one mark for each run of hidden bytes. ``begins``: the first of them begins a run."""
    out = bytearray()
    for n, byte in enumerate(text):
        if not hidden[n]:
            out.append(byte)
        elif (n == 0 and begins) or (n > 0 and not hidden[n - 1]):
            out += SHOWN
    return bytes(out)
