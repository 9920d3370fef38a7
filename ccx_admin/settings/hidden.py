"""The text of ccx.yaml as it is shown: every secret replaced by a word, and put back when the text is saved.

Shown are the places that confidential.py knows as harmless. All other scalars, and what looks like a key in a comment,
become ``kept:1a2b3c4d:sk-a…AAAA``: a piece of its hash, and its mask for people. Whoever saves the text leaves such a
word where it is, moves it to another secret place, or replaces it by a new secret.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from ccx_addons.core.confidential import PLAIN, SECRET, Shape, file_shape, is_environment, is_harmless
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.core.mask import LIKELY, Secrets, mask, replaced
from ccx_addons.io import yaml_file
from ccx_addons.io.yaml_file import Scalar

KEPT: Final = re.compile(r"kept:([0-9a-f]{8})(?::(?:••••|\S{4}…\S{4}))?")
WORD: Final = re.compile(r"[^\s\"',\[\]{}()<>|`]+")
NAMED: Final = re.compile(r"[#-]*[\w-]*(?:key|keys|secret|token|password|passwd|authorization|cookie)[:=]+", re.I)
"""What stands before a secret in free text."""
SAFE: Final = re.compile(r"[A-Za-z0-9_./+=@%~-]*[A-Za-z_/+@%~][A-Za-z0-9_./+=@%~-]*")
"""A scalar that needs no quotes wherever it stands."""
COMMENT: Final = re.compile(r"(?:^|(?<=\s))#[^\r\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Secret:
    """One place of the text. ``quotes``: what the scalar is written with; empty for plain text and comments.

    ``written`` stands there between the quotes, ``meant`` is what YAML makes of it. ``open``: in a place that is shown.
    """

    begin: int
    end: int
    written: str
    meant: str
    quotes: str = ""
    open: bool = False


# ---- finding ---------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=16)
def found_in(text: str) -> tuple[Secret, ...]:
    """Every secret of the text, in its order."""
    try:
        scalars = _scalars_of(text)
    except ConfigErrors:
        return tuple(replace(secret, open=True) for secret in _odd_words(text, 0, len(text)))
    found = [secret for scalar, shape in scalars for secret in _in_scalar(text, scalar, shape)]
    for begin, end in _comments(text, [scalar for scalar, _ in scalars]):
        found += _odd_words(text, begin, end)
    taken = sorted((secret.begin, secret.end) for secret in found)
    found += [Secret(b, e, text[b:e], text[b:e], open=True) for b, e in _elsewhere(text, _known(found), taken)]
    return tuple(sorted(found, key=lambda secret: secret.begin))


def _known(found: Iterable[Secret]) -> Secrets:
    return Secrets(text for secret in found for text in (secret.written, secret.meant.strip()))


def _scalars_of(text: str) -> list[tuple[Scalar, Shape]]:
    """Every scalar of the text in its order. Raises ConfigErrors."""
    return [(scalar, _shape_of(scalar)) for scalar in yaml_file.scalars(text)]


def _shape_of(scalar: Scalar) -> Shape:
    shape = file_shape()
    for name in scalar.path:
        shape = shape.below(name)
    if scalar.is_name:
        return PLAIN if shape.names(scalar.value) else SECRET
    return shape


def _in_scalar(text: str, scalar: Scalar, shape: Shape) -> Iterator[Secret]:
    begin, end = scalar.begin, scalar.end
    written = text[begin:end]
    secrets = shape.secrets(scalar.value)
    if not secrets or KEPT.fullmatch(scalar.value.strip()):
        return
    if secrets != (scalar.value,):
        at = 0
        for part in secrets:
            if (place := written.find(part, at)) >= 0 and not KEPT.search(part):
                yield Secret(begin + place, begin + place + len(part), part, part)
                at = place + len(part)
        return
    if scalar.style in ("|", ">"):
        written = written.rstrip()
        yield Secret(begin, begin + len(written), written, scalar.value)
    elif scalar.style:
        yield Secret(begin + 1, end - 1, written[1:-1], scalar.value, scalar.style)
    else:
        yield Secret(begin, end, written, scalar.value)


def _comments(text: str, scalars: Iterable[Scalar]) -> Iterator[tuple[int, int]]:
    at = 0
    for begin, end in (*((scalar.begin, scalar.end) for scalar in scalars), (len(text), len(text))):
        for comment in COMMENT.finditer(text, at, max(at, begin)):
            yield comment.span()
        at = max(at, end)


def _odd_words(text: str, begin: int, end: int) -> Iterator[Secret]:
    """Words of free text that could be secrets: what no language has, and whatever a secret's name stands before."""
    named = False
    for word in WORD.finditer(text, begin, end):
        shown, follows = word[0], named
        name = NAMED.match(shown)
        named = name is not None and name.end() == len(shown)
        if named or is_environment(shown) or KEPT.search(shown) or not shown.strip("#-:=."):
            continue
        if follows or name or not is_harmless(shown):
            yield Secret(word.start(), word.end(), shown, shown)


