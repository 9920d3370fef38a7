"""Everything in a request that names a model, and members that readers could take in two ways."""

from typing import Any

import pytest

from ccx_addons.core.asked import also_named, check_members, check_name, check_query
from ccx_addons.core.endpoints import find
from ccx_addons.core.errors import BadRequest


@pytest.mark.parametrize(
    ("members", "models"),
    [
        pytest.param({"model": "m"}, [], id="only one"),
        pytest.param({"models": ["a", 5, "b"]}, ["a", "b"], id="fallbacks"),
        pytest.param(
            {"tools": [{"type": "image_generation", "model": "gpt-image-1"}, 7]}, ["gpt-image-1"], id="a tool's"
        ),
        pytest.param({"plugins": [{"id": "x", "model": "a", "models": ["b"]}]}, ["a", "b"], id="a plugin's"),
        pytest.param({"tools": {"model": "a"}, "models": "b"}, [], id="no lists"),
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


def test_a_query_may_name_the_same_model() -> None:
    check_query("model=m&x=1", "m")
    check_query("", "m")
