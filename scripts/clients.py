"""Real clients against the gateway, natively and converted, each with a tool in between; docs/clients.md says what was seen.

    scripts/clients.py [--cache FOLDER] [--as-installed] [NAME ...]

Each client is installed in its newest version into a folder of its own below the cache, outside of the project. The
upstream is scripts/fake_upstream.py, which refuses what the vendors refuse.
"""

import argparse
import contextlib
import datetime
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import client_commands as commands
from scripts import client_programs as programs
from scripts import client_scripts as scripts
from scripts.benchmark.programs import started

PAGE: Final = ROOT / "docs" / "clients.md"
TITLE: Final = (
    "# Clients",
    "",
    "Each ran a turn with a tool through the gateway, to upstreams of all four protocols: its own and the three others. Its",
    "key is a client key of the gateway. `scripts/clients.py` runs them in their newest versions, as JSON and streamed, to",
    "each upstream and from one that fails in the middle of the turn to another; it looks at the log, and writes this page.",
    "",
    "| client | speaks | is pointed at the gateway by | last seen working |",
    "| --- | --- | --- | --- |",
)
KEY: Final = "clients-own-key-0123456789abcdef"
SECRET: Final = "swordfish-4711"
PROMPT: Final = 'call:look_up {"word": "moon"}'
SECONDS: Final = 120
SHOWN: Final = 600
"""Last characters of what a failing client said."""
FAILS: Final = "fails"
"""The script of answers of a channel that fails with the tool's result."""
OVERLOADED: Final[Mapping[str, Any]] = {"error": {"type": "overloaded_error", "message": "Overloaded"}}
MODELS: Final[Mapping[str, str]] = {
    "messages": "claude-sonnet-4-5",
    "chat": "gpt-4.1",
    "responses": "gpt-5.1",
    "gemini": "gemini-3-pro",
}


NODE: Final = "node@22"
"""Clients want a newer one than many machines have."""


@dataclass(frozen=True)
class Client:
    """``package``: what is installed, the first of which tells the version. ``speaks``: protocol -> the program.

    ``node``: npm installs it, else pip does, for the first of ``pythons`` that there is (none: this one).
    """

    name: str
    package: tuple[str, ...]
    pointed: str
    speaks: Mapping[str, str] = field(default_factory=dict)
    node: bool = False
    pythons: tuple[str, ...] = ()
    answers: bool = True
    """Its program tells the model what the tool said."""


@dataclass(frozen=True)
class Row:
    """A client on the page. ``seen``: the version that was last seen working, and when."""

    client: str
    speaks: str
    pointed: str
    seen: str


