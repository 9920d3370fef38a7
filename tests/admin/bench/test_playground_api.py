import json

import pytest
from flask import Flask

from ccx_admin.panel import EXTENSION
from tests.admin.conftest import Api
from tests.wire.program import Fake

ASK = {"protocol": "messages", "model": "m", "prompt": "hello"}


def test_an_answer_as_events(api: Api, app: Flask, fake: Fake) -> None:
    app.extensions[EXTENSION].gateway_url = fake.url
    answer = api("POST", "/api/playground", ASK)
    assert answer.status_code == 200 and answer.mimetype == "text/event-stream"
    events = [json.loads(event[6:]) for event in answer.text.split("\n\n") if event]
    assert "".join(event.get("text", "") for event in events) == "m heard: hello"


def test_without_a_gateway(api: Api) -> None:
    assert "gateway" in api.do("POST", "/api/playground", ASK, 409)["detail"]


@pytest.mark.parametrize("change", [{"protocol": "images"}, {"model": ""}, {"prompt": ""}, {"tools": []}], ids=str)
def test_what_is_refused(api: Api, change: dict[str, object]) -> None:
    api.do("POST", "/api/playground", {**ASK, **change}, 422)
