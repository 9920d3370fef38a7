"""Pasted text: which addresses, keys and protocol it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.urls import url_problem
from ccx_admin.channels.paste import MAX_URLS, name_of, parse

ANT = "sk-ant-api03-abcDEF123456_-xyz"


@pytest.mark.parametrize(
    ("text", "protocol", "urls", "keys"),
    [
        pytest.param(f"https://api.anthropic.com {ANT}", "messages", ["https://api.anthropic.com"], [ANT], id="two words"),
        pytest.param(ANT, "messages", ["https://api.anthropic.com"], [ANT], id="the key tells the provider"),
        pytest.param("AIzaSyA1234567890abcdefghijklmnopqrst", "gemini", ["https://generativelanguage.googleapis.com"],
            ["AIzaSyA1234567890abcdefghijklmnopqrst"], id="Google's key"),
        pytest.param("sk-or-v1-0123456789abcdef", "chat", ["https://openrouter.ai/api/v1"], ["sk-or-v1-0123456789abcdef"],
            id="OpenRouter's key"),
        pytest.param("ANTHROPIC_BASE_URL=https://relay.example/api\nANTHROPIC_AUTH_TOKEN=sk-abc123def456\n", "chat",
            ["https://relay.example/api"], ["sk-abc123def456"], id=".env"),
        pytest.param('export OPENAI_BASE_URL="https://a.example/v1"; export OPENAI_API_KEY=\'sk-abc123def456\'', "chat",
            ["https://a.example/v1"], ["sk-abc123def456"], id="shell"),
        pytest.param('{"env": {"ANTHROPIC_BASE_URL": "https://a.example/anthropic", "ANTHROPIC_AUTH_TOKEN": "sk-abc123d",'
            ' "ANTHROPIC_MODEL": "claude-sonnet-4-5-20250929"}}', "messages", ["https://a.example/anthropic"], ["sk-abc123d"],
            id="JSON, a model is no key"),
        pytest.param('[model_providers.x]\nbase_url = "https://a.example/codex"\nenv_key = "X_KEY"\nwire_api = "responses"\n'
            'sk-abc123def456', "responses", ["https://a.example/codex"], ["sk-abc123def456"], id="TOML"),
        pytest.param("curl https://a.example/v1/chat/completions -H 'Authorization: Bearer sk-abc123def456'", "chat",
            ["https://a.example/v1"], ["sk-abc123def456"], id="curl, chat"),
        pytest.param("https://a.example/v1/messages", "messages", ["https://a.example/v1"], [], id="messages path"),
        pytest.param("https://a.example/v1/messages/count_tokens", "messages", ["https://a.example/v1"], [], id="count path"),
        pytest.param("https://a.example/v1/responses", "responses", ["https://a.example/v1"], [], id="responses path"),
        pytest.param("https://a.example/v1/embeddings", "embeddings", ["https://a.example/v1"], [], id="embeddings path"),
        pytest.param("https://a.example/v1/images/generations", "images", ["https://a.example/v1"], [], id="images path"),
        pytest.param("https://a.example/v1/models", "chat", ["https://a.example/v1"], [], id="models path"),
        pytest.param("https://a.example/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse&key=AIzaSy01234567890123456789",
            "gemini", ["https://a.example/v1beta"], ["AIzaSy01234567890123456789"], id="Gemini path with its key"),
        pytest.param("https://a.example:8443/v1# sk-abc123def456", "chat", ["https://a.example:8443/v1#"],
            ["sk-abc123def456"], id="exact address, port"),
        pytest.param("地址：https://a.example/v1，密钥：sk-abc123def456。", "chat", ["https://a.example/v1"],
            ["sk-abc123def456"], id="Chinese punctuation"),
        pytest.param("https://a.example%20sk-abc123def456", "chat", ["https://a.example"], ["sk-abc123def456"], id="%20"),
        pytest.param("https://newapi.example/console/token sk-abc123def456", "chat", ["https://newapi.example"],
            ["sk-abc123def456"], id="a dashboard"),
        pytest.param("https://platform.openai.com/api-keys sk-proj-abc123def456", "responses",
            ["https://api.openai.com/v1"], ["sk-proj-abc123def456"], id="a vendor's dashboard"),
        pytest.param("https://n.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21&key=sk-abc123def456",
            "chat", ["https://n.openai.azure.com/openai/deployments/d?api-version=2024-10-21"], ["sk-abc123def456"],
            id="a deployment with its version"),
        pytest.param("https://open.bigmodel.cn/api/paas/v4/chat/completions 0123456789abcdef0123456789abcdef.AbCdEfGh12345678",
            "chat", ["https://open.bigmodel.cn/api/paas/v4"], ["0123456789abcdef0123456789abcdef.AbCdEfGh12345678"],
            id="id.secret"),
        pytest.param("http://127.0.0.1:11434 4f3c2b1a9d8e7f604f3c2b1a9d8e7f60.AbCdEf_Gh12-34567890aBcDe", "chat",
            ["http://127.0.0.1:11434"], ["4f3c2b1a9d8e7f604f3c2b1a9d8e7f60.AbCdEf_Gh12-34567890aBcDe"], id="Ollama's key"),
        pytest.param("550e8400-e29b-41d4-a716-446655440000", "chat", [], ["550e8400-e29b-41d4-a716-446655440000"], id="UUID"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123_-4567", "chat", [],
            ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123_-4567"], id="JWT"),
        pytest.param("0123456789abcdef0123456789abcdef", "chat", [], ["0123456789abcdef0123456789abcdef"], id="32 random"),
        pytest.param("cr_0a1b2c3d4e5f6789", "chat", [], ["cr_0a1b2c3d4e5f6789"], id="loose prefix"),
        pytest.param("sk-aaa111bbb sk-aaa111bbb, sk-ccc222ddd", "chat", [], ["sk-aaa111bbb", "sk-ccc222ddd"], id="doubles"),
        pytest.param("https://a.example https://a.example/v1 https://A.example/", "chat", ["https://a.example"], [],
            id="one place, three spellings"),
        pytest.param("OPENAI_API_KEY MAX_REQUEST_BODY_MB api_key requires_openai_auth", "chat", [], [], id="names only"),
        pytest.param("gpt-5.4-codex claude-opus-4-7 text-embedding-3-small deepseek-reasoner-2025", "chat", [], [],
            id="models only"),
        pytest.param("Hello, here is nothing at all. ftp://a.example javascript:alert(1)", "chat", [], [], id="nothing"),
        pytest.param("", "chat", [], [], id="empty"),
    ],
)  # fmt: skip
def test_parse(text: str, protocol: str, urls: list[str], keys: list[str]) -> None:
    found = parse(text)
    assert (found.protocol, list(found.base_urls), list(found.keys)) == (protocol, urls, keys)


def test_many_addresses() -> None:
    found = parse(" ".join(f"https://a{n}.example" for n in range(20)))
    assert len(found.base_urls) == MAX_URLS and found.notes


def test_mixed_protocols_are_said() -> None:
    found = parse("https://a.example/v1/messages https://b.example/v1/responses")
    assert found.protocol == "messages" and "different protocols" in found.notes[0]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        pytest.param("https://api.anthropic.com", "anthropic", id="known"),
        pytest.param("https://api.relay.example.com/v1", "example", id="unknown"),
        pytest.param("http://127.0.0.1:11434", "127.0.0.1", id="address"),
        pytest.param("http://localhost:1234", "localhost", id="one word"),
        pytest.param("http://[::1]:1", "--1", id="IPv6"),
    ],
)
def test_names(url: str, name: str) -> None:
    assert name_of(url) == name


@given(
    st.text(max_size=300)
    | st.lists(
        st.sampled_from(
            ["https://", "a.example", ":", "80", "/v1", "#", "?", "[", "]", "@", "%", " ", "sk-a1b2c3d4", "."]
        )
    ).map("".join)
)
def test_any_text_gives_a_valid_proposal(text: str) -> None:
    found = parse(text)
    assert not [url for url in found.base_urls if url_problem(url, query=True)]
    assert all(key.isascii() and key.isprintable() for key in found.keys)
