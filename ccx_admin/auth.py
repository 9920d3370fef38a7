"""Who may use the panel: a key once in a form or with each API request, and nothing from foreign pages.

Every request passes ``guard``: the Host must be one of ours (DNS rebinding), a state change needs an Origin of ours,
and with a session also its CSRF token. Sessions live in this process and end with it.
"""

import hmac
import ipaddress
import secrets
import socket
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, g, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeSerializer
from werkzeug.wrappers import Response as AnyResponse

from ccx_addons.core.config import User
from ccx_addons.core.lock_out import LockOut
from ccx_addons.core.urls import LOOPBACK
from ccx_admin.access import audit, users
from ccx_admin.api.problem import Failure, answer
from ccx_admin.panel import panel

login_pages: Final = Blueprint("auth", __name__)

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN: Final = frozenset({"own.index", "own.login", "own.enter", "own.logout"})
"""A client's own page: it looks for its own key."""
PUBLIC: Final = frozenset({"static", "auth.login", "auth.enter", "sso.away", "sso.back"}) | OWN
"""Endpoints that need no login."""

MAX_FAILURES: Final = 5
FAILURE_WINDOW: Final = 300.0
"""Seconds: this many different wrong keys in this time shut an address out, until no new one came for as long."""
MAX_SESSIONS: Final = 1_000
IDLE: Final = 12 * 3600.0
LONGEST: Final = 7 * 24 * 3600.0
"""Seconds a session lives without use, and at all."""

FOREIGN: Final = (
    "this request comes from {origin}, and the panel is at {here}; a reverse proxy between the two has to send "
    "X-Forwarded-Host, and its address belongs into TRUSTED_PROXIES"
)
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""On every answer. No inline script, no inline style: scripts and bars take their numbers from data attributes."""


# ---- sessions --------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Login:
    """``name``: of the user, whose role is looked up each time. ``key``: the hash of the key it began with, if any."""

    name: str
    key: str
    created: float
    seen: float


@dataclass(slots=True)
class Sessions:
    """The sessions of this process. Only their random ids are in cookies."""

    known: OrderedDict[str, Login] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, name: str, now: float, key: str = "") -> str:
        id = secrets.token_urlsafe(32)
        with self.lock:
            self.known[id] = Login(name, key, now, now)
            while len(self.known) > MAX_SESSIONS:
                self.known.popitem(last=False)
        return id

    def use(self, id: str, now: float, counts: bool = True) -> Login | None:
        """Whose session it is; None: it does not live. ``counts``: as use of it."""
        with self.lock:
            login = self.known.get(id)
            if login is None:
                return None
            if now - login.seen > IDLE or now - login.created > LONGEST:
                del self.known[id]
                return None
            login.seen = now if counts else login.seen
            return login

    def end(self, id: str) -> None:
        with self.lock:
            self.known.pop(id, None)


class Cookies(SecureCookieSessionInterface):
    """``Secure`` exactly when the browser came by https; below the path of the panel. How old a session may be is known
    here (``Sessions``): a time in the cookie would end them all when the clock is set back."""

    def get_signing_serializer(self, app: Flask) -> URLSafeSerializer:  # type: ignore[override]
        """``loads`` of Flask names an age, which means nothing to this one."""
        options = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
        return URLSafeSerializer(app.secret_key or "", self.salt, self.serializer, signer_kwargs=options)

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_path(self, app: Flask) -> str:
        return request.script_root or "/"


@dataclass(slots=True)
class Auth:
    """``lock``: around ``lock_out``, so that guesses in parallel count like guesses in a row."""

    lock_out: LockOut = field(default_factory=lambda: LockOut(MAX_FAILURES, FAILURE_WINDOW))
    lock: threading.Lock = field(default_factory=threading.Lock)
    sessions: Sessions = field(default_factory=Sessions)


AUTH: Final = "ccx-auth"


def auth_of(app: Flask) -> Auth:
    found = app.extensions[AUTH]
    assert isinstance(found, Auth)
    return found


def current_auth() -> Auth:
    return auth_of(current_app)


# ---- the guard -------------------------------------------------------------------------------------------------------
def guard() -> AnyResponse | None:
    """Before every request. Raises Failure, or sends a browser to the login form."""
    check_host()
    changes = request.method not in SAFE_METHODS
    upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
    if changes or upgrade:
        check_origin(required=upgrade and not offered_key())
    if request.endpoint in PUBLIC:
        return None
    if key := offered_key():
        g.user = check_key(key)
    elif user := logged_in():
        g.user = user
        if changes:
            check_csrf()
    else:
        return unauthorized()
    if changes and not users.may(g.user, request.endpoint):
        users.must_change()
    return None


def logged_in(counts: bool = True) -> User | None:
    """Whose session this request comes with. Somebody who is no user any more, or has another key, has none."""
    login = current_auth().sessions.use(str(session.get("id", "")), panel().clock(), counts)
    user = users.named(panel(), login.name) if login else None
    return None if login and user and login.key not in ("", user.key_sha256) else user


def still_in() -> bool:
    """Whether whoever opened a connection that stays open would still be let in. No use of the session."""
    key = offered_key()
    return users.with_key(panel(), key) is not None if key else logged_in(counts=False) is not None


def check_host() -> None:
    """Only names of this machine: a foreign name that resolves to us is somebody's rebinding attack."""
    host = urlsplit(f"//{request.host}").hostname or ""
    if host.lower() not in own_hosts() and not is_address(host):
        raise Failure(403, "Unknown host", f"the panel is not {host[:100]!r}; add it to ADMIN_HOSTS if it is")


