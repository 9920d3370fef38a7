"""The words of kept conversations, to be found again: what was said anew in each request, and the answer.

They are made from bodies as those are kept, after their secrets were masked, by the thread that writes them; and they
go with the body they come from (a trigger, schema.py).
"""

import re
from typing import Final

from ccx_addons.core.config import Kind
from ccx_addons.io.transaction import Transaction
from ccx_addons.protocols import reassembly
from ccx_addons.protocols.reassembly import Piece

MOST: Final = 100_000
"""Characters of one side that can be found."""
ALONE: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
"""Characters of languages that put no space between words: each is a word of the index."""


FOUND: Final = "SELECT request_id FROM bodies WHERE rowid IN (SELECT rowid FROM said WHERE said MATCH ?)"
"""Requests with a ``phrase``."""


def spaced(text: str) -> str:
    return ALONE.sub(r" \g<0> ", text)


def phrase(text: str) -> str:
    """What FOUND takes: it finds these words in this order, the last of them also as a beginning."""
    return f'"{spaced(text).replace(chr(34), " ")}" *'


def of_request(kind: Kind, body: bytes) -> str:
    """What came since the answer before: the question, results of tools."""
    found = reassembly.asked(kind, "", False, {"text": body.decode("utf-8", "replace")})
    last = max((n for n, turn in enumerate(found.turns) if turn.role == "assistant"), default=-1)
    return _words([piece for turn in found.turns[last + 1 :] for piece in turn.pieces]) or found.raw[:MOST]


def of_answer(kind: Kind, body: bytes) -> str:
    found = reassembly.answer(kind, {"text": body.decode("utf-8", "replace")}, growing=True)
    return "\n".join(filter(None, (found.fault, _words(found.pieces) or found.raw[:MOST])))


def _words(pieces: list[Piece] | tuple[Piece, ...]) -> str:
    return "\n".join(piece.text for piece in pieces if piece.look not in ("context", "media"))[:MOST]


def keep(transaction: Transaction, request_id: str, side: str, words: str) -> None:
    """Of a body that was just written."""
    transaction.keep_words(request_id, side, spaced(words).encode("utf-8", "replace").decode() if words.strip() else "")
