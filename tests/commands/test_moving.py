import json
from pathlib import Path

import pytest

from ccx_addons.commands import main
from ccx_addons.io import yaml_file

LITELLM = """\
model_list:
  - model_name: gpt-5
    litellm_params: {model: openai/gpt-5, api_key: sk-secret-0123456789abcdef, rpm: 5}
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CCX_CONFIG", str(tmp_path / "ccx.yaml"))
    monkeypatch.setenv("CCX_ENV_FILE", str(tmp_path / ".env"))
    path = tmp_path / "ccx.yaml"
    path.write_text("version: 1 # mine\nchannels:\n  - {name: openai, protocol: chat, base_urls: ['https://a.test']}\n")
    return path


def test_it_shows_first_and_writes_when_asked(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, before = tmp_path / "config.yaml", config.read_text()
    file.write_text(LITELLM)
    assert main(["import", str(file)]) == 0
    said = capsys.readouterr()
    assert "name: openai" in said.out and "sk-secret-0123456789abcdef" not in said.out
    assert "not carried: gpt-5: rpm\nnothing was written" in said.err
    assert config.read_text() == before
    assert main(["import", str(file), "--write"]) == 0
    data = yaml_file.load(config).data
    assert [channel["name"] for channel in data["channels"]] == [
        "openai",
        "openai-2",
    ] and "# mine" in config.read_text()
    assert data["channels"][1]["keys"] == ["sk-secret-0123456789abcdef"]


def test_headers_and_proxies_are_shown_without_their_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"baseUrl": "https://a.test", "apiKeys": ["k" * 20], "customHeaders": {"x-auth": "header-secret-0123456789"}}
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"upstream": [{**row, "proxyUrl": "http://user:pass-word@proxy.test:1"}]}))
    assert main(["import", str(file)]) == 0
    said = capsys.readouterr().out
    assert "proxy.test:1" in said
    assert not [secret for secret in ("header-secret-0123456789", "pass-word", "k" * 20) if secret in said]


def test_an_env_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "env").write_text("export ANTHROPIC_API_KEY=sk-ant-secret\n")
    assert main(["import", str(tmp_path / "env")]) == 0
    said = capsys.readouterr().out
    assert "env:ANTHROPIC_API_KEY" in said and "sk-ant-secret" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is not valid YAML"), ("model_list: []", "has no channel that can be taken over"), ("x: 1", "this is no"),
        ("\0", "is not valid YAML"), ('"a\\e[31m": 1', "this is no"), ("[\u202e", "is not valid YAML"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str) -> None:
    (tmp_path / "file").write_text(text)
    assert main(["import", str(tmp_path / "file")]) == 1
    said = capsys.readouterr().err
    assert words in said and "\x1b" not in said and "\u202e" not in said
    assert main(["import", str(tmp_path / "none")]) == 1 and "cannot be read: No such file" in capsys.readouterr().err


def test_export(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(
        "version: 1\nchannels:\n"
        "  - {name: a, protocol: chat, base_urls: ['https://a.test'], keys: [env:A], allow: [m, 'n-*'], models: {f: m}}\n"
    )
    assert main(["export", "litellm"]) == 0
    said = capsys.readouterr()
    assert yaml_file.load_text(said.out).data["model_list"][1] == {
        "model_name": "f",
        "litellm_params": {"model": "openai/m", "api_base": "https://a.test", "api_key": "os.environ/A"},
    }
    assert said.err == "not carried: a: only models that are named can be carried, no patterns\n"
