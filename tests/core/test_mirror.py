"""Which requests are mirrored, and the channel as a mirror asks it."""

from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.core.config import Channel, Client, Mirror, Patterns
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.mirror import AllAsked, asked_as, chosen, share_of
from ccx_addons.core.wire_json import JsonBody
from tests.addons.values import attempted, channel, exchange

MAIN, OTHER = channel("main"), channel("other")
ALL = Mirror("try", OTHER.id, share=100)


def answered(rule: Mirror, /, where: Channel = MAIN, **more: Any) -> Exchange:
    x = exchange("chat", MAIN, OTHER)
    x.body = JsonBody.parse(b'{"model": "gpt-5", "messages": []}')
    attempted(x, where, "ok", 200)
    x.snapshot = replace(x.snapshot, mirrors=(rule,))
    for name, value in more.items():
        setattr(x, name, value)
    return x


@pytest.mark.parametrize(
    ("change", "more", "is_chosen"),
    [
        ({}, {}, True),
        ({"enabled": False}, {}, False),
        ({"share": 0}, {}, False),
        ({"kinds": frozenset({"messages"})}, {}, False),
        ({"clients": ("alice",)}, {}, True),
        ({"clients": ("bob",)}, {}, False),
        ({"models": Patterns(("gpt-*",))}, {}, True),
        ({"models": Patterns(("claude-*",))}, {}, False),
        ({"channels": (MAIN.id,)}, {}, True),
        ({"channels": (OTHER.id,)}, {}, False),
        ({"to": MAIN.id}, {}, False),
        ({"to": MAIN.id, "model": "gpt-6"}, {}, True),
        ({}, {"client": Client("alice", "", mirror=False)}, False),
        ({}, {"client": None}, False),
        ({}, {"login": (("authorization", "Bearer x"),)}, False),
        ({}, {"where": replace(MAIN, credential="client")}, False),
        ({}, {"test": True}, False),
        ({}, {"mirror": "another"}, False),
        ({}, {"body": None}, False),
        ({}, {"current": None}, False),
        ({}, {"operation": ""}, False),
        ({}, {"body": JsonBody.parse(b'{"mcp_servers": [{}]}')}, False),
        ({}, {"body": JsonBody.parse(b'{"tools": [{}, {"type": "mcp"}]}')}, False),
        ({}, {"body": JsonBody.parse(b'{"tools": {"mcpServers": [{}]}}')}, False),
        ({}, {"body": JsonBody.parse(b'{"tools": [{"type": "function"}]}')}, True),
    ],
)
def test_whose_requests(change: dict[str, Any], more: dict[str, Any], is_chosen: bool) -> None:
    assert [mirror.name for mirror in chosen(answered(replace(ALL, **change), **more))] == ["try"] * is_chosen


def test_a_conversation_is_whole_and_each_mirror_chooses_its_own() -> None:
    half = replace(ALL, share=50)
    once = {trace: bool(list(chosen(answered(half, trace=trace)))) for trace in map(str, range(400))}
    assert once == {trace: bool(list(chosen(answered(half, trace=trace, id="other")))) for trace in once}
    assert 150 < sum(once.values()) < 250
    assert sum(share_of("try", trace) < 50 and share_of("b", trace) < 50 for trace in once) < 150
    alone = [bool(list(chosen(answered(half, id=str(n))))) for n in range(400)]
    assert 150 < sum(alone) < 250


def test_shares_are_parts_of_a_hundred() -> None:
    found = [share_of("m", str(n)) for n in range(2000)]
    assert min(found) >= 0 and max(found) < 100 and 5 < sum(one < 10 for one in found) / 20 < 15


def test_the_channel_as_it_is_asked() -> None:
    masking = replace(OTHER, mask=("iban",))
    found = asked_as(replace(ALL, model="m"), masking, ("email", "iban"))
    assert found.mask == ("iban", "email") and found.models.apply("anything").model == "m"
    assert found.timeouts.heartbeat == 0 and found.id == OTHER.id
    assert asked_as(ALL, OTHER, ()).models == OTHER.models


def test_it_is_the_same_channel_for_each_request() -> None:
    known, now, later = AllAsked(), answered(ALL).snapshot, answered(ALL).snapshot
    first = known.of(now, ALL, OTHER, ("phone", "email", "phone"))
    assert first.mask == ("email", "phone") and known.of(now, ALL, OTHER, ("email", "phone")) is first
    others = [
        known.of(now, ALL, OTHER, ()),
        known.of(now, replace(ALL, name="b"), OTHER, ("email", "phone")),
        known.of(later, ALL, OTHER, ("email", "phone")),
    ]
    assert all(other is not first for other in others)
