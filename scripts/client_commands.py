"""What the clients of scripts/clients.py run that are programs themselves.

Each has tools of its own: they read a file with the secret, or write one. Nothing of this machine's settings is seen.
"""

from typing import Final

COMMAND: Final = """
import json, subprocess
from pathlib import Path

def run(*command: str, **more: str) -> None:
    env = {**os.environ, "PATH": BIN + os.pathsep + os.environ["PATH"], **more}
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    print(done.stdout + done.stderr)

WORDS = Path.cwd() / "words.txt"
WORDS.write_text(f"moon {SECRET}\\n")
"""

QWEN_CODE: Final = (
    COMMAND
    + """
prompt = "think, then call:read_file " + json.dumps({"file_path": str(WORDS)})
run("qwen", "--auth-type", "{speaks}", "-m", MODEL, "--yolo", prompt, {key}=KEY, {base}={at})
"""
)
QWEN_CHAT: Final = (
    QWEN_CODE.replace("{speaks}", "openai")
    .replace("{key}", "OPENAI_API_KEY")
    .replace("{base}={at}", 'OPENAI_BASE_URL=f"{BASE}/v1"')
)
QWEN_CLAUDE: Final = (
    QWEN_CODE.replace("{speaks}", "anthropic")
    .replace("{key}", "ANTHROPIC_API_KEY")
    .replace("{base}={at}", "ANTHROPIC_BASE_URL=BASE")
)
QWEN_GEMINI: Final = (
    QWEN_CODE.replace("{speaks}", "gemini")
    .replace("{key}", "GEMINI_API_KEY")
    .replace("{base}={at}", "GOOGLE_GEMINI_BASE_URL=BASE")
)

CLINE: Final = (
    COMMAND
    + """
prompt = "call:read_files " + json.dumps({"files": [{"path": str(WORDS)}]})
run("cline", "auth", "-p", "{provider}", "-k", KEY, "-m", MODEL, "-b", f"{BASE}/v1")
run("cline", "--json", "-t", "60", prompt)
"""
)
CLINE_CHAT: Final = CLINE.replace("{provider}", "openai")
CLINE_RESPONSES: Final = CLINE.replace("{provider}", "openai-native")

CONTINUE: Final = (
    COMMAND
    + """
model = {
    "name": "m", "provider": "{provider}", "model": MODEL, "apiBase": f"{BASE}/v1", "apiKey": KEY, "roles": ["chat"],
    "capabilities": ["tool_use"], "useResponsesApi": "{provider}" == "openai" and MODEL.startswith("gpt-5"),
}
config = Path("config.yaml")
config.write_text(json.dumps({"name": "t", "version": "1.0.0", "schema": "v1", "models": [model]}))
prompt = "call:Read " + json.dumps({"filepath": str(WORDS)})
run("cn", "--config", str(config), "--auto", "-p", prompt, CONTINUE_TELEMETRY_ENABLED="0")
"""
)
CONTINUE_OPENAI: Final = CONTINUE.replace("{provider}", "openai")
CONTINUE_CLAUDE: Final = CONTINUE.replace("{provider}", "anthropic")

AIDER: Final = (
    COMMAND
    + """
WORDS.write_text("moon")
prompt = f"\\n\\nwords.txt\\n```\\ntool said {SECRET}\\n```\\n"
quiet = ("--no-git", "--yes-always", "--no-check-update", "--analytics-disable", "--no-show-model-warnings", "--no-pretty")
run(
    "aider", "--model", f"{provider}/{MODEL}", "--edit-format", "whole", *quiet, "--message", prompt, WORDS.name,
    OPENAI_API_KEY=KEY, OPENAI_API_BASE=f"{BASE}/v1", ANTHROPIC_API_KEY=KEY, ANTHROPIC_API_BASE=BASE,
)
print(WORDS.read_text())
"""
)
AIDER_CHAT: Final = AIDER.replace("{provider}", "openai")
AIDER_CLAUDE: Final = AIDER.replace("{provider}", "anthropic")

