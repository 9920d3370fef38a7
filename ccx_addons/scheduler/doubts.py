"""Refusals that may be about whoever refuses: upstreams tell the state of an account in words that nobody foresaw.

A refusal whose words say that the request is wrong ends it. Where a channel said so of the last few requests and
answered none in between, the next one is asked elsewhere all the same; and a key whose refusals others answered rests.
All workers count together: with each of them the words need not be learnt anew.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from ccx_addons.core.verdict import REFUSED, Attempt, Verdict
from ccx_addons.scheduler.changes import News
from ccx_addons.scheduler.suspects import Gist

ENOUGH: Final = 3
"""Requests in a row."""
MOST: Final = 1000
"""Channels and keys; the one that was doubted first goes first."""
REFUTED: Final = Verdict("next_key", "it is refused what others answer", "key", pauses=REFUSED[:2], block=True)
"""No longer than minutes: the requests may have had something in common that only others take."""

type Whose = tuple[str, str, str]
"""Kind, the channel's id, and the key's; empty: the channel itself."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A refusal of this exchange. ``words``: the upstream's, masked."""

    attempt: Attempt
    verdict: Verdict
    words: str


class Doubts:
    def __init__(self, news: News) -> None:
        self.known: OrderedDict[Whose, set[Gist]] = OrderedDict()
        """Requests in a row: of which a channel said that they are wrong, or that a key was refused and others
        answered."""
        self.news = news
        """``doubt``: whose, and the request; without one: it is forgotten."""

    def stopped(self, kind: str, channel_id: str, gist: Gist) -> bool:
        """One more that a channel finds wrong. True: so it did with enough others."""
        whose = (kind, channel_id, "")
        others = len(self.known.get(whose, ())) - (gist in self.known.get(whose, ()))
        self._tell(whose, gist)
        return others >= ENOUGH

    def refuted(self, kind: str, attempt: Attempt, gist: Gist) -> bool:
        """One more that a key was refused and others answered. True: enough of them, and it begins anew."""
        whose = (kind, attempt.channel.id, attempt.key.id)
        self._tell(whose, gist)
        return len(self.known[whose]) >= ENOUGH and self._forget(whose)

    def answered(self, kind: str, attempt: Attempt) -> None:
        self._forget((kind, attempt.channel.id, ""))
        self._forget((kind, attempt.channel.id, attempt.key.id))

    def heard(self, whose: Whose, gist: Gist | None) -> None:
        """What another worker has found; None: it is forgotten."""
        if gist is None:
            self.known.pop(whose, None)
            return
        found = self.known.setdefault(whose, set())
        if len(found) <= ENOUGH:
            found.add(gist)
        if len(self.known) > MOST:
            self.known.popitem(last=False)

    def _tell(self, whose: Whose, gist: Gist) -> None:
        found = self.known.get(whose, ())
        if gist not in found and len(found) <= ENOUGH:
            self.heard(whose, gist)
            self.news.append(("doubt", *whose, *gist))

    def _forget(self, whose: Whose) -> bool:
        """True: there was something."""
        if self.known.pop(whose, None) is None:
            return False
        self.news.append(("doubt", *whose))
        return True
