"""What is deleted when it is old, in steps small enough that nobody waits for them."""

from typing import Final

from ccx_addons.io.rollup import DAY, HOUR, LEVELS, QUARTER
from ccx_addons.io.transaction import Transaction, fold_step

STEP: Final = 500
BODY_STEP: Final = 100
"""Rows per transaction."""
KEPT: Final = {QUARTER: 35, HOUR: 100, DAY: 800}
"""Days for which the totals by quarter of an hour, by hour and by day are kept."""
FEW: Final = 4
"""Stretches of sums that are deleted at once."""
MOST_ISSUED: Final = 500_000
"""Ids of stored answers and items: about 50 MB."""

OLD: Final = f"""
    SELECT id FROM requests WHERE started_at < :requests AND rev <= :folded AND state <> 'running'
    ORDER BY started_at LIMIT {STEP}
"""
"""Requests that are over, and counted."""


def _oldest(table: str, length: int, before: str, which: str = "") -> str:
    """Sums of the first stretches that are too old, a few at once: there may be years of them after a pause."""
    first = f"SELECT start FROM {table} WHERE {which}start < {before} ORDER BY start LIMIT 1"
    return f"DELETE FROM {table} WHERE {which}start < {before} AND start < ({first}) + {FEW * length}"


RETENTION: Final = (
    *(f"DELETE FROM {table} WHERE request_id IN ({OLD})" for table in ("attempts", "candidates", "bodies", "shapes")),
    f"DELETE FROM requests WHERE id IN ({OLD})",
    "DELETE FROM bodies WHERE (request_id, side) IN"
    f" (SELECT request_id, side FROM bodies WHERE at < :bodies ORDER BY at LIMIT {BODY_STEP})",
    f"DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < :requests ORDER BY id LIMIT {STEP})",
    "DELETE FROM sessions WHERE (kind, trace_hash) IN"
    f" (SELECT kind, trace_hash FROM sessions WHERE last_at < :requests ORDER BY last_at LIMIT {STEP})",
    "DELETE FROM mirrored WHERE at < :requests",
    "DELETE FROM mirror_left_out WHERE at < :requests",
    "DELETE FROM affinity WHERE expires_at < :now",
    "DELETE FROM breakers WHERE updated_at < :yesterday",
    "DELETE FROM key_state WHERE updated_at < :yesterday AND (state <> 'blocked' OR until < :yesterday)",
    "DELETE FROM refusals WHERE updated_at < :yesterday",
    "DELETE FROM overrides WHERE expires_at < :now",
    "DELETE FROM response_sessions WHERE expires < :now",
    "DELETE FROM issued WHERE expires < :now",
    "DELETE FROM issued WHERE expires <= (SELECT expires FROM issued ORDER BY expires DESC LIMIT 1 OFFSET :issued)",
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


def cap_bodies(transaction: Transaction, limit: int) -> bool:
    """One step towards at most ``limit`` bytes of bodies, the oldest first. True: there are still more."""
    (kept,) = transaction.conn.execute("SELECT total(length(body)) FROM bodies").fetchone()
    oldest = transaction.conn.execute(
        "SELECT request_id, side, length(body) FROM bodies ORDER BY at LIMIT ?", (BODY_STEP if kept > limit else 0,)
    ).fetchall()
    for request_id, side, size in oldest:
        if kept <= limit:
            break
        transaction.conn.execute("DELETE FROM bodies WHERE request_id = ? AND side = ?", (request_id, side))
        kept -= size
    return bool(kept > limit)


def retain(transaction: Transaction, days: int, body_days: int) -> int:
    """One step. Returns how many rows it deleted; more than none as long as there is something to do. What is deleted
    was added up before."""
    more = fold_step(transaction)
    (folded,) = transaction.conn.execute("SELECT value FROM counter WHERE name = 'folded'").fetchone()
    limits = {
        "now": transaction.now,
        "yesterday": transaction.now - DAY,
        "requests": transaction.edge(transaction.now - days * DAY) if days else 0,
        "folded": folded,
        "issued": MOST_ISSUED,
        "bodies": transaction.edge(transaction.now - body_days * DAY) if body_days else 0,
    }
    gone = transaction.drop_before(folded, {"requests": limits["requests"], "bodies": limits["bodies"]})
    for statement in RETENTION:
        gone += transaction.conn.execute(statement, limits).rowcount
    transaction.reclaim(STEP)
    return gone + more
