import pytest

from ccx_addons.core.config import Kind
from ccx_addons.core.endpoints import (
    ENDPOINTS,
    RESERVED_PREFIXES,
    find,
    kind_of,
    kind_of_path,
    methods_of,
    passed,
    suggest,
    unknown,
)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.pattern}")
@pytest.mark.parametrize("prefix", ["", "kimi"])
def test_every_row_is_found_bare_and_below_a_prefix(endpoint: object, prefix: str) -> None:
    assert hasattr(endpoint, "pattern") and hasattr(endpoint, "method")
    path = endpoint.pattern.replace("{model}", "some%2Fmodel-1.5").replace("{id}", "resp_1").replace("{call}", ":x")
    match = find(endpoint.method, f"/{prefix}{path}" if prefix else path)
    assert match and match.endpoint == endpoint and match.route_prefix == prefix
    assert match.subject in ("", "some/model-1.5", "resp_1", ":x")


@pytest.mark.parametrize("prefix", sorted(RESERVED_PREFIXES))
def test_reserved_prefixes_lead_nowhere(prefix: str) -> None:
    assert find("POST", f"/{prefix}/v1/messages") is None


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/messages", "/v1/messages"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1beta/models", "/v1/models"),
        ("/responses/", "/v1/responses"),
        ("/completions", "/v1/chat/completions"),
        ("/api/v1/chat/completions", "/v1/chat/completions"),
        ("/api/v1beta/models/gemini-3:generateContent", "/v1beta/models/gemini-3:generateContent"),
        ("/api/v1/nothing", ""),
        ("/kimi/chat/completions", "/kimi/v1/chat/completions"),
        ("/kimi/messages/count_tokens/", "/kimi/v1/messages/count_tokens"),
        ("/kimi/models", "/kimi/v1/models"),
        ("/kimi/models/g:generateContent", "/kimi/v1/models/g:generateContent"),
        ("/kimi/nothing", ""),
        ("/openai/deployments/gpt-4.1/chat/completions", "/v1/chat/completions"),
        ("/openai/deployments/text-embedding-3-small/embeddings", "/v1/embeddings"),
        ("/v1beta/openai/chat/completions", "/v1/chat/completions"),
        ("/v1beta/openai/models", "/v1/models"),
        ("/v1/engines/ada/embeddings", "/v1/embeddings"),
        ("/openai/deployments/gpt-4.1/nothing", ""),
        ("/nothing", ""),
    ],
)
def test_suggest(path: str, meant: str) -> None:
    assert suggest(path) == meant


@pytest.mark.parametrize("path", ["/v1/responses/a/b", "/v1/responses/", "/v1/responses/a/"])
def test_an_id_has_no_slash(path: str) -> None:
    match = find("GET", path)
    assert match is None or match.endpoint.operation == "websocket"


@pytest.mark.parametrize("call", [":loadCodeAssist", "/operations/o-1.x"])
def test_what_code_assist_is_asked_of_an_account(call: str) -> None:
    match = find("GET", f"/google/v1internal{call}")
    assert match and (match.endpoint.operation, match.subject, match.route_prefix) == ("account", call, "google")


@pytest.mark.parametrize(
    "call", ["", "/", ":", ":a/b", ":a.b", "/models/m:generateContent", "/operations/a/b", "/v1/x"]
)
def test_what_code_assist_is_not_asked(call: str) -> None:
    assert find("POST", f"/v1internal{call}") is None


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/metrics"])
def test_what_the_gateway_answers_itself_has_a_head(path: str) -> None:
    assert find("GET", path) and find("HEAD", path) == find("GET", path)
    assert find("HEAD", "/v1/models") is None


def test_methods_of() -> None:
    assert methods_of("/v1/messages") == ("POST",)
    assert methods_of("/v1/responses") == ("GET", "POST")
    assert methods_of("/nothing") == ()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/messages/x", "messages"),
        ("/v1beta/x", "gemini"),
        ("/v1/responses/a/b", "responses"),
        ("/x", "chat"),
        ("/messages", "messages"),
        ("/my-messages/v1/chat/x", "chat"),
        ("/kimi/v1/messages/x", "messages"),
        ("/responses-relay/v1/messages?x", "messages"),
        ("/v1/messages-of-mine", "chat"),
        ("/kimi/v1beta", "gemini"),
        ("/v1/models/m:generateContent", "gemini"),
        ("/v1/chat/responses", "chat"),
        ("/v1/embeddings/x", "embeddings"),
        ("/v1", "chat"),
        ("/", "chat"),
        ("", "chat"),
        ("*", "chat"),
        ("/v1/models/m/x", "chat"),
        ("/v1internal:a/b", "gemini"),
        ("/google/v1internal/x", "gemini"),
    ],
)
def test_kind_of_path(path: str, kind: str) -> None:
    assert kind_of_path(path) == kind


@pytest.mark.parametrize(
    ("path", "header", "kind"),
    [
        ("/v1/models", "anthropic-version", "messages"),
        ("/v1/models/m", "x-goog-api-key", "gemini"),
        ("/v1/models", "authorization", "chat"),
        ("/v1beta/models", "anthropic-version", "gemini"),
        ("/v1/files", "anthropic-version", "messages"),
        ("/v1/files", "x-goog-api-client", "gemini"),
        ("/v1/messages/batches", "x", "messages"),
        ("/v1/embeddings", "x-goog-api-client", "embeddings"),
        ("/v1/chat/completions", "anthropic-version", "chat"),
    ],
)
def test_what_several_vendors_have_is_the_librarys(path: str, header: str, kind: str) -> None:
    match = find("POST", path) or find("GET", path)
    assert kind_of(match, path, {header}) == kind


@pytest.mark.parametrize(
    ("kind", "query", "goes_on", "left"),
    [
        ("messages", "beta=true", ("beta=true",), ()),
        ("chat", "beta=true&api-version=1", ("api-version=1",), ("beta",)),
        ("responses", "include[]=a&include[]=b%26c", ("include%5B%5D=a", "include%5B%5D=b%26c"), ()),
        ("gemini", "alt=sse&key=x&$alt=json&fields=usage", (), ("fields",)),
        ("images", "&&=&;model=x", (), ("", ";model")),
        ("chat", "&".join(f"p{n}=" for n in range(99)), (), tuple(f"p{n}" for n in range(20))),
    ],
)
def test_parameters(kind: Kind, query: str, goes_on: tuple[str, ...], left: tuple[str, ...]) -> None:
    assert (passed(kind, query), unknown(kind, query)) == (goes_on, left)
