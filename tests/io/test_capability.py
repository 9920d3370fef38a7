"""Questions to the imitated providers, which refuse what the real ones refuse."""

from typing import Any, Final

import pytest

from ccx_addons.core.config import TEXT_KINDS, Channel, ChannelLimits, Key, Kind, ModelMap, Target
from ccx_addons.io import capability
from ccx_addons.io.capability import CHECKS, Check, Finding, ask
from tests.wire.program import Fake

SECRET: Final = "sk-secret-0123456789abcdef"
KEY: Final = Key("k_1", SECRET)


def channel(url: str, protocol: Kind = "chat", **more: Any) -> Channel:
    return Channel("ch_1", "one", protocol, (url,), (KEY,), frozenset({protocol}), **more)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("protocol", sorted(TEXT_KINDS))
def test_an_able_upstream(fake: Fake, protocol: Kind, check: Check) -> None:
    found = ask(channel(fake.url, protocol), KEY, protocol, "able-model", check)
    assert found.ok and found.error == "" and found.status == 200, found
    assert found.usage and found.usage.output and found.received and b"able-model" in found.sent + found.received
    assert (found.first_ms is not None) == (check == "stream")
    assert found.first_ms is None or found.first_ms <= found.total_ms


@pytest.mark.parametrize(
    ("model", "check", "error"),
    [
        pytest.param("blind-model", "image", "it did not see the picture: I see no picture.", id="sees nothing"),
        pytest.param("lazy-model", "tools", "it did not call the tool: lazy-model heard", id="calls nothing"),
        pytest.param("fake-unsupported=tools", "tools", "400: ", id="refuses tools"),
        pytest.param("fake-unsupported=stream", "stream", "400: ", id="refuses streams"),
        pytest.param("fake-modelnotfound", "text", "404: ", id="unknown model"),
        pytest.param("fake-errorfirst", "stream", "", id="error event"),
        pytest.param("fake-cut=1", "stream", "", id="cut"),
        pytest.param("fake-notjson", "text", "the answer is not JSON", id="not JSON"),
        pytest.param("fake-html", "text", "the answer is not JSON", id="HTML"),
        pytest.param("fake-emptystream", "stream", "the stream ended without", id="empty"),
        pytest.param("fake-reset", "text", "", id="reset"),
        pytest.param("fake-leakkey", "text", "", id="its own key in the error"),
    ],
)
def test_an_upstream_that_cannot(fake: Fake, model: str, check: Check, error: str) -> None:
    found = ask(channel(fake.url), KEY, "chat", model, check)
    assert not found.ok and found.error.startswith(error) and found.error
    assert SECRET not in str(found)


def test_nobody_there() -> None:
    found = ask(channel("http://127.0.0.1:1"), KEY, "chat", "m", "text")
    assert (found.ok, found.status) == (False, 0) and found.error


def test_it_takes_too_long(fake: Fake) -> None:
    found = ask(channel(fake.url), KEY, "chat", "fake-stall", "text", timeout=0.2)
    assert not found.ok and found.error == "no answer in time"


def test_a_stream_stops_when_it_is_cancelled(fake: Fake) -> None:
    found = ask(channel(fake.url), KEY, "chat", "fake-slowchunks=50", "stream", cancelled=lambda: True)
    assert not found.ok and found.error == "cancelled" and found.total_ms < 2000


def test_mapping_quirks_and_limits_apply(fake: Fake) -> None:
    own = channel(
        fake.url,
        models=ModelMap({"opus": (Target("glm-5"),)}),
        quirks=frozenset({"max_tokens_field"}),
        limits=ChannelLimits(max_output_tokens=77),
    )
    found = ask(own, KEY, "chat", "claude-opus-4-7", "text")
    assert found.upstream_model == "glm-5" and b'"max_tokens":77' in found.sent


@pytest.mark.parametrize(
    ("base_url", "protocol", "url"),
    [
        ("https://a.test", "chat", "https://a.test/v1/chat/completions"),
        ("https://a.test/v4", "chat", "https://a.test/v4/chat/completions"),
        ("https://a.test/v1", "messages", "https://a.test/v1/messages"),
        ("https://a.test/api/v1", "gemini", "https://a.test/api/v1beta/models/m:generateContent"),
        ("https://a.test/exact#", "messages", "https://a.test/exact/messages"),
    ],
)
def test_the_address_of_another_protocol(base_url: str, protocol: Kind, url: str) -> None:
    assert capability.url_of(channel(base_url), KEY, protocol, "m", False) == url


def test_a_relay_that_speaks_another_protocol_too(fake: Fake) -> None:
    found: list[Finding] = [ask(channel(f"{fake.url}/v1"), KEY, protocol, "m", "text") for protocol in TEXT_KINDS]
    assert all(one.ok for one in found), found
