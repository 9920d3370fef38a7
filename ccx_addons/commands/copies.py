"""``ccx backup`` and ``ccx restore``: everything that is this gateway's, in one file."""

import os
import time
from pathlib import Path

from ccx_addons.commands import parser
from ccx_addons.commands.places import environment
from ccx_addons.core.errors import StoreError
from ccx_addons.core.settings import Settings
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


def copy_log(arguments: list[str]) -> int:
    """Copies the log in ccx.db into the empty PostgreSQL database of CCX_DATABASE_URL. The gateway must be stopped."""
    words = parser("copy-log", copy_log)
    words.add_argument("--file", type=Path, help="another ccx.db than the one in CCX_DATA_DIR")
    asked = words.parse_args(arguments)
    env = environment(os.environ)
    settings = Settings.read(env)
    if not settings.ccx_database_url:
        raise StoreError("CCX_DATABASE_URL is not set: it names the PostgreSQL to copy into")
    database = asked.file or files_of(env).database
    if not database.is_file():
        raise StoreError(f"{database} is not there: there is nothing to copy")
    from ccx_addons.io.postgres_copy import copy

    place = Place(files_of(env).database.parent)
    try:
        counts = copy(database, settings.ccx_database_url)
    finally:
        place.leave()
    print(f"{database}: copied {', '.join(f'{n} {table}' for table, n in counts.items() if n) or 'nothing'}")
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
