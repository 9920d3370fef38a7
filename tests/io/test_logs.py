import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccx_addons.io import logs

SECRET = "sk-main-5e2a91c07bd84f36"
ODD = "odd-secret-99"
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards."""
    root = logging.getLogger()
    hooks = sys.excepthook, threading.excepthook
    before = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in logs.QUIET}
    yield root
    root.handlers[:], root.level = before[0], before[1]
    sys.excepthook, threading.excepthook = hooks
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)


def said(form: str, level: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lines of a small program that logs."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    listener = logs.start(level, form, "worker", 3)
    log = logging.getLogger("ccx")
    log.debug("details")
    log.info("hello %s", "world")
    log.warning("the key %s is refused", SECRET)
    logging.getLogger("mitmproxy.proxy").info("client connect")
    logging.getLogger("httpx").warning("slow")
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("a bug")
    listener.stop()
    return out.getvalue().splitlines()


@pytest.mark.parametrize(("error", "told"), [(OSError("no space is left"), False), (TypeError("a bug"), True)])
def test_a_line_that_cannot_be_written(error: Exception, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            raise error

    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    logs.ToStderr(Full()).emit(logging.makeLogRecord({"msg": "hello"}))
    assert bool(out.getvalue()) is told, "what is no bug says nothing of its own"


def test_text(root: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said("text", "info", monkeypatch)
    assert [line[9:] for line in lines[:4]] == [
        "info    hello world",
        "warning the key sk-m…4f36 is refused",
        "warning slow",
        "error   a bug",
    ]
    assert lines[4].startswith("Traceback") and lines[-1] == "ValueError: sk-m…4f36"
    assert SECRET not in "\n".join(lines)


@pytest.mark.parametrize("thread", [False, True])
def test_what_nobody_catches_is_masked(thread: bool) -> None:
    code = f"""
import threading
from ccx_addons.core import mask
from ccx_addons.io import logs
mask.use(mask.Secrets(["{ODD}"]))
logs.start("info", "text", "panel").stop()
def fail():
    raise ValueError("with {ODD} and {SECRET}")
threading.Thread(target=fail).start() if {thread} else fail()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "ValueError: with odd-…t-99 and sk-m…4f36" in done.stderr
    assert ODD not in done.stderr and SECRET not in done.stderr


def test_json(root: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [json.loads(line) for line in said("json", "info", monkeypatch)]
    assert [(line["level"], line["message"]) for line in found] == [
        ("info", "hello world"),
        ("warning", "the key sk-m…4f36 is refused"),
        ("warning", "slow"),
        ("error", "a bug"),
    ]
    assert {(line["process"], line["worker"]) for line in found} == {("worker", 3)}
    assert "ValueError: sk-m…4f36" in found[-1]["exception"] and all(line["time"][10] == "T" for line in found)


@pytest.mark.parametrize(("level", "count"), [("debug", 5), ("info", 4), ("warning", 3), ("error", 1)])
def test_levels(root: logging.Logger, monkeypatch: pytest.MonkeyPatch, level: str, count: int) -> None:
    assert len(said("json", level, monkeypatch)) == count


def test_libraries_are_quiet_even_at_debug(root: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [line for line in said("text", "debug", monkeypatch) if "client connect" in line]


def test_a_line_about_a_request_has_its_id(root: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    listener = logs.start("info", "json", "panel")
    logging.getLogger("ccx").warning("request %s failed", "r-1", extra={"request": "r-1"})
    logging.getLogger("ccx").warning("something else")
    listener.stop()
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["request"] == "r-1" and "request" not in second
    assert first["process"] == "panel" and "worker" not in first


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobodys_words_are_a_line_or_an_order(form: str, monkeypatch: pytest.MonkeyPatch, root: logging.Logger) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    listener = logs.start("info", form, "worker")
    logging.getLogger("ccx").warning("it says %s", "\x1b[2J\n12:00:00 error   forged")
    listener.stop()
    assert "\x1b" not in out.getvalue() and not [line for line in out.getvalue().splitlines() if line[:8] == "12:00:00"]
