"""How each client is pointed at the gateway: exact blocks to copy. Every one of them was run against a gateway.

``root`` is the gateway's address without a path, ``key`` the client's secret or a placeholder for it. Both, and the
model's name, may be any text: what is pasted says the same, and does nothing else.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Final

from ccx_addons.core.config import Client, Kind, Snapshot

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


def text(value: str) -> str:
    """A literal of TOML, Python and TypeScript."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def exports(values: Mapping[str, str]) -> str:
    return "".join(f"export {name}={quote(value)}\n" for name, value in values.items())


def line(value: str) -> str:
    """What is typed into one field."""
    return "".join(c if c.isprintable() else " " for c in value)


def claude_code(root: str, key: str, model: str) -> Snippet:
    env = {"ANTHROPIC_BASE_URL": root, "ANTHROPIC_AUTH_TOKEN": key}
    return Snippet(
        "claude-code",
        "Claude Code",
        "messages",
        (
            Block("~/.claude/settings.json", "json", _json({"env": env})),
            Block("or in the shell", "sh", exports(env)),
        ),
        (
            "The address is the root: with /v1 at its end, requests would go to /v1/v1/messages.",
            "Set ANTHROPIC_AUTH_TOKEN or ANTHROPIC_API_KEY, not both. settings.json wins over the shell; /status shows"
            " what is in force.",
        ),
    )


def codex(root: str, key: str, model: str) -> Snippet:
    config = (
        f'model = {text(model or "gpt-5.4-codex")}\nmodel_provider = "ccx"\n\n[model_providers.ccx]\nname = "CCX"\n'
        f'base_url = {text(f"{root}/v1")}\nenv_key = "CCX_KEY"\nwire_api = "responses"\n'
    )
    return Snippet(
        "codex",
        "Codex",
        "responses",
        (Block("~/.codex/config.toml", "toml", config), Block("in the shell", "sh", exports({"CCX_KEY": key}))),
        ('The provider cannot be named "openai", and a project\'s own config.toml cannot set it.',),
    )


def gemini_cli(root: str, key: str, model: str) -> Snippet:
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    return Snippet(
        "gemini-cli",
        "Gemini CLI",
        "gemini",
        (
            Block("in the shell", "sh", exports({"GOOGLE_GEMINI_BASE_URL": root, "GEMINI_API_KEY": key})),
            Block("~/.gemini/settings.json", "json", _json(settings)),
        ),
        ("Plain http works for localhost only. The login with a Google account goes past the gateway.",),
    )


def cherry_studio(root: str, key: str, model: str) -> Snippet:
    values = f"Provider type: Anthropic, Gemini, OpenAI or OpenAI-Response\nAPI host: {root}\nAPI key: {line(key)}\n"
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
    values = f"Base URL: {root}/v1\nAPI key: {line(key)}\nModel: {line(model) or 'the name of a model'}\n"
    return Snippet(
        "openai-compatible",
        "Cline, Roo, Cursor, Continue and others",
        "chat",
        (Block('provider "OpenAI compatible"', "text", values),),
    )


def openai_python(root: str, key: str, model: str) -> Snippet:
    code = (
        f"from openai import OpenAI\n\nclient = OpenAI(base_url={text(f'{root}/v1')}, api_key={text(key)})\n"
        f'answer = client.responses.create(model={text(model or "gpt-5.4")}, input="Hello")\n'
        "print(answer.output_text)\n"
    )
    shell = exports({"OPENAI_BASE_URL": f"{root}/v1", "OPENAI_API_KEY": key})
    return Snippet(
        "openai-python",
        "OpenAI SDK (Python)",
        "responses",
        (Block("program", "python", code), Block("or in the shell", "sh", shell)),
    )


def anthropic_python(root: str, key: str, model: str) -> Snippet:
    code = (
        f"from anthropic import Anthropic\n\nclient = Anthropic(base_url={text(root)}, api_key={text(key)})\n"
        f"answer = client.messages.create(\n    model={text(model or 'claude-sonnet-5')},\n    max_tokens=1024,\n"
        '    messages=[{"role": "user", "content": "Hello"}],\n)\nprint(answer.content)\n'
    )
    return Snippet("anthropic-python", "Anthropic SDK (Python)", "messages", (Block("program", "python", code),))


