"""Client settings that can be pasted as they are."""

import ast
import json
import tomllib

import pytest

from ccx_admin.snippets import PLACEHOLDER, Snippet, snippets

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
