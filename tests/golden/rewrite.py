"""Writes the expected files of the golden matrix anew: ``python -m tests.golden.rewrite``. Read the difference."""

import sys

from tests.golden.matrix import FOLDER, expected


def rewrite() -> list[str]:
    """The files that changed."""
    changed = []
    for path, text in expected():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(str(path.relative_to(FOLDER)))
    return changed


if __name__ == "__main__":
    sys.stdout.write("\n".join([*rewrite(), ""]))
