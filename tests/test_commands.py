import sys
from pathlib import Path

import pytest

from ccx_addons.commands import NO_WINDOWS, main, told
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.processes.supervisor import StartError


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], "ccx mitmweb"),
        (["check", "--help"], "--explain KIND MODEL"),
        (["serve", "--help"], "ccx serve"),
        (["demo", "--help"], "ccx demo"),
    ],
    ids=" ".join,
)
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0 and words in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["dance"], ["--dance"], ["check", "--dance"]], ids=" ".join)
def test_what_is_not_known_is_refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "dance" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        *(["flows", "list", "--limit", n] for n in ("0", "-1", "1.5")),
        ["replay", "--limit", "-1", "x.flow"],
        ["check", "--tokens", "-5"],
    ],
    ids=" ".join,
)
def test_amounts_are_whole_numbers_from_1_on(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "is no whole number from 1 on" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["backup", "/nowhere/all.ccx"], ["restore", "/nowhere/all.ccx"], ["import", "/nowhere/a.yaml"]],
    ids=" ".join,
)  # fmt: skip
def test_a_place_that_is_not_there_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, file in (("CCX_CONFIG", "ccx.yaml"), ("CCX_ENV_FILE", ".env"), ("CCX_DATA_DIR", "data")):
        monkeypatch.setenv(name, str(tmp_path / file))
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("ccx: /nowhere") and said.count("\n") == 1


@pytest.mark.parametrize(("called", "name"), [("/x/run.py", "run.py"), ("/usr/bin/ccx", "ccx"), ("-m", "ccx")])
def test_it_is_named_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], called: str, name: str
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    assert capsys.readouterr().out.startswith(f"usage: {name} check ")


def test_windows_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert main([]) == 1
    assert capsys.readouterr().err == f"{NO_WINDOWS}\n"


def test_errors_are_lines_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    def start_error(arguments: list[str]) -> int:
        raise StartError("no port")

    def config_errors(arguments: list[str]) -> int:
        raise ConfigErrors([Problem("PORT", "x"), Problem("a", "y", 2)])

    assert told(start_error, []) == 1 and told(config_errors, []) == 1
    assert told(lambda words: len(words), ["a", "b"]) == 2
    assert capsys.readouterr().err == "ccx: no port\nccx: PORT: x\nccx: line 2, a: y\n"
