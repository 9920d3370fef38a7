import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.commands import flows, told
from ccx_addons.io.store import Store


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "ccx.yaml").write_text("version: 1\nchannels: []\n")
    for name, value in (("CCX_ENV_FILE", ".env"), ("CCX_CONFIG", "ccx.yaml"), ("CCX_DATA_DIR", "data")):
        monkeypatch.setenv(name, str(tmp_path / value))
    store = Store.open(tmp_path / "data" / "ccx.db", boot_id="b")
    yield store
    store.close()


def put(store: Store, id: str, *words: str, **more: Any) -> None:
    row: dict[str, Any] = {
        "id": id,
        "kind": "chat",
        "trace_hash": "t",
        "state": "ok",
        "model": "m",
        "channel_name": "main",
    }
    row |= {
        "started_at": int(time.time() * 1000) - 1000 + len(words),
        "total_ms": 1500.0,
        "status": 200,
        "input_tokens": 9,
    }
    store.put_request({**row, **more})
    body = {"model": "m", "messages": [{"role": "user", "content": word} for word in words]}
    store.put_body(id, "client_request", json.dumps(body).encode())
    store.put_attempts([{"request_id": id, "n": 1, "channel_name": "main", "key_mask": "sk-…", "status": 200}])
    assert store.flush()


def test_list_show_and_diff(store: Store, capsys: Any) -> None:
    put(store, "aa11", "hello")
    put(store, "bb22", "hello", "and more", cost_usd=0.5, output_tokens=3)
    assert told(flows.flows, ["list"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "aa11" in first and second.split()[1:] == [
        "bb22",
        "ok",
        "200",
        "chat",
        "m▸main",
        "9/3",
        "$0.5000",
        "1.5",
        "s",
    ]
    assert told(flows.flows, ["list", "--json", "cost:>0.1"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "bb22"
    assert told(flows.flows, ["show", "bb"]) == 0
    out = capsys.readouterr().out
    assert "1. main sk-…: 200" in out and "── user\nand more" in out
    assert told(flows.flows, ["show", "last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["asked"]["turns"][1]["pieces"][0]["text"] == "and more"
    assert told(flows.flows, ["diff", "bb22"]) == 0
    assert "messages added: 2 user" in capsys.readouterr().out
    assert told(flows.flows, ["diff", "bb22", "aa11", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["differences"][0]["mark"] == "added"


def test_what_is_not_there_is_told_in_a_line(store: Store, capsys: Any) -> None:
    assert told(flows.flows, ["show", "zz"]) == 1
    assert capsys.readouterr().err == "ccx: there is no request 'zz'\n"
    put(store, "aa11", "hello")
    assert told(flows.flows, ["diff", "aa11", "--upstream"]) == 1
    assert told(flows.flows, ["list", "state:odd"]) == 1


def test_tail_prints_what_ends(store: Store, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "aa11", "hello")
    looks = iter(range(2))

    class Pause(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if next(looks, None) is None:
                raise KeyboardInterrupt
            put(store, "bb22", "hello")
            return False

    monkeypatch.setattr(threading, "Event", Pause)
    assert told(flows.flows, ["tail", "--json"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["bb22"]


def test_a_terminal_obeys_nothing_of_it(store: Store, capsys: Any) -> None:
    put(store, "aa11", "\x1b]0;owned\x07 \x9b2J", error_message="\x1b[2J gone", state="failed")
    for arguments in (["list"], ["show", "last"], ["show", "last", "--json"], ["list", "--json"]):
        assert told(flows.flows, arguments) == 0
        out = capsys.readouterr().out
        assert "u001b" in out and not {"\x1b", "\x07", "\x9b"} & set(out), arguments
    json.loads(out)
