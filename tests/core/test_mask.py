import base64
import json
import re
import string
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core import mask as module
from ccx_addons.core.mask import NOTHING, Secrets, clean, is_secret, is_strong, mask, use

ODD = "odd secret, not like a key"
KEY = "main-5e2a91c07bd84f36"
SLASHED = 'Q/x+77"&yz=0aa1'
SECRETS = Secrets([ODD, KEY, SLASHED, "ab12"])
KEYS = st.text(string.ascii_letters + string.digits + "-_/+=.", min_size=16, max_size=60).filter(is_strong)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param("nothing to hide", "nothing to hide", id="plain"),
        pytest.param("Incorrect key: sk-proj-abcdefghijklmnop1234.", "Incorrect key: sk-p…1234.", id="openai"),
        pytest.param("sk-ant-api03-AAAAAAAAAAAAAAAAAAAA", "sk-a…AAAA", id="anthropic"),
        pytest.param("key AIzaSyA1234567890abcdefg is bad", "key AIza…defg is bad", id="google"),
        pytest.param("ccx-alice-0123456789abcdef", "ccx-…cdef", id="ours"),
        pytest.param('{"authorization":"Bearer abcdefgh12345678"}', '{"authorization":"Bear…5678"}', id="bearer"),
        pytest.param("task-abcdefghijklmnopqrstuvwxyz", "task-abcdefghijklmnopqrstuvwxyz", id="a word that ends alike"),
        pytest.param("sk-short", "sk-short", id="too short for a key"),
        pytest.param("skeleton-abcdefghijklmnopqrst", "skeleton-abcdefghijklmnopqrst", id="a word that begins alike"),
    ],
)
def test_what_looks_like_a_key_is_masked(text: str, cleaned: str) -> None:
    assert NOTHING.clean(text) == cleaned