CLIENTS: Final = (
    Client(
        "Claude Code",
        ("@anthropic-ai/claude-code", NODE),
        "`ANTHROPIC_BASE_URL=GATEWAY`, `ANTHROPIC_AUTH_TOKEN`",
        {"messages": commands.CLAUDE_CODE},
        node=True,
    ),
    Client(
        "Codex",
        ("@openai/codex", NODE),
        '`base_url = "GATEWAY/v1"` of a provider with `wire_api = "responses"`',
        {"responses": commands.CODEX_HTTP},
        node=True,
    ),
    Client(
        "Codex, by WebSocket",
        ("@openai/codex", NODE),
        '`openai_base_url = "GATEWAY/v1"`, `CODEX_API_KEY`',
        {"responses": commands.CODEX_WEBSOCKET},
        node=True,
    ),
    Client(
        "Gemini CLI",
        ("@google/gemini-cli", NODE),
        "`GOOGLE_GEMINI_BASE_URL=GATEWAY`, `GEMINI_API_KEY`",
        {"gemini": commands.GEMINI_CLI},
        node=True,
    ),
    Client(
        "opencode",
        ("opencode-ai",),
        "a provider's `options.baseURL`: `GATEWAY/v1`, `GATEWAY/v1beta` for `@ai-sdk/google`",
        {
            "chat": commands.OPENCODE_CHAT,
            "responses": commands.OPENCODE_RESPONSES,
            "messages": commands.OPENCODE_CLAUDE,
            "gemini": commands.OPENCODE_GEMINI,
        },
        node=True,
    ),
    Client(
        "OpenAI SDK, Python",
        ("openai",),
        "`OpenAI(base_url=GATEWAY/v1)`",
        {"chat": programs.OPENAI_PYTHON_CHAT, "responses": programs.OPENAI_PYTHON_RESPONSES},
    ),
    Client(
        "OpenAI SDK, Node",
        ("openai", NODE),
        "`new OpenAI({baseURL: GATEWAY/v1})`",
        {"chat": scripts.OPENAI_CHAT, "responses": scripts.OPENAI_RESPONSES},
        node=True,
    ),
    Client(
        "Anthropic SDK, Node",
        ("@anthropic-ai/sdk", NODE),
        "`new Anthropic({baseURL: GATEWAY})`",
        {"messages": scripts.CLAUDE},
        node=True,
    ),
    Client(
        "google-genai, Python",
        ("google-genai",),
        "`HttpOptions(base_url=GATEWAY)`",
        {"gemini": programs.GOOGLE_GENAI},
    ),
    Client(
        "@google/genai, Node",
        ("@google/genai", NODE),
        "`httpOptions: {baseUrl: GATEWAY}`",
        {"gemini": scripts.GEMINI},
        node=True,
    ),
    Client(
        "Vercel AI SDK",
        ("ai", "@ai-sdk/openai", "@ai-sdk/openai-compatible", "@ai-sdk/anthropic", "@ai-sdk/google", NODE),
        "`baseURL`: `GATEWAY/v1`, `GATEWAY/v1beta` for `createGoogleGenerativeAI`",
        {
            "chat": scripts.AI_CHAT,
            "responses": scripts.AI_RESPONSES,
            "messages": scripts.AI_CLAUDE,
            "gemini": scripts.AI_GEMINI,
        },
        node=True,
    ),
    Client(
        "OpenAI Agents SDK, Node",
        ("@openai/agents", NODE),
        "`new OpenAIProvider({baseURL: GATEWAY/v1})`",
        {"chat": scripts.OPENAI_AGENTS, "responses": scripts.OPENAI_AGENTS},
        node=True,
    ),
    Client(
        "llm",
        ("llm",),
        "`api_base: GATEWAY/v1` in `extra-openai-models.yaml`",
        {"chat": commands.LLM},
    ),
    Client(
        "Anthropic SDK, tool_runner",
        ("anthropic",),
        "`Anthropic(base_url=GATEWAY)`",
        {"messages": programs.TOOL_RUNNER},
    ),
    Client(
        "OpenAI Agents SDK",
        ("openai-agents",),
        "`set_default_openai_client(AsyncOpenAI(base_url=GATEWAY/v1))`",
        {"responses": programs.OPENAI_AGENTS},
    ),
    Client(
        "instructor",
        ("instructor",),
        "`instructor.from_openai(OpenAI(base_url=GATEWAY/v1))`",
        {"chat": programs.INSTRUCTOR},
        answers=False,
    ),
    Client(
        "pydantic-ai",
        ("pydantic-ai-slim[openai,anthropic,google]",),
        "each provider's `base_url`: `GATEWAY/v1` for OpenAI, `GATEWAY` for the others",
        {
            "chat": programs.PYDANTIC_CHAT,
            "responses": programs.PYDANTIC_RESPONSES,
            "messages": programs.PYDANTIC_CLAUDE,
            "gemini": programs.PYDANTIC_GEMINI,
        },
    ),
    Client(
        "LangChain",
        ("langchain-core", "langchain-openai", "langchain-anthropic", "langchain-google-genai"),
        "`base_url`: `GATEWAY/v1` for OpenAI, `GATEWAY` for the others",
        {
            "chat": programs.LANGCHAIN_CHAT,
            "responses": programs.LANGCHAIN_RESPONSES,
            "messages": programs.LANGCHAIN_CLAUDE,
            "gemini": programs.LANGCHAIN_GEMINI,
        },
    ),
    Client(
        "google-generativeai",
        ("google-generativeai",),
        '`genai.configure(transport="rest", client_options={"api_endpoint": GATEWAY})`',
        {"gemini": programs.GENERATIVE_AI},
        pythons=("python3.12", "python3.11", "python3.10"),
    ),
    Client(
        "LlamaIndex",
        ("llama-index-core", "llama-index-llms-openai"),
        "`OpenAI(api_base=GATEWAY/v1)`",
        {"chat": programs.LLAMA_INDEX},
    ),
    Client(
        "Claude Agent SDK",
        ("claude-agent-sdk",),
        '`ClaudeAgentOptions(env={"ANTHROPIC_BASE_URL": GATEWAY})`',
        {"messages": programs.CLAUDE_AGENT},
    ),
    Client(
        "aider",
        ("aider-chat",),
        "`OPENAI_API_BASE=GATEWAY/v1`, `ANTHROPIC_API_BASE=GATEWAY`",
        {"chat": commands.AIDER_CHAT, "messages": commands.AIDER_CLAUDE},
        pythons=("python3.12", "python3.11", "python3.10"),
    ),
    Client(
        "qwen-code",
        ("@qwen-code/qwen-code",),
        "`OPENAI_BASE_URL=GATEWAY/v1`, `ANTHROPIC_BASE_URL=GATEWAY`, `GOOGLE_GEMINI_BASE_URL=GATEWAY`",
        {"chat": commands.QWEN_CHAT, "messages": commands.QWEN_CLAUDE, "gemini": commands.QWEN_GEMINI},
        node=True,
    ),
    Client(
        "cline",
        ("cline",),
        "`cline auth -p openai -b GATEWAY/v1` (`openai-native`: Responses)",
        {"chat": commands.CLINE_CHAT, "responses": commands.CLINE_RESPONSES},
        node=True,
    ),
    Client(
        "continue",
        ("@continuedev/cli",),
        "`apiBase: GATEWAY/v1` (with `useResponsesApi`: Responses)",
        {
            "chat": commands.CONTINUE_OPENAI,
            "responses": commands.CONTINUE_OPENAI,
            "messages": commands.CONTINUE_CLAUDE,
        },
        node=True,
    ),
)


