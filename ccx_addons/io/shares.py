"""What each worker tells the others of itself as text, in files beside the database: one of them can speak for all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = "workers"


@dataclass(frozen=True, slots=True)
class Shares:
    """``boot``: texts of other boots are of processes that end or have ended."""

    folder: Path
    boot: str
    worker: int

    def begin(self) -> None:
        """Takes away what earlier boots have left. Raises OSError, as the others do."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if not path.name.startswith(f"{self.boot}-"):
                path.unlink(missing_ok=True)

    def put(self, text: str) -> None:
        path = self.folder / f"{self.boot}-{self.worker}"
        part = path.with_suffix(".part")
        part.write_text(text, "utf-8")
        part.replace(path)

    def others(self, count: int) -> list[str]:
        """The texts of the other ``count - 1`` workers, by their numbers; who has told nothing yet is left out."""
        paths = [self.folder / f"{self.boot}-{n}" for n in range(count) if n != self.worker]
        return [path.read_text("utf-8") for path in paths if path.exists()]
