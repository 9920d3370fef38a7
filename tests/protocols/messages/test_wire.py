import pytest

from ccx_addons.core.config import AuthStyle
from ccx_addons.protocols.messages import DEFAULT_VERSION, NAME, auth_header, upstream_path
from ccx_addons.protocols.messages.wire import keep, own


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("generate", "/messages"),
        ("count_tokens", "/messages/count_tokens"),
        ("models", "/models"),
        ("model", "/models/claude-opus-5"),
    ],
)
def test_paths(operation: str, path: str) -> None:
    assert upstream_path(operation, "claude-opus-5", True) == path


@pytest.mark.parametrize(
    ("secret", "style", "header"),
    [
        pytest.param("sk-ant-api03-x", "auto", ("x-api-key", "sk-ant-api03-x"), id="the vendor's key"),
        pytest.param("sk-ant-oat01-x", "auto", ("authorization", "Bearer sk-ant-oat01-x"), id="a subscription"),
        pytest.param("sk-other", "auto", ("authorization", "Bearer sk-other"), id="a relay's key"),
        pytest.param("k", "x-api-key", ("x-api-key", "k"), id="header by name"),
        pytest.param("k", "x-goog-api-key", ("x-goog-api-key", "k"), id="google's header"),
        pytest.param("sk-ant-api03-x", "bearer", ("authorization", "Bearer sk-ant-api03-x"), id="bearer"),
        pytest.param("k", "query", ("?key", "k"), id="query"),
    ],
)
def test_auth_header(secret: str, style: AuthStyle, header: tuple[str, str]) -> None:
    assert auth_header(secret, style) == header


def test_name_and_version() -> None:
    assert (NAME, DEFAULT_VERSION) == ("messages", "v1")


def test_side_car() -> None:
    extra = keep(
        {"type": "text", "text": "x", "cache_control": {"a": 1}, "citations": None}, frozenset({"type", "text"})
    )
    assert extra == {"messages": {"cache_control": {"a": 1}}}
    assert own(extra) == {"cache_control": {"a": 1}}
    assert keep({"type": None}, frozenset({"text"})) == {}
    assert own({"chat": {"a": 1}}) == {}