CLAUDE_CODE: Final = (
    COMMAND
    + """
prompt = "think, then call:Read " + json.dumps({"file_path": str(WORDS)})
run(
    "claude", "-p", prompt, "--model", MODEL, "--allowedTools", "Read", ANTHROPIC_BASE_URL=BASE, ANTHROPIC_AUTH_TOKEN=KEY,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_AUTOUPDATER="1", DISABLE_TELEMETRY="1",
)
"""
)

CODEX: Final = (
    COMMAND
    + """
home = Path.cwd() / ".codex"
home.mkdir()
home.joinpath("config.toml").write_text(f'''
model = "{MODEL}"
check_for_update_on_startup = false
analytics.enabled = false
PROVIDER
''')
prompt = "call:exec_command " + json.dumps({"cmd": f"cat {WORDS}"})
quiet = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
run("codex", "exec", *quiet, prompt, CODEX_HOME=str(home), CODEX_API_KEY=KEY)
"""
)
CODEX_HTTP: Final = CODEX.replace(
    "PROVIDER",
    """model_provider = "ccx"
[model_providers.ccx]
name = "ccx"
base_url = "{BASE}/v1"
env_key = "CODEX_API_KEY"
wire_api = "responses\"""",
)
CODEX_WEBSOCKET: Final = CODEX.replace("PROVIDER", 'openai_base_url = "{BASE}/v1"')

GEMINI_CLI: Final = (
    COMMAND
    + """
settings = {
    "security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False}, "general": {"enableAutoUpdate": False},
}
home = Path(".gemini")
home.mkdir()
home.joinpath("settings.json").write_text(json.dumps(settings))
prompt = "think, then call:read_file " + json.dumps({"file_path": str(WORDS)})
run(
    "gemini", "-p", prompt, "-m", MODEL, "-y", "-o", "json", GOOGLE_GEMINI_BASE_URL=BASE, GEMINI_API_KEY=KEY,
    GEMINI_CLI_TRUST_WORKSPACE="true",
)
"""
)

OPENCODE: Final = (
    COMMAND
    + """
options = {"baseURL": BASE + "{at}", "apiKey": KEY}
provider = {"npm": "{package}", "name": "ccx", "options": options, "models": {MODEL: {"name": MODEL}}}
Path("opencode.json").write_text(
    json.dumps({"provider": {"ccx": provider}, "autoupdate": False, "share": "disabled", "permission": "allow"})
)
prompt = ("call:read", json.dumps({"filePath": str(WORDS)}, separators=(",", ":")))  # with a space it would be quoted
quiet = ("OPENCODE_DISABLE_MODELS_FETCH", "OPENCODE_DISABLE_AUTOUPDATE", "OPENCODE_DISABLE_LSP_DOWNLOAD")
run("opencode", "run", "-m", f"ccx/{MODEL}", *prompt, **dict.fromkeys(quiet, "1"))
"""
)


def _opencode(package: str, at: str = "/v1") -> str:
    return OPENCODE.replace("{package}", package).replace("{at}", at)


OPENCODE_CHAT: Final = _opencode("@ai-sdk/openai-compatible")
OPENCODE_RESPONSES: Final = _opencode("@ai-sdk/openai")
OPENCODE_CLAUDE: Final = _opencode("@ai-sdk/anthropic")
OPENCODE_GEMINI: Final = _opencode("@ai-sdk/google", "/v1beta")

LLM: Final = (
    COMMAND
    + """
home = Path.cwd() / "llm"
home.mkdir()
home.joinpath("extra-openai-models.yaml").write_text(
    json.dumps([{"model_id": "m", "model_name": MODEL, "api_base": f"{BASE}/v1", "api_key_name": "ccx", "supports_tools": True}])
)
home.joinpath("keys.json").write_text(json.dumps({"ccx": KEY}))
functions = f"def look_up(word: str) -> str:\\n    return {SECRET!r}\\n"
run("llm", "-m", "m", "--functions", functions, PROMPT, LLM_USER_PATH=str(home))
"""
)
