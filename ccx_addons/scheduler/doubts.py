"""Refusals that may be about whoever refuses: upstreams tell the state of an account in words that nobody foresaw.

A refusal whose words say that the request is wrong ends it. Where a channel said so of the last few requests and
answered none in between, the next one is asked elsewhere all the same; and a key whose refusals others answered rests.
"""

from dataclasses import dataclass, replace
from typing import Final

from ccx_addons.core.verdict import REFUSED, Attempt, Verdict
from ccx_addons.scheduler.keys import KeyState
from ccx_addons.scheduler.suspects import Gist

ENOUGH: Final = 3
"""Requests in a row."""
REFUTED: Final = Verdict("next_key", "it is refused what others answer", "key", pauses=REFUSED[:2], block=True)
"""No longer than minutes: the requests may have had something in common that only others take."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A refusal of this exchange. ``words``: the upstream's, masked."""

    attempt: Attempt
    verdict: Verdict
    words: str


def counts(key: KeyState, gist: Gist) -> bool:
    """One more of its refusals was refuted, of another request than before. True: enough of them in a row."""
    if gist not in key.refuted:
        key.refuted = (*key.refuted, gist)
    if len(key.refuted) < ENOUGH:
        return False
    key.refuted = ()
    return True


def unless_everybody(verdict: Verdict, stopped: set[Gist], gist: Gist) -> Verdict:
    """The verdict on a request that was refused. ``stopped``: those that were before it, to which it is added."""
    others = len(stopped) - (gist in stopped)
    if len(stopped) <= ENOUGH:
        stopped.add(gist)
    if others < ENOUGH:
        return verdict
    return replace(verdict, action="next_channel", reason=f"{verdict.reason}, like all lately")
