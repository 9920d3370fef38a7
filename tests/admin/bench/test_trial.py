from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from ccx_addons.core.config import Channel, HealthCheck, ModelMap, Patterns, Target
from ccx_addons.core.neutral import Usage
from ccx_addons.io import probe
from ccx_addons.io.store import Store
from ccx_admin.api.problem import Failure
from ccx_admin.bench import trial
from ccx_admin.panel import EXTENSION, Panel


@pytest.fixture
def panel(app: Flask) -> Iterator[Panel]:
    with app.app_context():
        yield app.extensions[EXTENSION]


@pytest.fixture
def channel(panel: Panel) -> Channel:
    found = panel.snapshot().channel("ch_main0001")
    assert found
    return found


class Upstream:
    """What the upstream would answer, and what it was asked."""

    def __init__(self, answer: dict[str, Any], models: tuple[dict[str, Any], ...] = ()) -> None:
        self.answer, self.models = answer, models
        self.asked: list[str] = []

    def test(self, channel: Channel, key: Any, model: str) -> probe.Test:
        self.asked.append(model)
        fields = {"ok": True, "status": 200, "total_ms": 12.0, "url": "https://a.test/v1/messages", "model": model}
        return probe.Test(**{**fields, "key_mask": key.mask, **self.answer})

    def ask_models(self, channel: Channel, key: Any) -> probe.Models:
        return probe.Models(self.models, 200 if self.models else 401, "" if self.models else "bad key")


def run(
    panel: Panel, channel: Channel, monkeypatch: pytest.MonkeyPatch, model: str = "", **answer: Any
) -> tuple[Any, Upstream]:
    upstream = Upstream(answer, ({"id": "claude-2"}, {"id": "claude-sonnet-5"}))
    monkeypatch.setattr(probe, "test", upstream.test)
    monkeypatch.setattr(probe, "ask_models", upstream.ask_models)
    return trial.run(panel, channel, channel.keys[0], model), upstream


def row(store: Store) -> dict[str, Any]:
    assert store.flush()
    names = (
        "state",
        "source",
        "model",
        "status",
        "error_message",
        "input_tokens",
        "cost_usd",
        "client_name",
        "key_mask",
    )
    found = store.read(f"SELECT {', '.join(names)} FROM requests")
    assert found
    return dict(zip(names, found, strict=True))


def test_an_answer_and_its_row(panel: Panel, channel: Channel, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = run(panel, channel, monkeypatch, "claude-sonnet-5", text="hi", usage=Usage(input=8, output=2))
    assert found["ok"] and found["text"] == "hi" and found["usage"] == {"input": 8, "output": 2}
    kept = row(store)
    assert (kept["state"], kept["source"], kept["client_name"]) == ("ok", "test", "panel")
    assert kept["input_tokens"] == 8 and kept["cost_usd"] == found["cost_usd"]
    assert channel.keys[0].secret not in repr((found, kept))


def test_a_failure_and_its_row(panel: Panel, channel: Channel, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    words = f"the key {channel.keys[0].secret} is wrong"
    found, _ = run(panel, channel, monkeypatch, "m", ok=False, status=401, error=words)
    assert not found["ok"] and found["usage"] is None and channel.keys[0].secret not in found["error"]
    kept = row(store)
    assert (kept["state"], kept["status"]) == ("failed", 401) and channel.keys[0].secret not in kept["error_message"]


def test_images_are_not_tested(panel: Panel, channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure) as caught:
        run(panel, replace(channel, protocol="images"), monkeypatch, "m")
    assert caught.value.status == 409


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        pytest.param({"health_check": HealthCheck(model="checked")}, "checked", id="of the health check"),
        pytest.param(
            {"models": ModelMap({"cl*": (Target("x"),), "opus": (Target("y"),)})}, "opus", id="of the mapping"
        ),
        pytest.param({"allow": Patterns(("gpt-*", "gpt-5"))}, "gpt-5", id="of the allowed names"),
        pytest.param({}, "claude-2", id="of the upstream's list"),
        pytest.param({"allow": Patterns((), ("claude-2",))}, "claude-sonnet-5", id="of the list, as far as allowed"),
    ],
)
def test_a_model_nobody_named(
    panel: Panel, channel: Channel, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], asked: str
) -> None:
    _, upstream = run(panel, replace(channel, **more), monkeypatch)
    assert upstream.asked == [asked]


def test_no_model_to_ask(panel: Panel, channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ask_models", Upstream({}).ask_models)
    with pytest.raises(Failure, match="bad key") as caught:
        trial.run(panel, channel, channel.keys[0], "")
    assert caught.value.status == 422
