import pytest

from ccx_addons.commands.table import COMMANDS, HELP, command


@pytest.mark.parametrize("word", COMMANDS)
def test_every_word_runs_something(word: str) -> None:
    assert command(word).__doc__


def test_every_command_for_people_is_in_the_help() -> None:
    named = {line.split()[1] for line in HELP.format("ccx").splitlines() if line.startswith("ccx ")}
    assert named - {"serve:"} == COMMANDS.keys() - {"serve", "worker", "panel", "meeting"}
