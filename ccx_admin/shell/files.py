"""Scripts and styles: their address names what they are, so that no browser puts together parts of two versions."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "static"
KEPT: Final = 365 * 24 * 3600
"""Seconds a browser keeps one: it does not change at its address."""
ALONE: Final = frozenset({"zone", "early", "own"})
"""Scripts that are not among those of app.js."""


@cache
def version() -> str:
    """Of all of them together: a script asks for the others beside it, so they have one address."""
    found = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*.*")):
        found.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]


@cache
def modules() -> tuple[str, ...]:
    """Names of what app.js is made of, below the folder: asked for all at once, a slow line is waited for once."""
    return tuple(sorted(f"js/{path.name}" for path in (FOLDER / "js").glob("*.js") if path.stem not in ALONE))
