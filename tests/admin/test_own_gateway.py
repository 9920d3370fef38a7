import pytest
from flask import Flask

from ccx_admin import own_gateway
from ccx_admin.api.problem import Failure
from ccx_admin.panel import EXTENSION, Panel
from tests.admin.conftest import PROXY_KEY


@pytest.fixture
def panel(app: Flask) -> Panel:
    found: Panel = app.extensions[EXTENSION]
    found.gateway_url = "http://127.0.0.1:3000"
    return found


@pytest.mark.parametrize(("channel", "pinned"), [("", {}), ("ch_1", {"x-ccx-channel": "ch_1"})], ids=["any", "one"])
def test_who_asks(panel: Panel, channel: str, pinned: dict[str, str]) -> None:
    asks = {"x-api-key": PROXY_KEY, "x-ccx-test": panel.test_secret}
    assert own_gateway.headers(panel, channel) == asks | pinned


def test_without_an_address(panel: Panel) -> None:
    panel.gateway_url = ""
    with pytest.raises(Failure, match="gateway"):
        own_gateway.headers(panel)
