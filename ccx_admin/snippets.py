"""How each client is pointed at the gateway: exact blocks to copy. Every one of them was run against a gateway.

``root`` is the gateway's address without a path, ``key`` the client's secret or a placeholder for it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PLACEHOLDER: Final = "YOUR_CCX_KEY"


@dataclass(frozen=True, slots=True)
class Block:
    """One thing to copy. ``place``: the file it goes into, or where to run it."""

    place: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Snippet:
    id: str
    label: str
    kind: str
    """The client protocol it uses."""
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()


def _json(value: object) -> str:
    return json.dumps(value, indent=2)


def claude_code(root: str, key: str, model: str) -> Snippet:
    env = {"ANTHROPIC_BASE_URL": root, "ANTHROPIC_AUTH_TOKEN": key}
    return Snippet(
        "claude-code",
        "Claude Code",
        "messages",
        (
            Block("~/.claude/settings.json", "json", _json({"env": env})),
            Block("or in the shell", "sh", "".join(f"export {name}={value}\n" for name, value in env.items())),
        ),
        (
            "The address is the root: with /v1 at its end, requests would go to /v1/v1/messages.",
            "Set ANTHROPIC_AUTH_TOKEN or ANTHROPIC_API_KEY, not both. settings.json wins over the shell; /status shows"
            " what is in force.",
        ),
    )


def codex(root: str, key: str, model: str) -> Snippet:
    config = (
        f'model = "{model or "gpt-5.4-codex"}"\nmodel_provider = "ccx"\n\n[model_providers.ccx]\nname = "CCX"\n'
        f'base_url = "{root}/v1"\nenv_key = "CCX_KEY"\nwire_api = "responses"\n'
    )
    return Snippet(
        "codex",
        "Codex",
        "responses",
        (Block("~/.codex/config.toml", "toml", config), Block("in the shell", "sh", f"export CCX_KEY={key}\n")),
        ('The provider cannot be named "openai", and a project\'s own config.toml cannot set it.',),
    )


def gemini_cli(root: str, key: str, model: str) -> Snippet:
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    return Snippet(
        "gemini-cli",
        "Gemini CLI",
        "gemini",
        (
            Block("in the shell", "sh", f"export GOOGLE_GEMINI_BASE_URL={root}\nexport GEMINI_API_KEY={key}\n"),
            Block("~/.gemini/settings.json", "json", _json(settings)),
        ),
        ("Plain http works for localhost only. The login with a Google account goes past the gateway.",),
    )


def cherry_studio(root: str, key: str, model: str) -> Snippet:
    values = f"Provider type: Anthropic, Gemini, OpenAI or OpenAI-Response\nAPI host: {root}\nAPI key: {key}\n"
    return Snippet(
        "cherry-studio",
        "Cherry Studio",
        "chat",
        (Block("Settings > Model provider > Add", "text", values),),
        ("No slash at the end of the host: it would keep Cherry Studio from adding /v1.",),
    )


def opencode(root: str, key: str, model: str) -> Snippet:
    name = model or "claude-sonnet-5"
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "CCX",
        "options": {"baseURL": f"{root}/v1", "apiKey": key},
        "models": {name: {"name": name}},
    }
    return Snippet(
        "opencode",
        "OpenCode",
        "chat",
        (Block("~/.config/opencode/opencode.json", "json", _json({"provider": {"ccx": provider}})),),
        (f"With @ai-sdk/anthropic the baseURL is {root}/v1, too; with @ai-sdk/google it is {root}/v1beta.",),
    )


def openai_compatible(root: str, key: str, model: str) -> Snippet:
    values = f"Base URL: {root}/v1\nAPI key: {key}\nModel: {model or 'the name of a model'}\n"
    return Snippet(
        "openai-compatible",
        "Cline, Roo, Cursor, Continue and others",
        "chat",
        (Block('provider "OpenAI compatible"', "text", values),),
    )


def openai_python(root: str, key: str, model: str) -> Snippet:
    code = (
        f'from openai import OpenAI\n\nclient = OpenAI(base_url="{root}/v1", api_key="{key}")\n'
        f'answer = client.responses.create(model="{model or "gpt-5.4"}", input="Hello")\nprint(answer.output_text)\n'
    )
    shell = f"export OPENAI_BASE_URL={root}/v1\nexport OPENAI_API_KEY={key}\n"
    return Snippet(
        "openai-python",
        "OpenAI SDK (Python)",
        "responses",
        (Block("program", "python", code), Block("or in the shell", "sh", shell)),
    )


def anthropic_python(root: str, key: str, model: str) -> Snippet:
    code = (
        f'from anthropic import Anthropic\n\nclient = Anthropic(base_url="{root}", api_key="{key}")\n'
        f'answer = client.messages.create(\n    model="{model or "claude-sonnet-5"}",\n    max_tokens=1024,\n'
        '    messages=[{"role": "user", "content": "Hello"}],\n)\nprint(answer.content)\n'
    )
    return Snippet("anthropic-python", "Anthropic SDK (Python)", "messages", (Block("program", "python", code),))


def google_python(root: str, key: str, model: str) -> Snippet:
    code = (
        "from google import genai\nfrom google.genai.types import HttpOptions\n\n"
        f'client = genai.Client(api_key="{key}", http_options=HttpOptions(base_url="{root}"))\n'
        f'answer = client.models.generate_content(model="{model or "gemini-3.8-flash"}", contents="Hello")\n'
        "print(answer.text)\n"
    )
    return Snippet("google-python", "Google Gen AI SDK (Python)", "gemini", (Block("program", "python", code),))


def vercel(root: str, key: str, model: str) -> Snippet:
    code = (
        "import { createAnthropic } from '@ai-sdk/anthropic';\nimport { createOpenAI } from '@ai-sdk/openai';\n\n"
        f"const openai = createOpenAI({{ baseURL: '{root}/v1', apiKey: '{key}' }});\n"
        f"const anthropic = createAnthropic({{ baseURL: '{root}/v1', apiKey: '{key}' }});\n"
    )
    note = "openai(model) asks /v1/responses, openai.chat(model) asks /v1/chat/completions."
    return Snippet("vercel-ai", "Vercel AI SDK", "responses", (Block("program", "ts", code),), (note,))


def curl(root: str, key: str, model: str) -> Snippet:
    body = json.dumps({"model": model or "claude-sonnet-5", "messages": [{"role": "user", "content": "Hello"}]})
    text = (
        f"curl {root}/v1/chat/completions \\\n  -H 'authorization: Bearer {key}' \\\n"
        f"  -H 'content-type: application/json' \\\n  -d '{body}'\n"
    )
    models = f"curl {root}/v1/models -H 'authorization: Bearer {key}'\n"
    return Snippet(
        "curl", "curl", "chat", (Block("which models there are", "sh", models), Block("a request", "sh", text))
    )


MAKERS: Final[tuple[Callable[[str, str, str], Snippet], ...]] = (
    claude_code,
    codex,
    gemini_cli,
    cherry_studio,
    opencode,
    openai_compatible,
    openai_python,
    anthropic_python,
    google_python,
    vercel,
    curl,
)


def snippets(root: str, key: str = PLACEHOLDER, model: str = "") -> list[Snippet]:
    """All of them for one gateway. ``root``: scheme, host and port, no path. ``model``: empty for a usual one."""
    return [make(root.rstrip("/"), key, model) for make in MAKERS]
