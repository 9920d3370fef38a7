"""What mirrors did, in the database: what they spent today, and how often they were left out."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from ccx_addons.io.store import Store

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR

SPENT: Final = """
SELECT coalesce(sum(coalesce(r.input_tokens, 0) + coalesce(r.output_tokens, 0)), 0), coalesce(sum(r.cost_usd), 0)
FROM mirrored m JOIN requests r ON r.id = m.id WHERE m.mirror = ? AND m.at >= ?
"""
LEFT_OUT: Final = """
INSERT INTO mirror_left_out (mirror, at, why, n) VALUES (?, ?, ?, ?)
ON CONFLICT (mirror, at, why) DO UPDATE SET n = mirror_left_out.n + excluded.n
"""


def spent(store: Store, mirror: str, now: float) -> tuple[int, float]:
    """Tokens and dollars of this UTC day, of all workers with this database. Blocks. Raises StoreError."""
    row = store.read(SPENT, mirror, int(now * 1000) // DAY * DAY)
    return (int(row[0]), float(row[1])) if row else (0, 0.0)


def left_out(store: Store, counts: Mapping[tuple[str, str], int], now: float) -> None:
    """``counts``: by mirror and why. Nobody waits for it."""
    hour = int(now * 1000) // HOUR * HOUR
    rows = [(mirror, hour, why, n) for (mirror, why), n in counts.items()]
    store.submit(partial(_add, rows=rows))


def _add(conn: Any, rows: list[tuple[str, int, str, int]]) -> None:
    for row in rows:
        conn.execute(LEFT_OUT, row)
