"""Variables of the environment in a configuration: ``env:NAME`` as a whole value, ``${NAME}`` anywhere in one.

They stand for themselves in keys, headers, proxies, addresses and files of certificates; elsewhere they are plain text.
"""

import re
from collections.abc import Mapping
from typing import Final

NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
WHOLE: Final = re.compile(rf"env:({NAME})|\$\{{({NAME})\}}")
INSIDE: Final = re.compile(rf"\$\{{({NAME})\}}")


FOREIGN: Final = re.compile(r"\$\{|\$[A-Za-z_]\w*$|os\.environ/|%\w+%$|\{\{|\$env:|process\.env\.")
"""How variables begin in a shell, LiteLLM's file, PowerShell, templates: no key does."""


def whole(text: str) -> str:
    """The variable that the whole text stands for; empty: it is no variable alone."""
    found = WHOLE.fullmatch(text)
    return (found[1] or found[2]) if found else ""


def names(text: str) -> tuple[str, ...]:
    """Every variable that the text names."""
    return (name,) if (name := whole(text)) else tuple(INSIDE.findall(text))


def mentioned(text: str) -> set[str]:
    """Every variable that a whole file may name."""
    return {whole or braced for whole, braced in WHOLE.findall(text)}


def filled(text: str, environ: Mapping[str, str]) -> str:
    """The text with the values of its variables; those that are not set stay as they are written."""
    if name := whole(text):
        return environ.get(name, "").strip() or text
    return INSIDE.sub(lambda found: environ.get(found[1], "").strip() or found[0], text)


def missing(text: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in names(text) if not environ.get(name, "").strip())
