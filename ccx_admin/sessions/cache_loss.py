"""Why prompt caches were lost, in words, and what that cost: from the shapes that are kept of conversations."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ccx_addons.core.shape import WORDS, Change
from ccx_admin.db import Reader
from ccx_admin.i18n import _
from ccx_admin.shell import format

WEEK: Final = 7 * 86_400_000
MOST: Final = 8
"""Rows of each list of who lost most."""


@dataclass(frozen=True, slots=True)
class Loss:
    """``before``: id of the request that this one continues. ``usd`` None: no price is known."""

    change: Change
    before: str
    tokens: int
    usd: float | None

    @property
    def why(self) -> str:
        """The end of a sentence, in the language of this request."""
        values = self.change._asdict()
        if self.change.what in ("waited", "forgot"):
            values |= {"n": format.duration(self.change.n * 1000), "of": format.duration(self.change.of * 1000)}
        return _(TEXTS[self.change.what], **values)


TEXTS: Final[Mapping[str, str]] = {
    **WORDS,
    "waited": "it waited {n}, and the cache lives {of}",
    "forgot": "nothing changed: the upstream forgot it after {n}",
}


@dataclass(frozen=True, slots=True)
class Total:
    """What somebody's prompts were written again for nothing."""

    name: str
    times: int
    tokens: int
    usd: float | None


def losses(db: Reader, ids: Sequence[str]) -> dict[str, Loss]:
    """Those of the requests that lost their cache, by id."""
    marks = ", ".join("?" * len(ids))
    sql = "SELECT request_id, before_id, why, again_tokens, again_usd FROM shapes WHERE again_tokens > 0"
    return {row["request_id"]: loss_of(row) for row in db.rows(f"{sql} AND request_id IN ({marks})", tuple(ids))}


def loss_of(row: Any) -> Loss:
    return Loss(Change(*json.loads(row["why"])), row["before_id"], row["again_tokens"], row["again_usd"])


def total(found: Mapping[str, Loss]) -> Total:
    """Of a conversation."""
    prices = [loss.usd for loss in found.values() if loss.usd is not None]
    return Total("", len(found), sum(loss.tokens for loss in found.values()), sum(prices) if prices else None)


def totals(db: Reader, column: str, now: int) -> list[Total]:
    """Of each client (``client_name``) or channel (``channel_id``) in a week, the dearest first."""
    rows = db.rows(
        f"SELECT {column} AS name, count(*) AS times, sum(again_tokens) AS tokens, sum(again_usd) AS usd FROM shapes"
        f" INDEXED BY shapes_again WHERE again_tokens > 0 AND at > ? GROUP BY {column}"
        " ORDER BY usd DESC NULLS LAST, tokens DESC LIMIT ?",
        (now - WEEK, MOST),
    )
    return [Total(row["name"], row["times"], row["tokens"], row["usd"]) for row in rows]
