"""Where the configuration, the settings and the data are.

In a checkout, and wherever the working folder has a configuration, they are in ``config`` and ``data`` below it. An
installed ``ccx`` started elsewhere uses the user's own folders, if that has any.
https://specifications.freedesktop.org/basedir-spec/latest/
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ccx_addons.commands import parser
from ccx_addons.io import yaml_file
from ccx_addons.processes.supervisor import ROOT

CONFIG: Final = "config/ccx.yaml"
ENV_FILE: Final = "config/.env"
DATA: Final = "data"


def defaults(environ: Mapping[str, str], root: Path = ROOT) -> dict[str, str]:
    """Variable -> path, where nobody says otherwise. ``root``: where the program is."""
    here = {"CCX_ENV_FILE": ENV_FILE, "CCX_CONFIG": CONFIG, "CCX_DATA_DIR": DATA}
    if (root / "run.py").is_file() or Path(CONFIG).exists() or Path(ENV_FILE).exists():
        return here
    try:
        home = Path(environ.get("HOME") or Path.home())
    except RuntimeError:  # a user without a name, as containers and services have
        return here
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "ccx"
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "ccx"
    return {"CCX_ENV_FILE": str(config / ".env"), "CCX_CONFIG": str(config / "ccx.yaml"), "CCX_DATA_DIR": str(data)}


def environment(environ: Mapping[str, str], root: Path = ROOT) -> dict[str, str]:
    """The process environment over .env over the places above. Raises ConfigErrors when .env is no text."""
    places = defaults(environ, root)
    merged = yaml_file.load_env(Path(environ.get("CCX_ENV_FILE") or places["CCX_ENV_FILE"]), environ)
    return {**merged, **{name: merged.get(name) or path for name, path in places.items()}}


def where(arguments: list[str]) -> int:
    """Prints the files and folders that are used, whether they are there or not."""
    parser("where", where).parse_args(arguments)
    env = environment(os.environ)
    data = Path(env["CCX_DATA_DIR"]).absolute()
    rows = {
        "program": ROOT,
        "settings": Path(env["CCX_ENV_FILE"]).absolute(),
        "configuration": Path(env["CCX_CONFIG"]).absolute(),
        "data": data,
        "database": data / "ccx.db",
    }
    for name, path in rows.items():
        print(f"{name:14} {path}{'' if path.exists() else '  (not there yet)'}")
    return 0
