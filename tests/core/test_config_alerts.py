"""Receivers of alerts in ccx.yaml."""

from typing import Any

import pytest

from ccx_addons.core.confidential import secrets_in
from ccx_addons.core.config import ALERT_EVENTS, Snapshot
from ccx_addons.core.config_parse import parse
from ccx_addons.core.errors import ConfigErrors

URL = "https://hooks.example.com/services/T000/secret-part"


def parsed(*alerts: Any, environ: dict[str, str] | None = None) -> Snapshot:
    data = {"version": 1, "channels": [], "alerts": list(alerts)}
    return parse(data, revision="r", now=0, environ=environ or {}, lines={})


def test_defaults_and_everything() -> None:
    first, second = parsed(
        {"name": "ops", "url": URL},
        {"name": "tg", "url": "env:TG", "format": "telegram", "chat": -100123, "events": ["disk"], "secret": "env:S"}
        | {"private": True, "enabled": False},
        environ={"TG": "http://10.0.0.1/bot1:x/sendMessage", "S": "hush"},
    ).alerts
    assert (first.format, first.events, first.private, first.enabled) == ("plain", ALERT_EVENTS, False, True)
    assert (second.url, second.chat, second.secret) == ("http://10.0.0.1/bot1:x/sendMessage", "-100123", "hush")
    assert (second.events, second.private, second.enabled) == (("disk",), True, False)


def test_events_left_blank_are_all() -> None:
    assert parsed({"name": "a", "url": URL, "events": None}).alerts[0].events == ALERT_EVENTS


def test_one_without_its_variable_is_not_used() -> None:
    found = parsed({"name": "a", "url": "env:MISSING"})
    assert found.alerts == () and "MISSING" in found.warnings[0]


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        ({"name": "a"}, "has no url"),
        ({"url": URL}, "name"),
        ({"name": "a", "url": "http://hooks.example.com/x"}, "must begin with https://"),
        ({"name": "a", "url": "file:///etc/passwd", "private": True}, "must begin with http:// or https://"),
        ({"name": "a", "url": URL, "format": "fax"}, "must be one of plain, slack"),
        ({"name": "a", "url": URL, "events": ["rain"]}, "must be one of key, breaker"),
        ({"name": "a", "url": URL, "events": "key"}, "expected a list"),
        ({"name": "a", "url": URL, "events": []}, "alerts[0].events: needs at least one"),
        ({"name": "a", "url": URL, "format": "telegram"}, "Telegram needs the chat"),
        ({"name": "a", "url": URL, "colour": 1}, "unknown key 'colour'"),
        ("a", "expected a mapping"),
    ],
)
def test_problems(alert: Any, words: str) -> None:
    with pytest.raises(ConfigErrors) as found:
        parsed(alert)
    assert words in str(found.value) and "secret-part" not in str(found.value)


def test_two_have_two_names() -> None:
    with pytest.raises(ConfigErrors):
        parsed({"name": "a", "url": URL}, {"name": "a", "url": URL})


def test_addresses_and_secrets_are_masked() -> None:
    found = parsed({"name": "ops", "url": URL, "secret": "hush-hush-hush"})
    assert "secret-part" not in repr(found.alerts) and "hush" not in repr(found.alerts)
    assert "secret-part" not in found.secrets.clean(f"it went to {URL}")
    assert {URL, "hush-hush-hush"} <= set(secrets_in({"alerts": [{"url": URL, "secret": "hush-hush-hush"}]}, {}))