def _elsewhere(text: str, known: Secrets, taken: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same secrets, and what looks like one, in places that are shown."""
    begin = 0
    for start, end in (*taken, (len(text), len(text))):
        part = text[begin : max(begin, start)]
        spans = [found.span() for found in LIKELY.finditer(KEPT.sub(lambda kept: " " * len(kept[0]), part))]
        for first, last in (*(span[:2] for span in known.spans(part)), *spans):
            yield begin + first, begin + last
        begin = max(begin, end)


# ---- replacing -------------------------------------------------------------------------------------------------------
def hidden(text: str) -> str:
    """A text of ccx.yaml as it may be shown and saved again."""
    return replaced(text, [(secret.begin, secret.end, word_for(secret.meant)) for secret in found_in(text)])


def diff(before: str, after: str) -> str:
    """How two texts of ccx.yaml differ, as a unified diff."""
    return yaml_file.diff(hidden(before), hidden(after))


def secrets_of(text: str) -> Secrets:
    """What must not be shown of a text of ccx.yaml, for words about it."""
    return _known(found_in(text))


def restored(text: str, current: str) -> str:
    """The text to save: what ``hidden`` replaced is put back from the file as it is now. Raises ConfigErrors."""
    if not KEPT.search(text):
        return text
    secrets = found_in(current)
    known = {_hash(secret.meant): secret for secret in secrets}
    shown_before = {_hash(secret.meant) for secret in secrets if secret.open}
    problems: list[Problem] = []
    spans = []
    for found, place in _words(text):
        line = text.count("\n", 0, found.start()) + 1
        word = f"{found[0][:60]!r}"
        if found[1] not in known:
            problems.append(Problem("ccx.yaml", f"{word} stands for no key of the file; write the key", line))
        elif place is None and found[1] not in shown_before:
            problems.append(Problem("ccx.yaml", f"{word} stands for a key, and here is no place for one", line))
        else:
            spans.append((found.start(), found.end(), _written(known[found[1]], place)))
    if problems:
        raise ConfigErrors(problems)
    return replaced(text, spans)


def _words(text: str) -> Iterator[tuple[re.Match[str], str | None]]:
    """Each kept word, and the quotes around it; None where everybody could read what it stands for."""
    scalars: list[tuple[int, int, str, Shape]] = []
    with suppress(ConfigErrors):  # it is refused, whatever is put back
        scalars = [(s.begin, s.end, s.style, shape) for s, shape in _scalars_of(text)]
    n = 0
    for found in KEPT.finditer(text):
        while n < len(scalars) and scalars[n][1] <= found.start():
            n += 1
        inside = n < len(scalars) and scalars[n][0] <= found.start()
        quotes, shape = (scalars[n][2], scalars[n][3]) if inside else ("", SECRET)
        yield found, None if shape.scalar == "plain" else quotes


def _written(secret: Secret, quotes: str | None) -> str:
    """A secret for a place with these quotes."""
    if quotes in (secret.quotes, None) or SAFE.fullmatch(secret.meant):
        return secret.written
    if quotes == "'":
        return secret.meant.replace("'", "''")
    quoted = json.dumps(secret.meant, ensure_ascii=False)
    return quoted[1:-1] if quotes == '"' else quoted


def word_for(secret: str) -> str:
    shown = re.sub(r"[\s\"',\[\]{}#]", "_", mask(secret))
    return f"kept:{_hash(secret)}:{shown}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()[:8]
