"""What is deleted when it is old, in steps small enough that nobody waits for them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from ccx_addons.io.chores import Chore
from ccx_addons.io.rollup import DAY, HOUR, LEVELS, QUARTER
from ccx_addons.io.transaction import Transaction, fold_step

STEP: Final = 500
BODY_STEP: Final = 50
"""Rows per transaction. Bodies have words that can be searched for, which cost more than all else."""
KEPT: Final = {QUARTER: 35, HOUR: 100, DAY: 800}
"""Days for which the totals by quarter of an hour, by hour and by day are kept."""
FEW: Final = 4
"""Stretches of sums that are deleted at once."""
MOST_ISSUED: Final = 500_000
"""Ids of stored answers and items: about 50 MB."""

type Limits = Mapping[str, int]
"""Times in Unix ms, the last revision that is counted, and MOST_ISSUED."""
type Phase = str | Callable[[Transaction, Limits], int]
"""SQL, or a function; it is repeated until it deletes nothing."""

OF_REQUESTS: Final = ("attempts", "candidates", "bodies", "shapes")
OLD: Final = f"""
    SELECT id FROM requests WHERE started_at < :requests AND rev <= :folded AND state <> 'running'
    ORDER BY started_at LIMIT {STEP}
"""
"""Requests that are over, and counted."""


def _drop(transaction: Transaction, limits: Limits) -> int:
    return transaction.drop_before(limits["folded"], {name: limits[name] for name in ("requests", "bodies")})


def _requests(transaction: Transaction, limits: Limits) -> int:
    """With all that belongs to them."""
    ids = [id for (id,) in transaction.conn.execute(OLD, limits).fetchall()]
    marks = ", ".join("?" * len(ids))
    for table in OF_REQUESTS if ids else ():
        transaction.conn.execute(f"DELETE FROM {table} WHERE request_id IN ({marks})", ids)
    return transaction.conn.execute(f"DELETE FROM requests WHERE id IN ({marks})", ids).rowcount if ids else 0


def _first(table: str, key: str, order: str, old: str) -> str:
    """Of the first rows, those that are too old; only these few are looked at."""
    return (
        f"DELETE FROM {table} WHERE {key} IN"
        f" (SELECT {key.strip('()')} FROM (SELECT * FROM {table} ORDER BY {order} LIMIT {STEP}) oldest WHERE {old})"
    )


def _few(table: str, key: str, where: str, order: str = "", most: int = STEP) -> str:
    ordered = f" ORDER BY {order}" if order else ""
    chosen = f"SELECT {key.strip('()')} FROM {table} WHERE {where}{ordered} LIMIT {most}"
    return f"DELETE FROM {table} WHERE {key} IN ({chosen})"


def _oldest(table: str, length: int, before: str, which: str = "") -> str:
    """Sums of the first stretches that are too old, a few at once: there may be years of them after a pause."""
    first = f"SELECT start FROM {table} WHERE {which}start < {before} ORDER BY start LIMIT 1"
    return f"DELETE FROM {table} WHERE {which}start < {before} AND start < ({first}) + {FEW * length}"


ISSUED: Final = "(SELECT expires FROM issued ORDER BY expires DESC LIMIT 1 OFFSET :issued)"
PHASES: Final[tuple[Phase, ...]] = (
    _drop,
    _few("bodies", "(request_id, side)", "at < :bodies", "at", BODY_STEP),
    _requests,
    _first("events", "id", "id", "at < :requests"),
    _first("mirrored", "id", "id", "at < :requests"),  # ids begin with their time
    _few("sessions", "(kind, trace_hash)", "last_at < :requests", "last_at"),
    _few("affinity", "(kind, trace_hash)", "expires_at < :now"),
    _few("response_sessions", "id", "expires < :now", "expires", BODY_STEP),
    _few("issued", "(id, client)", "expires < :now", "expires"),
    _few("issued", "(id, client)", f"expires <= {ISSUED}", "expires"),
    "DELETE FROM mirror_left_out WHERE at < :requests",
    "DELETE FROM breakers WHERE updated_at < :yesterday",
    "DELETE FROM key_state WHERE updated_at < :yesterday AND (state <> 'blocked' OR until < :yesterday)",
    "DELETE FROM refusals WHERE updated_at < :yesterday",
    "DELETE FROM overrides WHERE expires_at < :now",
    "DELETE FROM command_acks WHERE command_id IN (SELECT id FROM commands WHERE expires_at < :yesterday)",
    "DELETE FROM commands WHERE expires_at < :yesterday",
    *(
        _oldest("rollups", level, f":now - {kept * DAY}", f"view = '{view}' AND level = {level} AND ")
        for level, kept in KEPT.items()
        for view in sorted(LEVELS[level])
    ),
    _oldest("rollup_attempts", QUARTER, f":now - {KEPT[QUARTER] * DAY}"),
    _oldest("rollup_cube", DAY, f":now - {KEPT[DAY] * DAY}"),
)
"""One after the other. What is as many as requests is read from its old end; the rest are few rows."""


def retain(transaction: Transaction, days: int, body_days: int, phase: int = 0) -> Chore | None:
    """One step of a round: the first phase that finds something, from ``phase`` on; what goes was added up before. 0
    days: keep for ever."""
    again = partial(retain, days=days, body_days=body_days)
    if not phase and fold_step(transaction):
        return again
    (folded,) = transaction.conn.execute("SELECT value FROM counter WHERE name = 'folded'").fetchone()
    requests, bodies = (transaction.edge(transaction.now - kept * DAY) if kept else 0 for kept in (days, body_days))
    limits = {
        "now": transaction.now,
        "yesterday": transaction.now - DAY,
        "requests": requests,
        "folded": folded,
        "issued": MOST_ISSUED,
        "bodies": max(bodies, requests),
    }
    for n, what in enumerate(PHASES[phase:], phase):
        if what(transaction, limits) if callable(what) else transaction.conn.execute(what, limits).rowcount:
            transaction.reclaim(STEP)
            return partial(again, phase=n)
    return None


KEPT_BODIES: Final = "SELECT total(length(body)) FROM bodies"


def cap_bodies(transaction: Transaction, excess: float) -> Chore | None:
    """One step towards as many bytes of bodies less, the oldest first."""
    oldest = transaction.conn.execute(
        "SELECT request_id, side, length(body) FROM bodies ORDER BY at LIMIT ?", (BODY_STEP,)
    ).fetchall()
    for request_id, side, size in oldest:
        if excess <= 0:
            break
        transaction.conn.execute("DELETE FROM bodies WHERE request_id = ? AND side = ?", (request_id, side))
        excess -= size
    transaction.reclaim(STEP)
    return partial(cap_bodies, excess=excess) if oldest and excess > 0 else None
