import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccx_addons.commands import main
from ccx_addons.io.running import Place, Running
from tests.patience import PATIENCE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CCX_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CCX_ENV_FILE", str(tmp_path / ".env"))
    return tmp_path


@pytest.fixture
def place(folder: Path) -> Iterator[Place]:
    """The gateway of these tests: it hears SIGHUP."""
    made = Place(folder)
    before = signal.getsignal(signal.SIGHUP)
    yield made
    signal.signal(signal.SIGHUP, before)
    made.leave()


def answering(place: Place, said: str) -> None:
    heard = threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: heard.set())

    def gateway() -> None:
        heard.wait(PATIENCE)
        place.tell(Running(os.getpid(), 1, said))

    threading.Thread(target=gateway).start()


def test_it_ends_when_the_gateway_has_done_it(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    answering(place, "")
    assert main(["reload"]) == 0 and capsys.readouterr().out == "reloaded\n"


def test_it_says_what_went_wrong(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    answering(place, "PORT: not before the next start")
    assert main(["reload"]) == 1 and capsys.readouterr().err == "ccx: PORT: not before the next start\n"


def test_where_nothing_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reload"]) == 1 and capsys.readouterr().err == f"ccx: no gateway uses the folder {folder}\n"
