"""What every page shares: language and theme, the filters of its templates, and the frame around its content."""

import json
from collections.abc import Iterable
from typing import Any, Final

from flask import Blueprint, g, redirect, request
from markupsafe import Markup, escape
from werkzeug.wrappers import Response

from ccx_admin import i18n
from ccx_admin.i18n import _, told
from ccx_admin.i18n.singular import ONE
from ccx_admin.panel import panel
from ccx_admin.requests import search_box
from ccx_admin.shell import format, vocabulary
from ccx_admin.zone import COOKIE as ZONE_COOKIE
from ccx_admin.zone import zone

pages: Final = Blueprint("shell", __name__)

THEMES: Final = ("auto", "light", "dark")
THEME_COOKIE: Final = "ccx_theme"
YEAR: Final = 365 * 86_400

NAVIGATION: Final = (
    ("overview.index", "Overview", "home"),
    ("requests.index", "Requests", "list"),
    ("channels.index", "Channels", "route"),
    ("sessions.index", "Sessions", "chat"),
    ("usage.index", "Usage", "chart"),
    ("clients.index", "Clients", "person"),
    ("settings.index", "Settings", "gear"),
)
"""(endpoint, word, icon)."""

SCRIPT_WORDS: Final = (
    "Saved", "Copied", "Time", "Could not copy", "Failed", "The panel cannot be reached", "live", "polling", "paused",
    "no connection",
    "{n} new", "Nothing changes", "Undo", "Undone", "Before",
    "Theirs, saved meanwhile", "Mine", "Place", "Somebody else changed this meanwhile", "Save with these choices",
    "All mine", "All theirs", "Save mine all the same", "Back", "(nothing)",
    "What is about other things was put together. Here both of you changed the same.",
    "Nobody knows any more what you began with. This is what yours would change:",
    "in force", "Delete {name}?", "Sent again: {status} after {time}", "Open it", "Waiting for the first request …",
    "Seen: {what}", "Valid", "The test was answered in {time}: {text}", "The test failed: {error}",
    "{n} workers have done it", "Order saved", "{n} s ago", "{n} min ago", "{n} h ago", "{n} d ago", "in {n} s",
    "in {n} min", "in {n} h", "in {n} d", "no key", "known in {name}", "{n} models", "(none)", "maps to", "not offered",
    "then {models}",
    "unchanged", "Move up", "Move down", "Remove", "requests", "failed", "other", "{n} bodies were deleted",
    "{n} questions.", "lost: {paths}", "{input} + {output} tokens", "asking …", "stopped",
    "It was told", "It could not be told: {why}",
    "Log in", "You are logged out. What you wrote is still here: log in, come back to this tab, and save it.",
    "{what}: this needs a name, a colon and a value", "{what}: this needs a name, = and a number",
    "{what}: both models are needed",
    "a moment", "Addresses and keys were found", "An address is missing", "A key is missing",
)  # fmt: skip
"""Texts of the scripts, sent with the page in its language."""


# ---- language and theme ----------------------------------------------------------------------------------------------
@pages.before_app_request
def choose() -> Response | None:
    """``?language=zh`` or ``?theme=dark`` on any page: a cookie, and back to the page without it."""
    given = {name: request.args.get(name, "") for name in ("language", "theme")}
    if request.method != "GET" or request.path.startswith("/api") or not any(given.values()):
        return None
    left = [(name, value) for name, value in request.args.items(multi=True) if name not in given]
    answer = redirect(request.script_root + request.path + ("?" + format.query(left) if left else ""), 303)
    if given["language"] in i18n.LANGUAGES:
        set_cookie(answer, i18n.COOKIE, given["language"])
    if given["theme"] in THEMES:
        set_cookie(answer, THEME_COOKIE, given["theme"])
    return answer


def set_cookie(answer: Response, name: str, value: str) -> None:
    path = request.script_root or "/"
    answer.set_cookie(name, value, YEAR, path, httponly=True, samesite="Lax", secure=request.is_secure)


def theme() -> str:
    found = request.cookies.get(THEME_COOKIE, "auto")
    return found if found in THEMES else "auto"


@pages.after_app_request
def vary(response: Any) -> Any:
    response.vary.update(("Cookie", "Accept-Language"))
    return response


# ---- templates -------------------------------------------------------------------------------------------------------
@pages.app_context_processor
def frame() -> dict[str, Any]:
    """Names that every template knows."""
    return {
        "_": _,
        "told": told,
        "language": i18n.language(),
        "languages": i18n.LANGUAGES,
        "theme": theme(),
        "themes": THEMES,
        "navigation": NAVIGATION,
        "words": script_words(),
        "now": panel().now_ms(),
        "looks_only": looks_only(),
        "may_change": not looks_only(),
        "logged_in": "user" in g,
        "link": link,
        "exactly": search_box.exactly,
        "vocabulary": vocabulary,
        "badge": vocabulary.badge,
        "base": request.script_root,
        "zone_name": request.cookies.get(ZONE_COOKIE, ""),
    }


def looks_only() -> bool:
    """Whether this reader's role changes nothing: then no page offers it."""
    return "user" in g and g.user.role == "sees"


def script_words() -> str:
    """JSON: the English text -> the text of this language; with ``1 `` before it, where its number is one."""
    words = {text: _(text) for text in SCRIPT_WORDS}
    if i18n.language() == "en":
        words |= {f"1 {text}": ONE[text] for text in SCRIPT_WORDS if text in ONE}
    return json.dumps(words, ensure_ascii=False)


def link(**changes: Any) -> str:
    """This page's address with some parameters of its query changed; None takes one away."""
    args = {**request.args.to_dict(), **changes}
    found = format.query((name, value) for name, value in args.items() if value not in (None, ""))
    return request.script_root + request.path + (f"?{found}" if found else "")


for _filter in (
    format.count, format.exact, format.duration, format.money, format.percent, format.size, format.iso,
    format.from_iso,    format.change, format.points,
):  # fmt: skip
    pages.add_app_template_filter(_filter)


@pages.app_template_filter()
def clock(ms: float | None) -> str:
    return format.clock(ms, zone(), panel().now_ms())


@pages.app_template_filter()
def stamp(ms: float | None) -> str:
    return format.stamp(ms, zone())


@pages.app_template_filter()
def relative(ms: float | None) -> str:
    return format.relative(ms, panel().now_ms(), _)


@pages.app_template_filter()
def highest(values: Iterable[float | None], least: float) -> float:
    """The largest value that is known, or ``least`` when all are below it: what a drawing is as high as."""
    return max((value for value in values if value is not None), default=least) or least


@pages.app_template_filter()
def pretty(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@pages.app_template_filter()
def breakable(text: str) -> Markup:
    """A long id or address that may be broken after its separators; a name stays whole as long as it can."""
    return Markup("").join(Markup("{}<wbr>").format(escape(c)) if c in "/:@" else escape(c) for c in text)
