import json

import pytest

from ccx_addons.core.terminal import plain


@pytest.mark.parametrize("odd", ["\x1b]52;c;aGk=\x07", "\x9b2J", "a\rb", "\u202egnp.exe", "\x08\x7f", "\u2066x"])
def test_a_terminal_obeys_nothing(odd: str) -> None:
    assert plain(plain(odd)).isprintable()
    told = json.dumps({"text": odd}, ensure_ascii=False)
    assert json.loads(plain(told)) == {"text": odd}


def test_lines_and_letters_stay() -> None:
    assert plain("中\n\té 🙂") == "中\n\té 🙂"
