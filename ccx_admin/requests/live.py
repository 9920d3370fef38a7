"""/api/live: rows of requests as they change, over a WebSocket, or by polling.

A socket's thread looks at ``PRAGMA data_version`` ten times a second, which costs microseconds, and reads rows with a
revision above the last one it sent. A client that comes back says which revision it saw last, and misses nothing.

To the client: ``{"rev": n, "rows": [...], "more": bool}``, ``{"rev": n, "reload": true}`` when too much happened to
send it row by row, and ``{"watch": id, "answer": HTML}`` while the answer of the request that it watches grows. From
the client: ``{"since": rev}``, ``{"watch": request id}`` or ``{"watch": null}``.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Blueprint, Flask, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from ccx_admin import auth
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import Failure
from ccx_admin.api.schema import Json, array, free, integer, table
from ccx_admin.db import DatabaseUnavailable, Row, row_id
from ccx_admin.panel import Panel, panel
from ccx_admin.requests import search_box
from ccx_admin.requests.conversation import growing

live: Final = Blueprint("api_live", __name__, url_prefix="/api")

EVERY: Final = 0.1
"""Seconds between two looks."""
ROWS: Final = 200
RELOAD: Final = 2_000
"""Rows of one message; more new ones than this, and the client reads its page anew."""
MAX_SOCKETS: Final = 24
"""Each holds a thread of the server; the rest of the browsers poll."""
WATCH: Final = 15.0
WATCH_AGAIN: Final = 10.0
"""Seconds a worker writes down the text of a watched stream, and after how many it is asked again."""
BEAT: Final = 20.0
"""Seconds after which an idle socket hears the current revision, so that both sides know that it lives."""
STILL: Final = 5.0
"""Seconds after which it is asked again whether who opened a socket may still look."""


@dataclass(slots=True)
class Sockets:
    open: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self) -> bool:
        with self.lock:
            if self.open >= MAX_SOCKETS:
                return False
            self.open += 1
            return True

    def leave(self) -> None:
        with self.lock:
            self.open -= 1


SOCKETS: Final = Sockets()


def changes(current: Panel, since: int) -> dict[str, Any]:
    """Rows written after revision ``since``, oldest revision first. 0: only the revision now."""
    newest = int(current.db.value("SELECT value FROM counter WHERE name = 'rev'"))
    if since <= 0 or since > newest:
        return {"rev": newest, "rows": [], "more": False}
    rows = current.db.rows(
        "SELECT * FROM requests INDEXED BY requests_rev WHERE rev > ? AND rev <= ? ORDER BY rev LIMIT ?",
        (since, newest, RELOAD + 1),
    )
    if len(rows) > RELOAD:
        return {"rev": newest, "rows": [], "more": False, "reload": True}
    shown = rows[: whole(rows, ROWS)]
    found = search_box.with_chains(current.db, [search_box.row_of(row) for row in shown])
    return {"rev": shown[-1]["rev"] if shown else since, "rows": found, "more": len(rows) > len(shown)}


def whole(rows: Sequence[Row], most: int) -> int:
    """How many rows are ``most`` without parting those of one revision, which may be many."""
    count = min(most, len(rows))
    while 0 < count < len(rows) and rows[count]["rev"] == rows[count - 1]["rev"]:
        count += 1
    return count


@operation(
    live,
    "GET",
    "/live/changes",
    query={"since": integer("the revision seen last; 0: none", default=0)},
    answer=table({"rev": integer(high=10**18), "rows": array(free())}, ("rev", "rows"), more=True),
)
def poll(query: dict[str, Json]) -> dict[str, Json]:
    """What changed since a revision: for browsers without a socket."""
    return changes(panel(), query["since"])


# ---- the socket ------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Follower:
    """One socket: what it saw, and what it watches."""

    socket: Server
    panel: Panel
    rev: int = 0
    watch: str = ""
    watched_at: float = 0.0
    answer_at: int = 0
    version: int = -1
    allowed: Callable[[], bool] = lambda: auth.still_in()
    allowed_at: float = field(default_factory=time.monotonic)
    spoke: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        self.send(self.first())
        while True:
            if (said := self.socket.receive(timeout=EVERY)) is not None:
                self.hear(said)
            self.look()

    def first(self) -> dict[str, Any]:
        found = changes(self.panel, self.rev)
        self.rev = found["rev"]
        return found

    def hear(self, said: str | bytes) -> None:
        try:
            message = json.loads(said)
        except (ValueError, RecursionError):
            return
        if not isinstance(message, dict):
            return
        since, watch = message.get("since"), message.get("watch", self.watch)
        if isinstance(since, int) and not isinstance(since, bool) and 0 < since < 1 << 62:
            self.rev, self.version = since, -1
        if watch is None or (isinstance(watch, str) and len(watch) <= 64):
            self.watch, self.watched_at, self.answer_at, self.version = watch or "", 0.0, 0, -1

    def look(self) -> None:
        now = time.monotonic()
        if now - self.allowed_at > STILL:
            self.allowed_at = now
            if not self.allowed():
                self.socket.close(1008, "logged out")
                return
        if self.watch and now - self.watched_at > WATCH_AGAIN:
            self.watched_at = now
            self.panel.store.command("watch", {"request_id": self.watch, "seconds": WATCH}, WATCH)
        try:
            version = self.panel.db.data_version()
            if version != self.version:
                self.version = version
                self.tell()
            elif now - self.spoke > BEAT:
                self.send({"rev": self.rev, "rows": [], "more": False})
        except DatabaseUnavailable:
            self.version = -1

    def tell(self) -> None:
        more = True
        while more:
            found = changes(self.panel, self.rev)
            if found["rows"] or found.get("reload"):
                self.send(found)
            self.rev, more = max(self.rev, found["rev"]), found["more"]
        if self.watch:
            self.tell_answer()

    def tell_answer(self) -> None:
        """The text of the watched stream as far as it was written."""
        sql = "SELECT at FROM bodies WHERE request_id = ? AND side = 'client_response'"
        newest = self.panel.db.value(sql, (self.watch,))
        if newest is None or newest <= self.answer_at:
            return
        self.answer_at = newest
        self.send({"watch": self.watch, "answer": growing(self.panel, self.watch)})

    def send(self, message: dict[str, Any]) -> None:
        self.spoke = time.monotonic()
        self.socket.send(json.dumps(message))


def follow(socket: Server) -> None:
    """One WebSocket. Over the cap it is closed with 1013, "try again later": the client polls instead."""
    if not SOCKETS.enter():
        socket.close(1013, "too many sockets; poll /api/live/changes")
        return
    current = panel()
    try:
        since = request.args.get("since", "0")
        Follower(socket, current, row_id(since)).run()
    except (ConnectionClosed, DatabaseUnavailable):
        return
    finally:
        SOCKETS.leave()
        current.db.close()


@live.get("/live")
def plain() -> Json:
    """Asked without an upgrade."""
    raise Failure(426, "WebSocket needed", "open this address as a WebSocket, or poll /api/live/changes")


def register(app: Flask) -> None:
    Sock(app).route("/api/live")(follow)
