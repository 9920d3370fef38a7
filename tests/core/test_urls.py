import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import Kind
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.urls import (
    canonical,
    climbs,
    host_port,
    join,
    points_at,
    target_of,
    url_problem,
    without_version,
)


@pytest.mark.parametrize(
    ("base", "version", "path", "url"),
    [
        pytest.param("https://a", "v1", "/messages", "https://a/v1/messages", id="default version"),
        pytest.param("https://a/", "v1", "/messages", "https://a/v1/messages", id="trailing slash"),
        pytest.param("https://a/v1", "v1", "/messages", "https://a/v1/messages", id="same version is kept once"),
        pytest.param("https://a/v1/", "v1", "/messages", "https://a/v1/messages", id="version with slash"),
        pytest.param("https://a/V1", "v1", "/messages", "https://a/V1/messages", id="version in capitals"),
        pytest.param("https://a/v1.1", "v1", "/messages", "https://a/v1.1/messages", id="version with a point"),
        pytest.param("https://a/v4", "v1", "/chat/completions", "https://a/v4/chat/completions", id="own version"),
        pytest.param("https://a/v1beta", "v1beta", "/models/m:x", "https://a/v1beta/models/m:x", id="beta version"),
        pytest.param("https://a/v1beta1", "v1beta", "/models", "https://a/v1beta1/models", id="numbered beta"),
        pytest.param("https://a/api/paas/v4", "v1", "/x", "https://a/api/paas/v4/x", id="version below a path"),
        pytest.param("https://a/anthropic", "v1", "/messages", "https://a/anthropic/v1/messages", id="path"),
        pytest.param("https://a/vertex", "v1", "/x", "https://a/vertex/v1/x", id="a word with v is no version"),
        pytest.param("https://a/v1foo/b", "v1", "/x", "https://a/v1foo/b/v1/x", id="a word that begins like one"),
        pytest.param("https://a#", "v1", "/x", "https://a/x", id="exact"),
        pytest.param("https://a/b/#", "v1", "/x", "https://a/b/x", id="exact with slash"),
        pytest.param("https://a/v1#", "v9", "/x", "https://a/v1/x", id="exact with version"),
        pytest.param("https://a?b=c#", "v1", "/x", "https://a/x?b=c", id="exact with query"),
        pytest.param("https://a", "v1", "/x?alt=sse", "https://a/v1/x?alt=sse", id="query of the path"),
        pytest.param("https://a?b=c", "v1", "/x?alt=sse", "https://a/v1/x?b=c&alt=sse", id="both have a query"),
        pytest.param("http://[::1]:8080/v2", "v1", "/x", "http://[::1]:8080/v2/x", id="IPv6 and port"),
    ],
)
@pytest.mark.parametrize("kind", ["messages", "chat"])
def test_join(base: str, version: str, path: str, url: str, kind: Kind) -> None:
    assert join(base, kind, version, path) == url
    assert join(canonical(base), kind, version, path) == url


CHAT, MESSAGES, RESPONSES, GEMINI = "/chat/completions", "/messages", "/responses", "/models/m:generateContent"
VERTEX = "https://us-central1-aiplatform.googleapis.com"
CLOUDFLARE = "https://gateway.ai.cloudflare.com/v1/account/gateway"
AZURE = "https://name.openai.azure.com"


