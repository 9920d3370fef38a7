"""Secrets never leave: one set of them per configuration, and one way to mask them, whatever they are written like.

A secret is found as it is, percent-encoded, escaped as in JSON or HTML (also several times over), in base64 at any
place of what was encoded, and in texts of two bytes a character. The work grows with the text, not with the secrets.
"""

import base64
import re
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable
from itertools import groupby
from typing import Final
from urllib.parse import quote

LIKELY: Final = re.compile(
    r"\b(?:(?:sk|rk|pk|xai|gsk|ccx|hf|r8|pplx)[-_]|ya29\.|AIza)[A-Za-z0-9_\-]{16,}|\bBearer\s{1,9}[^\s\"',]{8,}"
)
"""What looks like a provider's key, also one that is not ours."""
HIDDEN: Final = "••••"
SHORTEST: Final = 4
"""Characters of the shortest secret, and those by which all are looked for."""
PLAIN_WORD: Final = 12
"""A secret of letters alone has at least so many: a shorter one is a word, and words are in every text."""
INSIDE: Final = 8
"""Characters from which on a secret is masked inside longer words, too, and in base64."""
STRONG: Final = 16
"""Characters, letters and digits: nobody writes them by chance, so that an answer can be searched for them."""
MOST_KNOWN: Final = 1024
LONGEST_KNOWN: Final = 256
"""Texts whose masked form is remembered, and the characters of such a text."""
NESTED: Final = 3
"""How often a text may be escaped: JSON in a string of JSON in a URL."""

ESCAPE: Final = re.compile(
    r"\\u00([0-9A-Fa-f]{2})|\\x([0-9A-Fa-f]{2})|%([0-9A-Fa-f]{2})|&#x([0-9A-Fa-f]{2});|&#([0-9]{2,3});"
    r"|&(amp|lt|gt|quot|apos);|\\([^ux])|\x00"
)
ENTITIES: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
BLANKS: Final = frozenset("nrtbf")

type Span = tuple[int, int, str]
"""Begin, end, and what is shown in its place."""


def mask(secret: str) -> str:
    """A secret as people may see it: enough to recognise, never enough to use."""
    return HIDDEN if len(secret) < 12 else f"{secret[:4]}…{secret[-4:]}"


class Secrets:
    """A set of secrets. Words that are too short or too plain to be told from any text are left out."""

    __slots__ = ("_forms", "_heads", "_known", "_longest", "_needles", "values")

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = frozenset(value for value in values if is_secret(value))
        self._forms: dict[str, str] = {}
        for value in self.values:
            self._forms |= dict.fromkeys(encoded(value) | encoded(quote(value, safe="")), HIDDEN)
        for value in self.values:
            written = as_written(value) - encoded(value) | {value.replace(" ", "+")}
            self._forms |= dict.fromkeys(written, mask(value))
        self._longest = max(map(len, self._forms), default=0)
        self._heads = Heads(self._forms)
        self._known: dict[str, str] = {}
        """Short texts and what they are masked: addresses and reasons stand in every row of the log."""
        self._needles: dict[Hashable, tuple[bytes, ...]] = {}

    def __or__(self, other: "Secrets") -> "Secrets":
        return self if other.values <= self.values else Secrets(self.values | other.values)

    def clean(self, text: str, *, cut: bool = False) -> str:
        """The text with these secrets, and whatever looks like a key, masked. ``cut``: it may end inside of one."""
        if cut or len(text) > LONGEST_KNOWN:
            return self._cleaned(text, cut)
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[text] = self._cleaned(text, False)
        return known

    def _cleaned(self, text: str, cut: bool) -> str:
        spans = self.spans(text) if self._forms else []
        if cut and self._forms and (begin := self._cut_off(text)) < len(text):
            spans.append((begin, len(text), HIDDEN))
        return LIKELY.sub(lambda found: mask(found[0]), replaced(text, spans))

    def clean_bytes(self, body: bytes, *, cut: bool = False) -> bytes:
        """The same for a body in any encoding; untouched bytes when there is nothing to hide."""
        text = body.decode("utf-8", "surrogateescape")
        cleaned = self.clean(text, cut=cut)
        return body if cleaned == text else cleaned.encode("utf-8", "surrogateescape")

    def needles[**P](
        self, name: Hashable, values: Callable[P, Iterable[str]], *args: P.args, **more: P.kwargs
    ) -> tuple[bytes, ...]:
        """What to look for in an answer that passes: those of the ``values`` that nobody writes by chance.

        Found once for each ``name``.
        """
        found = self._needles.get(name)
        if found is None:
            forms = {form for value in values(*args, **more) if is_strong(value) for form in as_written(value)}
            found = self._needles[name] = tuple(form.encode("utf-8", "surrogateescape") for form in sorted(forms))
        return found

    def spans(self, text: str) -> list[Span]:
        """Where they stand in a text, in whatever form."""
        spans = self._plain_spans(text)
        views: list[tuple[list[int], list[int]]] = []
        view = text
        while len(views) < NESTED and ESCAPE.search(view):
            view, ends, origins = unescaped(view)
            views.append((ends, origins))
            for begin, end, shown in self._plain_spans(view):
                for ends, origins in reversed(views):
                    begin, end = origin(begin, ends, origins), origin(end, ends, origins)
                spans.append((begin, end, shown))
        return spans

    def _plain_spans(self, text: str) -> list[Span]:
        spans: list[Span] = []
        at = 0
        while found := self._heads.search(text, at):
            begin = found.start()
            at = begin + 1
            for length in self._heads.lengths[found[0]]:
                end = begin + length
                shown = self._forms.get(text[begin:end])
                if shown is not None and (length >= INSIDE or stands_alone(text, begin, end)):
                    spans.append((begin, end, shown))
                    at = end
                    break
        return spans

    def _cut_off(self, text: str) -> int:
        """Where a secret begins whose rest is missing at the end; the text's length: nowhere."""
        for begin in range(max(0, len(text) - self._longest), len(text) - SHORTEST):
            rest = text[begin:]
            if any(form.startswith(rest) for form in self._heads.forms.get(rest[:SHORTEST], ())):
                return begin
        return len(text)


