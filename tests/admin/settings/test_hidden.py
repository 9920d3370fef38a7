"""Secrets are hidden from the file that is shown, and come back when it is saved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.errors import ConfigErrors
from ccx_addons.io.yaml_file import load_text
from ccx_admin.settings.hidden import diff, hidden, restored, secrets_of
from tests.admin.seed import CONFIG, SECRETS

A, B = "SEEDsecret01qwertyuiop", "SEEDsecret02qwertyuiop"


def test_every_secret_is_found() -> None:
    assert secrets_of(CONFIG).values == set(SECRETS)


def test_hidden_text_holds_no_secret_and_comes_back() -> None:
    shown = hidden(CONFIG)
    assert not [secret for secret in SECRETS if secret in shown]
    assert "kept:" in shown and "# the team's" in shown and "ch_main0001" in shown and '"*": glm-5-air' in shown
    assert restored(shown, CONFIG) == CONFIG
    assert hidden(shown) == shown


TEXTS = [
    pytest.param(f"channels: [{{name: x, keys: [{A}, {B}]}}]", id="flow list"),
    pytest.param(f"channels:\n  - name: x\n    keys:\n      - {A}\n      - key: {B}\n", id="block list"),
    pytest.param(f"channels:\n  - name: x\n    keys: [{A}, {B}]\n  bad: [\n", id="no YAML, flow list"),
    pytest.param(f"channels:\n  - name: x\n    keys:\n      - {A}\n      - {B}\n  bad: [\n", id="no YAML, block list"),
    pytest.param(f"channels:\n  - {{keys: [\"{A}\"]}}\n  - {{keys: ['{B}']}}\n  bad: [\n", id="no YAML, quotes"),
    pytest.param(
        f"channels:\n  - headers: {{x-a: {A}}}\n    proxy: http://u:{B}@p:1\n  bad: [\n", id="no YAML, others"
    ),
    pytest.param(f"channels:\n - keys: ['{A}']\n   x: &a [*a, {B}]\n", id="an alias"),
    pytest.param(f"keys: [{A}]\nchannels: []\n", id="a wrong level"),
    pytest.param(f"channels:\n  - name: x\n    api_key: {A}\n    key: {B}\n", id="unknown names"),
    pytest.param(f"channels:\n  - name: x\n    keys: {A}\n", id="one text"),
    pytest.param(f"channels:\n  main:\n    keys: {{first: {A}}}\n", id="mappings"),
    pytest.param('channels:\n  - keys: ["SEED\\u0073ecret01qwertyuiop"]\n', id="an escape"),
    pytest.param("channels:\n  - keys: ['SEEDsecr''etquote99']\n", id="doubled quotes"),
    pytest.param('channels:\n  - keys:\n      - "SEEDsecretfirst\\\n        secondhalfSEED"\n', id="two lines"),
    pytest.param(f"channels:\n  - keys:\n      - |\n        {A}\n", id="a block"),
    pytest.param("channels:\n  - keys: [0123456789]\n", id="a number with a zero"),
    pytest.param("channels:\n  - keys: [12345678.5]\n", id="a number with a point"),
    pytest.param("channels:\n  - keys: [abc]\n", id="a short one"),
    pytest.param(f"# old key {A}\nchannels: []  # password: correct\n#- keys: [{B}]\n", id="comments"),
    pytest.param(f"channels:\n  - headers: {{x-team: {A}, cf-id: {B}}}\n", id="headers of any name"),
    pytest.param(f"channels:\n  - proxy: http://{A}@p:1\n", id="a user without password"),
    pytest.param("channels:\n  - proxy: http://u:SEED%40secretpw@p:1\n", id="an escaped password"),
    pytest.param(f"channels:\n  - base_urls: ['https://h/{A}/v1']\n", id="in a path"),
    pytest.param(f"channels:\n  - note: my key is {A}\n    keys: [{A}]\n", id="also in a note"),
    pytest.param("channels:\n  - note: sk-ant-api03-ZZZZZZZZZZZZZZZZZZZZ\n", id="a key in a note alone"),
    pytest.param(f"channels:\n  - protocol: {A}\n    priority: {B}\n", id="in place of words"),
    pytest.param(f"{A}9: x\nchannels: [{{'{B}': 1}}]\n", id="as names"),
]
PARTS = ("SEED", "qwerty", "0123456789", "12345678.5", "[abc]", "correct", "secretpw", "ZZZZZ", "secondhalf", "quote99")


@pytest.mark.parametrize("text", TEXTS)
def test_secrets_in_odd_places(text: str) -> None:
    shown = hidden(text)
    left = [
        line
        for line in shown.splitlines()
        if any(part in line.replace("kept:", "") for part in PARTS if part != "SEED")
    ]
    assert not left and "SEEDs" not in shown
    assert restored(shown, text) == text


def test_what_is_no_secret_stays() -> None:
    text = """\
