"""Keeps a release's database and configuration for the tests of later ones: ``python -m tests.io.keep`` at a release.

What was kept is never changed: it is what users have.
"""

import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from ccx_addons.io import postgres_schema
from ccx_addons.io.store import Store
from ccx_addons.io.version import version
from tests.admin import seed

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = Path(__file__).parent / "kept"
NOW: Final = 1_790_000_000.0


def main() -> int:
    folder = KEPT / version()
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "config" / "ccx.example.yaml", folder / "ccx.yaml")
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "ccx.db"
        store = Store.open(path, boot_id="kept", worker=-1, clock=lambda: NOW)
        seed.fill(store, 6, NOW)
        store.close()
        with closing(sqlite3.connect(path)) as connection:
            (folder / "database.sql").write_text("\n".join(connection.iterdump()) + "\n")
    (folder / "postgres.sql").write_text(";\n".join(postgres_schema.statements(0)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
