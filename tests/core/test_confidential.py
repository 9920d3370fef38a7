from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from ccx_addons.core import confidential
from ccx_addons.core.confidential import (
    PLAIN,
    SECRET,
    URL,
    file_shape,
    hide_url,
    is_harmless,
    members_of,
    secrets_in,
    sent_secrets,
    shown_header,
    written_keys,
)
from ccx_addons.core.config import SHOWN, URLS, Channel, Key


def found(data: Any, **environ: str) -> set[str]:
    return set(secrets_in(data, environ)) - {""}


def channel(**values: Any) -> dict[str, Any]:
    return {"channels": [{"name": "main", "protocol": "chat", **values}]}


@pytest.mark.parametrize(
    ("data", "secrets"),
    [
        pytest.param(channel(keys=["secret-one"]), {"secret-one"}, id="a key"),
        pytest.param(
            channel(keys=[{"key": "secret-one", "name": "n", "weight": 2}]), {"secret-one"}, id="a key's table"
        ),
        pytest.param(channel(keys=["env:MY_KEY"]), {"from outside"}, id="of the environment"),
        pytest.param(
            channel(keys=["env:q9w8e7r6t5zzAAbb"]), {"env:q9w8e7r6t5zzAAbb", "q9w8e7r6t5zzAAbb"}, id="a key behind env:"
        ),
        pytest.param(channel(keys=["env:KEY_0123456789"]), set(), id="a variable that is not set"),
        pytest.param(channel(keys=["${MY_KEY}"]), {"from outside"}, id="of the environment, otherwise written"),
        pytest.param(channel(headers={"x-a": "env:MY_KEY"}), {"from outside"}, id="a header of the environment"),
        pytest.param(
            channel(headers={"x-a": "Bearer ${MY_KEY}"}),
            {"from outside", "Bearer from outside", "Bearer ${MY_KEY}"},
            id="in a header",
        ),
        pytest.param(channel(base_urls=["https://h/${TOKEN}/v1"]), {"0123456789abcdef"}, id="in an address"),
        pytest.param(channel(base_urls=["env:ADDRESS"]), set(), id="an address of the environment"),
        pytest.param(channel(proxy="${PROXY}"), {"me", "p%40ss", "p@ss", "bWU6cEBzcw=="}, id="a proxy's, outside"),
        pytest.param(channel(keys={"first": "secret-one"}), {"secret-one"}, id="keys as a mapping"),
        pytest.param(channel(keys="secret-one"), {"secret-one"}, id="keys as one text"),
        pytest.param(channel(api_key="secret-one"), {"secret-one"}, id="an unknown name"),
        pytest.param({"channels": {"main": {"keys": ["secret-one"]}}}, {"secret-one"}, id="channels as a mapping"),
        pytest.param({"clients": [{"name": "bob", "key": "secret-one"}]}, {"secret-one"}, id="a client's key"),
        pytest.param(channel(headers={"x-team": "secret-one", "user-agent": "me/1"}), {"secret-one"}, id="headers"),
        pytest.param(
            channel(proxy="http://me:p%40ss@proxy:1"), {"me", "p%40ss", "p@ss", "bWU6cEBzcw=="}, id="a proxy's login"
        ),
        pytest.param(channel(base_urls=["https://h/0123456789abcdef/v1"]), {"0123456789abcdef"}, id="a key in a path"),
        pytest.param(channel(website="https://h/?a=1&t=0123456789abcdef"), {"0123456789abcdef"}, id="a key in a query"),
        pytest.param(channel(note="words", tags=["a"], priority=3, allow=["gpt-*"]), set(), id="nothing"),
        pytest.param(channel(priority="sk0123456789abcdef"), {"sk0123456789abcdef"}, id="instead of a number"),
        pytest.param({"prices": {"gpt-5": {"input": 1, "output": 2.5}}, "version": 1}, set(), id="prices"),
        pytest.param({"0123456789 abcdef": 1}, {"0123456789 abcdef", "1"}, id="as a name"),
    ],
)
def test_secrets_of_a_file(data: Any, secrets: set[str]) -> None:
    outside = {"ADDRESS": "https://api.example.com", "PROXY": "http://me:p%40ss@proxy:1", "TOKEN": "0123456789abcdef"}
    assert found(data, MY_KEY="from outside", **outside) == secrets


