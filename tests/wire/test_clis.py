"""The real command-line clients against the gateway, natively and converted, each with a tool in between.

They are large, so they run only where ``CCX_TEST_CLIS`` names a folder with them:

    npm i node@22 @anthropic-ai/claude-code@latest @openai/codex @google/gemini-cli
"""

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from ccx_addons.commands.watch import CODE_ASSIST, Way, prepared
from ccx_addons.core.shape import Change, Shape, change
from tests.patience import wait_for
from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

CLIS: Final = os.environ.get("CCX_TEST_CLIS", "")
KINDS: Final = ("messages", "chat", "responses", "gemini")
MODELS: Final = {
    "messages": "claude-sonnet-4-5",
    "chat": "gpt-4.1",
    "responses": "gpt-5.1",
    "gemini": "gemini-3-pro",
}
KINDS_OF: Final = {"claude": "messages", "codex": "responses", "gemini": "gemini"}
SECRET: Final = "swordfish-4711"
CLOSED: Final = "http://127.0.0.1:9"
"""Nothing listens there: whatever a client wants of anybody but the gateway fails at once."""


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Behind each prefix one channel; it keeps the models of its own protocol's clients."""
    channels = [
        channel(f"to-{kind}", fake.url, kind, serves=list(KINDS), route_prefix=f"to-{kind}", models=models)
        for kind in KINDS
        for models in [{pattern: MODELS[kind] for other, pattern in PATTERNS.items() if other != kind}]
    ]
    with running_program(tmp_path_factory.mktemp("clis"), *channels) as program:
        yield program


PATTERNS: Final = {"messages": "claude-*", "responses": "gpt-*", "gemini": "gemini-*"}


