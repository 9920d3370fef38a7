"""Client settings that can be pasted as they are."""

import ast
import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from ccx_admin.clients.snippets import PLACEHOLDER, Snippet, snippets

ROOT = "http://127.0.0.1:3000"
ALL = snippets(ROOT)


@pytest.mark.parametrize("snippet", ALL, ids=[snippet.id for snippet in ALL])
def test_blocks_are_what_they_say(snippet: Snippet) -> None:
    for block in snippet.blocks:
        match block.language:
            case "json":
                json.loads(block.text)
            case "toml":
                tomllib.loads(block.text)
            case "python":
                ast.parse(block.text)
    text = "".join(block.text for block in snippet.blocks)
    assert ROOT in text and f"{ROOT}//" not in text and "/v1/v1" not in text
    assert PLACEHOLDER in text


@pytest.mark.parametrize(
    ("id", "address"),
    [
        pytest.param("claude-code", f'"ANTHROPIC_BASE_URL": "{ROOT}"', id="root, no version"),
        pytest.param("codex", f'base_url = "{ROOT}/v1"', id="codex"),
        pytest.param("gemini-cli", f"GOOGLE_GEMINI_BASE_URL={ROOT}\n", id="gemini"),
        pytest.param("opencode", f'"baseURL": "{ROOT}/v1"', id="opencode"),
        pytest.param("openai-python", f'base_url="{ROOT}/v1"', id="openai"),
        pytest.param("anthropic-python", f'base_url="{ROOT}"', id="anthropic"),
    ],
)
def test_addresses(id: str, address: str) -> None:
    snippet = next(s for s in ALL if s.id == id)
    assert any(address in block.text for block in snippet.blocks)


def test_codex_uses_a_provider_of_its_own() -> None:
    config = tomllib.loads(next(s for s in ALL if s.id == "codex").blocks[0].text)
    assert config["model_provider"] == "ccx"
    assert config["model_providers"]["ccx"]["wire_api"] == "responses"


def test_key_and_model_are_put_in() -> None:
    text = str(snippets(f"{ROOT}/", "ccx-secret", "glm-5"))
    assert "ccx-secret" in text and "glm-5" in text and PLACEHOLDER not in text


# ---- any text --------------------------------------------------------------------------------------------------------
ODD = [
    pytest.param('it\'s "quoted"', id="quotes"),
    pytest.param("$(touch pwned) `touch pwned` ${HOME}", id="commands"),
    pytest.param("a\nrm -rf x\n", id="lines"),
    pytest.param("a'; touch pwned; echo '", id="out of the quotes"),
    pytest.param("back\\\\slash\\n \x7f \x01", id="escapes"),
    pytest.param("密钥 😀 \u2028", id="other letters"),
    pytest.param("{0} %s {{x}}", id="places"),
]
SHELL = """
curl() { for word; do printf '%s\\0' "$word"; done; }
set -u; HOME=/nowhere; cd "$1"
"""
NAMES = ("ANTHROPIC_AUTH_TOKEN", "CCX_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY")


@pytest.mark.parametrize("odd", ODD)
def test_a_shell_says_what_was_meant_and_does_nothing_else(odd: str, tmp_path: Path) -> None:
    asked = 0
    for snippet in snippets(ROOT, odd, odd):
        for block in (block for block in snippet.blocks if block.language == "sh"):
            show = "".join(f"printf '%s\\0' \"${{{name}-}}\"\n" for name in NAMES)
            command = ["sh", "-c", f"{SHELL}{block.text}{show}", "sh", str(tmp_path)]
            said = subprocess.run(command, capture_output=True, check=True)
            words = said.stdout.decode().split("\0")
            assert not said.stderr and (odd in words or f"authorization: Bearer {odd}" in words)
            asked += 1
            for word in words:
                assert not word.startswith("{") or word == odd or json.loads(word)["model"] == odd
    assert asked >= 5 and not list(tmp_path.iterdir())


def literals(code: str) -> set[str]:
    return {str(node.value) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("odd", ODD)
def test_every_language_says_what_was_meant(odd: str) -> None:
    found = {snippet.id: [block.text for block in snippet.blocks] for snippet in snippets(ROOT, odd, odd)}
    assert tomllib.loads(found["codex"][0])["model"] == odd
    assert json.loads(found["claude-code"][0])["env"]["ANTHROPIC_AUTH_TOKEN"] == odd
    assert odd in json.loads(found["opencode"][0])["provider"]["ccx"]["models"]
    for id in ("openai-python", "anthropic-python", "google-python"):
        assert odd in literals(found[id][0]), id
    written = found["vercel-ai"][0].partition("apiKey: ")[2].partition(" });")[0]
    assert json.loads(written) == odd
    assert found["cherry-studio"][0].count("\n") == 3 and found["openai-compatible"][0].count("\n") == 3
