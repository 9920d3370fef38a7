"""/clients/me: what a client may know of itself, behind its own key: its limits, its use, and how tools are set up.

Nothing here says what the channels are. The session is one of its own: it opens no other page, and the admin's opens
this one not.
"""

import hashlib
import threading
from dataclasses import dataclass, field
from typing import Final

from flask import Blueprint, Flask, current_app, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from ccx_addons.core.config import KINDS, Client
from ccx_addons.core.lock_out import LockOut
from ccx_admin import auth
from ccx_admin.channels import views
from ccx_admin.clients import page, snippets
from ccx_admin.clients.newest import newest
from ccx_admin.panel import Panel, panel
from ccx_admin.usage import money, ranges, stats

pages: Final = Blueprint("own", __name__, url_prefix="/clients/me")

EXTENSION: Final = "ccx-own"
RECENT: Final = 20


@dataclass(slots=True)
class Own:
    """Sessions are named by the hash of the key that began them. Guesses are counted apart from the admin's."""

    sessions: auth.Sessions = field(default_factory=auth.Sessions)
    lock_out: LockOut = field(default_factory=lambda: LockOut(auth.MAX_FAILURES, auth.FAILURE_WINDOW))
    lock: threading.Lock = field(default_factory=threading.Lock)


def own() -> Own:
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Own)
    return found


def register(app: Flask) -> None:
    app.extensions[EXTENSION] = Own()


def owner(current: Panel, digest: str) -> Client | None:
    """The client that a key's hash belongs to, while it may ask."""
    now = current.clock()
    client = current.snapshot().client(digest, now)
    return client if client and not client.expired(now) else None


def current_client() -> Client | None:
    current = panel()
    login = own().sessions.use(str(session.get("own", "")), current.clock())
    return owner(current, login.name) if login else None


@pages.get("")
def index() -> str | Response:
    client = current_client()
    if client is None:
        return redirect(url_for("own.login"), 303)
    current = panel()
    now = current.now_ms()
    mine = {"client": client.name}
    kinds = snippets.served(current.snapshot(), client)
    root = page.root_of(current)
    offered = [s for s in snippets.snippets(root, model="") if s.kind in kinds]
    wanted = request.args.get("tool", "")
    chosen = next((s for s in offered if s.id == wanted), offered[0] if offered else None)
    return render_template(
        "clients/own.html",
        client=views.client_of(client, current.clock()),
        spent=money.budgets(current.db, (client,), now)[client.name],
        spans=[
            (name, stats.summary(current.db, ranges.range_of(name, now), now, mine)["now"]) for name in ("24h", "30d")
        ],
        models=stats.table(current.db, ranges.range_of("30d", now), "model", now, mine),
        named=named(current, client),
        recent=newest(current.db, client.name, RECENT),
        snippets=offered,
        chosen=chosen,
        kinds=[kind for kind in KINDS if kind in kinds],
        limits=page.LIMITS,
        limit_words={limit: words for limit, words, _step in page.LIMITS},
        root=root,
    )


def named(current: Panel, client: Client) -> list[str]:
    """Models that the configuration names and the client may ask for, at the address that the page shows."""
    snapshot = current.snapshot()
    reached = (c for c in snapshot.channels if c.status == "active" and not c.route_prefix)
    channels = [c for c in reached if c.serves & client.kinds]
    names = {name for channel in channels for name in channel.named if channel.allow.allows(name)}
    return sorted(name for name in names if client.models.allows(name))


@pages.get("/login")
def login() -> str | Response:
    return redirect(url_for("own.index"), 303) if current_client() else form("")


def form(error: str, wait: int = 0) -> str:
    return render_template("clients/own_login.html", error=error, wait=wait)


@pages.post("/login")
def enter() -> Response | tuple[str, int, dict[str, str]]:
    if not auth.csrf_fits():
        return form("old"), 403, {}
    current, state = panel(), own()
    digest = hashlib.sha256(request.form.get("key", "").strip().encode("utf-8", "surrogateescape")).hexdigest()
    client, address = owner(current, digest), request.remote_addr or ""
    with state.lock:
        if client:
            state.lock_out.forget(address)
        else:
            wait = state.lock_out.wait(address, current.clock())
            state.lock_out.failed(address, digest, current.clock())
    if client is None:
        seconds = int(wait) + 1
        more = {"Retry-After": str(seconds)} if wait else {}
        return form("wait" if wait else "wrong", seconds), 429 if wait else 401, more
    session["own"] = state.sessions.begin(digest, current.clock())
    return redirect(url_for("own.index"), 303)


@pages.post("/logout")
def logout() -> Response:
    auth.check_csrf()
    own().sessions.end(str(session.pop("own", "")))
    return redirect(url_for("own.login"), 303)
