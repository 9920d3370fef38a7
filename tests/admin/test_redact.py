"""Secrets are hidden from every text, and come back when it is saved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.errors import ConfigErrors
from ccx_admin.redact import clean, clean_config, hidden, hide_url, restored, secrets_of, shown_header
from tests.admin.seed import CONFIG, SECRETS


def test_every_secret_is_found() -> None:
    assert secrets_of(CONFIG) == set(SECRETS)


def test_hidden_text_holds_no_secret_and_comes_back() -> None:
    shown = hidden(CONFIG)
    assert not [secret for secret in SECRETS if secret in shown]
    assert "kept:" in shown and "# the team's" in shown
    assert restored(shown, CONFIG) == CONFIG
    assert hidden(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# - sk-ant-api03-ZZZZZZZZZZZZZZZZZZZZ\n" + CONFIG, id="in a comment"),
        pytest.param("channels: [\n  keys: [sk-ant-api03-ZZZZZZZZZZZZZZZZZZZZ\n", id="no valid YAML"),
        pytest.param("channels:\n - keys: ['plainsecret1']\n   x: &a [*a\n", id="no valid YAML, odd key"),
        pytest.param("clients:\n - {name: a, key: 12345678}\n", id="a number"),
        pytest.param("channels:\n - {headers: {x-secret-token: geheim99}}\n", id="header"),
        pytest.param("channels:\n - {proxy: 'http://me:geheim99@proxy:1'}\n", id="password of a proxy"),
        pytest.param("channels:\n - {base_urls: ['https://me:geheim99@a.example']}\n", id="password of an address"),
    ],
)
def test_secrets_in_odd_places(text: str) -> None:
    shown = hidden(text)
    assert not any(word in shown for word in ("ZZZZZZ", "plainsecret1", "12345678", "geheim99"))
    assert restored(shown, text) == text


def test_environment_names_stay() -> None:
    text = "channels:\n - keys: [env:MY_KEY]\n"
    assert hidden(text) == text


def test_an_unknown_word_is_an_error_with_its_line() -> None:
    with pytest.raises(ConfigErrors) as caught:
        restored("version: 1\nkey: kept:00000000:sk-a…AAAA\n", CONFIG)
    assert caught.value.problems[0].line == 2


def test_a_moved_word_brings_its_secret() -> None:
    word = hidden(CONFIG).split("key: ")[1].split("\n")[0]
    assert restored(f"a: {word}", CONFIG) == "a: ccx-alice-0123456789abcdef"


def test_diffs_are_masked() -> None:
    found = clean_config(f"-  keys: [{SECRETS[2]}]\n+  keys: [x]\n", CONFIG)
    assert SECRETS[2] not in found and "0123…MNOP" in found


@given(st.text(max_size=200))
def test_any_text_comes_back(text: str) -> None:
    if "kept:" not in text:
        assert restored(hidden(text), text) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("wrong key sk-1234567890abcdefgh", "wrong key sk-1…efgh", id="looks like a key"),
        pytest.param("Bearer abcdefghijkl is wrong", "Bear…ijkl is wrong", id="bearer"),
        pytest.param("geheim", "••••", id="known"),
        pytest.param("nothing here", "nothing here", id="nothing"),
    ],
)
def test_clean(text: str, found: str) -> None:
    assert clean(text, ("geheim",)) == found


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("https://a.example/v1", "https://a.example/v1", id="plain"),
        pytest.param("http://me:pw@a.example:8080", "http://***@a.example:8080", id="password"),
        pytest.param("socks5://me@a.example", "socks5://***@a.example", id="name only"),
    ],
)
def test_hide_url(url: str, shown: str) -> None:
    assert hide_url(url) == shown


def test_headers() -> None:
    assert shown_header("x-team", "core") == "core"
    assert shown_header("cf-access-client-secret", "0123456789abcdef") == "0123…cdef"
