"""Which flows may be replayed, and that mitmproxy still has what the replay is built on. The whole: wire/test_mitmweb."""

import asyncio
from typing import Any

import pytest
from mitmproxy.addons.clientplayback import MockServer
from mitmproxy.options import Options
from mitmproxy.test import taddons, tflow

from ccx_addons.auth import original
from ccx_addons.proxy.layer import AttemptLayer
from ccx_addons.proxy.pool import Pool
from ccx_addons.proxy.replay import ReplayConnection, Replays
from ccx_addons.proxy.terms import Limits
from tests.addons.values import exchange


def flow_of(**change: Any) -> Any:
    flow = tflow.tflow(resp=True)
    flow.live = False
    original.keep(flow, exchange())
    for name, value in change.items():
        setattr(flow, name, value)
    return flow


@pytest.mark.parametrize(
    ("change", "word"),
    [
        pytest.param({}, None, id="a client's request"),
        pytest.param({"metadata": {}}, "whose client", id="of nobody"),
        pytest.param({"live": True}, "live", id="under way"),
        pytest.param({"intercepted": True}, "intercepted", id="held back"),
    ],
)
def test_what_may_be_replayed(change: dict[str, Any], word: str | None) -> None:
    async def check() -> str | None:
        return Replays(Limits(), Pool(), "boot").check(flow_of(**change))

    reason = asyncio.run(check())
    assert reason is None if word is None else reason and word in reason


def test_it_takes_the_place_of_mitmproxys_addon() -> None:
    async def commands() -> list[str]:
        with taddons.context(Replays(Limits(), Pool(), "boot")) as context:
            assert context.master.addons.get("clientplayback")
            return list(context.master.commands.commands)

    assert "replay.client" in asyncio.run(commands())


def test_the_request_enters_our_layer() -> None:
    async def connect() -> None:
        with taddons.context(Replays(Limits(), Pool(), "boot")):
            options = Options(mode=["regular"])
            options.add_option("tcp_timeout", int, 600, "")
            connection = ReplayConnection(flow_of(), options, Limits(max_body=7), Pool())
        layer = connection.layer
        assert isinstance(layer, AttemptLayer) and layer.limits.max_body == 7 and layer.direct is None
        assert isinstance(layer.connections[layer.context.client], MockServer)

    asyncio.run(connect())