def run(arguments: list[str], home: Path, env: Mapping[str, str]) -> str:
    """What the client printed. It sees nothing of this machine but its own folder."""
    done = ended(arguments, home, env)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def ended(arguments: list[str], home: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    node = Path(CLIS) / "node_modules" / "node" / "bin"
    proxies = {name: CLOSED for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")}
    return subprocess.run(
        arguments,
        cwd=home,
        env={
            "PATH": f"{node}:/usr/bin:/bin",
            "HOME": str(home),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            **proxies,
            **env,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def claude(base: str, home: Path, prompt: str, model: str = "claude-sonnet-4-5", *more: str) -> str:
    program = Path(CLIS) / "node_modules" / "@anthropic-ai" / "claude-code-linux-x64" / "claude"
    quiet = (
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "DISABLE_TELEMETRY",
        "DISABLE_AUTOUPDATER",
        "DISABLE_ERROR_REPORTING",
    )
    env = {"ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": CLIENT_KEY, "CLAUDE_CONFIG_DIR": str(home / ".claude")}
    arguments = [str(program), "-p", prompt, "--model", model, "--allowedTools", "Read", *more]
    return run(arguments, home, env | dict.fromkeys(quiet, "1"))


OWN_PROVIDER: Final = """
model_provider = "ccx"
[model_providers.ccx]
name = "ccx"
base_url = "{base}/v1"
env_key = "CODEX_API_KEY"
wire_api = "responses"
"""
BUILT_IN: Final = """
openai_base_url = "{base}/v1"
"""


def codex(base: str, home: Path, prompt: str, model: str = "gpt-5.1", provider: str = OWN_PROVIDER) -> str:
    program = Path(CLIS) / "node_modules" / ".bin" / "codex"
    (home / ".codex").mkdir()
    quiet = f'model = "{model}"\ncheck_for_update_on_startup = false\nanalytics.enabled = false\n'
    (home / ".codex" / "config.toml").write_text(quiet + provider.format(base=base))
    arguments = [str(program), "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt]
    return run(arguments, home, {"CODEX_HOME": str(home / ".codex"), "CODEX_API_KEY": CLIENT_KEY})


def codex_websocket(base: str, home: Path, prompt: str, model: str = "gpt-5.5") -> str:
    """Its built-in provider opens a WebSocket."""
    return codex(base, home, prompt, model, BUILT_IN)


def gemini(base: str, home: Path, prompt: str, model: str = "gemini-2.5-pro") -> str:
    program = Path(CLIS) / "node_modules" / ".bin" / "gemini"
    (home / ".gemini").mkdir()
    settings: dict[str, Any] = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False},
    }
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    env = {"GOOGLE_GEMINI_BASE_URL": base, "GEMINI_API_KEY": CLIENT_KEY, "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    return run([str(program), "-p", prompt, "-m", model, "-y", "-o", "json"], home, env)


CLIENTS: Final[dict[str, Callable[..., str]]] = {
    "claude": claude,
    "codex": codex,
    "codex websocket": codex_websocket,
    "gemini": gemini,
}

READS: Final = {
    "claude": 'Please think. call:Read {{"file_path": "{file}"}}',
    "codex": 'call:exec_command {{"cmd": "cat {file}"}}',
    "codex websocket": 'call:exec_command {{"cmd": "cat {file}"}}',
    "gemini": 'Please think. call:read_file {{"file_path": "{file}"}}',
}
USED: Final = [
    ("claude", "claude-sonnet-4-5"),
    ("claude", "claude-opus-5-5"),
    ("codex", "gpt-5.1"),
    ("codex", "gpt-5.5"),
    ("codex websocket", "gpt-5.5"),
    ("gemini", "gemini-2.5-pro"),
    ("gemini", "gemini-3-pro-preview"),
]
PATCH: Final = "*** Begin Patch\n*** Add File: made.txt\n+by patch\n*** End Patch\n"

if CLIS:

    @pytest.mark.timeout(120)
    @pytest.mark.parametrize("upstream", KINDS)
    @pytest.mark.parametrize(("name", "model"), USED)
    def test_a_client_uses_a_tool(
        gateway: Program, fake: Fake, tmp_path: Path, name: str, model: str, upstream: str
    ) -> None:
        file = tmp_path / "note.txt"
        file.write_text(f"the word is {SECRET}\n")
        fake.clear()
        printed = CLIENTS[name](f"{gateway.url}/to-{upstream}", tmp_path, READS[name].format(file=file), model)
        assert SECRET in printed and "tool said" in printed
        asked = [request for request in fake.requests() if request["method"] == "POST"]
        assert len(asked) >= 2 and SECRET in asked[-1]["text"]
        assert {row["state"] for row in gateway.rows()} == {"ok"}

    @pytest.mark.timeout(120)
    def test_what_changed_in_a_conversation_is_found(gateway: Program, tmp_path: Path) -> None:
        """As in tests/field/shapes."""
        base = f"{gateway.url}/to-messages"
        claude(base, tmp_path, "a first question")
        claude(base, tmp_path, "and now tell me", "claude-sonnet-4-5", "-c", "--disallowedTools", "Edit")
        sql = "select s.parts from shapes s join requests r on r.id = s.request_id where r.client_name != '' order by s.at"
        before, now = (Shape.load(row["parts"]) for row in wait_for(lambda: gateway.query(sql)[-2:]))
        assert change(before, now) == Change("tools removed", "Edit")

    @pytest.mark.timeout(120)
    @pytest.mark.parametrize("upstream", KINDS)
    def test_codex_patches_a_file(gateway: Program, tmp_path: Path, upstream: str) -> None:
        """apply_patch is a custom tool with a grammar: elsewhere it is a function, and its call comes back as custom."""
        prompt = f"call:apply_patch {json.dumps({'input': PATCH})}"
        codex(f"{gateway.url}/to-{upstream}", tmp_path, prompt, "gpt-5.5")
        assert (tmp_path / "made.txt").read_text() == "by patch\n"

    @pytest.mark.timeout(120)
    @pytest.mark.parametrize("name", ["claude", "codex", "gemini"])
    def test_one_command_is_watched(gateway: Program, fake: Fake, tmp_path: Path, name: str) -> None:
        """Its key comes beside its login, and its session is the one that was announced."""
        (tmp_path / ".gemini").mkdir()
        (tmp_path / ".gemini" / "settings.json").write_text(
            '{"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": false}}'
        )
        found = Path(CLIS) / "node_modules" / ".bin" / name
        if name == "claude":
            found = Path(CLIS) / "node_modules" / "@anthropic-ai" / "claude-code-linux-x64" / "claude"
        options = {
            "claude": ["-p", "hello", "--model", "claude-sonnet-4-5"],
            "codex": ["exec", "--skip-git-repo-check", "-m", "gpt-5.1", "hello"],
            "gemini": ["-p", "hello", "-m", "gemini-2.5-pro", "-y"],
        }
        kind = KINDS_OF[name]
        before = gateway.config
        gateway.configure(channel("here", fake.url, kind))
        way = Way(gateway.url, CLIENT_KEY, "watch-7")
        command, env = prepared([str(found), *options[name]], way)
        quiet = {"CODEX_HOME": str(tmp_path / ".codex"), "GEMINI_CLI_TRUST_WORKSPACE": "true", "DISABLE_TELEMETRY": "1"}
        (tmp_path / ".codex").mkdir()
        try:
            run(command, tmp_path, {**env, **quiet})
            row = gateway.rows()[-1]
            assert row["trace_hash"] == way.trace and row["state"] == "ok"
        finally:
            gateway.configure(*before["channels"])

    @pytest.mark.timeout(120)
    @pytest.mark.parametrize("name", ["claude", "codex"])
    def test_its_own_login_goes_on(gateway: Program, fake: Fake, tmp_path: Path, name: str) -> None:
        """As after ``claude setup-token`` and ``codex login``."""
        kind, token = KINDS_OF[name], jwt("access") if name == "codex" else "sk-ant-oat01-OWN-0123456789abcdefghij"
        before = gateway.config
        gateway.configure({"name": "own", "protocol": kind, "base_urls": [fake.url], "credential": "client"})
        (tmp_path / ".codex").mkdir()
        tokens = {"id_token": jwt("id"), "access_token": token, "refresh_token": "r", "account_id": "account-1"}
        auth = {"OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": "2099-01-01T00:00:00Z"}
        (tmp_path / ".codex" / "auth.json").write_text(json.dumps(auth))
        way = Way(gateway.url, CLIENT_KEY, "watch-8", frozenset({kind}))
        found = Path(CLIS) / "node_modules" / ".bin" / name
        if name == "claude":
            found = Path(CLIS) / "node_modules" / "@anthropic-ai" / "claude-code-linux-x64" / "claude"
        options = {
            "claude": ["-p", "hello", "--model", "claude-sonnet-4-5"],
            "codex": ["exec", "--skip-git-repo-check", "-m", "gpt-5.1", "hello"],
        }
        command, env = prepared([str(found), *options[name]], way)
        more = {"CLAUDE_CODE_OAUTH_TOKEN": token, "CODEX_HOME": str(tmp_path / ".codex"), "DISABLE_TELEMETRY": "1"}
        fake.clear()
        try:
            run(command, tmp_path, {**env, **more})
            heard = [{n.lower(): v for n, v in r["headers"]} for r in fake.requests() if r["method"] == "POST"]
            assert {headers["authorization"] for headers in heard} == {f"Bearer {token}"}
            assert not any(CLIENT_KEY in str(headers) for headers in heard)
            assert name == "claude" or heard[-1]["chatgpt-account-id"] == "account-1"
            assert "login" in gateway.rows()[-1]["key_mask"]
        finally:
            gateway.configure(*before["channels"])

    @pytest.mark.timeout(120)
    def test_a_google_login_goes_on(gateway: Program, fake: Fake, tmp_path: Path) -> None:
        """As Gemini CLI has it after its user logged in, with a tool."""
        file, token = tmp_path / "note.txt", "ya29.OWN-0123456789abcdefghijklmnop"
        file.write_text(f"the word is {SECRET}\n")
        (tmp_path / ".gemini").mkdir()
        (tmp_path / ".gemini" / "settings.json").write_text(
            '{"security": {"auth": {"selectedType": "oauth-personal"}}, "privacy": {"usageStatisticsEnabled": false}}'
        )
        before = gateway.config
        base = f"{fake.url}/v1internal"
        gateway.configure({"name": "own", "protocol": "gemini", "base_urls": [base], "credential": "client"})
        way = Way(gateway.url, CLIENT_KEY, "watch-9", frozenset({CODE_ASSIST}))
        words = ["-p", READS["gemini"].format(file=file), "-m", "gemini-2.5-pro", "-y", "-o", "json"]
        command, env = prepared([str(Path(CLIS) / "node_modules" / ".bin" / "gemini"), *words], way)
        login = {"GOOGLE_GENAI_USE_GCA": "true", "GOOGLE_CLOUD_ACCESS_TOKEN": token}
        fake.clear()
        try:
            printed = run(command, tmp_path, {**env, **login, "GEMINI_CLI_TRUST_WORKSPACE": "true"})
            assert SECRET in printed and "tool said" in printed
            heard = fake.requests()
            assert {request["key"] for request in heard} == {token} and CLIENT_KEY not in json.dumps(heard)
            assert {"/v1internal:loadCodeAssist", "/v1internal:streamGenerateContent"} <= {r["path"] for r in heard}
            rows = gateway.query("select * from requests where trace_hash = ? order by id", way.trace)
            assert {row["state"] for row in rows} == {"ok"} and {row["channel_name"] for row in rows} == {"own"}
            asked = [row for row in rows if row["operation"] == "generate"]
            assert len(asked) >= 2 and all(row["output_tokens"] for row in asked)
            assert {row["source"] for row in rows if row["operation"].startswith("account")} == {"account"}
            assert gateway.query("select title from sessions where trace_hash = ?", way.trace)
        finally:
            gateway.configure(*before["channels"])


def jwt(kind: str) -> str:
    """A token as ChatGPT's login gives it, that nobody signed."""
    claims = {"exp": 4_000_000_000, "email": "a@b.test", "https://api.openai.com/auth": {"chatgpt_plan_type": "pro"}}
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, {**claims, "kind": kind})]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2ln"])
