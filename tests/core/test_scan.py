"""Words in bodies."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.scan import holds, is_near


@given(st.binary(max_size=30), st.sampled_from([b"a", b"ab", b"aab", b'"x-']))
def test_a_word_is_found_wherever_it_stands(body: bytes, word: bytes) -> None:
    assert holds(body, word) == (word in body)
    assert holds(body + word, word) and holds(word + body, word) and holds(body + word + body, word)


PATTERN = re.compile(rb'"type"\s{0,2}:\s{0,2}"(?:in_)?word"')


@given(
    st.lists(st.sampled_from([b"word", b'"type"', b":", b'"', b" ", b"in_", b'"type":"word"', b"x" * 20]), max_size=30)
)
def test_what_is_near_a_word(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    assert is_near(body, b"word", PATTERN, 20) == bool(PATTERN.search(body))


def test_a_word_that_stands_everywhere_is_no_trouble() -> None:
    assert not is_near(b"word" * 10_000, b"word", PATTERN, 20)
