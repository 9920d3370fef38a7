"""The languages of the panel. The English text is the key; another language is a dict from it.

``_("{n} new", n=3)``: the text is looked up, then its places are filled. A text without an entry stays English; a test
finds every text that is marked and has none.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from flask import g, has_request_context, request

from ccx_admin.i18n.reasons import JOINTS, REASONS
from ccx_admin.i18n.singular import ONE
from ccx_admin.i18n.zh import ZH
from ccx_admin.i18n.zh_losses import PATTERNS as SAID

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "zh": "中文"}
"""Code -> its own name."""
TEXTS: Final[Mapping[str, Mapping[str, str]]] = {"en": {}, "zh": ZH}
COOKIE: Final = "ccx_language"

FROM_API: Final = (
    "taken out by hand", "in the standby pool", "no key can be used now", "has no key", "only its beginning was kept",
    "it is not JSON", "bodies are not captured; policy.bodies.capture turns it on",
    "bodies are captured of failed requests only; policy.bodies.capture says so", "Not found", "Invalid value",
    "Forbidden", "Unknown host", "Foreign origin", "CSRF token missing or wrong", "reload the page and try again",
    "The database cannot be read", "Internal error", "the panel failed; its log says why", "Not possible",
    "Method Not Allowed", "account", "handshake", "A file cannot be written", "The database is away",
)  # fmt: skip
"""Texts that other modules write and the pages show."""


def language() -> str:
    """Of this request: the cookie's, else the first one the browser prefers, else English."""
    if not has_request_context():
        return "en"
    if "language" not in g:
        chosen = request.cookies.get(COOKIE, "")
        g.language = chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, "en")
    return str(g.language)


def translate(code: str, text: str, /, **values: Any) -> str:
    found = ONE.get(text, text) if code == "en" and str(values.get("n")) == "1" else TEXTS[code].get(text, text)
    return found.format(**values) if values else found


def _(text: str, /, **values: Any) -> str:
    """The text in the language of this request."""
    return translate(language(), text, **values)


NUMBERS: Final = frozenset({"n", "bad", "all", "window", "tokens", "most", "wanted", "status"})
"""Places of reasons that hold a number."""


def _pattern(text: str) -> re.Pattern[str]:
    def place(found: re.Match[str]) -> str:
        return f"(?P<{found[1]}>{r'[0-9]+' if found[1] in NUMBERS else '.+'})"

    return re.compile(re.sub(r"\\{(\w+)\\}", place, re.escape(text)))


TEMPLATES: Final[Mapping[str, str]] = {**REASONS, **SAID, **JOINTS}
PATTERNS: Final = {text: _pattern(text) for text in TEMPLATES}


def told(text: str) -> str:
    """A reason that was put together elsewhere, in the language of this request; unknown ones stay as they are."""
    known = TEXTS[language()]
    if not known or text in known:
        return known.get(text, text)
    for template, pattern in PATTERNS.items():
        if found := pattern.fullmatch(text):
            return TEMPLATES[template].format(**{name: told(value) for name, value in found.groupdict().items()})
    return text