@pytest.mark.parametrize(
    ("kind", "base", "path"),
    [
        ("chat", "https://api.openai.com", "/v1" + CHAT),
        ("chat", "https://api.openai.com/v1", CHAT),
        ("responses", "https://api.openai.com/v1/responses", ""),
        ("chat", "https://api.openai.com/v1/chat/completions", ""),
        ("chat", "https://api.openai.com/v1/models", "!/v1" + CHAT),
        ("messages", "https://api.anthropic.com", "/v1" + MESSAGES),
        ("messages", "https://api.anthropic.com/v1/messages", ""),
        ("gemini", "https://generativelanguage.googleapis.com", "/v1beta" + GEMINI),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta", GEMINI),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/models/x:generateContent", "!/v1beta" + GEMINI),
        ("chat", "https://generativelanguage.googleapis.com/v1beta/openai/", CHAT),
        ("chat", "https://api.deepinfra.com/v1/openai", CHAT),
        ("messages", "https://api.deepinfra.com/anthropic", "/v1" + MESSAGES),
        ("chat", "https://models.github.ai/inference", CHAT),
        ("chat", "https://models.github.ai/orgs/acme/inference", CHAT),
        ("chat", "https://models.inference.ai.azure.com", CHAT),
        ("chat", "https://api.githubcopilot.com", CHAT),
        ("responses", "https://chatgpt.com/backend-api/codex", RESPONSES),
        ("chat", f"{VERTEX}/v1/projects/p/locations/l/endpoints/openapi", CHAT),
        ("chat", f"{VERTEX}/v1beta1/projects/p/locations/l/endpoints/openapi", CHAT),
        ("gemini", f"{VERTEX}/v1/projects/p/locations/l/publishers/google", GEMINI),
        ("gemini", "https://aiplatform.googleapis.com/v1/publishers/google", GEMINI),
        ("chat", AZURE, "/openai/v1" + CHAT),
        ("chat", f"{AZURE}/openai", "/v1" + CHAT),
        ("responses", f"{AZURE}/openai/v1/", RESPONSES),
        ("chat", f"{AZURE}/openai/v1?api-version=preview", "!/openai/v1/chat/completions?api-version=preview"),
        (
            "chat",
            f"{AZURE}/openai/deployments/gpt-4o?api-version=2024-10-21",
            "!/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        ),
        (
            "chat",
            f"{AZURE}/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
            "!/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        ),
        ("chat", "https://name.services.ai.azure.com/models", CHAT),
        ("messages", "https://name.services.ai.azure.com/anthropic", "/v1" + MESSAGES),
        ("chat", "https://api.z.ai/api/paas/v4", CHAT),
        ("chat", "https://api.z.ai/api/coding/paas/v4/", CHAT),
        ("messages", "https://api.z.ai/api/anthropic", "/v1" + MESSAGES),
        ("chat", "https://ark.cn-beijing.volces.com/api/v3", CHAT),
        ("chat", "https://ark.cn-beijing.volces.com/api/coding/v3", CHAT),
        ("messages", "https://ark.cn-beijing.volces.com/api/coding", "/v1" + MESSAGES),
        ("chat", "https://dashscope.aliyuncs.com/compatible-mode/v1", CHAT),
        ("messages", "https://dashscope.aliyuncs.com/apps/anthropic", "/v1" + MESSAGES),
        ("messages", "https://dashscope.aliyuncs.com/api/v2/apps/claude-code-proxy", "/v1" + MESSAGES),
        ("chat", "https://api.perplexity.ai", CHAT),
        ("responses", "https://api.perplexity.ai/v1", RESPONSES),
        ("chat", "https://api.perplexity.ai/chat/completions", ""),
        ("chat", "https://openrouter.ai/api/v1", CHAT),
        ("messages", "https://openrouter.ai/api", "/v1" + MESSAGES),
        ("chat", f"{CLOUDFLARE}/openai", CHAT),
        ("chat", f"{CLOUDFLARE}/compat", CHAT),
        ("messages", f"{CLOUDFLARE}/anthropic", "/v1" + MESSAGES),
        ("gemini", f"{CLOUDFLARE}/google-ai-studio", "/v1beta" + GEMINI),
        ("chat", "https://api.cloudflare.com/client/v4/accounts/account/ai/v1", CHAT),
        ("chat", "https://api.fireworks.ai/inference/v1", CHAT),
        ("chat", "https://api.fireworks.ai/inference", "/v1" + CHAT),
        ("messages", "https://api.fireworks.ai/inference", "/v1" + MESSAGES),
        ("chat", "https://api.groq.com/openai/v1", CHAT),
        ("chat", "https://api.deepseek.com", "/v1" + CHAT),
        ("messages", "https://api.deepseek.com/anthropic", "/v1" + MESSAGES),
        ("chat", "https://api.kimi.com/coding/v1", CHAT),
        ("messages", "https://api.kimi.com/coding/", "/v1" + MESSAGES),
        ("chat", "https://qianfan.baidubce.com/v2", CHAT),
        ("chat", "https://workspace.cloud.databricks.com/serving-endpoints", CHAT),
        ("chat", "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1", CHAT),
        ("chat", "http://localhost:11434", "/v1" + CHAT),
        ("chat", "http://localhost:12434/engines/llama.cpp/v1", CHAT),
        ("embeddings", "https://api.mistral.ai/v1/embeddings", "!/v1/embeddings"),
        ("images", "https://api.x.ai/v1/images/generations", "!/v1/images/generations"),
    ],
)
def test_addresses_as_vendors_document_them(kind: Kind, base: str, path: str) -> None:
    """``path`` comes after the base; ``!``: after the host; nothing: the address is the request's already."""
    asked = {"messages": MESSAGES, "responses": RESPONSES, "gemini": GEMINI, "embeddings": "/embeddings"}
    asked |= {"images": "/images/generations"}
    host = "/".join(base.split("/")[:3])
    url = host + path[1:] if path.startswith("!") else base.rstrip("/") + path
    assert not url_problem(canonical(base), user=False, query=True)
    assert join(canonical(base), kind, "v1beta" if kind == "gemini" else "v1", asked.get(kind, CHAT)) == url


@pytest.mark.parametrize(
    ("base", "without"),
    [
        ("https://a/v1", "https://a"),
        ("https://a/v1/chat/completions", "https://a"),
        ("https://a/v1?b=c", "https://a?b=c"),
        ("https://a/v1#", "https://a/v1#"),
    ],
)
def test_without_version(base: str, without: str) -> None:
    assert without_version(base) == without


def test_target() -> None:
    found = target_of("https://u:p@a:8443/v1?b=c", "chat", "v1", "/x?d=e")
    assert found == ("https", "a:8443", "a", 8443, "/v1/x?b=c&d=e")
    assert target_of("http://a", "messages", "v1", "/x").port == 80
    with pytest.raises(BadRequest):
        target_of("https://a", "gemini", "v1beta", "/models/../x")


@pytest.mark.parametrize(
    ("given_", "stored"),
    [
        ("  https://a/  ", "https://a"),
        ("https://a///", "https://a"),
        ("https://a/v1/#", "https://a/v1#"),
        ("https://a##", "https://a#"),
        ("", ""),
    ],
)
def test_canonical(given_: str, stored: str) -> None:
    assert canonical(given_) == stored


@given(st.text(max_size=30))
def test_canonical_is_stable(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(st.one_of(st.text(max_size=40), st.text(max_size=40).map("https://".__add__)))
def test_url_problem_never_raises(text: str) -> None:
    if not url_problem(text):
        assert host_port(text)[0]


SOCKS = frozenset({"socks5"})


@pytest.mark.parametrize(
    ("url", "schemes", "words"),
    [
        pytest.param("https://api.example.com", None, "", id="good"),
        pytest.param("http://127.0.0.1:8080/v1#", None, "", id="address, port, exact"),
        pytest.param("http://[::1]:80", None, "", id="IPv6"),
        pytest.param("ftp://a", None, "must begin with http:// or https://", id="scheme"),
        pytest.param("api.example.com", None, "must begin with", id="no scheme"),
        pytest.param("", None, "must begin with", id="empty"),
        pytest.param("https://", None, "has no host name", id="no host"),
        pytest.param("https://a b", None, "has no host name", id="space"),
        pytest.param("https://a\x00b", None, "has no host name", id="control character"),
        pytest.param("https://\u00e4.test", None, "must be ASCII", id="other letters in a host"),
        pytest.param("https://a/\u00e4", None, "must be ASCII", id="other letters in a path"),
        pytest.param("https://a:0", None, "has the port 0", id="port 0"),
        pytest.param("https://a:99999", None, "is not a URL", id="port too large"),
        pytest.param("https://a:hidden", None, "is not a URL", id="port is a word"),
        pytest.param("https://[::1", None, "is not a URL", id="broken IPv6"),
        pytest.param("https://a/?x=1", None, "query or fragment", id="query"),
        pytest.param("https://a/#x", None, "query or fragment", id="fragment"),
        pytest.param("socks5://u:p@a:1080", SOCKS, "", id="proxy with a user"),
        pytest.param("http://a", SOCKS, "must begin with socks5://", id="wrong proxy scheme"),
    ],
)
def test_url_problem(url: str, schemes: frozenset[str] | None, words: str) -> None:
    found = url_problem(url, schemes) if schemes else url_problem(url)
    assert words in found and bool(words) is bool(found)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://a/v1?api-version=2024-10-21", ""),
        ("https://a?x=1#y", "query or fragment"),
        ("https://a?key=hunter2", "must not have a key in its query"),
        ("https://a?x=1&API_KEY=hunter2", "must not have a key in its query"),
    ],
)
def test_url_problem_of_a_query(url: str, words: str) -> None:
    found = url_problem(url, query=True)
    assert words in found and bool(words) is bool(found) and "hunter2" not in found


