import pytest

import run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], "run.py mitmweb"),
        (["check", "--help"], "--explain KIND MODEL"),
        (["serve", "--help"], "run.py serve"),
        (["demo", "--help"], "run.py demo"),
    ],
    ids=" ".join,
)
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 0 and words in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["dance"], ["--dance"], ["check", "--dance"]], ids=" ".join)
def test_what_is_not_known_is_refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 2 and "dance" in capsys.readouterr().err
