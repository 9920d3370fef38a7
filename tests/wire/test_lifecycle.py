"""Starting, stopping and dying: clear words, running streams that finish, and rows that survive."""

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.patience import PATIENCE, wait_for
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, ROOT, Fake, channel, running_program

ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
SLOW = {"model": "gpt-fake-slowchunks=60", "stream": True, "messages": [{"role": "user", "content": "long:20"}]}


def run(folder: Path, *arguments: str, config: Any = None, **env: str) -> "subprocess.CompletedProcess[str]":
    """run.py until it ends by itself."""
    if config is not None:
        (folder / "ccx.yaml").write_text(config if isinstance(config, str) else json.dumps(config))
        (folder / "ccx.yaml").chmod(0o600)
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": "0",
        "PROXY_ACCESS_KEY": CLIENT_KEY,
        "ADMIN_ACCESS_KEY": ADMIN_KEY,
        "CCX_CONFIG": str(folder / "ccx.yaml"),
        "CCX_DATA_DIR": str(folder / "data"),
        "CCX_ENV_FILE": str(folder / ".env"),
        **env,
    }
    command = [sys.executable, str(ROOT / "run.py"), *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)


def test_first_start_makes_keys_and_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be: the start ends after the first files are made")
    ended = run(tmp_path, PROXY_ACCESS_KEY="", ADMIN_ACCESS_KEY="")
    env = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert len(env["PROXY_ACCESS_KEY"]) >= 40 and env["PROXY_ACCESS_KEY"] != env["ADMIN_ACCESS_KEY"]
    assert "channels: []" in (tmp_path / "ccx.yaml").read_text()
    for name in (".env", "ccx.yaml"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert ".env" in ended.stdout and env["PROXY_ACCESS_KEY"] not in ended.stdout + ended.stderr


def test_check_names_every_problem_with_its_line(tmp_path: Path) -> None:
    text = "version: 1\nchannels:\n  - name: a\n    protocol: chatt\n    base_urls: ['ftp://x']\n    keyz: []\n"
    ended = run(tmp_path, "check", config=text)
    lines = ended.stderr.splitlines()
    assert ended.returncode == 1 and len(lines) == 3
    assert any("line 4" in line and "protocol" in line for line in lines)
    assert any("line 5" in line and "base_urls[0]" in line for line in lines)
    assert any("line 6" in line and "did you mean 'keys'" in line for line in lines)


def test_check_accepts_a_good_file(tmp_path: Path) -> None:
    config = {"channels": [channel("a", "https://api.example.com", "chat")]}
    ended = run(tmp_path, "check", config=config)
    assert (ended.returncode, ended.stderr) == (0, "") and "1 channels" in ended.stdout


def test_check_says_what_is_known_of_a_vendor(tmp_path: Path) -> None:
    ended = run(tmp_path, "check", "--vendor", "https://api.deepseek.com", "deepseek-v4-pro")
    assert ended.returncode == 0
    assert "DeepSeek answers there" in ended.stdout and "api-docs.deepseek.com" in ended.stdout


def test_check_explains_where_a_request_would_go(tmp_path: Path) -> None:
    channels = [
        channel("main", "https://api.example.com", "chat", allow=["gpt-*"]),
        channel("backup", "https://b.example.com", "messages", serves=["chat"], priority=2, models={"*": "claude-x"}),
    ]
    ended = run(tmp_path, "check", "--explain", "chat", "gpt-4.1", config={"channels": channels})
    assert ended.returncode == 0 and ended.stdout.index("main: ") < ended.stdout.index("backup: ")
    assert "claude-x (chat>messages) at https://b.example.com" in ended.stdout
    other = run(tmp_path, "check", "--explain", "chat", "o3")
    assert "not used:\n  main: does not offer the model o3" in other.stdout
    assert run(tmp_path, "check", "--explain", "talk", "o3").returncode == 1


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = run(tmp_path, config={}, PORT=str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines() == [ended.stderr.strip()] and "cannot listen" in ended.stderr


@pytest.mark.parametrize("config", ["a: [", "channels: 7", "\0", "&a [*a, *a]"])
def test_an_unreadable_configuration_ends_the_start(tmp_path: Path, config: str) -> None:
    ended = run(tmp_path, config=config)
    assert ended.returncode == 1 and ended.stderr.startswith("ccx: ") and "Traceback" not in ended.stderr


@pytest.mark.parametrize("key", ["", "short", "changeme"])
def test_a_weak_key_on_a_public_address_is_refused(tmp_path: Path, key: str) -> None:
    (tmp_path / ".env").write_text("")
    ended = run(tmp_path, config={}, BIND_HOST="0.0.0.0", PROXY_ACCESS_KEY=key)
    assert ended.returncode == 1 and "PROXY_ACCESS_KEY" in ended.stderr and "0.0.0.0" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_stream_finishes_and_the_log_is_flushed(fake: Fake, tmp_path: Path, number: signal.Signals) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat"), panel=True) as program:
        texts: list[str] = []
        asking = threading.Thread(target=lambda: texts.append(program.post("/v1/chat/completions", SLOW).text))
        asking.start()
        wait_for(lambda: program.query("select 1 from requests where phase = 'streaming'"))
        assert program.stop(number) == 0
        asking.join(PATIENCE)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{program.url}/health")
    assert texts[0].rstrip().endswith("[DONE]")
    with sqlite3.connect(program.database) as database:
        assert database.execute("select state, stream_end from requests").fetchall() == [("ok", "done")]
    database.close()


def test_a_stream_longer_than_the_grace_is_cut(fake: Fake, tmp_path: Path) -> None:
    endless = {"model": "gpt-fake-slowchunks=500", "stream": True, "messages": [{"role": "user", "content": "long:99"}]}
    with running_program(
        tmp_path, channel("a", fake.url, "chat"), env={"SHUTDOWN_GRACE": "0.5"}, panel=True
    ) as program:
        ended = threading.Event()

        def ask() -> None:
            with pytest.raises(httpx.HTTPError):
                program.post("/v1/chat/completions", endless)
            ended.set()

        threading.Thread(target=ask).start()
        wait_for(lambda: program.query("select 1 from requests where phase = 'streaming'"))
        assert program.stop() == 0 and ended.wait(PATIENCE)


def test_kill_9_loses_no_finished_request(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat"), panel=True) as program:
        ids = [program.post("/v1/chat/completions", ASK).headers["x-ccx-request-id"] for _ in range(20)]
        written = "select 1 from requests where state = 'ok'"
        wait_for(lambda: len(program.query(written)) == 20)
        (worker,) = program.children("worker")
        os.kill(worker, signal.SIGKILL)
        with sqlite3.connect(program.database) as database:
            found = {id for (id,) in database.execute("select id from requests where state = 'ok'")}
            assert found >= set(ids)
            assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        database.close()
        wait_for(lambda: answers(program.url))


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_request_under_way_at_a_kill_is_lost_and_says_so(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat"), panel=True) as program:
        threading.Thread(target=lambda: httpx_error(program.url)).start()
        wait_for(lambda: program.query("select 1 from requests where state = 'running'"))
        (worker,) = program.children("worker")
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: program.query("select 1 from requests where state = 'lost'"))


def httpx_error(url: str) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.post(
            f"{url}/v1/chat/completions",
            json={**ASK, "model": "gpt-fake-stall"},
            headers={"authorization": f"Bearer {CLIENT_KEY}"},
            timeout=20,
        )


def test_a_worker_that_dies_over_a_broken_file_comes_back_with_the_last_good_one(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat"), panel=True) as program:
        program.configure(channel("b", fake.url, "chat"))
        (tmp_path / "ccx.yaml").write_text("channels: [")
        wait_for(lambda: program.query("select 1 from events where kind = 'config' and level = 'error'"))
        (worker,) = program.children("worker")
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: program.children("worker") not in ([], [worker]) and answers(program.url))
        answer = program.post("/v1/chat/completions", ASK)
        assert program.row(answer.headers["x-ccx-request-id"])["channel_name"] == "b"
        (event,) = wait_for(lambda: program.query("select * from events where level = 'warning' and kind = 'config'"))
        assert "last good" in event["message"] and "not valid YAML" in event["detail"]
        assert "last good" in program.log.read_text() and "Traceback" not in program.log.read_text()
        program.configure(channel("c", fake.url, "chat"))
        answer = program.post("/v1/chat/completions", ASK)
        assert program.row(answer.headers["x-ccx-request-id"])["channel_name"] == "c"
    ended = run(tmp_path, config="channels: [")
    said = ended.stderr.splitlines()
    assert ended.returncode == 1 and len(said) == 2, "a start of the gateway takes no old one, it names it"
    assert all(line.startswith("ccx: ") for line in said) and "that was good" in said[1]


def test_several_workers_share_the_port(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat"), env={"WORKERS": "2"}, panel=True) as program:
        wait_for(lambda: len(program.children("worker")) == 2)
        for _ in range(30):
            assert program.post("/v1/chat/completions", ASK).status_code == 200
        rows = wait_for(lambda: found if len(found := program.rows()) == 30 else None)
        assert {row["worker"] for row in rows} <= {0, 1}


def test_without_the_panel_its_paths_do_not_exist(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat")) as program:
        for path in ("/", "/api/status", "/login"):
            assert httpx.get(f"{program.url}{path}").status_code in (401, 404)
        assert not program.children("panel")


def test_the_demo_answers_every_kind(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PORT": "0", "CCX_ENV_FILE": str(tmp_path / ".env")}
    environment |= {"PROXY_ACCESS_KEY": CLIENT_KEY, "ADMIN_ACCESS_KEY": ADMIN_KEY, "ENABLE_WEB_UI": "false"}
    command = [sys.executable, str(ROOT / "run.py"), "demo"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        url = next(line.split()[-1] for line in process.stdout if "is ready on" in line)
        headers = {"authorization": f"Bearer {CLIENT_KEY}"}
        bodies = {
            "/v1/chat/completions": ASK,
            "/v1/messages": {**ASK, "max_tokens": 50},
            "/v1/responses": {"model": "gpt-5", "input": "hello"},
            "/v1beta/models/gemini-2.5-pro:generateContent": {"contents": [{"parts": [{"text": "hello"}]}]},
            "/v1/embeddings": {"model": "text-embedding-3-small", "input": "hello"},
            "/v1/images/generations": {"model": "gpt-image-1", "prompt": "hello"},
        }
        for path, body in bodies.items():
            assert httpx.post(url + path, json=body, headers=headers).status_code == 200, path
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert process.stdout
        process.stdout.close()
