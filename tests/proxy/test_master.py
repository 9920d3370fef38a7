import asyncio
from typing import Any

from mitmproxy.test import tflow

from ccx_addons.proxy.master import OPTIONS, eager_task, make_master


class Probe:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def running(self) -> None:
        self.calls.append("running")

    def request(self, flow: Any) -> None:
        self.calls.append("request")

    def done(self) -> None:
        self.calls.append("done")


def test_only_our_addons_run_from_start_to_end() -> None:
    probe = Probe()

    async def run() -> None:
        master = make_master([probe], asyncio.get_running_loop())
        assert {name: getattr(master.options, name) for name in OPTIONS} == OPTIONS
        assert [type(addon).__name__ for addon in master.addons.chain] == ["Proxyserver", "Probe"]
        running = asyncio.ensure_future(master.run())
        await asyncio.sleep(0)
        assert probe.calls == ["running"]
        await master.addons.handle_lifecycle(_request())
        master.should_exit.set()
        await running

    asyncio.run(run())
    assert probe.calls == ["running", "request", "done"]


def _request() -> Any:
    from mitmproxy.proxy.layers.http import HttpRequestHook

    return HttpRequestHook(tflow.tflow())


def test_tasks_begin_at_once() -> None:
    began: list[int] = []

    async def work() -> None:
        began.append(1)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        task = eager_task(loop, work(), eager_start=True)
        assert began == [1] and task.done()

    asyncio.run(run())
