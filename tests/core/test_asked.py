"""Everything in a request that names a model, and members that readers could take in two ways."""

from typing import Any

import pytest

from ccx_addons.core.asked import also_named, check_account, check_members, check_name, check_query
from ccx_addons.core.endpoints import find
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.wire_json import JsonBody


@pytest.mark.parametrize(
    ("members", "models"),
    [
        pytest.param({"model": "m"}, [], id="only one"),
        pytest.param({"models": ["a", 5, "b"]}, ["a", "b"], id="fallbacks"),
        pytest.param(
            {"tools": [{"type": "image_generation", "model": "gpt-image-1"}, 7]}, ["gpt-image-1"], id="a tool's"
        ),
        pytest.param({"plugins": [{"id": "x", "model": "a", "models": ["b"]}]}, ["a", "b"], id="a plugin's"),
        pytest.param({"tools": {"model": "a"}, "models": 7}, [], id="no lists"),
        pytest.param({"fallback_model": "a", "context_window_fallbacks": [{"m": ["b"]}]}, ["a", "b"], id="relays'"),
        pytest.param(
            {"fallbacks": ["a", {"model": "b", "stop": ["x"]}, {"m": ["c"]}]}, ["a", "b", "c"], id="LiteLLM's"
        ),
        pytest.param(
            {
                "tools": [
                    {
                        "type": "openrouter:advisor",
                        "parameters": {"model": "a", "tools": [{"type": "x:y", "Model": "b"}]},
                    }
                ]
            },
            ["a", "b"],
            id="a vendor's tool inside of one",
        ),
        pytest.param(
            {"plugins": [{"id": "fusion", "analysis_models": ["a"], "x": {"Model": "b"}}]}, ["a", "b"], id="further in"
        ),
        pytest.param(
            {
                "tools": [
                    {"type": "function", "name": "f", "parameters": {"properties": {"model": "x"}, "model": "x"}},
                    {"type": "custom", "name": "f", "format": {}, "input_schema": {"model": "x"}},
                    {"name": "f", "input_schema": {}, "input_examples": [{"model": "x"}], "max_uses": 1},
                    {"type": "mcp", "server_url": "https://a.example", "headers": {"x-model": "x"}},
                ]
            },
            [],
            id="what the client runs",
        ),
    ],
)
def test_models_beside_the_first(members: dict[str, Any], models: list[str]) -> None:
    assert list(also_named(members)) == models


@pytest.mark.parametrize("model", [None, 5, "", "a\nb", "../x", "m" * 257, " m"])
def test_no_names(model: Any) -> None:
    with pytest.raises(BadRequest):
        check_name(model)


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/v1/chat/completions", {"Stop": "x", "n": "2", "max_tokens": "9", "messages": "hi", "stream": None}),
        ("/v1/images/generations", {"background": "transparent"}),
        ("/v1/images/edits", {"background": "opaque", "store": "s"}),
        ("/v1/embeddings", {"store": "a store", "previous_response_id": 7}),
    ],
)
def test_other_members_are_the_upstreams_business(path: str, members: dict[str, Any]) -> None:
    found = find("POST", path)
    assert found
    check_members({"model": "m", **members}, found.endpoint)


@pytest.mark.parametrize(
    ("path", "member"),
    [("/v1/responses", "background"), ("/v1/responses", "store"), ("/v1/images/generations", "stream")],
)
def test_what_the_gateway_goes_by_has_its_type(path: str, member: str) -> None:
    found = find("POST", path)
    assert found
    with pytest.raises(BadRequest):
        check_members({"model": "m", member: "transparent"}, found.endpoint)


@pytest.mark.parametrize(
    ("path", "written", "meant"),
    [
        ("/v1/responses", "PREVIOUS_RESPONSE_ID", "previous_response_id"),
        ("/v1/responses", "previous_re\u017fponse_id", "previous_response_id"),
        ("/v1/responses", "Conversation", "conversation"),
        ("/v1/responses", "Input", "input"),
        ("/v1/messages", "Container", "container"),
        ("/v1/chat/completions", "Models", "models"),
        ("/v1/chat/completions", "Tools", "tools"),
        ("/v1beta/models/m:generateContent", "CachedContent", "cachedContent"),
        ("/v1beta/models/m:countTokens", "GenerateContentRequest", "generateContentRequest"),
    ],
)
def test_what_the_gateway_goes_by_is_written_in_one_way(path: str, written: str, meant: str) -> None:
    found = find("POST", path)
    assert found
    with pytest.raises(BadRequest, match=f"is written '{meant}'"):
        check_members({"model": "m", written: "x"}, found.endpoint)
    check_members({"model": "m", meant: None}, found.endpoint)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"tools": [{"type": "code_interpreter", "Container": "c"}]}', "is written 'container'"),
        ('{"tools": [{"type": "shell", "environment": {"Container_Id": "c"}}]}', "is written 'container_id'"),
        ('{"tools": [{"type": "image_generation", "model": "a", "model": "b"}]}', "stands twice"),
        ('{"plugins": [{"id": "x", "Model": "b"}]}', "is written 'model'"),
        ('{"container": {"ID": "c"}}', "is written 'id'"),
        ('{"prompt": {"id": "pmpt_1"}}', "'pmpt_1' is not this client's"),
        ('{"data_sources": [{"type": "azure_search"}]}', "'data_sources' is not this client's"),
        ('{"tools": [{"retrieval": {"vertexAiSearch": {"datastore": "d"}}}]}', "'retrieval' is not this client's"),
        ('{"input": [{"content": [{"FILE_ID": "f"}]}]}', "'f' is not this client's"),
    ],
)
def test_the_account_is_named_by_nobody_in_no_way(body: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        check_account(JsonBody.parse(body.encode()))


@pytest.mark.parametrize(
    "body",
    [
        '{"prompt": "x", "data_sources": [], "container": "c", "plugins": [{"id": "web", "engine": "native"}]}',
        '{"tools": [{"type": "function", "name": "f", "parameters": {"Model": 1, "Container": {"ID": 2}}}, 5]}',
        '{"container": {"skills": [{"type": "anthropic", "skill_id": "pptx"}]}}',
        '{"tools": [{"googleSearch": {}, "functionDeclarations": [{"name": "f", "parametersJsonSchema": {"Model": {}}}]}]}',
        '{"tools": [{"name": "f", "input_schema": {}, "input_examples": [{"Model": "x"}], "max_uses": 1}]}',
        '{"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"properties": {"Id": {}, "Model": {}}}}]}]}',
    ],
)
def test_what_is_the_clients_own(body: str) -> None:
    check_account(JsonBody.parse(body.encode()))


def test_a_query_may_name_the_same_model() -> None:
    check_query("model=m&x=1", "m")
    check_query("", "m")
