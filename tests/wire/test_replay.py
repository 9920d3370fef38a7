"""``ccx replay`` against a running gateway: recorded requests once more, at another channel."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from tests.patience import PATIENCE, wait_for
from tests.wire.program import ADMIN_KEY, ROOT, Fake, Program, channel, running_program

ASK: Final = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "say swordfish"}]}
OTHER: Final = {
    "id": "x", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "another\nanswer"}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}  # fmt: skip


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    fake.script(
        {"other": {"status": 200, "body": OTHER}, "down": {"status": 400, "body": {"error": {"message": "no"}}}}
    )
    channels = [
        channel("main", fake.url, "chat"),
        channel("other", fake.url, "chat", "fake:scripted=other:k", priority=2),
        channel("down", fake.url, "chat", "fake:scripted=down:k", priority=3),
    ]
    policy = {"bodies": {"capture": "all"}}
    with running_program(tmp_path_factory.mktemp("replay"), *channels, policy=policy, panel=True) as program:
        yield program


def replay(program: Program, *arguments: str) -> "subprocess.CompletedProcess[str]":
    port = program.url.rpartition(":")[2]
    command = [sys.executable, str(ROOT / "run.py"), "replay", "--port", port, *arguments]
    return subprocess.run(
        command, env=program.env, capture_output=True, text=True, cwd=program.folder, timeout=PATIENCE, check=False
    )


def har(program: Program, folder: Path) -> Path:
    id = program.post("/v1/chat/completions", ASK).headers["x-ccx-request-id"]
    wait_for(lambda: len(program.query("select 1 from bodies where request_id = ?", id)) == 4)
    text = httpx.get(f"{program.url}/api/requests/{id}?format=har", headers={"x-api-key": ADMIN_KEY}).text
    (folder / "one.har").write_text(text)
    return folder / "one.har"


def test_a_har_file_of_the_panel_at_another_channel(gateway: Program, tmp_path: Path) -> None:
    file = har(gateway, tmp_path)
    done = replay(gateway, str(file), "--channel", "other", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["before"]["status"] == found["now"]["status"] == 200 and found["now"]["channel_name"] == "other"
    assert found["now"]["input_tokens"] == 7 and {"sign": "+", "text": "answer"} in found["lines"]
    assert gateway.row(found["request"])["channel_name"] == "other"
    words = replay(gateway, str(file), "--channel", "main").stdout
    assert "the answer is the same" in words and "status: 200" in words


def test_a_failure_that_is_new_is_status_1(gateway: Program, tmp_path: Path) -> None:
    done = replay(gateway, str(har(gateway, tmp_path)), "--channel", "down")
    assert done.returncode == 1 and "status: 200 → 400" in done.stdout


def recorded(body: Any, path: str, **metadata: Any) -> Any:
    flow = tflow.tflow(resp=True)
    flow.request.method = "POST"
    flow.request.path, flow.request.raw_content = path, json.dumps(body).encode()
    flow.request.headers["authorization"] = "Bearer sk-of-somebody-else-0123456789"
    assert flow.response
    flow.response.content = json.dumps({**OTHER, "choices": []}).encode()
    flow.metadata.update(metadata)
    return flow


def test_a_flow_file_is_replayed_as_the_client_sent_it(gateway: Program, fake: Fake, tmp_path: Path) -> None:
    own = {"client": "default", "method": "POST", "path": "/v1/chat/completions", "headers": [["x-title", "mine"]]}
    with (tmp_path / "two.flow").open("wb") as file:
        writer = FlowWriter(file)
        writer.add(
            recorded(
                {"model": "changed"}, "/other/v1/chat/completions", ccx_client={**own, "body": json.dumps(ASK).encode()}
            )
        )
        writer.add(recorded({}, "/index.html"))
        writer.add(recorded(ASK, "/v1/chat/completions"))
    fake.clear()
    done = replay(gateway, str(tmp_path / "two.flow"), "--json")
    assert done.returncode == 0, [json.loads(line)["now"] for line in done.stdout.splitlines()]
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == ["/v1/chat/completions"] * 2
    assert [json.loads(request["text"])["model"] for request in fake.requests()] == ["gpt-4.1"] * 2
    assert "somebody-else" not in str(fake.requests())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.har", "{}", "is no HAR file"),
        ("a.har", '{"log": {"entries": []}}', "has no request of a model"),
        ("a.flow", "odd", "is no flow file"),
        ("a.flow", "", "has no request of a model"),
    ],
)
def test_what_is_no_recording_is_told_in_a_line(
    gateway: Program, tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    done = replay(gateway, str(tmp_path / name))
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