@pytest.mark.parametrize(
    "url", ["https://u:hunter2@a", "https://hunter2@a", "https://a:hunter2", "https://u:hunter2@[:"]
)
def test_url_problem_never_repeats_the_url(url: str) -> None:
    words = url_problem(url, user=False)
    assert words and "hunter2" not in words


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://A.example.com", ("a.example.com", 443)),
        ("http://a", ("a", 80)),
        ("http://[::1]:81/v1#", ("::1", 81)),
    ],
)
def test_host_port(url: str, place: tuple[str, int]) -> None:
    assert host_port(url) == place


@pytest.mark.parametrize(
    ("url", "own", "loops"),
    [
        pytest.param("http://127.0.0.1:3000", "127.0.0.1", True, id="itself"),
        pytest.param("http://localhost:3000/v1", "127.0.0.1", True, id="by name"),
        pytest.param("http://LOCALHOST:3000", "0.0.0.0", True, id="by name in capitals"),
        pytest.param("http://localhost.:3000", "0.0.0.0", True, id="by name with a dot"),
        pytest.param("http://ccx.localhost:3000", "127.0.0.1", True, id="below localhost"),
        pytest.param("http://[::1]:3000", "::", True, id="IPv6"),
        pytest.param("http://127.8.8.8:3000", "0.0.0.0", True, id="another loopback address"),
        pytest.param("http://[::ffff:127.0.0.1]:3000", "127.0.0.1", True, id="IPv4 in IPv6"),
        pytest.param("http://192.168.1.5:3000", "192.168.1.5", True, id="public address"),
        pytest.param("http://127.0.0.1:3001", "127.0.0.1", False, id="another port"),
        pytest.param("http://192.168.1.6:3000", "192.168.1.5", False, id="another host"),
        pytest.param("https://api.example.com", "127.0.0.1", False, id="elsewhere"),
    ],
)
def test_points_at(url: str, own: str, loops: bool) -> None:
    assert points_at(url, ((own, 3000),)) is loops


@pytest.mark.parametrize(
    "path",
    [
        "/..", "/a/../b", "/a/./b", "..", "/%2e%2e/x", "/%2E./x", "/a%2f..%2fb", "/a%2F%2e%2e", "/a\\..\\b", "/a%5c..%5Cb",
        "/..;x/b",
    ],
)  # fmt: skip
def test_a_path_that_climbs(path: str) -> None:
    assert climbs(path)


@pytest.mark.parametrize(
    "path", ["/", "", "/a..b", "/...", "/.well-known", "/gpt-4.1", "/a.", "/%252e%252e/x", "/a/b..c/"]
)
def test_a_path_that_does_not(path: str) -> None:
    assert not climbs(path)
