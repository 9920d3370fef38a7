"""What two answers to one request have in common: tools called, and words. Pure, and linear in their size."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ccx_addons.core.config import Kind
from ccx_addons.protocols import reassembly
from ccx_addons.protocols.reassembly import Answer

WORD: Final = re.compile(r"[\u3040-\u9fff\uac00-\ud7af]|[^\W\u3040-\u9fff\uac00-\ud7af]+")
"""Scripts without spaces count by the letter."""
MAX_WORDS: Final = 20_000
"""Of one answer: the rest is not compared."""


@dataclass(frozen=True, slots=True)
class Alike:
    """``stop``: how each ended, ``calls``: how many tools each called; the first answer first. None: neither called a
    tool, or said a word. ``text``: from 0, nothing in common, to 1."""

    stop: tuple[str, str]
    calls: tuple[int, int]
    tools: bool | None
    arguments: bool | None
    text: float | None


def alike(kind: Kind, first: bytes, second: bytes) -> Alike:
    """Two answers in the words of one protocol, JSON or streams, which may be cut. Never raises."""
    one, other = (read(kind, body) for body in (first, second))
    calls = [called(answer) for answer in (one, other)]
    names = [Counter(name for name, _ in each) for each in calls]
    any_called = bool(calls[0] or calls[1])
    return Alike(
        (one.stop, other.stop),
        (len(calls[0]), len(calls[1])),
        names[0] == names[1] if any_called else None,
        Counter(calls[0]) == Counter(calls[1]) if any_called else None,
        similarity(said(one), said(other)),
    )


def read(kind: Kind, body: bytes) -> Answer:
    return reassembly.answer(kind, {"text": body.decode("utf-8", "replace")}) if body else Answer()


def called(answer: Answer) -> list[tuple[str, str]]:
    """Tools with their arguments, whose order means nothing."""
    return [(piece.name, canonical(piece.text)) for piece in answer.pieces if piece.look == "call"]


def canonical(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        return text


def said(answer: Answer) -> str:
    return "\n".join(piece.text for piece in answer.pieces if piece.look in ("text", "refusal"))


def similarity(first: str, second: str) -> float | None:
    """The part of the pairs of words next to each other that both have (Dice's coefficient)."""
    left, right = (Counter(pairs(text)) for text in (first, second))
    whole = left.total() + right.total()
    return round(2 * (left & right).total() / whole, 4) if whole else None


def pairs(text: str) -> Iterator[tuple[str, str]]:
    before = ""
    for n, found in enumerate(WORD.finditer(text)):
        if n >= MAX_WORDS:
            return
        word = found[0].lower()
        yield before, word
        before = word
