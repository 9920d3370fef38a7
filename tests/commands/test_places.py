from pathlib import Path

import pytest

from ccx_addons.commands.places import defaults, environment, where

HERE = {"CCX_ENV_FILE": "config/.env", "CCX_CONFIG": "config/ccx.yaml", "CCX_DATA_DIR": "data"}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with nothing in it, and a program that is no checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "site-packages"


def test_a_checkout_uses_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert defaults({"HOME": "/h"}) == HERE


@pytest.mark.parametrize("name", ["ccx.yaml", ".env"])
def test_so_does_an_installed_one_with_a_configuration_there(installed: Path, name: str) -> None:
    Path("config").mkdir()
    Path("config", name).touch()
    assert defaults({"HOME": "/h"}, installed) == HERE


def test_elsewhere_it_uses_the_users_folders(installed: Path) -> None:
    assert defaults({"HOME": "/h"}, installed) == {
        "CCX_ENV_FILE": "/h/.config/ccx/.env",
        "CCX_CONFIG": "/h/.config/ccx/ccx.yaml",
        "CCX_DATA_DIR": "/h/.local/share/ccx",
    }
    found = defaults({"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d"}, installed)
    assert found["CCX_CONFIG"] == "/c/ccx/ccx.yaml" and found["CCX_DATA_DIR"] == "/d/ccx"


def test_a_user_without_a_home_has_the_working_folder(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that no name belongs to, in an empty environment."""

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert defaults({}, installed) == HERE


def test_the_environment_wins_over_env_file_over_places(installed: Path) -> None:
    mine = installed.parent / "mine.env"
    mine.write_text("CCX_CONFIG=/from/file.yaml\nCCX_DATA_DIR=/from/file\nPORT=1\n")
    given = {"HOME": "/h", "CCX_ENV_FILE": str(mine), "CCX_DATA_DIR": "/given", "PORT": "2", "CCX_CONFIG": ""}
    found = environment(given, installed)
    assert found["PORT"] == "2" and found["CCX_DATA_DIR"] == "/given" and found["CCX_ENV_FILE"] == str(mine)
    assert found["CCX_CONFIG"] == "/h/.config/ccx/ccx.yaml"  # set to nothing is not set
    assert environment({"HOME": "/h", "CCX_ENV_FILE": str(mine)}, installed)["CCX_CONFIG"] == "/from/file.yaml"


def test_where(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    Path(environ["CCX_CONFIG"]).touch()
    assert where([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"configuration  {environ['CCX_CONFIG']}" in lines
    assert f"settings       {environ['CCX_ENV_FILE']}  (not there yet)" in lines
