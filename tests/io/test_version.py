import sys
from pathlib import Path

import pytest

from ccx_addons.io.version import version


def test_a_checkout_says_it_in_one_place() -> None:
    assert f'version = "{version()}"' in Path(__file__).parents[2].joinpath("pyproject.toml").read_text()


def test_elsewhere_the_installed_package_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "ccx-7.8.9.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ccx\nVersion: 7.8.9\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert version(tmp_path) == "7.8.9"
