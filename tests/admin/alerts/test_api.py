"""The deliveries and the test button."""

from pathlib import Path

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
