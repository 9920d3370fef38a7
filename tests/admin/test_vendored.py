"""Files of others are exactly those of their packages."""

import hashlib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDERS: Final = (ROOT / "ccx_admin/static/vendor", ROOT / "tests/browser/vendor")


@pytest.mark.parametrize("folder", FOLDERS, ids=["panel", "browser tests"])
def test_checksums(folder: Path) -> None:
    lines = [line.split() for line in (folder / "SHA256SUMS").read_text().splitlines()]
    sums = {name: digest for digest, name in lines}
    files = {path.name for path in folder.iterdir()} - {"SHA256SUMS", "README.md"}
    assert set(sums) == files
    for name, expected in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected, name


@pytest.mark.parametrize("folder", FOLDERS, ids=["panel", "browser tests"])
def test_every_script_has_its_licence(folder: Path) -> None:
    names = {path.name.partition(".")[0].partition("-")[0] for path in folder.glob("*.js")}
    assert names == {path.name.partition(".")[0] for path in folder.glob("*.LICENSE.txt")}


def test_nothing_comes_from_elsewhere() -> None:
    for path in [*(ROOT / "ccx_admin").rglob("*.html"), *(ROOT / "ccx_admin/static").glob("**/*.css")]:
        if "vendor" not in path.parts:
            assert "//cdn" not in path.read_text()
            assert 'src="http' not in path.read_text()
            assert "@import" not in path.read_text()
