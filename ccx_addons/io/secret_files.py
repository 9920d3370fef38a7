"""Secrets in files of their own, as Docker, Kubernetes and systemd hand them over: NAME_FILE says which file has what
NAME is. A variable that is set itself comes first.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.io.files import cannot

MOST: Final = 65_536
"""Bytes of one."""


def with_files(environ: Mapping[str, str], names: Iterable[str]) -> Mapping[str, str]:
    """``environ`` and what the files of these variables say. Raises ConfigErrors for files that say nothing."""
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for name in names:
        path = environ.get(f"{name}_FILE", "").strip()
        if path and not environ.get(name, "").strip():
            try:
                found[name] = _read(Path(path))
            except ValueError as error:
                problems.append(Problem(f"{name}_FILE", str(error)))
    if problems:
        raise ConfigErrors(problems)
    return {**environ, **found} if found else environ


def _read(path: Path) -> str:
    """Raises ValueError, whose words show nothing of what stands there."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError(f"{path} is no file")
        with path.open("rb") as file:
            text = file.read(MOST + 1).decode("utf-8-sig").strip()
    except OSError as error:
        raise ValueError(cannot(path, error)) from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text") from None
    if not text or len(text) > MOST:
        raise ValueError(f"{path} is {'empty' if not text else 'too large for a secret'}")
    return text
