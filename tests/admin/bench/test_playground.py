"""Prompts to a server that speaks every protocol as the gateway does."""

import json
from typing import Any

import pytest
from flask import Flask

from ccx_addons.core.config import TEXT_KINDS, Kind
from ccx_admin.bench.playground import Prompt, as_stream, talk
from ccx_admin.panel import EXTENSION, Panel
from tests.admin.conftest import PROXY_KEY
from tests.wire.program import Fake


@pytest.fixture
def panel(app: Flask, fake: Fake) -> Panel:
    found: Panel = app.extensions[EXTENSION]
    found.gateway_url = fake.url
    fake.clear()
    return found


def shown(panel: Panel, text: str, protocol: Kind = "chat", model: str = "m", **more: Any) -> list[dict[str, Any]]:
    return list(talk(panel, Prompt(protocol, model, text, **more)))


def said(pieces: list[dict[str, Any]]) -> str:
    return "".join(piece.get("text", "") for piece in pieces)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("protocol", sorted(TEXT_KINDS))
def test_an_answer(panel: Panel, fake: Fake, protocol: Kind, stream: bool) -> None:
    found = shown(panel, "hello there", protocol, stream=stream, system="be brief")
    assert (found[0]["status"], found[0]["attempts"]) == (200, 0)
    assert said(found) == "m heard: hello there" and {piece["kind"] for piece in found if "kind" in piece} == {"text"}
    (end,) = [piece for piece in found if "end" in piece]
    assert end["end"] == "end" and end["usage"]["output"] == 4
    assert list(found[-1]) == ["total_ms"] and found[-1]["total_ms"] > 0
    (request,) = fake.requests()
    assert "be brief" in request["text"] and request["key"] == PROXY_KEY
    headers = dict(request["headers"])
    assert headers["x-ccx-test"] == panel.test_secret != "" and "x-ccx-channel" not in headers


def test_one_channel(panel: Panel, fake: Fake) -> None:
    shown(panel, "hello", channel="ch_main0001")
    assert dict(fake.requests()[0]["headers"])["x-ccx-channel"] == "ch_main0001"


def test_thoughts_come_before_the_text(panel: Panel) -> None:
    found = shown(panel, "think", "chat", "deepseek-reasoner")
    assert [piece["kind"] for piece in found if "kind" in piece] == ["thinking", "text"]


@pytest.mark.parametrize(
    ("model", "stream", "error"),
    [
        pytest.param("fake-modelnotfound", True, "does not exist", id="refused"),
        pytest.param("fake-notjson", False, "not valid JSON", id="not JSON"),
        pytest.param("fake-cut=2", True, "peer closed", id="cut"),
        pytest.param("fake-errorlate=1", True, "", id="error event"),
        pytest.param("fake-close", True, "", id="closed"),
    ],
)
def test_what_goes_wrong_is_said(panel: Panel, model: str, stream: bool, error: str) -> None:
    found = shown(panel, "long:20", model=model, stream=stream)
    (words,) = [piece["error"] for piece in found if "error" in piece]
    assert words and error in words and "total_ms" in found[-1]


def test_leaving_early_hangs_up(panel: Panel, fake: Fake) -> None:
    before = fake.stats().get("cancelled", 0)
    pieces = talk(panel, Prompt("chat", "fake-slowchunks=30", "long:100"))
    while "part" not in next(pieces):
        pass
    pieces.close()  # type: ignore[attr-defined]
    assert fake.stats().get("cancelled", 0) >= before


def test_the_form_of_the_stream() -> None:
    assert list(as_stream(iter([{"text": "\n\u00e4"}]))) == ['data: {"text": "\\n\u00e4"}\n\n']
    assert json.loads(next(as_stream(iter([{"a": 1}])))[6:]) == {"a": 1}
