"""Who changed what, and who looked at which bodies: events of the kind ``audit``."""

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Response, current_app, g, has_request_context, request

from ccx_admin.access.users import HARMLESS
from ccx_admin.api.operation import OPERATIONS
from ccx_admin.panel import Panel, panel

KIND: Final = "audit"
ONCE: Final = 600.0
"""Seconds in which one person's looks at the same request are one: open pages look again and again."""
MOST_LOOKS: Final = 10_000
MOST_SHOWN: Final = 200
LOOKED: Final = "Looked at bodies"
EXTENSION: Final = "ccx-looks"


@dataclass(slots=True)
class Looks:
    """Who looked at which request, and when."""

    seen: OrderedDict[tuple[str, str], float] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def new(self, who: str, id: str, now: float) -> bool:
        with self.lock:
            last = self.seen.get((who, id))
            if last is not None and now - last < ONCE:
                return False
            self.seen[who, id] = now
            self.seen.move_to_end((who, id))
            while len(self.seen) > MOST_LOOKS:
                self.seen.popitem(last=False)
            return True


def sentence(summary: str) -> str:
    """The first of a summary."""
    return summary.partition(". ")[0].rstrip(".")


def looked(id: str) -> None:
    """What is shown here are bodies of that request. Outside of the panel nobody asks who looks."""
    if not has_request_context() or (user := g.get("user")) is None:
        return
    current, looks = panel(), current_app.extensions[EXTENSION]
    if looks.new(user.name, id, current.clock()):
        _put(current, user.name, LOOKED, f"/requests/{id}")


def write(response: Response) -> Response:
    """After every request: what it changed, if it was allowed to."""
    user = g.get("user")
    if user is None or response.status_code >= 400:
        return response
    if request.method not in ("GET", "HEAD", "OPTIONS") and request.endpoint not in HARMLESS:
        known = OPERATIONS.get(request.endpoint or "")
        summary = sentence(known.summary) if known else str(request.endpoint)
        _put(panel(), user.name, summary, request.path)
    return response


def _put(current: Panel, who: str, what: str, target: str) -> None:
    detail = {"who": who, "what": what, "target": target[:MOST_SHOWN], "address": request.remote_addr or ""}
    current.store.put_event("info", KIND, what, json.dumps(detail, ensure_ascii=False))


def entries(current: Panel, who: str, before: int, limit: int) -> list[dict[str, Any]]:
    """The newest first. ``who``: only theirs; ``before``: an id, 0 for the newest."""
    sql = (
        "SELECT id, at, detail FROM events WHERE kind = ? AND (? = 0 OR id < ?)"
        " AND (? = '' OR json_extract(detail, '$.who') = ?) ORDER BY id DESC LIMIT ?"
    )
    rows = current.db.rows(sql, (KIND, before, before, who, who, limit))
    clean = current.secrets().clean
    return [
        {"id": row["id"], "at": row["at"]} | {name: clean(str(v)) for name, v in json.loads(row["detail"]).items()}
        for row in rows
    ]


def people(current: Panel) -> list[str]:
    """Everybody in the list."""
    sql = "SELECT DISTINCT json_extract(detail, '$.who') AS who FROM events WHERE kind = ? ORDER BY who"
    return [str(row["who"]) for row in current.db.rows(sql, (KIND,))]