# Every channel, e.g. https://api.example.com/v1 with claude-sonnet-4-5-20250929: see env:MY_KEY.
version: 1
channels:
  - {name: main, protocol: chatt, base_urls: [https://api.example.com/v1], keys: [env:MY_KEY], priority: one}
"""
    assert hidden(text) == text


def test_an_unknown_word_is_an_error_with_its_line() -> None:
    with pytest.raises(ConfigErrors) as caught:
        restored("version: 1\nkey: kept:00000000:sk-a…AAAA\n", CONFIG)
    assert caught.value.problems[0].line == 2


def test_a_moved_word_brings_its_secret() -> None:
    word = hidden(CONFIG).split("key: ")[1].split("\n")[0]
    assert restored(f"a: {word}", CONFIG) == "a: ccx-alice-0123456789abcdef"


@pytest.mark.parametrize(
    "place", ["note: see {}", "name: {}", "tags: [{}]", "models: {{'{}': x}}", "headers: {{x-app: {}}}"]
)
def test_a_word_brings_no_secret_to_a_place_that_is_shown(place: str) -> None:
    current = f"channels:\n  - keys: [{A}]\n"
    word = hidden(current).partition("[")[2].partition("]")[0]
    with pytest.raises(ConfigErrors, match="no place for one"):
        restored(f"channels:\n  - {place.format(word)}\n", current)


@pytest.mark.parametrize("key", ["with \"both\" 'quotes' 1", "a: b # c", "back\\slash-9", "'", "plain-9", "0123456789"])
@pytest.mark.parametrize("before", ['"{}"', "'{}'"])
@pytest.mark.parametrize("after", ['"{}"', "'{}'", "{}"])
def test_a_secret_keeps_its_meaning_in_other_quotes(key: str, before: str, after: str) -> None:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"') if before[0] == '"' else key.replace("'", "''")
    current = f"channels:\n  - keys: [{before.format(escaped)}]\n"
    word = hidden(current).partition("[")[2].partition("]")[0].strip("'\"")
    saved = restored(f"channels:\n  - keys: [{after.format(word)}, {after.format(word)}]\n", current)
    assert load_text(saved).data["channels"][0]["keys"] == [key, key]


def test_diffs_are_masked() -> None:
    found = diff(CONFIG, CONFIG.replace(SECRETS[2], "a-new-key-0001"))
    assert SECRETS[2] not in found and "0123…MNOP" in found and "a-new-key-0001" not in found and ":a-ne…0001" in found


@given(st.text(max_size=200))
def test_any_text_comes_back(text: str) -> None:
    if "kept:" not in text:
        assert restored(hidden(text), text) == text


@given(
    st.lists(st.sampled_from([A, "x", ": ", "\n", " ", "- ", "keys", "channels", "note", "#", '"', "'", "[", "]", "|"]))
)
def test_any_file_comes_back(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert restored(hidden(text), text) == text
