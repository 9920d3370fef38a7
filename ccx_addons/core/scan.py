"""Looking through whole bodies, which may have megabytes, for one word."""

import re


def holds(body: bytes, word: bytes) -> bool:
    """``word in body``, four times as fast: CPython looks from the end in larger steps a second than from the
    beginning, and on megabytes of one letter it does not fall back to comparing each place."""
    return body.rfind(word) >= 0


def is_near(body: bytes, word: bytes, pattern: re.Pattern[bytes], around: int) -> bool:
    """Whether the pattern matches somewhere around the word, which is in all that it matches. So a body without the
    word costs one look, and not as many as it has characters with which the pattern may begin."""
    at = body.rfind(word)
    while at >= 0:
        if pattern.search(body, max(0, at - around), at + len(word) + around):
            return True
        at = body.rfind(word, 0, at)
    return False