def own_hosts() -> frozenset[str]:
    settings = panel().settings
    name = socket.gethostname().lower()
    return LOOPBACK | {settings.bind_host.lower(), name, f"{name}.local", *settings.admin_hosts}


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_origin(required: bool) -> None:
    """A browser says where a request comes from. Without an Origin it is no browser's state change."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin", "")
    here = request.host.lower()
    wrong = urlsplit(origin).netloc.lower() != here if origin else required
    if site not in ("same-origin", "none") or (wrong and not origin):
        raise Failure(403, "Foreign origin", "this request comes from another site")
    if wrong:
        raise Failure(403, "Foreign origin", FOREIGN.format(origin=origin[:100], here=here[:100]))


def check_csrf() -> None:
    if not csrf_fits():
        raise Failure(403, "CSRF token missing or wrong", "reload the page and try again")


def csrf_fits() -> bool:
    token = request.headers.get("X-CSRF-Token", "") or request.form.get("csrf_token", "")
    known = str(session.get("csrf", ""))
    return bool(known) and hmac.compare_digest(token.encode(), known.encode())


def offered_key() -> str:
    """The admin key of an API client; never from the query, and only below /api."""
    if not request.path.startswith("/api/"):
        return ""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return request.headers.get("X-Api-Key", "") or (bearer.strip() if scheme.lower() == "bearer" else "")


def check_key(key: str) -> User:
    """Raises Failure: 401, or 429 while the address is shut out."""
    found = judge(key)
    if isinstance(found, User):
        return found
    raise shut_out(found) if found else needs_key()


def judge(key: str) -> User | float:
    """Whose key it is, else the seconds its sender has to wait before the next try."""
    address, now, auth = request.remote_addr or "", panel().clock(), current_auth()
    user = users.with_key(panel(), key)
    with auth.lock:
        if user:
            auth.lock_out.forget(address)
            return user
        wait = auth.lock_out.wait(address, now)
        new = bool(key) and auth.lock_out.failed(address, key, now)
    if new and not wait:
        panel().store.put_event("warning", "login", f"wrong admin key from {address}")
    return wait


def shut_out(wait: float) -> Failure:
    seconds = int(wait) + 1
    failure = Failure(429, "Too many wrong keys", f"try again in {seconds} s", retry_after=seconds)
    failure.headers["Retry-After"] = str(seconds)
    return failure


def needs_key() -> Failure:
    failure = Failure(401, "Admin key needed", "send the admin key as x-api-key or as a bearer token, or log in")
    failure.headers["WWW-Authenticate"] = "Bearer"
    return failure


def unauthorized() -> AnyResponse:
    if request.path.startswith("/api") or request.headers.get("HX-Request"):
        return answer(needs_key())
    wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("auth.login", next=wanted if wanted != "/" else None), 303)


def secure(response: Response) -> Response:
    """After every request."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


# ---- login and logout ------------------------------------------------------------------------------------------------
def csrf_token() -> str:
    """The session's token, for forms (field ``csrf_token``) and scripts (header ``X-CSRF-Token``)."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    return str(session["csrf"])


def inside(target: str) -> str:
    """Where to go after the login: a path of ours, nothing else."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain and not urlsplit(target).netloc else "/"


@login_pages.get("/login")
def login() -> AnyResponse | str:
    target = inside(request.args.get("next", "/"))
    return redirect(request.script_root + target, 303) if logged_in() else form("", target)


def form(error: str, target: str, wait: int = 0) -> str:
    sso, named = bool(panel().settings.oidc_issuer), any(user.key_sha256 for user in panel().snapshot().users)
    return render_template("shell/login.html", error=error, wait=wait, next=target, sso=sso, named=named)


@login_pages.post("/login")
def enter() -> AnyResponse | tuple[str, int, dict[str, str]]:
    target = inside(request.form.get("next", "/"))
    if not csrf_fits():  # the panel began anew under the open form, or somebody logged in beside it
        return redirect(request.script_root + target, 303) if logged_in() else (form("old", target), 403, {})
    key = request.form.get("key", "")
    found = judge(key)
    if isinstance(found, User):
        begin(found, key=found.key_sha256)
        return redirect(request.script_root + target, 303)
    if found:
        seconds = int(found) + 1
        return form("wait", target, seconds), 429, {"Retry-After": str(seconds)}
    return form("client" if users.of_a_client(panel(), key) else "wrong", target), 401, {}


def begin(user: User, how: str = "", key: str = "") -> None:
    """A session of this user in this browser, and none of what it had before. ``key``: the hash of the user's own."""
    language = session.get("language")
    session.clear()
    session["id"] = current_auth().sessions.begin(user.name, panel().clock(), key)
    if language:
        session["language"] = language
    csrf_token()
    who = "" if user is users.THE_ADMIN else f"{user.name} "
    words = f"{who}logged in{how} from {request.remote_addr or ''}"
    panel().store.put_event("info", "login", words)


@login_pages.post("/logout")
def logout() -> AnyResponse:
    current_auth().sessions.end(str(session.get("id", "")))
    session.clear()
    return redirect(url_for("auth.login"), 303)


def register(app: Flask) -> None:
    app.extensions[AUTH] = Auth()
    app.session_interface = Cookies()
    app.before_request(guard)
    app.after_request(secure)
    app.after_request(audit.write)
    app.extensions[audit.EXTENSION] = audit.Looks()
    app.jinja_env.globals["csrf_token"] = csrf_token
    app.register_blueprint(login_pages)