class Heads:
    """The first characters of every form: a text is searched for these alone."""

    __slots__ = ("_pattern", "forms", "lengths")

    def __init__(self, forms: Iterable[str]) -> None:
        self.forms = {head: list(group) for head, group in groupby(sorted(forms), lambda form: form[:SHORTEST])}
        self.lengths = {head: sorted({len(form) for form in forms}, reverse=True) for head, forms in self.forms.items()}
        self._pattern = re.compile(one_of(self.forms)) if self.forms else None

    def search(self, text: str, at: int) -> re.Match[str] | None:
        return self._pattern.search(text, at) if self._pattern else None


def one_of(words: Iterable[str]) -> str:
    """A pattern for words of one length that looks at each of their characters once."""
    parts = []
    for first, group in groupby(sorted(words), lambda word: word[:1]):
        rests = [word[1:] for word in group]
        parts.append(re.escape(first) + (one_of(rests) if rests[0] else ""))
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def is_secret(value: str) -> bool:
    return len(value) >= (PLAIN_WORD if value.isalpha() else SHORTEST)


def is_strong(value: str) -> bool:
    return len(value) >= STRONG and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def encoded(value: str) -> set[str]:
    """What base64 makes of a secret that stands anywhere in the encoded text, without the characters its neighbours
    decide about."""
    raw = value.encode("utf-8", "surrogateescape")
    found = set()
    if len(raw) >= INSIDE:
        for before in range(3):
            whole = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
            spare = 1 if (before + len(raw)) % 3 else 0
            inner = whole[before + (before > 0) : len(whole) - spare]
            found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return {form for form in found if len(form) >= INSIDE}


def as_written(value: str) -> set[str]:
    """A secret as it usually is repeated."""
    return {value, quote(value, safe=""), value.replace("/", "\\/"), value.replace('"', '\\"'), *encoded(value)}


def stands_alone(text: str, begin: int, end: int) -> bool:
    """Whether the span is no part of a longer word."""
    return not (text[begin - 1 : begin].isalnum() or text[end : end + 1].isalnum())


def unescaped(text: str) -> tuple[str, list[int], list[int]]:
    """The text with its escapes undone once; and after each of them, the place in it and in the text as it was."""
    out: list[str] = []
    ends, origins = [0], [0]
    at = size = 0
    for found in ESCAPE.finditer(text):
        before, meant = text[at : found.start()], meaning(found)
        out += (before, meant)
        size += len(before) + len(meant)
        at = found.end()
        ends.append(size)
        origins.append(at)
    out.append(text[at:])
    return "".join(out), ends, origins


def meaning(found: re.Match[str]) -> str:
    """The character an escape stands for; none for the empty half of a character of two bytes."""
    *hexadecimal, decimal, entity, escaped = found.groups()
    if digits := next(filter(None, hexadecimal), None):
        return chr(int(digits, 16))
    if decimal:
        return chr(int(decimal))
    if entity:
        return ENTITIES[entity]
    return "\n" if escaped in BLANKS else escaped or ""


def origin(place: int, ends: list[int], origins: list[int]) -> int:
    """A place of an unescaped text in the text as it was."""
    n = bisect_right(ends, place) - 1
    return origins[n] + place - ends[n]


def replaced(text: str, spans: list[Span]) -> str:
    """The text with what is shown in place of each span; of spans that overlap, the outermost."""
    out: list[str] = []
    at = 0
    for begin, end, shown in sorted(spans, key=lambda span: (span[0], -span[1])):
        if end <= at:
            continue
        out += (text[at : max(at, begin)], shown)
        at = end
    return "".join((*out, text[at:]))


NOTHING: Final = Secrets()

_in_force: list[Secrets] = [NOTHING]
KEPT: Final = 2
"""Sets that a process masks: of the configuration in force, and of the one before it, which requests may still have."""


def use(secrets: Secrets) -> None:
    """From now on these are masked in whatever this process says."""
    if secrets.values != _in_force[0].values:
        _in_force[:] = [secrets, *_in_force][:KEPT]


def clean(text: str) -> str:
    """What this process says to nobody in particular: its log, its events."""
    for secrets in tuple(_in_force):
        text = secrets.clean(text)
    return text
