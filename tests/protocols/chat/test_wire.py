"""Paths, keys and the side-car."""

import pytest

from ccx_addons.core.neutral import NO_EXTRA
from ccx_addons.protocols import chat
from ccx_addons.protocols.chat.wire import keep, own, sidecar


@pytest.mark.parametrize(
    ("operation", "path"),
    [("generate", "/chat/completions"), ("models", "/models"), ("model", "/models/gpt-5")],
)
def test_paths(operation: str, path: str) -> None:
    assert chat.upstream_path(operation, "gpt-5", True) == path


def test_a_key_is_a_bearer() -> None:
    assert chat.auth_header("sk-1", "auto") == ("authorization", "Bearer sk-1")
    assert chat.auth_header("sk-1", "query") == ("?key", "sk-1")


def test_the_sidecar_holds_what_is_unknown_and_said() -> None:
    assert keep({"a": 1, "b": 2, "c": None}, frozenset({"a"})) == {"chat": {"b": 2}}
    assert keep({"a": 1}, frozenset({"a"})) is NO_EXTRA
    assert sidecar({"a": None}) is NO_EXTRA
    assert own({"messages": {"a": 1}}) == {}
    assert own({"chat": {"a": 1}}) == {"a": 1}
