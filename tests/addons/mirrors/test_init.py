"""What is mirrored, left out and counted, without a gateway. The whole: wire/test_mirrors."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.core.config import Mirror
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.settings import Settings
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.io.store import Store
from ccx_addons.mirrors import LARGEST, Mirrors, answer_of, kept_elsewhere
from ccx_addons.processes.runtime import Runtime
from tests.addons.flows import flow, response
from tests.addons.values import attempted, channel, exchange

MAIN, OTHER = channel("main"), channel("other")
MIRROR = Mirror("try", OTHER.id, share=100)


class Wire:
    """Stands for the network only: says what would be sent."""

    def __init__(self, has_room: bool = True) -> None:
        self.has_room = has_room
        self.sent: list[Any] = []

    async def send(self, flow: Any, direct: Any, seconds: float) -> None:
        self.sent.append(flow)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    store = Store.open(tmp_path / "ccx.db", boot_id="boot")
    made = Runtime(Settings(), exchange("chat", MAIN, OTHER).snapshot, store, boot_id="boot")
    yield made
    store.close()


def answered(raw: bytes = b'{"model": "gpt-5", "messages": []}', kind: Any = "chat") -> Exchange:
    x = exchange(kind, MAIN, OTHER)
    x.raw, x.body, x.state = raw, JsonBody.parse(raw), "ok"
    attempted(x, MAIN, "ok", 200)
    x.snapshot = replace(x.snapshot, mirrors=(MIRROR,))
    return x


def mirrored(runtime: Runtime, wire: Wire, *exchanges: Exchange, before: Any = None) -> dict[str, int]:
    """What was left out, by why."""

    async def run() -> None:
        runtime.unasked = wire  # type: ignore[assignment]
        mirrors = Mirrors(runtime)
        if before:
            before(mirrors)
        for x in exchanges:
            asked = flow(x=x)
            asked.response = response()
            mirrors.response(asked)
        await asyncio.gather(*mirrors.tasks)
        mirrors.note()

    asyncio.run(run())
    assert runtime.store.flush()
    with closing(sqlite3.connect(runtime.store.path)) as connection:
        return dict(connection.execute("SELECT why, sum(n) FROM mirror_left_out GROUP BY why").fetchall())


def test_one_is_sent_and_kept(runtime: Runtime) -> None:
    wire = Wire()
    x = answered()
    x.headers = (("idempotency-key", "k"), ("user-agent", "u"))
    assert mirrored(runtime, wire, x) == {}
    (sent,) = wire.sent
    again = sent.ccx_exchange
    assert (again.mirror, again.raw, again.headers) == ("try", x.raw, (("user-agent", "u"),))
    assert again.id != x.id and again.trace == "" and again.next_attempt.channel.id == OTHER.id
    with closing(sqlite3.connect(runtime.store.path)) as connection:
        assert connection.execute("SELECT id, original FROM mirrored").fetchall() == [(again.id, x.id)]


def test_what_is_worked_out_once_serves_every_request(runtime: Runtime) -> None:
    wire, first = Wire(), answered()
    one = replace(MIRROR, model="m", timeout=7)
    first.snapshot = replace(first.snapshot, mirrors=(one,))
    second = answered()
    second.snapshot = first.snapshot
    assert mirrored(runtime, wire, first, second) == {}
    sent = [each.ccx_exchange for each in wire.sent]
    assert all(again.snapshot is first.snapshot and again.deadline == again.clock + 7 for again in sent)
    asked = [again.next_attempt.channel for again in sent]
    assert len(asked) == 2 and asked[0] is asked[1] is not OTHER


@pytest.mark.parametrize("state", ["client_left", "running"])
def test_what_has_no_answer_is_not_mirrored(runtime: Runtime, state: Any) -> None:
    wire, x = Wire(), answered()
    x.state = state
    assert mirrored(runtime, wire, x) == {} and wire.sent == []


def test_without_memory_to_spare_it_is_left_out_and_said_once(runtime: Runtime) -> None:
    wire = Wire(has_room=False)
    assert mirrored(runtime, wire, answered(), answered()) == {"busy": 2} and wire.sent == []
    with closing(sqlite3.connect(runtime.store.path)) as connection:
        ((words,),) = connection.execute("SELECT message FROM events WHERE kind = 'mirror'").fetchall()
    assert words == "mirror try: 2 requests were not mirrored: the gateway had other things to do"


def test_a_channel_without_a_usable_key_is_left_alone(runtime: Runtime) -> None:
    wire, x = Wire(), answered()
    bare = replace(OTHER, keys=(replace(OTHER.keys[0], enabled=False),))
    x.snapshot = replace(x.snapshot, channels=(MAIN, bare))
    blind = answered()
    blind.images = True
    blind.snapshot = replace(blind.snapshot, channels=(MAIN, replace(OTHER, no_vision=True)))
    assert mirrored(runtime, wire, x, blind) == {"channel": 2} and wire.sent == []


def test_so_many_at_the_same_time(runtime: Runtime) -> None:
    wire = Wire()
    few = [answered() for _ in range(3)]
    for n, x in enumerate(few):
        x.id = f"x{n}"
        one = replace(MIRROR, limits=replace(MIRROR.limits, rpm=2))
        x.snapshot = replace(x.snapshot, mirrors=(one,))
    assert mirrored(runtime, wire, *few) == {"limit": 1} and len(wire.sent) == 2


RESPONSES = '{"model": "m", "input": "x"'
ITEM = '{"model": "m", "input": [{"type": "item_reference", "id": "msg_1"}]}'


@pytest.mark.parametrize(
    ("kind", "raw", "is_elsewhere"),
    [
        ("chat", '{"model": "m", "messages": []}', False),
        ("responses", RESPONSES + "}", False),
        ("responses", RESPONSES + ', "previous_response_id": "resp_1"}', True),
        ("responses", RESPONSES + ', "conversation": "conv_1"}', True),
        ("responses", RESPONSES + ', "background": true}', True),
        ("responses", ITEM, True),
        ("messages", '{"model": "m", "messages": [], "container": "container_1"}', True),
        ("messages", '{"model": "m", "messages": [{"source": {"type": "file", "file_id": "file_1"}}]}', True),
        ("messages", '{"model": "m", "messages": [{"role": "user", "content": "a \\"file_id\\""}]}', False),
        ("gemini", '{"contents": [], "cachedContent": "cachedContents/1"}', True),
    ],
)
def test_what_the_upstream_keeps(kind: Any, raw: str, is_elsewhere: bool) -> None:
    x = answered(raw.encode(), kind)
    assert kept_elsewhere(x) is is_elsewhere
    x.history = []
    assert kept_elsewhere(x) is (is_elsewhere and "previous_response_id" not in raw)


def test_an_answer_that_is_too_large_is_not_looked_at() -> None:
    x = answered()
    asked = flow(x=x)
    assert answer_of(asked, x) == b""
    asked.response = response(body=b"a" * (LARGEST + 1))
    assert answer_of(asked, x) == b""
    asked.response = response(body=b"{}")
    assert answer_of(asked, x) == b"{}"
