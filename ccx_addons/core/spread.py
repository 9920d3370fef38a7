"""Secrets that come in pieces: an upstream's stream may repeat one over several of its events.

Whole events pass; only one whose text ends as a secret begins waits for the next, which decides. The work for each
event is a fixed one for its size, and no more waits than a secret is long.
"""

import re
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
SHOWN: Final = HIDDEN.encode()


class Spread:
    """The end of one stream's text. ``needles``: as core/mask.Secrets.needles has them."""

    __slots__ = ("_begins", "_held", "_needles", "_tail")

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._needles = tuple(needle for needle in needles if len(needle) > LEAST)
        heads = sorted({re.escape(needle[:LEAST]) for needle in self._needles})
        self._begins = re.compile(b"|".join(heads)).search if heads else None
        self._tail = b""
        self._held = b""

    def feed(self, events: bytes) -> bytes:
        """Whole events -> what may pass."""
        if self._begins is None:
            return events
        tail = self._tail + b"".join(TEXT.findall(events))
        found = self._begins(tail)
        if found is None:
            self._tail = tail[1 - LEAST :]
            return self._released(events)
        if any(needle in tail for needle in self._needles):
            events = self._masked(self._released(events), tail)
            self._tail = b""
            return events
        begin = self._open_end(tail, found.start())
        if begin < 0:
            self._tail = tail[1 - LEAST :]
            return self._released(events)
        self._held += events
        self._tail = tail[begin:]
        return b""

    def rest(self) -> bytes:
        """What still waits when the stream is over."""
        return self._released(b"")

    def _released(self, events: bytes) -> bytes:
        held, self._held = self._held, b""
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
