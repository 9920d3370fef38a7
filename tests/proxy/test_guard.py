import asyncio
import json
from typing import Any

import pytest
from mitmproxy import http

from ccx_addons import chain
from ccx_addons.core import endpoints
from ccx_addons.core.config import Timeouts
from ccx_addons.core.exchange import Exchange, Upstream
from ccx_addons.core.neutral import Fault
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import EARLY, about, exchange_of, failed, guarded, refuse
from ccx_addons.proxy.hooks import DirectHooks
from tests.addons.flows import flow, response
from tests.addons.values import exchange


class Addon:
    """Hooks that note their calls, or raise."""

    def __init__(self, bug: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.bug = bug

    def note(self, name: str) -> None:
        self.calls.append(name)
        if self.bug:
            raise self.bug

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.note("request")

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.note("response")

    @guarded
    async def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> None:
        await asyncio.sleep(0)
        self.note("upstream_attempt")


class PanelAddon(Addon):
    for_panel = "too"


def run(addon: Any, hook: str, request: http.HTTPFlow) -> None:
    waiting = getattr(addon, hook)(request)
    if waiting is not None:
        asyncio.run(waiting)


def upstream() -> Upstream:
    return Upstream("a", 443, True, Timeouts())


@pytest.mark.parametrize("hook", ["request", "response", "upstream_attempt"])
def test_a_hook_is_called(hook: str) -> None:
    addon = Addon()
    run(addon, hook, flow(x=exchange()))
    assert addon.calls == [hook]


@pytest.mark.parametrize("hook", ["request", "response", "upstream_attempt"])
def test_a_bug_is_an_answer_in_the_clients_shape_and_closes_the_way(
    hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    x = exchange("messages")
    x.upstream, x.decision = upstream(), "commit"
    request = flow(x=x)
    run(Addon(ValueError("inner words")), hook, request)
    assert x.upstream is None and x.decision == "stop" and x.fault and x.fault.kind == "server"
    assert request.response and request.response.status_code == 500
    body = json.loads(request.response.content or b"")
    assert body["type"] == "error" and "inner words" not in str(body)
    assert f"Addon.{hook} failed" in caplog.text and "inner words" in caplog.text


@pytest.mark.parametrize(("hook", "called"), [("request", False), ("upstream_attempt", False), ("response", True)])
def test_early_hooks_pass_answered_flows_by(hook: str, called: bool) -> None:
    addon, request = Addon(), flow(x=exchange())
    request.response = response()
    run(addon, hook, request)
    assert bool(addon.calls) is called


def test_a_flow_without_an_exchange_is_not_ours() -> None:
    addon = Addon()
    run(addon, "request", flow())
    assert addon.calls == []


def test_requests_for_the_panel_pass_by_everybody_else() -> None:
    x = exchange()
    x.forward = ("127.0.0.1", 1)
    addon, panel = Addon(), PanelAddon()
    run(addon, "request", flow(x=x))
    run(panel, "request", flow(x=x))
    assert (addon.calls, panel.calls) == ([], ["request"])


def test_an_exchange_is_neither_copied_nor_saved_with_its_flow() -> None:
    request = flow(x=exchange())
    assert exchange_of(request) is not None
    assert exchange_of(request.copy()) is None and "exchange" not in str(request.get_state())


def test_the_first_fault_is_the_one_that_counts() -> None:
    x = exchange()
    request = flow(x=x)
    first = Fault("permission", "no", 403)
    request.response = refuse(request, first)
    failed(request, x, "somewhere")
    assert x.fault is first


@pytest.mark.parametrize(
    ("wait", "header"), [(None, None), (0.0, "1"), (0.2, "1"), (7.6, "8"), (86_400.0 * 31, "2678400")]
)
def test_retry_after(wait: float | None, header: str | None) -> None:
    answer = refuse(flow(x=exchange()), Fault("rate_limit", "wait", 429, retry_after=wait))
    assert answer.headers.get("retry-after") == header


def test_refusing_a_flow_that_auth_never_saw() -> None:
    answer = refuse(flow(path="/v1beta/models/g:generateContent"), Fault("server", "no", 500))
    assert json.loads(answer.content or b"")["error"]["status"] == "INTERNAL"


def test_every_hook_of_the_chain_is_guarded(runtime: Runtime) -> None:
    """Hooks that decide about a request, but for the one that makes the exchange."""
    names = (*EARLY, "responseheaders", "response", "error", "upstream_outcome")
    unguarded = {
        f"{type(addon).__name__}.{name}"
        for addon in chain(runtime)
        for name in names
        if (hook := getattr(addon, name, None)) and not hasattr(hook, "__wrapped__")
    }
    assert unguarded == {"Auth.requestheaders"}


class Choosy(Addon):
    @guarded
    @about("messages", "chat", operations={"generate"})
    def request(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.note("request")


class Panels(Addon):
    for_panel = "only"


@pytest.mark.parametrize(
    ("addon", "path", "panel", "called"),
    [
        pytest.param(Addon, "/v1/responses", False, True, id="about everything"),
        pytest.param(Choosy, "/v1/messages", False, True, id="its kind"),
        pytest.param(Choosy, "/v1/responses", False, False, id="another kind"),
        pytest.param(Choosy, "/v1/messages/count_tokens", False, False, id="another operation"),
        pytest.param(Panels, "/v1/messages", False, False, id="for the panel only"),
        pytest.param(Panels, "/v1/messages", True, True, id="the panel"),
        pytest.param(Choosy, "/v1/messages", True, False, id="not for the panel"),
    ],
)
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "as mitmproxy calls it"])
def test_an_addon_is_called_for_what_concerns_it(
    direct: bool, addon: type[Addon], path: str, panel: bool, called: bool
) -> None:
    one, made = addon(), flow(x=(x := exchange()))
    x.ask(endpoints.find("POST", path))
    x.forward = ("127.0.0.1", 1) if panel else None
    if direct:
        DirectHooks([one]).ask("request", made, x)
    else:
        one.request(made)
    assert one.calls == (["request"] if called else [])


class Slow(Addon):
    """Waits before it does the same."""

    @guarded
    async def request(self, flow: http.HTTPFlow, x: Exchange) -> None:
        await asyncio.sleep(0)
        self.note("request")


class Answers(Addon):
    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> None:
        flow.response = response(200)


def boom(kind: type[Addon]) -> Addon:
    return kind(ValueError("boom"))


@pytest.mark.parametrize(
    ("addons", "calls", "status"),
    [
        pytest.param([Addon(), Slow(), Addon()], [1, 1, 1], None, id="one waits"),
        pytest.param([Addon(), Answers(), Addon()], [1, 0, 0], 200, id="one answers"),
        pytest.param([Slow(), Answers(), Addon()], [1, 0, 0], 200, id="one answers behind one that waited"),
        pytest.param([boom(Addon), Addon()], [1, 0], 500, id="a bug"),
        pytest.param([boom(Slow), Addon()], [1, 0], 500, id="a bug of one that waited"),
        pytest.param([Slow(), boom(Slow), Addon()], [1, 1, 0], 500, id="a bug of the second one that waited"),
        pytest.param([Slow(), boom(Addon), Addon()], [1, 1, 0], 500, id="a bug behind one that waited"),
    ],
)
@pytest.mark.parametrize("stranger", [False, True], ids=["all guarded", "one without a guard"])
async def test_a_chain_is_guarded_as_a_whole(
    stranger: bool, addons: list[Addon], calls: list[int], status: int | None
) -> None:
    for addon in addons:
        addon.calls.clear()
    made = flow(x=(x := exchange()))
    rest = DirectHooks([*([Stranger()] if stranger else []), *addons]).ask("request", made, x)
    if rest is not None:
        await rest
    assert [len(addon.calls) for addon in addons] == calls
    assert (made.response.status_code if made.response else None) == status


class Stranger:
    def request(self, flow: http.HTTPFlow) -> None:
        """Has no guard."""
