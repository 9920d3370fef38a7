"""``ccx backup`` and ``ccx restore``: everything that is this gateway's, in one file."""

import os
import time
from pathlib import Path

from ccx_addons.commands import parser
from ccx_addons.commands.places import environment
from ccx_addons.io import backup as io_backup
from ccx_addons.io.running import Place


def files_of(env: dict[str, str]) -> io_backup.Files:
    data = Path(env["CCX_DATA_DIR"])
    return io_backup.Files(data / io_backup.DATABASE, Path(env["CCX_CONFIG"]), Path(env["CCX_ENV_FILE"]))


def backup(arguments: list[str]) -> int:
    """Writes the database, ccx.yaml and .env to FILE, also while the gateway runs. FILE has every key in it."""
    words = parser("backup", backup)
    words.add_argument("file", type=Path, metavar="FILE", help="a .tar.gz; replaced when it is there")
    target = words.parse_args(arguments).file
    names = io_backup.backup(files_of(environment(os.environ)), target)
    print(f"{target}: {', '.join(names)}")
    return 0


def restore(arguments: list[str]) -> int:
    """Puts back what ``ccx backup`` wrote. The gateway must be stopped. What is there is kept beside it."""
    words = parser("restore", restore)
    words.add_argument("file", type=Path, metavar="FILE")
    source = words.parse_args(arguments).file
    files = files_of(environment(os.environ))
    place = Place(files.database.parent)
    try:
        kept = files.database.with_name(f"before-restore-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.tar.gz")
        if files.database.is_file() or files.config.is_file():
            io_backup.backup(files, kept)
            print(f"what was there is in {kept}")
        names = io_backup.restore(files, source)
    finally:
        place.leave()
    print(f"restored from {source}: {', '.join(names)}")
    return 0