# ---- the gateway -----------------------------------------------------------------------------------------------------
def configuration(upstream: int) -> str:
    """Behind a prefix for each protocol, one channel that takes every client's requests for a model of its own, and
    behind another one a channel that fails once a tool's result is there, before one of the next protocol."""
    channels = [channel(kind, upstream, f"to-{kind}") for kind in MODELS]
    for kind, after in zip(MODELS, [*MODELS][1:] + [*MODELS][:1], strict=True):
        failing = channel(kind, upstream, f"from-{kind}", "-failing")
        channels += [{**failing, "keys": [f"fake:scripted={FAILS}:key"]}, channel(after, upstream, f"from-{kind}")]
    return json.dumps({"channels": channels})


def channel(kind: str, upstream: int, prefix: str, more: str = "") -> dict[str, Any]:
    return {
        "name": f"{prefix}-{kind}{more}",
        "protocol": kind,
        "base_urls": [f"http://127.0.0.1:{upstream}"],
        "keys": ["good-key"],
        "serves": list(MODELS),
        "route_prefix": prefix,
        "priority": 1 if more else 2,
        "models": {asked: MODELS[kind] for other, asked in MODELS.items() if other != kind},
        "breaker": {"pause": 0, "consecutive": 1000, "window": 1000, "failure_rate": 1},
    }


@dataclass(frozen=True)
class Gateway:
    """A running one. ``log``: its database."""

    url: str
    log: Path

    def rows(self, since: int) -> list[tuple[str, int, str]]:
        """State, attempts and error of the requests that came after that millisecond."""
        sql = "select state, attempts_n, error_message from requests where started_at >= ? order by id"
        with contextlib.closing(sqlite3.connect(f"file:{self.log}?mode=ro", uri=True)) as log:
            for _ in range(100):
                found = log.execute(sql, (since,)).fetchall()
                if found and "running" not in {state for state, *_ in found}:
                    break
                time.sleep(0.05)
        return found


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[Gateway]:
    with started("upstream", [sys.executable, "scripts/fake_upstream.py"]) as upstream:
        failing = {"status": 529, "body": OVERLOADED, "when": SECRET}
        scripts = json.dumps({FAILS: failing}).encode()
        urlopen(Request(f"http://127.0.0.1:{upstream.port}/__scripts", scripts, method="PUT")).close()
        config = folder / "ccx.yaml"
        config.write_text(configuration(upstream.port))
        env = {
            "PORT": "0", "PROXY_ACCESS_KEY": KEY, "ADMIN_ACCESS_KEY": KEY[::-1], "CCX_CONFIG": str(config),
            "CCX_DATA_DIR": str(folder / "data"), "CCX_ENV_FILE": str(folder / ".env"),
        }  # fmt: skip
        with started("ccx", [sys.executable, "run.py"], env=env) as running:
            yield Gateway(f"http://127.0.0.1:{running.port}", folder / "data" / "ccx.db")


