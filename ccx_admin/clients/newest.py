"""The newest requests of one client, found where the totals say that it asked.

A client that was silent for months costs as little as a busy one, however many requests others made.
"""

from typing import Any, Final

from ccx_addons.io.rollup import DAY, HOUR, fresh
from ccx_admin.db import Reader

COLUMNS: Final = (
    "id, started_at, kind, operation, model, user_agent, status, state, client_ip, input_tokens, output_tokens,"
    " cost_usd, total_ms"
)
_HIS: Final = "client_name = :client AND source = 'proxy' AND started_at >= :since"
_LAST: Final = "ORDER BY started_at DESC, id DESC LIMIT :most"
_DAYS: Final = (
    f"SELECT start AS day FROM rollups WHERE view = 'client' AND level = {DAY} AND start > :since - {DAY}"
    " AND a = :client ORDER BY start DESC LIMIT :most"
)
_HOURS: Final = (
    f"SELECT start AS hour FROM ({_DAYS}) days CROSS JOIN rollups WHERE view = 'client' AND level = {HOUR}"
    f" AND start >= day AND start < day + {DAY} AND a = :client ORDER BY start DESC LIMIT :most"
)
"""Each has a request of this client, so that as many are enough."""
FRESH: Final = f"SELECT {COLUMNS} FROM requests INDEXED BY requests_rev WHERE {fresh()} AND {_HIS} {_LAST}"
COUNTED: Final = (
    f"SELECT {COLUMNS} FROM requests WHERE id IN (SELECT id FROM ({_HOURS}) hours"
    f" CROSS JOIN requests INDEXED BY requests_list WHERE started_at >= hour AND started_at < hour + {HOUR} AND {_HIS}"
    f" {_LAST})"
)


def newest(db: Reader, client: str, most: int = 1, since: int = 0) -> list[dict[str, Any]]:
    """At most so many, the newest first, that began at ``since`` (Unix ms) or later."""
    values = {"client": client, "since": since, "most": most}
    found = {row["id"]: dict(row) for sql in (FRESH, COUNTED) for row in db.rows(sql, values)}
    return sorted(found.values(), key=lambda row: (row["started_at"], row["id"]), reverse=True)[:most]
