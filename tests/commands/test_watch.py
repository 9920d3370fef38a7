import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.commands import watch
from ccx_addons.commands.watch import CODE_ASSIST, Way, prepared

WAY = Way("http://127.0.0.1:3000", "the-key", "watch-1")
OWN = Way("http://127.0.0.1:3000", "the-key", "watch-1", frozenset({"messages", "responses", "gemini"}))


def test_claude_gets_the_address_and_both_headers() -> None:
    command, env = prepared(["claude", "-p", "hi"], WAY)
    assert command == ["claude", "-p", "hi"] and env["ANTHROPIC_AUTH_TOKEN"] == "the-key"
    assert env["ANTHROPIC_CUSTOM_HEADERS"] == "x-ccx-key: the-key\nx-ccx-session: watch-1"
    assert "ANTHROPIC_AUTH_TOKEN" not in prepared(["claude"], OWN)[1], "its own login is used"


def test_codex_gets_settings_for_one_run() -> None:
    command, env = prepared(["/usr/bin/codex", "exec", "hi"], WAY)
    assert command[0] == "/usr/bin/codex" and command[-2:] == ["exec", "hi"]
    assert 'base_url" = "http://127.0.0.1:3000/v1"' in command[4] and "requires_openai_auth" not in command[4]
    assert env == {"CCX_WATCH_KEY": "the-key"} and "the-key" not in " ".join(command)
    assert 'requires_openai_auth" = true' in prepared(["codex"], OWN)[0][4]


def test_gemini_gets_variables() -> None:
    assert prepared(["gemini"], WAY)[1]["GEMINI_API_KEY"] == "the-key"
    assert "GEMINI_API_KEY" not in prepared(["gemini"], OWN)[1]


def test_gemini_gets_googles_address_where_a_login_goes_there() -> None:
    google = replace(WAY, own=frozenset({CODE_ASSIST}))
    assert prepared(["gemini"], google)[1]["CODE_ASSIST_ENDPOINT"] == WAY.url
    assert "CODE_ASSIST_ENDPOINT" not in prepared(["gemini"], WAY)[1]


def test_any_other_program_gets_those_of_the_sdks() -> None:
    env = prepared(["python", "agent.py"], WAY)[1]
    assert env["OPENAI_BASE_URL"] == "http://127.0.0.1:3000/v1" and env["ANTHROPIC_BASE_URL"] == WAY.url


def test_nothing_runs_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    monkeypatch.setenv("CCX_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("PORT", "9")
    from ccx_addons.commands import told

    assert told(watch.watch, ["--", "true"]) == 1
    assert "the gateway does not run here" in capsys.readouterr().err


def test_the_command_sees_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "ccx.yaml").write_text("version: 1\nchannels: []\n")
    for name, value in (
        ("CCX_ENV_FILE", str(tmp_path / ".env")),
        ("CCX_CONFIG", str(tmp_path / "ccx.yaml")),
        ("PROXY_ACCESS_KEY", "the-key-0123456789"),
        ("BASE_PATH", "/ccx"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(watch, "ask", lambda settings, port: "ready")
    out = tmp_path / "seen.json"
    code = f"import os,json;json.dump(dict(os.environ),open({str(out)!r},'w'));raise SystemExit(7)"
    assert watch.watch(["--port", "4000", "--", sys.executable, "-c", code]) == 7
    seen = json.loads(out.read_text())
    assert seen["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4000/ccx" and seen["PATH"] == os.environ["PATH"]
    assert "http://127.0.0.1:4000/ccx/sessions/" in capsys.readouterr().err
