"""Programs that tests start beside the gateway, reverse proxies above all: finds each, else (for root) brings it with the system's package manager."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.browsers import BRING, Missing, Run, works

NAMES: Final = ("nginx", "caddy", "haproxy", "apache2", "curl", "redis-server", "postgres")
ELSEWHERE: Final = {"redis-server": "redis", "postgres": "postgresql", "apache2": "httpd"}
"""Packages, and the program of one, of other names where it is not Debian's manager."""
DEBIAN: Final = {"postgres": "postgresql"}
MANAGERS: Final = {
    "apt-get": "apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends {}",
    "dnf": "dnf install -y -q {}",
    "apk": "apk add -q {}",
    "pacman": "pacman -Sy --noconfirm {}",
    "brew": "brew install {}",
}
ADMINISTRATORS: Final = "/usr/sbin:/usr/local/sbin"
POSTGRES: Final = Path("/usr/lib/postgresql")
"""Where servers are that not everybody has on PATH."""


def find(name: str) -> str:
    """The program's path; empty: it is not there."""
    administrators = ":".join((ADMINISTRATORS, *map(str, POSTGRES.glob("*/bin"))))
    names = (name, ELSEWHERE.get(name, name))
    return next(
        (found for each in names for path in (None, administrators) if (found := shutil.which(each, path=path))), ""
    )


def bring(names: Sequence[str] = NAMES, root: bool | None = None, run: Run = works) -> None:
    """Installs what is not there. Raises Missing."""
    absent = [name for name in names if not find(name)]
    if not absent:
        return
    missing = " ".join(absent)
    manager = next((name for name in MANAGERS if shutil.which(name)), "")
    packages = [DEBIAN.get(name, name) if manager == "apt-get" else ELSEWHERE.get(name, name) for name in absent]
    command = MANAGERS[manager].format(" ".join(packages)) if manager else ""
    if command and (os.geteuid() == 0 if root is None else root):
        print(f"bringing {missing} for the tests ...", file=sys.stderr)
        if run(("sh", "-c", command), BRING) and all(map(find, names)):
            return
    hint = f"as root: {command}" if command else "install it and put it on PATH"
    raise Missing(f"the tests need {missing}; {hint}")


def main() -> int:
    try:
        bring()
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
