"""The wheel, built and installed in an environment of its own, answers without the checkout."""

import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from ccx_addons.commands.table import COMMANDS
from ccx_addons.core.settings import Settings
from tests.patience import PATIENCE
from tests.wire.program import ROOT

SOURCES = ("ccx_addons", "ccx_admin", "scripts", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=source, check=True, capture_output=True, timeout=PATIENCE
    )
    (found,) = folder.glob("*.whl")
    return found


def test_everything_is_in_the_wheel(wheel: Path) -> None:
    there = set(ZipFile(wheel).namelist())
    files = {
        str(path.relative_to(ROOT))
        for folder in ("ccx_addons", "ccx_admin")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - there == set()
    assert {name.partition("/")[0] for name in there} == {
        "ccx_addons", "ccx_admin", "ccx_offline", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }  # fmt: skip


def test_the_installed_program_answers(wheel: Path, tmp_path: Path) -> None:
    """Its libraries are this environment's; the configuration is in the user's folders."""
    fresh, home = tmp_path / "fresh", tmp_path / "home"
    home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(fresh)], check=True, timeout=PATIENCE)
    (libraries,) = (fresh / "lib").glob("python*/site-packages")
    (libraries / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(fresh / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True, timeout=PATIENCE)
    ccx = str(fresh / "bin" / "ccx")
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "PORT": "0"}
    where = subprocess.run(
        [ccx, "where"], env=env, cwd=home, check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    assert f"configuration  {home}/.config/ccx/ccx.yaml" in where.stdout and str(libraries) in where.stdout
    process = subprocess.Popen([ccx, "demo"], env=env, cwd=home, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        url = next(line.split()[-1] for line in process.stdout if "is ready on" in line)
        keys = dict(line.split("=", 1) for line in (home / ".config/ccx/.env").read_text().splitlines())
        body = {"model": "any", "messages": [{"role": "user", "content": "hello"}]}
        key = {"authorization": f"Bearer {keys['PROXY_ACCESS_KEY']}"}
        answer = httpx.post(f"{url}/v1/chat/completions", json=body, headers=key)
        assert answer.json()["choices"][0]["message"]["content"]
        page = httpx.get(f"{url}/login")
        style = re.findall(r'href="([^"]+/app.css)"', page.text)
        assert page.status_code == 200 and httpx.get(f"{url}{style[0]}").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def test_the_unit_names_settings_and_commands_that_exist() -> None:
    unit = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser's documentation says
    unit.read(ROOT / "config" / "ccx.service")
    service = unit["Service"]
    names = {word.partition("=")[0] for word in service["Environment"].split()}
    assert names == {"CCX_CONFIG", "CCX_ENV_FILE", "CCX_DATA_DIR"}
    assert service["ExecStart"].split()[-1] in COMMANDS and "HUP" in service["ExecReload"]
    assert int(service["TimeoutStopSec"]) > Settings().shutdown_grace + 10
