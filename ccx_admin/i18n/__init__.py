"""The languages of the panel. The English text is the key; another language is a dict from it.

``_("{n} new", n=3)``: the text is looked up, then its places are filled. A text without an entry stays English; a test
finds every text that is marked and has none.
"""

from collections.abc import Mapping
from typing import Any, Final

from flask import g, has_request_context, request

from ccx_admin.i18n.zh import ZH

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "zh": "中文"}
"""Code -> its own name."""
TEXTS: Final[Mapping[str, Mapping[str, str]]] = {"en": {}, "zh": ZH}
COOKIE: Final = "ccx_language"


def language() -> str:
    """Of this request: the cookie's, else the first one the browser prefers, else English."""
    if not has_request_context():
        return "en"
    if "language" not in g:
        chosen = request.cookies.get(COOKIE, "")
        g.language = chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, "en")
    return str(g.language)


def translate(code: str, text: str, /, **values: Any) -> str:
    found = TEXTS[code].get(text, text)
    return found.format(**values) if values else found


def _(text: str, /, **values: Any) -> str:
    """The text in the language of this request."""
    return translate(language(), text, **values)
