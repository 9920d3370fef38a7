"""Receivers, the deliveries and the test button."""

from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask

from ccx_addons.core.config import Alert
from ccx_addons.io.webhook import Message, Told
from ccx_admin.alerts.sender import EXTENSION, Sender
from tests.admin.conftest import Api

ALERTS = '\nalerts:\n  - {name: "a/b <i>", url: "https://hooks.example.com/secret-part", secret: hush-hush-hush}\n'


@pytest.fixture
def told(app: Flask, folder: Path) -> list[str]:
    (folder / "ccx.yaml").write_text((folder / "ccx.yaml").read_text() + ALERTS)
    found: list[str] = []
    sender = app.extensions[EXTENSION]
    assert isinstance(sender, Sender)

    def send(alert: Alert, message: Message, now: float) -> Told:
        found.append(alert.url)
        return Told(False, 403, "no")

    sender.send = send
    return found


def test_a_test(api: Api, told: list[str]) -> None:
    answer = api.do("POST", "/api/alerts/test", {"name": "a/b <i>"})
    assert answer == {"ok": False, "status": 403, "words": "no"} and told == ["https://hooks.example.com/secret-part"]
    api.do("POST", "/api/alerts/test", {"name": "nobody"}, status=404)


def test_what_is_shown_holds_no_secret(api: Api, told: list[str]) -> None:
    answer = api("GET", "/api/alerts")
    assert answer.json and answer.json["receivers"][0]["name"] == "a/b <i>" and answer.json["receivers"][0]["signed"]
    assert "secret-part" not in answer.text and "hush" not in answer.text


NAMES = ("a/b <i>", "team//x", "a/", "100%", "a?b#c", "test", "x/rotate", "' \" 名前 \u202e🙂", "é" * 64)
"""What may be in a path, and must not be taken for a part of it."""
NEW = {"url": "https://hooks.example.com/new-secret", "secret": "hush-two-hush-two"}


@pytest.mark.parametrize("name", NAMES)
def test_receivers_are_made_changed_and_deleted(api: Api, folder: Path, name: str) -> None:
    path = f"/api/alerts/{quote(name)}"
    answer = api("POST", "/api/alerts", {"name": name, "format": "slack", **NEW})
    assert answer.status_code == 201, answer.text
    api.do("PATCH", path, {"events": ["disk"], "format": None, "secret": None})
    shown = api("GET", "/api/alerts")
    assert shown.json and shown.json["receivers"] == [
        {
            "name": name,
            "format": "plain",
            "events": ["disk"],
            "signed": False,
            "chat": "",
            "private": False,
            "enabled": True,
        }
    ]
    text = (folder / "ccx.yaml").read_text()
    assert NEW["url"] in text and NEW["secret"] not in text
    for answered in (answer, shown, api("GET", "/api/config"), api("GET", "/api/config/history")):
        assert "new-secret" not in answered.text and "hush" not in answered.text
    api.do("DELETE", path)
    assert api.get("/api/alerts")["receivers"] == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"url": "ftp://x"}, "http"),
        ({"url": "http://10.0.0.1/", "private": False}, "https"),
        ({**NEW, "format": "telegram"}, "chat"),
        ({**NEW, "events": ["moon"]}, "events"),
        ({**NEW, "colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_with_a_receiver_is_said(api: Api, folder: Path, values: dict[str, object], words: str) -> None:
    before = (folder / "ccx.yaml").read_text()
    answer = api("POST", "/api/alerts", {"name": "ops", **values})
    assert answer.status_code in (400, 422) and words in answer.text and "new-secret" not in answer.text
    assert (folder / "ccx.yaml").read_text() == before


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_nobody_of_that_name(api: Api, method: str) -> None:
    api.do(method, "/api/alerts/nobody", {} if method == "PATCH" else None, status=404)
