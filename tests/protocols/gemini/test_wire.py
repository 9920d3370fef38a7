import pytest

from ccx_addons.core.config import AuthStyle
from ccx_addons.core.neutral import NO_EXTRA
from ccx_addons.protocols.gemini import DEFAULT_VERSION, NAME, auth_header, upstream_path
from ccx_addons.protocols.gemini.wire import _camel_name, camel, keep, one_or_many, own


@pytest.mark.parametrize(
    ("operation", "stream", "path"),
    [
        ("generate", False, "/models/gemini-x:generateContent"),
        ("generate", True, "/models/gemini-x:streamGenerateContent?alt=sse"),
        ("count_tokens", False, "/models/gemini-x:countTokens"),
        ("count_tokens", True, "/models/gemini-x:countTokens"),
        ("embed", False, "/models/gemini-x:embedContent"),
        ("models", False, "/models"),
        ("model", False, "/models/gemini-x"),
    ],
)
def test_paths(operation: str, stream: bool, path: str) -> None:
    assert upstream_path(operation, "gemini-x", stream) == path


def test_a_model_name_is_quoted() -> None:
    assert upstream_path("generate", "tuned/a b?c", False) == "/models/tuned/a%20b%3Fc:generateContent"


@pytest.mark.parametrize(
    ("secret", "style", "header"),
    [
        pytest.param("AIza-x", "auto", ("x-goog-api-key", "AIza-x"), id="the vendor's key"),
        pytest.param("ya29.x", "auto", ("authorization", "Bearer ya29.x"), id="an access token"),
        pytest.param("k", "x-goog-api-key", ("x-goog-api-key", "k"), id="google's header"),
        pytest.param("k", "x-api-key", ("x-api-key", "k"), id="header by name"),
        pytest.param("k", "bearer", ("authorization", "Bearer k"), id="bearer"),
        pytest.param("k", "query", ("?key", "k"), id="query"),
    ],
)
def test_auth_header(secret: str, style: AuthStyle, header: tuple[str, str]) -> None:
    assert auth_header(secret, style) == header


def test_name_and_version() -> None:
    assert (NAME, DEFAULT_VERSION) == ("gemini", "v1beta")


def test_camel_changes_own_names_only() -> None:
    table = {"inline_data": {"mime_type": "x"}, "top_p": 1, "text": "a_b", "$x_y": 2}
    assert camel(table) == {"inlineData": {"mime_type": "x"}, "topP": 1, "text": "a_b", "$xY": 2}


def test_camel_leaves_camel_alone() -> None:
    table = {"inlineData": 1}
    assert camel(table) is table


def test_one_or_many() -> None:
    assert one_or_many({"a": 1}) == [{"a": 1}]
    assert one_or_many([1]) == [1]
    assert one_or_many("x") == one_or_many(None) == []


def test_side_car() -> None:
    known = frozenset({"a"})
    assert keep({"a": 1}, known) is keep({"a": 1, "b": None}, known) is NO_EXTRA
    kept = keep({"a": 1, "b": 2}, known)
    assert own(kept) == {"b": 2}
    assert own({"chat": {"b": 2}}) == own(NO_EXTRA) == {}


def test_names_that_nobody_has_are_not_remembered() -> None:
    long = "a_b" * 1000
    before = _camel_name.cache_info().currsize
    assert camel({long: 1, "some_name": 2}) == {long: 1, "someName": 2}
    assert _camel_name.cache_info().currsize <= before + 1