def in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def in_hexadecimal(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


WRITTEN = [
    pytest.param(str, id="as it is"),
    pytest.param(lambda s: quote(s, safe=""), id="percent"),
    pytest.param(lambda s: re.sub("%..", lambda found: found[0].lower(), quote(s)), id="percent, either case"),
    pytest.param(lambda s: s.replace(" ", "+"), id="plus for a space"),
    pytest.param(in_json, id="json"),
    pytest.param(lambda s: in_json(s).replace("/", "\\/"), id="json with slashes"),
    pytest.param(lambda s: in_json(in_json(s)), id="json in json"),
    pytest.param(lambda s: quote(in_json(in_json(s))), id="json in json in a URL"),
    pytest.param(in_hexadecimal, id="json, every character escaped"),
    pytest.param(lambda s: s.replace("&", "&amp;").replace('"', "&quot;"), id="html"),
    pytest.param(lambda s: "".join(f"&#x{ord(c):x};" for c in s), id="html, by number"),
    pytest.param(lambda s: s.encode("utf-16-le").decode("latin-1"), id="two bytes a character"),
    *(
        pytest.param(lambda s, n=n: base64.b64encode(b"Bearer: "[:n] + s.encode() + b" ok").decode(), id=f"base64 {n}")
        for n in range(3)
    ),
    pytest.param(lambda s: base64.urlsafe_b64encode(f"user:{s}".encode()).decode(), id="basic, for URLs"),
    pytest.param(lambda s: base64.b64encode(f"GET /?key={quote(s, safe='')}".encode()).decode(), id="a URL in base64"),
    pytest.param(lambda s: in_json(base64.b64encode(s.encode()).decode()).replace("/", "\\/"), id="base64 in json"),
]


@pytest.mark.parametrize("secret", [ODD, KEY, SLASHED])
@pytest.mark.parametrize("written", WRITTEN)
def test_a_secret_is_found_in_every_form(secret: str, written: Any) -> None:
    form = written(secret)
    text = f"you sent <{form}> as x{form}x!"
    cleaned = SECRETS.clean(text)
    assert cleaned.startswith("you sent <") and cleaned.endswith("!")
    core = form[4:-5]
    assert core not in cleaned
    assert core.encode("latin-1") not in SECRETS.clean_bytes(b"\xff" + text.encode("latin-1"))


def test_what_stands_before_a_secret_is_no_part_of_an_escape() -> None:
    assert Secrets(["0a1b2c3d4e5f=g"]).clean("%0a1b2c3d4e5f%3Dg") == "%0a1b…5f=g"


@given(KEYS, st.text(max_size=40), st.text(max_size=40), st.sampled_from(WRITTEN))
def test_no_form_survives_in_any_text(secret: str, before: str, after: str, written: Any) -> None:
    form = written.values[0](secret)
    assert form[4:-5] not in Secrets([secret]).clean(before + form + after)


def test_short_secrets_are_masked_as_words_only() -> None:
    assert SECRETS.clean("ab12, xab12 ab123 (ab12)") == "••••, xab12 ab123 (••••)"


@pytest.mark.parametrize("word", ["", "abc", "user", "assistant", "completions", "ollama"])
def test_words_of_every_text_are_no_secrets(word: str) -> None:
    assert not is_secret(word) and Secrets([word]).clean(f'{{"role": "{word}"}}') == f'{{"role": "{word}"}}'


@pytest.mark.parametrize("left", range(5, len(KEY)))
def test_a_secret_that_the_end_cuts_off_is_masked(left: int) -> None:
    cut = f"see {KEY[:left]}"
    assert SECRETS.clean(cut, cut=True) == "see ••••"
    assert SECRETS.clean(cut) == (cut if left < len(KEY) else f"see {mask(KEY)}")


@given(st.binary(max_size=60))
def test_bytes_with_nothing_to_hide_stay_as_they_are(body: bytes) -> None:
    assert SECRETS.clean_bytes(body) == body
    assert SECRETS.clean_bytes(body + b"<" + ODD.encode()).startswith(body)


def test_cleaning_twice_is_cleaning_once() -> None:
    once = SECRETS.clean(f"{KEY} Bearer abcdefghijklmnop")
    assert SECRETS.clean(once) == once


def test_of_secrets_that_begin_alike_the_longest_is_masked() -> None:
    found = Secrets(["sec-0123456789", "sec-0123456789-and-more-99"])
    assert found.clean("a sec-0123456789-and-more-99 b sec-0123456789") == "a sec-…e-99 b sec-…6789"


def test_the_union_of_two_sets() -> None:
    both = Secrets([KEY]) | Secrets([ODD])
    assert both.values == {KEY, ODD} and both | Secrets([KEY]) is both


def test_needles_are_what_nobody_writes_by_chance() -> None:
    needles = SECRETS.needles("place", lambda: ["a-plain-header-value", KEY])
    assert KEY.encode() in needles and b"a-plain-header-value" not in needles
    assert any(needle in base64.b64encode(f"Bearer {KEY}".encode()) for needle in needles)
    assert SECRETS.needles("place", lambda: []) is needles


class Counted(str):
    """A text that counts how many characters of it are copied."""

    copied = 0

    def __getitem__(self, at: Any) -> str:
        found = super().__getitem__(at)
        Counted.copied += len(found)
        return found


@pytest.mark.parametrize("unit", ["sec-", "x", "%41", "\\", "sec-012345678"])
def test_the_work_grows_with_the_text_alone(unit: str) -> None:
    many = Secrets(f"sec-{n:010}" for n in range(2_000))
    work = []
    for size in (2_000, 4_000):
        Counted.copied = 0
        many.spans(Counted(unit * size))
        work.append(Counted.copied)
    assert work[1] <= 2.1 * work[0] + 100


def test_what_the_process_says_is_masked_with_the_sets_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_in_force", [NOTHING])
    use(Secrets(["first-secret-1"]))
    use(Secrets(["second-secret-2"]))
    use(Secrets(["second-secret-2"]))
    assert clean("first-secret-1 second-secret-2") == "firs…et-1 seco…et-2"
    use(Secrets(["third-secret-3"]))
    assert clean("first-secret-1 second-secret-2") == "first-secret-1 seco…et-2"


@given(st.text(max_size=80))
def test_mask_never_shows_enough(secret: str) -> None:
    shown = mask(secret)
    assert len(shown) <= 9 and (len(secret) < 12 or shown != secret)


@pytest.mark.parametrize(
    ("secret", "shown"), [("", "••••"), ("short", "••••"), ("elevenchars", "••••"), ("sk-ant-1234567890", "sk-a…7890")]
)
def test_mask(secret: str, shown: str) -> None:
    assert mask(secret) == shown


def test_what_is_remembered_is_bounded_and_of_its_own_set() -> None:
    one, two = Secrets(["sk-one-0123456789"]), Secrets(["sk-two-0123456789"])
    for n in range(5000):
        one.clean(f"text {n}")
        one.clean("x" * 10_000 + str(n))
    assert sum(len(text) for text in one._known) < 1 << 20
    for _ in range(2):
        assert "0123" not in one.clean("plain-one sk-one-0123456789") and "0123" not in two.clean("sk-two-0123456789")
    assert one.clean("x" * 10_000 + "sk-one-0123456789")[-9:] == "sk-o…6789"
