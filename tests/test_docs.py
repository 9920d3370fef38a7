"""The documents say what is so: every command in them runs, every link leads somewhere."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.wire.program import ADMIN_KEY, CLIENT_KEY, ROOT, Fake, Program, all_kinds, channel, running_program

DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


@pytest.fixture(scope="module")
def program(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("docs")
    only_chat = channel("converts", fake.url, "chat", serves=["messages", "chat"], priority=1)
    others = [row for row in all_kinds(fake) if row["protocol"] not in ("chat", "messages")]
    with running_program(folder, only_chat, *others, env={"WORKERS": "2"}, panel=True) as gateway:
        for name in ("run.py", "config"):
            (folder / name).symlink_to(ROOT / name)
        yield gateway


def blocks() -> list[tuple[str, str]]:
    return [(path.name, found[1]) for path in DOCUMENTS for found in BLOCK.finditer(path.read_text())]


@pytest.mark.parametrize(("name", "commands"), blocks(), ids=[f"{name}-{n}" for n, (name, _) in enumerate(blocks())])
def test_every_command_runs(program: Program, name: str, commands: str) -> None:
    address = urlsplit(program.url).netloc
    path = f"{Path(sys.executable).parent}:{program.env['PATH']}"
    keys = {"PROXY_ACCESS_KEY": CLIENT_KEY, "ADMIN_ACCESS_KEY": ADMIN_KEY, "PORT": address.rpartition(":")[2]}
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands.replace("127.0.0.1:3000", address)],
        cwd=program.folder,
        env={**program.env, **keys, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "README.md"], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text()):
        assert target.startswith("http") or (path.parent / target).exists(), target


def test_pictures_of_the_readme_are_there_and_small() -> None:
    found = re.findall(r'(?:src|srcset)="([^"]+)"|!\[[^\]]*\]\(([^)]+)\)', (ROOT / "README.md").read_text())
    named = {first or second for first, second in found}
    assert {"docs/panel-light.webp", "docs/panel-dark.webp"} <= named
    assert all(0 < (ROOT / name).stat().st_size < 150_000 for name in named)