def google_python(root: str, key: str, model: str) -> Snippet:
    code = (
        "from google import genai\nfrom google.genai.types import HttpOptions\n\n"
        f"client = genai.Client(api_key={text(key)}, http_options=HttpOptions(base_url={text(root)}))\n"
        f'answer = client.models.generate_content(model={text(model or "gemini-3.8-flash")}, contents="Hello")\n'
        "print(answer.text)\n"
    )
    return Snippet("google-python", "Google Gen AI SDK (Python)", "gemini", (Block("program", "python", code),))


def vercel(root: str, key: str, model: str) -> Snippet:
    code = (
        "import { createAnthropic } from '@ai-sdk/anthropic';\nimport { createOpenAI } from '@ai-sdk/openai';\n\n"
        f"const openai = createOpenAI({{ baseURL: {text(f'{root}/v1')}, apiKey: {text(key)} }});\n"
        f"const anthropic = createAnthropic({{ baseURL: {text(f'{root}/v1')}, apiKey: {text(key)} }});\n"
    )
    note = "openai(model) asks /v1/responses, openai.chat(model) asks /v1/chat/completions."
    return Snippet("vercel-ai", "Vercel AI SDK", "responses", (Block("program", "ts", code),), (note,))


def curl(root: str, key: str, model: str) -> Snippet:
    body = json.dumps({"model": model or "claude-sonnet-5", "messages": [{"role": "user", "content": "Hello"}]})
    who = quote(f"authorization: Bearer {key}")
    asks = (
        f"curl {quote(f'{root}/v1/chat/completions')} \\\n  -H {who} \\\n"
        f"  -H 'content-type: application/json' \\\n  -d {quote(body)}\n"
    )
    models = f"curl {quote(f'{root}/v1/models')} -H {who}\n"
    return Snippet(
        "curl", "curl", "chat", (Block("which models there are", "sh", models), Block("a request", "sh", asks))
    )


HELLO: Final[Mapping[Kind, tuple[str, Mapping[str, object], str]]] = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}]}, "gpt-5.1"),
    "messages": (
        "/v1/messages", {"max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}, "claude-sonnet-5"
    ),
    "responses": ("/v1/responses", {"input": "hello"}, "gpt-5.1"),
    "gemini": (
        "/v1beta/models/{model}:generateContent", {"contents": [{"parts": [{"text": "hello"}]}]}, "gemini-3.8-flash"
    ),
    "embeddings": ("/v1/embeddings", {"input": "hello"}, "text-embedding-3-small"),
    "images": ("/v1/images/generations", {"prompt": "a red circle"}, "gpt-image-1"),
}  # fmt: skip
"""A first request of a kind: its path, its body, and a usual model. What most channels take comes first."""


def first_request(root: str, serves: Collection[Kind], model: str, env_file: str) -> str:
    """For a shell, with the key of the file, which stays there. ``env_file``: empty where the key is not in a file."""
    kind = next(kind for kind in HELLO if kind in serves)
    path, body, usual = HELLO[kind]
    model = model or usual
    named = body if "{model}" in path else {"model": model, **body}
    return (
        (f". {quote(env_file)}\n" if env_file else "")
        + f"curl {quote(root.rstrip('/') + path.replace('{model}', model))} \\\n"
        + "  -H \"authorization: Bearer $PROXY_ACCESS_KEY\" -H 'content-type: application/json' \\\n"
        + f"  -d {quote(json.dumps(named))}\n"
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


def served(snapshot: Snapshot, client: Client | None = None) -> frozenset[Kind]:
    """The kinds that some channel in use takes, and that the client may use."""
    taken = {kind for channel in snapshot.channels if channel.status == "active" for kind in channel.serves}
    return frozenset(taken & client.kinds if client else taken)
