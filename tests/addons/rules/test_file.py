import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.rules import file as rules
from ccx_addons.rules.file import File
from tests.patience import PATIENCE

GOOD = "def request(asked): return {'model': asked}\ndef other(): pass\nfinished = 7\n"


def made(folder: Path, text: str, budget: float = 5.0) -> tuple[File, list[str]]:
    (folder / "hooks.py").write_text(text)
    said: list[str] = []
    found = File(folder / "hooks.py", budget, said.append)
    found.look()
    return found, said


def call(found: File, name: str = "request", given: Any = ("m",)) -> Any:
    return asyncio.run(found.call(name, lambda: given))


def test_functions_that_are_known_are_called(tmp_path: Path) -> None:
    found, said = made(tmp_path, GOOD)
    assert set(found.functions) == {"request"} and found.ready("request") and not found.ready("answer")
    assert call(found) == {"model": "m"} and call(found, given=None) is None and "are in force: request" in said[0]


def test_a_broken_file_changes_nothing_and_a_missing_one_has_no_rules(tmp_path: Path) -> None:
    found, said = made(tmp_path, GOOD)
    (tmp_path / "hooks.py").write_text("def request(:\n")
    found.look()
    assert call(found) == {"model": "m"} and "SyntaxError" in said[-1]
    found.look()
    assert len(said) == 2, "it is said once"
    (tmp_path / "hooks.py").unlink()
    found.look()
    assert not found.ready("request") and "there is no file" in said[-1]
    never: list[str] = []
    File(tmp_path / "other.py", 5.0, never.append).look()
    assert "there is no file" in never[0], "also where it never was there"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def request(a): raise ValueError('odd')", "failed: ValueError: odd"),
        ("def request(a): return 7", "gave int and no object"),
    ],
)
def test_what_goes_wrong_changes_nothing(tmp_path: Path, text: str, why: str) -> None:
    found, said = made(tmp_path, text)
    assert call(found) is None and why in said[-1]


def test_a_time_that_is_used_up(tmp_path: Path) -> None:
    found, said = made(
        tmp_path, "import threading\ngate = threading.Event()\ndef request(a): gate.wait(10); return {}", 0.01
    )
    assert call(found) is None and "took longer than 10 ms" in said[-1]
    found.functions["request"].__globals__["gate"].set()


def test_one_that_fails_again_and_again_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, said = made(tmp_path, "def request(a): 1 / 0")
    for _ in range(rules.MOST_WRONG):
        assert found.ready("request")
        call(found)
    assert not found.ready("request") and "left alone for 60 s" in said[-1] and len(said) == 3
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + rules.REST + 1)
    assert found.ready("request")


def test_nobody_waits_for_what_is_sent(tmp_path: Path) -> None:
    found, said = made(tmp_path, "def finished(row): raise KeyError(row['id'])")
    done = threading.Event()

    def tell(words: str) -> None:
        said.append(words)
        done.set()

    found.tell = tell
    found.send("finished", {"id": "r1"})
    assert done.wait(PATIENCE) and "failed: KeyError: 'r1'" in said[-1]
    found.close()
