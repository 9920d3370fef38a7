"""The name of a machine among several: kept beside its log, whose rows are what it knows."""

import os
from pathlib import Path

from ccx_addons.core.ids import uuid7


def name_of(folder: Path) -> str:
    """Made by whoever asks first. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "machine"
    part = path.with_name(f"machine.{uuid7()}.part")
    if not path.exists():
        part.write_text(uuid7(), "ascii")
        try:
            os.link(part, path)  # whole, or not at all
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return path.read_text("ascii").strip()
