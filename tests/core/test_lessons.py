import pytest

from ccx_addons.core import lessons, refusals


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"top_k", "seed"}, "trying without seed, top_k"),
        ({"context-1m-2025-08-07", "tool=mcp"}, "trying without context-1m-2025-08-07, mcp"),
        ({"at_most=8192"}, "trying again: at most 8192 tokens of an answer are asked for"),
        ({"descriptions_at_most=1024"}, "trying again: descriptions of tools end after 1024 characters"),
        ({"thinking.type.enabled"}, "trying again: thinking enabled goes out as adaptive"),
        ({"effort!=low|high", "seed"}, "trying without seed; effort is left out where it is none of low, high"),
        ({"only_streams"}, "trying again: it is always asked for a stream"),
        ({"strip_thinking", "seed"}, "trying without seed; thinking of earlier turns is left out"),
    ],
)
def test_the_next_try_in_words(names: set[str], words: str) -> None:
    assert lessons.trying(names) == words


def test_every_cure_is_said() -> None:
    assert lessons.CURES.keys() >= (refusals.CURE_NAMES | refusals.OF_ONE_CONVERSATION)