@dataclass
class Later:
    """A table as it may grow."""

    webhook: str
    name: str = field(metadata=SHOWN)
    address: str = field(metadata=URLS)
    places: tuple[str, ...] = ()
    number: int = 1
    ratio: float | None = None
    style: Literal["one", "two"] = "one"


def test_keys_that_are_written_in_a_file_are_counted_and_those_elsewhere_are_not() -> None:
    made = channel(keys=["sk-1", {"key": "env:MY_KEY"}, {"key": "${MY_KEY}"}], headers={"x-token": "t"}, note="words")
    clients = [{"name": "a", "key": "one"}, {"name": "b", "key_sha256": "0" * 64}]
    assert written_keys({**made, "clients": clients}) == 3
    assert written_keys(channel(keys=["env:MY_KEY"])) == 0


def test_a_new_field_is_secret_until_somebody_says_that_it_is_not() -> None:
    shapes = members_of(Later)
    assert [shapes[name] for name in ("webhook", "places", "name", "address")] == [SECRET, SECRET, PLAIN, URL]
    assert {shapes[name].scalar for name in ("number", "ratio", "style")} == {"word"}


def test_every_field_of_a_channel_has_its_place() -> None:
    shape = file_shape().below("channels")
    assert shape.below("keys").below("key") is shape.below("keys").below("anything") is SECRET
    assert shape.below("models").below("any").below("to") is PLAIN
    assert shape.below("headers").below("x-title") is PLAIN
    assert shape.below("headers").below("x-other") is SECRET


@pytest.mark.parametrize(
    "word",
    [
        "claude-sonnet-4-5-20250929",
        "https://api.example.com/v1beta",
        "v1",
        "v1alpha1",
        "v1internal",
        "OpenAI",
        "密钥",
        "configuration",
        "12",
    ],
)
def test_harmless_words(word: str) -> None:
    assert is_harmless(word)


@pytest.mark.parametrize(
    "word", ["hunter2hunter2", "3f2a9c1e-77d0-4c1b", "abcDEFghiJKLmnoPQR", "sk-0a1b2c3d4e", "123456789"]
)
def test_words_that_could_be_secrets(word: str) -> None:
    assert not is_harmless(word)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("https://a.example/v1", "https://a.example/v1", id="plain"),
        pytest.param("http://me:pw@a.example:8080", "http://***@a.example:8080", id="password"),
        pytest.param("socks5://me@a.example", "socks5://***@a.example", id="name only"),
        pytest.param("https://a.example/0123456789abcdef/v1", "https://a.example/***/v1", id="a key in its path"),
        pytest.param("https://[", "***", id="no URL"),
    ],
)
def test_hide_url(url: str, shown: str) -> None:
    assert hide_url(url) == shown


def test_headers() -> None:
    assert shown_header("User-Agent", "core/1") == "core/1"
    assert shown_header("x-team", "0123456789abcdef") == "0123…cdef"


def test_what_an_upstream_was_sent() -> None:
    key = Key("k", "the-key")
    made = Channel(
        "c", "main", "chat", ("https://a",), (key,), frozenset({"chat"}), headers=(("x-a", "b"), ("x-app", "c")),
        proxy="http://u:p%20q@h",
    )  # fmt: skip
    assert set(sent_secrets(made, key)) == {"the-key", "b", "u", "p%20q", "p q", "dTpwIHE="}
    assert confidential.HARMLESS_HEADERS.isdisjoint({"authorization", "cookie"})
