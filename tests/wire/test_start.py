"""A start that cannot succeed is one line, with what mends it; one that can, does, whoever owns what."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccx_addons.io.database import Database
from tests.patience import PATIENCE
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, ROOT, Fake, all_kinds, running_program

KEYS = {"PROXY_ACCESS_KEY": CLIENT_KEY, "ADMIN_ACCESS_KEY": ADMIN_KEY}
PLAIN = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
"""Modes of files bind the tests' root, too, once it has no capabilities."""
EMPTY = "version: 1\nchannels: []\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "config").mkdir()
    (tmp_path / "data").mkdir()
    yield tmp_path
    for path in (tmp_path / "config", tmp_path / "data"):
        path.chmod(0o700)


def configured(folder: Path) -> None:
    (folder / "config" / "ccx.yaml").write_text(EMPTY)
    (folder / "config" / "ccx.yaml").chmod(0o600)


def started(folder: Path, **env: str) -> "subprocess.Popen[str]":
    command = [*PLAIN, sys.executable, str(ROOT / "run.py")]
    environment = {"PATH": os.environ["PATH"], "PORT": "0", **env}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def fails(folder: Path, **env: str) -> str:
    """The one line that the start ends with."""
    with started(folder, **env) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and err.count("\n") == 1, out + err
    return err


def lives(folder: Path, **env: str) -> str:
    """What it says on stderr until it is ready and stopped."""
    with started(folder, **env) as process:
        assert process.stdout and process.stderr
        ready = any("is ready on" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        assert ready and process.wait(PATIENCE) == 0, said
    return said


def test_keys_that_cannot_be_kept(folder: Path) -> None:
    (folder / "config").chmod(0o500)
    line = fails(folder)
    assert line.startswith("ccx: config/.env: Permission denied") and f"{folder}/config" in line and "chown" in line


def test_a_configuration_that_only_may_be_read_is_enough(folder: Path) -> None:
    """As a ConfigMap is mounted: links into a folder that changes, keys from the environment."""
    (folder / "config" / "..data").mkdir()
    (folder / "config" / "..data" / "ccx.yaml").write_text(EMPTY)
    (folder / "config" / "ccx.yaml").symlink_to("..data/ccx.yaml")
    (folder / "config").chmod(0o500)
    assert "Traceback" not in lives(folder, **KEYS)


def test_a_data_folder_of_somebody_else(folder: Path) -> None:
    configured(folder)
    (folder / "data").chmod(0o500)
    line = fails(folder, **KEYS)
    assert line.startswith("ccx: ") and f"chown -R {os.getuid()}" in line and f"{folder}/data" in line


def test_a_configuration_that_cannot_be_read(folder: Path) -> None:
    configured(folder)
    (folder / "config" / "ccx.yaml").chmod(0)
    assert "ccx.yaml" in fails(folder, **KEYS)


def test_a_database_of_a_newer_version(folder: Path) -> None:
    configured(folder)
    database = Database(folder / "data" / "ccx.db", "boot", 0, lambda: 0.0)
    database.ready()
    database.leave()
    with sqlite3.connect(folder / "data" / "ccx.db") as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ccx', '9999_later', '')"
        )
    connection.close()
    assert "was made by a newer version of CCX" in fails(folder, **KEYS)


def test_a_second_start_on_the_same_data(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, *all_kinds(fake)) as program:
        (tmp_path / "config").mkdir()
        configured(tmp_path)
        line = fails(tmp_path, **KEYS)
        assert f"a gateway already runs on data (process {program.process.pid})" in line


def test_the_image_has_what_the_program_needs(tmp_path: Path) -> None:
    """What the Dockerfile copies, without the rest of the checkout: the version is known, and the demo's upstream."""
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line and "requirements" not in line:
            for name in line.split()[1:-1]:
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                copy(ROOT / name, tmp_path / name)
    code = (
        "from ccx_addons.io.version import version; from ccx_addons.commands.serve import offline_upstream;"
        "print(version(), offline_upstream().is_file())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ended.stdout.endswith(" True\n")
