"""What an exchange cost where no upstream said so to the end: a client that leaves pays for what it has read.

Real counts win as far as there are any; the rest is an estimate, and the log row says so.
"""

from typing import Final

from ccx_addons.core.endpoints import VECTORS
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.estimate import completed, tokens_of, tokens_of_parts, tokens_of_text
from ccx_addons.core.exchange import Exchange, Phase
from ccx_addons.translate import neutral_request
from ccx_addons.watch import Watcher

BILLED: Final = frozenset({"generate", "compact", *VECTORS})
"""Operations that upstreams bill by tokens."""
ASKED: Final = frozenset[Phase]({"waiting", "streaming", "tool"})
"""Phases in which an upstream has the request and works on it."""


def unsettled(x: Exchange) -> bool:
    """Whether an upstream worked for the client and has not said how much. The phase is the one it ended in."""
    if x.operation not in BILLED or x.current is None:
        return False
    if x.usage and not (isinstance(x.watcher, Watcher) and not x.watcher.finished):
        return False
    return x.committed or x.state == "ok" or (x.state == "client_left" and x.phase in ASKED)


def settle(x: Exchange) -> None:
    """Sets the usage. Work is linear in the request; an answer was counted while it passed."""
    known, output = x.usage, tokens_of_parts(x.answer.parts) if x.answer else 0
    if isinstance(x.watcher, Watcher):
        known = x.watcher.decoder.counted or known
        output = x.watcher.said.tokens if x.committed else 0
    x.usage = completed(known, 0 if known and known.input else prompt_tokens(x), output)
    x.usage_estimated = True


def prompt_tokens(x: Exchange) -> int:
    """What the client asked, by its texts. A request that nobody can read counts by its size."""
    try:
        if x.operation not in VECTORS:
            return tokens_of(neutral_request(x))
    except BadRequest:
        pass
    return tokens_of_text(x.raw.decode("utf-8", "replace"))
