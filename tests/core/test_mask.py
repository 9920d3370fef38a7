import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import Channel, Key, Snapshot
from ccx_addons.core.exchange import AttemptRecord, Exchange
from ccx_addons.core.mask import clean, clean_bytes
from ccx_addons.core.verdict import Attempt

SECRETS = ("odd secret, not like a key", "sk-main-5e2a91c07bd84f36")
CHANNEL = Channel("c", "main", "chat", ("https://a",), (), frozenset({"chat"}))


def exchange() -> Exchange:
    x = Exchange("id", 0, 0, Snapshot("r", 0), "POST", "/", "", ())
    x.attempts = [AttemptRecord(Attempt(CHANNEL, Key("k", secret), "https://a", 1), 0) for secret in SECRETS]
    return x


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
    assert clean(text) == cleaned


@pytest.mark.parametrize("secret", SECRETS)
def test_keys_of_all_attempts_are_masked_wherever_they_stand(secret: str) -> None:
    text = f'<{secret}>"{secret}"x{secret}'
    assert secret in text and secret not in clean(text, exchange())
    assert secret.encode() not in clean_bytes(b"\xff" + text.encode(), exchange())


def test_without_an_exchange_only_likely_keys() -> None:
    assert clean(SECRETS[0]) == SECRETS[0]


@given(st.binary(max_size=60))
def test_bytes_with_nothing_to_hide_stay_as_they_are(body: bytes) -> None:
    assert clean_bytes(body, exchange()) == body
    assert clean_bytes(body + SECRETS[0].encode(), exchange()).startswith(body)


def test_cleaning_twice_is_cleaning_once() -> None:
    once = clean(f"{SECRETS[1]} Bearer abcdefghijklmnop", exchange())
    assert clean(once, exchange()) == once
