"""What is wrong, from the state of the gateway as it is."""

import os
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from ccx_addons.io.store import Store
from ccx_admin.alerts.conditions import conditions
from ccx_admin.panel import EXTENSION, Panel
from tests.admin.conftest import NOW

MS = int(NOW * 1000)


@pytest.fixture
def current(app: Flask) -> Panel:
    panel = app.extensions[EXTENSION]
    assert isinstance(panel, Panel)
    return panel


def events(current: Panel) -> dict[str, str]:
    return {one.event: one.subject for one in conditions(current)}


def put(store: Store, count: int, **more: Any) -> None:
    for n in range(count):
        store.put_request(
            {"id": f"{more}{n}"[-60:], "started_at": MS - 1000, "kind": "chat", "source": "proxy", **more}
        )
    store.flush()


def test_all_is_well(current: Panel) -> None:
    assert events(current) == {}


def test_a_key_and_a_breaker(current: Panel, store: Store) -> None:
    channel = current.snapshot().channels[0]
    key = channel.keys[0]
    place = {"kind": channel.protocol, "channel_id": channel.id}
    store.put_key_state({**place, "key_id": key.id, "key_mask": key.mask, "state": "blocked", "reason": "revoked"})
    store.put_breaker({**place, "base_url": "", "state": "open", "reason": "5 failures", "until": MS + 60_000})
    store.flush()
    found = {one.event: one for one in conditions(current)}
    assert channel.name in found["key"].subject and found["breaker"].path == f"/channels/{channel.id}"
    assert key.secret not in str(found)


def test_errors(current: Panel, store: Store) -> None:
    put(store, 14, state="ok")
    put(store, 5, state="failed")
    assert "errors" not in events(current), "too few to say"
    put(store, 1, state="lost")
    assert events(current)["errors"] == "30% of the last 20 requests failed"
    put(store, 50, state="client_left")
    assert "errors" in events(current), "who left says nothing"


def test_the_cache(current: Panel, store: Store) -> None:
    put(store, 1, state="ok", input_tokens=300_000, cache_read_tokens=30_000)
    assert "cache" not in events(current), "nothing to compare with"
    put(store, 1, state="ok", input_tokens=900_000, cache_read_tokens=810_000, started_at=MS - 5 * 3_600_000)
    assert events(current)["cache"] == "only 10% of prompts came from caches in the last hour, 90% before"


def test_a_refused_file(current: Panel, folder: Path) -> None:
    current.config()
    (folder / "ccx.yaml").write_text("channels: {secret: sk-abcdefghijklmnop0123}")
    found = next(one for one in conditions(current) if one.event == "config")
    assert found.text and "abcdefghijklmnop" not in found.text


def test_the_disk(current: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: type("Usage", (), {"f_bavail": 5, "f_frsize": 1 << 20}))
    assert events(current)["disk"] == "only 5 MB are left on the disk of the database"


def test_a_log_that_cannot_be_written(current: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    health = type("Health", (), {"trouble": "SQLITE_FULL"})
    monkeypatch.setattr(current.store, "health", lambda: health)
    assert list(events(current)) == ["log"], "what stands in the log is old by then"


def test_budgets(current: Panel, store: Store, folder: Path) -> None:
    text = (folder / "ccx.yaml").read_text()
    some = "usd_per_month: 10}\n    model_limits: [{models: [m*], requests_per_day: 1}"
    (folder / "ccx.yaml").write_text(text.replace("tokens_per_day: 2000000}", f"{some}]"))
    put(store, 1, state="ok", client_name="alice-laptop", model="m1", cost_usd=8.5, input_tokens=5, output_tokens=5)
    marks = [one.key for one in conditions(current) if one.event == "budget"]
    many = "budget:alice-laptop:requests_per_day on m*"
    assert marks == [f"{many}:80%", f"{many}:100%", "budget:alice-laptop:usd_per_month:80%"]
