"""Real clients against the gateway, natively and converted, each with a tool in between; docs/clients.md says what was seen.

    scripts/clients.py [--cache FOLDER] [NAME ...]

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
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import client_programs as programs
from scripts.benchmark.programs import started

PAGE: Final = ROOT / "docs" / "clients.md"
TITLE: Final = (
    "# Clients",
    "",
    "Each ran a turn with a tool through the gateway, to upstreams of all four protocols: its own and the three others. Its",
    "key is a client key of the gateway. `scripts/clients.py` runs them in their newest versions and writes this page.",
    "",
    "| client | speaks | is pointed at the gateway by | last seen working |",
    "| --- | --- | --- | --- |",
)
KEY: Final = "clients-own-key-0123456789abcdef"
SECRET: Final = "swordfish-4711"
PROMPT: Final = 'call:look_up {"word": "moon"}'
SECONDS: Final = 120
MODELS: Final[Mapping[str, str]] = {
    "messages": "claude-sonnet-4-5",
    "chat": "gpt-4.1",
    "responses": "gpt-5.1",
    "gemini": "gemini-3-pro",
}


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


@dataclass(frozen=True)
class Row:
    """A client on the page. ``seen``: the version that was last seen working, and when."""

    client: str
    speaks: str
    pointed: str
    seen: str


CLIENTS: Final = (
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
        {"chat": programs.AIDER_CHAT, "messages": programs.AIDER_CLAUDE},
        pythons=("python3.12", "python3.11", "python3.10"),
    ),
    Client(
        "qwen-code",
        ("@qwen-code/qwen-code",),
        "`OPENAI_BASE_URL=GATEWAY/v1`, `ANTHROPIC_BASE_URL=GATEWAY`, `GOOGLE_GEMINI_BASE_URL=GATEWAY`",
        {"chat": programs.QWEN_CHAT, "messages": programs.QWEN_CLAUDE, "gemini": programs.QWEN_GEMINI},
        node=True,
    ),
    Client(
        "cline",
        ("cline",),
        "`cline auth -p openai -b GATEWAY/v1` (`openai-native`: Responses)",
        {"chat": programs.CLINE_CHAT, "responses": programs.CLINE_RESPONSES},
        node=True,
    ),
    Client(
        "continue",
        ("@continuedev/cli",),
        "`apiBase: GATEWAY/v1` (with `useResponsesApi`: Responses)",
        {
            "chat": programs.CONTINUE_OPENAI,
            "responses": programs.CONTINUE_OPENAI,
            "messages": programs.CONTINUE_CLAUDE,
        },
        node=True,
    ),
)


# ---- the gateway -----------------------------------------------------------------------------------------------------
def configuration(upstream: int) -> str:
    """One channel for each protocol, behind a prefix, which takes every client's requests for a model of its own."""
    channels = [
        {
            "name": f"to-{kind}",
            "protocol": kind,
            "base_urls": [f"http://127.0.0.1:{upstream}"],
            "keys": ["good-key"],
            "serves": list(MODELS),
            "route_prefix": f"to-{kind}",
            "models": {asked: model for other, asked in MODELS.items() if other != kind},
        }
        for kind, model in MODELS.items()
    ]
    return json.dumps({"channels": channels})


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[str]:
    """Its address."""
    with started("upstream", [sys.executable, "scripts/fake_upstream.py"]) as upstream:
        config = folder / "ccx.yaml"
        config.write_text(configuration(upstream.port))
        env = {
            "PORT": "0", "PROXY_ACCESS_KEY": KEY, "ADMIN_ACCESS_KEY": KEY[::-1], "CCX_CONFIG": str(config),
            "CCX_DATA_DIR": str(folder / "data"), "CCX_ENV_FILE": str(folder / ".env"),
        }  # fmt: skip
        with started("ccx", [sys.executable, "run.py"], env=env) as running:
            yield f"http://127.0.0.1:{running.port}"


# ---- the clients -----------------------------------------------------------------------------------------------------
def installed(client: Client, cache: Path) -> tuple[Path, Path, str]:
    """The Python that runs its programs, the folder of its own ones, and the version that it has."""
    folder = cache / client.name.replace(" ", "-").replace(",", "").lower()
    if client.node:
        return Path(sys.executable), folder / "node_modules" / ".bin", _by_npm(client.package, folder)
    python = folder / "bin" / "python"
    if not python.is_file():
        made_by = next(filter(_runs, client.pythons), sys.executable)
        subprocess.run([made_by, "-m", "venv", str(folder)], check=True)
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


def _by_npm(package: Sequence[str], folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    newest = [f"{name}@latest" for name in package]
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
    return (done.stdout + done.stderr).strip().rpartition("\n")[2][:300] or "no answer"


def watched(client: Client, cache: Path, address: str) -> tuple[Row, list[str]]:
    """Its row of the page, and what went wrong."""
    python, folder, version = installed(client, cache)
    env = {"KEY": KEY, "BIN": str(folder)}
    said = {
        f"{client.name} {version}, {spoken} to {kind}": turn(
            python, program, {**env, "BASE": f"{address}/to-{kind}", "MODEL": MODELS[spoken]}
        )
        for spoken, program in client.speaks.items()
        for kind in MODELS
    }
    wrong = [f"{name}: {words}" for name, words in said.items() if words]
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
    options = parser.parse_args()
    table = rows(PAGE.read_text()) if PAGE.is_file() else {}
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder, gateway(Path(folder)) as address:
        for client in CLIENTS:
            if options.names and client.name not in options.names:
                continue
            row, wrong = watched(client, options.cache, address)
            print(f"{client.name}: {row.seen or 'failed'}", flush=True)
            failed += wrong
            before = table.get(client.name)
            table[client.name] = row if row.seen or not before else replace(row, seen=before.seen)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(written(table))
    print("\n".join(failed), end="\n" if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
