"""The steps of a mirrored request, and how its row tells what became of it."""

from dataclasses import replace
from pathlib import Path

from ccx_addons.core.config import Mirror
from ccx_addons.core.settings import Settings
from ccx_addons.core.verdict import Target
from ccx_addons.io.store import Store
from ccx_addons.mirrors.way import OVER, Begin, Rows, once_more, start
from ccx_addons.processes.runtime import Runtime
from tests.addons.values import channel, exchange

MAIN = channel("main")
MIRROR = Mirror("try", MAIN.id, timeout=7)


def test_its_time_begins_when_it_is_sent() -> None:
    x = exchange("chat", MAIN)
    x.raw, x.query, x.trace = b"{}", "a=1", "t"
    again = once_more(x, MIRROR)
    assert again.clock == x.clock
    flow = start(again, Target(MAIN, MAIN.keys[0], MAIN.base_urls[0]))
    assert again.clock > x.clock and again.deadline == again.clock + 7
    assert flow.request.path == "/v1/chat/completions?a=1" and flow.request.raw_content == b"{}"
    assert again.next_attempt and again.next_attempt.channel is MAIN
    assert (again.client, again.match, again.trace, again.login) == (x.client, x.match, "", ())


def test_what_is_not_over_in_time_failed(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "ccx.db", boot_id="boot")
    try:
        rows = Rows(Runtime(Settings(), replace(exchange().snapshot), store))
        again = once_more(exchange("chat", MAIN), MIRROR)
        flow = start(again, Target(MAIN, MAIN.keys[0], MAIN.base_urls[0]))
        Begin().upstream_attempt(flow)
        Begin().error(flow)
        rows.error(flow)
        assert (again.state, again.status, again.fault, again.closed) == ("failed", 504, OVER, True)
        assert rows.row(again)["source"] == "mirror"
        (record,) = again.attempts
        assert record.outcome and record.outcome.kind == "total_timeout" and record.total_ms is not None
    finally:
        store.close()
