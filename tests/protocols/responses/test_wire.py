import pytest

from ccx_addons.core.neutral import NO_EXTRA
from ccx_addons.protocols import responses
from ccx_addons.protocols.responses.wire import keep, own, sidecar


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("generate", "/responses"),
        ("compact", "/responses/compact"),
        ("get", "/responses/resp_1"),
        ("delete", "/responses/resp_1"),
        ("models", "/models"),
        ("model", "/models/resp_1"),
    ],
)
def test_paths(operation: str, path: str) -> None:
    assert responses.upstream_path(operation, "resp_1", True) == path


def test_a_sidecar_holds_what_is_neither_known_nor_null() -> None:
    extra = keep({"type": "x", "id": "i", "status": None}, frozenset({"type"}))
    assert extra == {"responses": {"id": "i"}}
    assert own(extra) == {"id": "i"}
    assert own({"chat": {"id": "i"}}) == {}
    assert keep({"type": "x"}, frozenset({"type"})) is NO_EXTRA
    assert sidecar({"a": None}) is NO_EXTRA
