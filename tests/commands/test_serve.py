import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from ccx_addons.commands import told
from ccx_addons.commands.check import check
from ccx_addons.commands.serve import demo_config, offline_upstream, prepare, try_it, welcome
from ccx_addons.core.errors import ConfigErrors
from ccx_addons.core.settings import Settings
from ccx_addons.io import last_good, yaml_file
from tests.proxy import certificates
from tests.wire.program import ROOT


def test_the_first_start_makes_files_and_says_so_once(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings, merged = prepare(environ)
    assert len(settings.proxy_access_key) == 43 and merged["CCX_CONFIG"] == environ["CCX_CONFIG"]
    said = capsys.readouterr().out
    assert environ["CCX_ENV_FILE"] in said and settings.proxy_access_key not in said
    assert prepare(environ)[0] == settings and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"BIND_HOST": "0.0.0.0", "PROXY_ACCESS_KEY": "weak", "ADMIN_ACCESS_KEY": "a" * 20}, "PROXY_ACCESS_KEY"),
        ({"PORT": "x"}, "PORT"),
        ({"TLS_CERT_FILE": "/nowhere/cert.pem"}, "TLS_CERT_FILE"),
        ({"TLS_CERT_FILE": "first/cert.pem", "TLS_KEY_FILE": "/nowhere/key.pem"}, "TLS_KEY_FILE"),
        ({"TLS_CERT_FILE": "first/cert.pem", "TLS_KEY_FILE": "second/key.pem"}, "TLS_KEY_FILE"),
        ({"TLS_CERT_FILE": "first/cert.pem"}, "TLS_CERT_FILE"),
        ({"TLS_CERT_FILE": "first/key.pem", "TLS_KEY_FILE": "first/cert.pem"}, "TLS_CERT_FILE"),
    ],
)
def test_what_cannot_start(
    environ: dict[str, str],
    more: dict[str, str],
    path: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither does ``ccx check`` find it sound, whatever else it says."""
    for folder in ("first", "second") if "TLS_CERT_FILE" in more else ():
        (tmp_path / folder).mkdir()
        certificates.issue(tmp_path / folder, f"{folder}.example")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigErrors) as caught:
        prepare({**environ, **more})
    assert [p.path for p in caught.value.problems] == [path]
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    assert told(check, []) == 1 and capsys.readouterr().err.startswith(f"ccx: {path}: ")


def test_a_bad_configuration_does_not_start(environ: dict[str, str]) -> None:
    Path(environ["CCX_CONFIG"]).write_text("channels: 1\n")
    with pytest.raises(ConfigErrors, match="expected a list"):
        prepare(environ)


def test_a_file_that_a_crash_has_cut_names_the_last_good_one(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where variables in it stand in .env alone."""
    settings, _ = prepare(environ)
    with Path(environ["CCX_ENV_FILE"]).open("a") as file:
        file.write("THEIR_URL=https://a.test\n")
    channel = "{name: one, protocol: chat, base_urls: ['${THEIR_URL}'], keys: [k1]}"
    Path(environ["CCX_CONFIG"]).write_text(f"channels: [{channel}]\n")
    with monkeypatch.context() as patched:
        patched.setenv("THEIR_URL", "https://a.test")
        last_good.take(settings, 0.0)
    Path(environ["CCX_CONFIG"]).write_bytes(bytes(200))
    with pytest.raises(ConfigErrors, match=r"backups/last-good: is the last one that was good"):
        prepare(environ)


def test_a_start_that_nobody_can_use_says_so(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    env_file = Path(environ["CCX_ENV_FILE"])
    env_file.touch(0o600)
    env_file.write_text("ANTHROPIC_API_KEY: abc\n")
    prepare({**environ, "LOOPBACK_CLIENT": "nobody", "HOOKS_FILE": "/nowhere/hooks.py"})
    said = capsys.readouterr().err
    for words in (
        "every request is refused: set PROXY_ACCESS_KEY in",
        "nobody can log in to the panel",
        "line 1: is not",
        "there is no client 'nobody'",
        "there is no file /nowhere/hooks.py",
    ):
        assert said.count(words) == 1
    assert "abc" not in said
    prepare({**environ, "LOG_FORMAT": "json"})
    assert {json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()} == {"warning"}
    Path(environ["CCX_CONFIG"]).write_text("clients: [{name: a, key: '0123456789abcdef0'}]\n")
    prepare({**environ, "ENABLE_WEB_UI": "false"})
    assert "line 1: is not" in (said := capsys.readouterr().err) and said.count("\n") == 1


@pytest.mark.parametrize("name", ["CCX_ENV_FILE", "CCX_CONFIG", "TLS_KEY_FILE", "TLS_CERT_FILE"])
def test_files_that_everybody_can_read_are_named(
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    prepare(environ)
    private = [Path(environ[known]) for known in ("CCX_ENV_FILE", "CCX_CONFIG")]
    pair = {"TLS_CERT_FILE": tmp_path / "cert.pem", "TLS_KEY_FILE": tmp_path / "key.pem"}
    tls = {known: str(path) for known, path in pair.items() if name.startswith("TLS")}
    certificates.issue(tmp_path, "a.example")
    if name == "TLS_CERT_FILE":
        pair["TLS_CERT_FILE"].write_bytes(pair["TLS_CERT_FILE"].read_bytes() + pair["TLS_KEY_FILE"].read_bytes())
        del tls["TLS_KEY_FILE"]
    for path in (*private, *map(Path, tls.values())):
        path.touch()
        path.chmod(0o600)
    open_file = Path({**environ, **tls}[name])
    open_file.chmod(0o644)
    for known, value in tls.items():
        monkeypatch.setenv(known, value)
    capsys.readouterr()
    prepare({**environ, **tls})
    said = capsys.readouterr().err
    assert said.count("ccx: warning:") == 1 and f"{open_file} holds secrets" in said
    assert check([]) == 0 and f"warning: {open_file} holds secrets" in capsys.readouterr().out


def test_the_demos_configuration_is_valid() -> None:
    loaded = yaml_file.load_text(demo_config("http://127.0.0.1:4242"))
    snapshot = yaml_file.snapshot_of(loaded, Settings(), 0)
    assert {kind for c in snapshot.channels for kind in c.serves} == {
        "messages", "chat", "responses", "gemini", "images", "embeddings",
    }  # fmt: skip


def test_the_demos_upstream_is_the_tests_own() -> None:
    assert offline_upstream() == ROOT / "scripts" / "fake_upstream.py"


URL = "http://127.0.0.1:3000"


def test_the_start_names_the_panel_and_what_opens_it(environ: dict[str, str]) -> None:
    settings, env = prepare(environ)
    line, following = welcome(settings, env, True, URL).strip().splitlines()
    assert line == f"Panel: {URL}/ (log in with {settings.admin_access_key})"
    assert following.startswith(f"Next: add a channel at {URL}/channels/new or in {environ['CCX_CONFIG']}, ")


def test_nobody_but_the_first_terminal_is_told_the_key(environ: dict[str, str]) -> None:
    settings, env = prepare(environ)
    for said in (welcome(settings, env, False, URL), try_it(settings, env, False, URL)):
        assert settings.admin_access_key not in said and settings.proxy_access_key not in said
        assert f"log in with the ADMIN_ACCESS_KEY of {environ['CCX_ENV_FILE']}" in said


def test_what_is_there_is_not_asked_for(environ: dict[str, str]) -> None:
    settings, env = prepare(environ)
    Path(environ["CCX_CONFIG"]).write_text(demo_config("http://127.0.0.1:4242"))
    assert "Next" not in welcome(settings, env, False, URL)
    without = replace(settings, enable_web_ui=False, base_path="/ccx")
    assert welcome(without, env, False, URL) == ""
    Path(environ["CCX_CONFIG"]).write_text("version: 1\n")
    assert welcome(without, env, False, URL).endswith(
        f"then point a client at {URL}/ccx"
    ) and "channels/new" not in welcome(without, env, False, URL)


def test_the_demos_first_request_can_be_copied(environ: dict[str, str]) -> None:
    settings, env = prepare(environ)
    command = next(
        line.removeprefix("Try it: ") for line in try_it(settings, env, False, URL).splitlines() if "Try it" in line
    )
    words = shlex.split(command)
    assert words[:3] == [".", environ["CCX_ENV_FILE"], "&&"] and json.loads(words[-1])["model"] == "any"
    assert "Bearer $PROXY_ACCESS_KEY" in command and words[4] == f"{URL}/v1/chat/completions"
