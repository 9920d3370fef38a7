"""The program's own version."""

import tomllib
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent


@lru_cache
def version(root: Path = ROOT) -> str:
    """Of the checkout that this is, else of the installed package."""
    try:
        return str(tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"])
    except OSError:
        return metadata.version("ccx")
