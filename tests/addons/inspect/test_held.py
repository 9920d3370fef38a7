"""mitmweb's memory has an end."""

import gc

from mitmproxy import http
from mitmproxy.test import tflow

from ccx_addons.auth import original
from ccx_addons.inspect.held import GONE, UPSTREAM_KEY, Held, size_of


def flow(size: int) -> http.HTTPFlow:
    """``size`` bytes in each of four places."""
    made = tflow.tflow(resp=True)
    assert made.response
    made.request.raw_content = made.response.raw_content = b"x" * size
    made.metadata[original.KEY] = {"client": "alice", "body": original.Bytes(b"x" * size)}
    made.metadata[UPSTREAM_KEY] = {"body": original.Bytes(b"x" * size)}
    return made


def test_the_oldest_bodies_go_first() -> None:
    told: list[http.HTTPFlow] = []
    held = Held(10_000, lambda _: None, told.append)
    flows = [flow(1000) for _ in range(5)]
    for one in flows:
        held.add(one)
    assert [size_of(one) for one in flows] == [0, 0, 0, 4000, 4000] and held.bytes == 8000
    assert told == flows[:3] and flows[0].comment == GONE and flows[4].comment == ""
    assert flows[0].response and flows[0].response.raw_content is None and UPSTREAM_KEY not in flows[0].metadata


def test_one_that_is_too_large_alone() -> None:
    held = Held(10_000, lambda _: None)
    large = flow(5000)
    held.add(large)
    assert size_of(large) == 0 and held.bytes == 0


def test_what_a_person_wrote_stays() -> None:
    held, one = Held(1, lambda _: None), flow(10)
    one.comment = "look here"
    held.add(one)
    assert one.comment == f"look here · {GONE}"


def test_flows_have_a_number_too() -> None:
    removed: list[http.HTTPFlow] = []
    held = Held(1 << 20, removed.append, most=2)
    flows = [flow(1) for _ in range(4)]
    for one in flows:
        held.add(one)
    assert removed == flows[:2]


def test_what_was_cleared_is_free() -> None:
    """Nothing here keeps a flow alive that the list has forgotten."""
    held = Held(10_000, lambda _: None)
    held.add(flow(1000))
    gc.collect()
    assert held.full[0][0]() is None
    for _ in range(3):
        held.add(flow(1000))
        gc.collect()
    assert held.bytes <= 10_000
