from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import Channel, Key, Policy, Snapshot, Timeouts
from ccx_addons.core.endpoints import find
from ccx_addons.core.exchange import AttemptRecord, Exchange, Tap
from ccx_addons.core.faults import MAX_CODE, MAX_TEXT, shortened
from ccx_addons.core.mask import Secrets
from ccx_addons.core.neutral import Fault
from ccx_addons.core.verdict import Attempt

CHANNEL = Channel("ch", "main", "chat", ("https://a",), (), frozenset({"chat"}))


def exchange(**more: Any) -> Exchange:
    snapshot = Snapshot("r", 0, policy=Policy(timeouts=Timeouts(total=30)))
    return Exchange("id", 1000.0, 50.0, snapshot, "POST", "/v1/x", "", (), **more)


def test_kind_and_operation_are_the_endpoints_or_what_is_said() -> None:
    x = exchange()
    assert (x.kind, x.operation) == ("chat", "")
    x.ask(find("POST", "/v1/messages/count_tokens"))
    assert (x.kind, x.operation) == ("messages", "count_tokens")
    x.ask(find("GET", "/v1/models"), "messages")
    assert (x.kind, x.operation) == ("messages", "models")
    x.ask(None, "gemini")
    assert (x.match, x.kind, x.operation) == (None, "gemini", "")


def test_deadline_is_the_snapshots() -> None:
    assert exchange().deadline == 80.0


def test_current_is_the_last_attempt() -> None:
    x = exchange()
    assert x.current is None
    records = [AttemptRecord(Attempt(CHANNEL, Key("k", "s"), "https://a", n), 0.0) for n in (1, 2)]
    x.tap = Tap(10)
    for record in records:
        x.begin(record)
        x.tap.from_upstream(b"%d" % record.attempt.number)
    assert x.attempts == records and x.current is records[1]
    assert x.tap.upstream == b"2" and [(one.n, one.body) for one in x.tap.earlier] == [(1, b"1")]


def test_exchanges_are_told_apart() -> None:
    assert exchange() != exchange(), "two requests with equal fields are still two"


@given(st.integers(0, 20), st.lists(st.binary(max_size=8)))
def test_tap_keeps_the_beginning(limit: int, pieces: list[bytes]) -> None:
    tap = Tap(limit)
    for piece in pieces:
        tap.from_upstream(piece)
        tap.to_client(piece)
    whole = b"".join(pieces)
    assert bytes(tap.upstream) == bytes(tap.client) == whole[:limit]
    assert tap.cut == ({"upstream", "client"} if len(whole) > limit else set())


@pytest.mark.parametrize("size", [3, 9])
def test_a_new_attempt_forgets_the_old_answer(size: int) -> None:
    tap = Tap(5)
    tap.from_upstream(b"x" * size)
    tap.to_client(b"y" * size)
    tap.begin_attempt(1)
    assert not tap.upstream and "upstream" not in tap.cut
    assert tap.client and ("client" in tap.cut) is (size > 5)
    assert [(one.n, one.body, one.is_cut) for one in tap.earlier] == [(1, b"x" * min(size, 5), size > 5)]


def test_answers_of_all_attempts_share_one_limit() -> None:
    tap = Tap(10)
    for n in range(4):
        tap.begin_attempt(n)
        tap.head = ((b"x-n", b"%d" % n),)
        tap.from_upstream(b"refused")
    tap.begin_attempt(4)
    tap.begin_attempt(5)
    assert [(one.n, len(one.body), one.is_cut) for one in tap.earlier] == [
        (1, 7, False), (2, 3, True), (3, 0, True), (4, 0, True)
    ]  # fmt: skip
    assert tap.earlier[3].head == ((b"x-n", b"3"),)


@pytest.mark.parametrize(("most", "field"), [(MAX_TEXT, "message"), (MAX_CODE, "code")])
def test_half_a_secret_is_hidden_where_an_error_is_cut(most: int, field: str) -> None:
    secret = "relay-secret-of-the-operator-0123456789"
    x = exchange()
    x.snapshot = replace(x.snapshot, secrets=Secrets([secret]))
    said = ("a " * most)[: most - 20] + secret
    fault = shortened(replace(Fault("server", "x"), **{field: said}))  # type: ignore[arg-type]  # of either field
    assert secret[:20] in getattr(fault, field) and secret[:8] not in getattr(x.veiled(fault), field)