# ---- the clients -----------------------------------------------------------------------------------------------------
def installed(client: Client, cache: Path, anew: bool) -> tuple[Path, Path, str]:
    """The Python that runs its programs, the folder of its own ones, and the version that it has.

    ``anew``: its newest version is fetched first.
    """
    first = re.sub(r"[^a-z0-9]+", "-", client.package[0].lower()).strip("-")
    folder = cache / (f"node-{first}" if client.node else first)
    if client.node:
        return Path(sys.executable), folder / "node_modules" / ".bin", _by_npm(client.package, folder, anew)
    python = folder / "bin" / "python"
    if not python.is_file():
        made_by = next(filter(_runs, client.pythons), sys.executable)
        subprocess.run([made_by, "-m", "venv", str(folder)], check=True)
    if anew:
        pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", "--upgrade", *client.package], check=True)
    name = client.package[0].partition("[")[0]
    script = f"from importlib.metadata import version; print(version({name!r}))"
    found = subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout.strip()
    return python, python.parent, found


def _runs(python: str) -> bool:
    """Whether there is such a program, and not merely a name that stands for one."""
    found = shutil.which(python)
    return found is not None and not subprocess.run([found, "--version"], capture_output=True, check=False).returncode


def _by_npm(package: Sequence[str], folder: Path, anew: bool) -> str:
    if anew:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        newest = [name if "@" in name[1:] else f"{name}@latest" for name in package]
        subprocess.run(["npm", "install", "--silent", "--prefix", str(folder), *newest], check=True)
    about = json.loads((folder / "node_modules" / package[0] / "package.json").read_text())
    return str(about["version"])


def turn(python: Path, program: str, env: Mapping[str, str]) -> str:
    """Runs a program; empty where its answer came after the tool's result, else what it said last."""
    with tempfile.TemporaryDirectory() as home:
        own = {"PATH": os.environ["PATH"], "HOME": home, "NO_PROXY": "127.0.0.1", "PROMPT": PROMPT, "SECRET": SECRET}
        try:
            done = subprocess.run(
                [python, "-c", programs.HEAD + program],
                env={**own, **env}, cwd=home, capture_output=True, text=True, timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"no end after {SECONDS} s"
    if done.returncode == 0 and SECRET in done.stdout and "tool said" in done.stdout:
        return ""
    return (done.stdout + done.stderr).strip()[-SHOWN:] or "no answer"


def logged(rows: Sequence[tuple[str, int, str]], moves: bool) -> str:
    """What the log has against a turn; empty: nothing. Whether threads are kept is asked, and no is an answer."""
    if bad := [error or state for state, _, error in rows if state != "ok" and not error.startswith("thread:")]:
        return f"the log says: {bad[0]}"
    if not rows or (moves and not any(attempts > 1 for _, attempts, _ in rows)):
        return "the log has no such requests"
    return ""


def watched(client: Client, cache: Path, running: Gateway, anew: bool) -> tuple[Row, list[str]]:
    """Its row of the page, and what went wrong."""
    python, folder, version = installed(client, cache, anew)
    env = {"KEY": KEY, "BIN": str(folder)}
    wrong: list[str] = []
    for spoken, program in client.speaks.items():
        for prefix in (*(f"to-{kind}" for kind in MODELS), f"from-{spoken}"):
            since = int(time.time() * 1000)
            more = {"BASE": f"{running.url}/{prefix}", "MODEL": MODELS[spoken]}
            moves = client.answers and prefix.startswith("from-")
            said = turn(python, program, {**env, **more}) or logged(running.rows(since), moves)
            wrong += [f"{client.name} {version}, {spoken} {prefix}: {said}"] if said else []
    seen = "" if wrong else f"{version}, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    return Row(client.name, ", ".join(client.speaks), client.pointed, seen), wrong


# ---- the page --------------------------------------------------------------------------------------------------------
def rows(page: str) -> dict[str, Row]:
    """What the page says, by client."""
    found = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.*?) \|$", page, re.M)
    return {row[0]: Row(*row) for row in found if row[0] not in ("client", "---")}


def written(table: Mapping[str, Row]) -> str:
    lines = [f"| {row.client} | {row.speaks} | {row.pointed} | {row.seen} |" for row in table.values()]
    return "\n".join([*TITLE, *lines, ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="clients to run; all where none is named")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "ccx-clients", help="where they live")
    parser.add_argument("--as-installed", action="store_true", help="in the versions that are there already")
    options = parser.parse_args()
    table = rows(PAGE.read_text()) if PAGE.is_file() else {}
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder, gateway(Path(folder)) as running:
        for client in CLIENTS:
            if options.names and client.name not in options.names:
                continue
            row, wrong = watched(client, options.cache, running, not options.as_installed)
            print(f"{client.name}: {row.seen or 'failed'}", flush=True)
            failed += wrong
            before = table.get(client.name)
            table[client.name] = row if row.seen or not before else replace(row, seen=before.seen)
            PAGE.write_text(written(table))
    print("\n".join(failed), end="\n" if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
