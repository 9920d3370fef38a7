"""Titles and parents of conversations: once each, in the words of the person, without secrets."""

from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.core.config import Bodies, Policy
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.wire_json import JsonBody, dumps
from ccx_addons.processes.runtime import Runtime
from ccx_addons.titles import Titles
from tests.addons.flows import flow, response
from tests.addons.values import channel, exchange
from tests.patience import PATIENCE

MAIN = channel("main")


def asked(text: str, trace: str = "t1", tools: bool = True, **more: Any) -> Exchange:
    x = exchange("messages", MAIN)
    members = {"messages": [{"role": "user", "content": text}], **({"tools": [{"name": "Read"}]} if tools else {})}
    x.snapshot = replace(x.snapshot, policy=Policy(bodies=Bodies(capture="errors")))
    x.body, x.trace, x.state = JsonBody.parse(dumps(members)), trace, "ok"
    for name, value in more.items():
        setattr(x, name, value)
    return x


def run(runtime: Runtime, *exchanges: Exchange) -> list[tuple[Any, ...]]:
    """Trace, title and parent of each conversation."""
    addon = Titles(runtime)
    for x in exchanges:
        request = flow(x=x)
        request.response = response()
        addon.response(request)
    runtime.store.flush()
    sql = "SELECT trace_hash, title, parent FROM sessions ORDER BY trace_hash"
    return runtime.store.submit(lambda conn: conn.execute(sql).fetchall()).result(PATIENCE)


def test_the_first_words_stay(runtime: Runtime) -> None:
    assert run(runtime, asked("Fix the bug"), asked("Thanks")) == [("t1", "Fix the bug", "")]


def test_a_client_that_asks_for_a_title_does_not_give_it(runtime: Runtime) -> None:
    """Requests without tools count until one with tools comes."""
    found = run(runtime, asked("Write a title for: x", tools=False), asked("Fix"), asked("Sum up", tools=False))
    assert found == [("t1", "Fix", "")]


def test_who_says_nothing_is_named_later(runtime: Runtime) -> None:
    found = run(runtime, asked("<system-reminder>x</system-reminder>"), asked("Fix"))
    assert found == [("t1", "Fix", "")]


def test_sub_agents_have_parents(runtime: Runtime) -> None:
    assert run(runtime, asked("Count", "t2", parent="t1")) == [("t2", "Count", "t1")]


def test_nothing_of_the_panel_and_of_failures(runtime: Runtime) -> None:
    assert run(runtime, asked("a", test=True), asked("b", state="failed"), asked("c", trace="")) == []


def test_secrets_are_masked(runtime: Runtime) -> None:
    assert run(runtime, asked("Use sk-abcdefghijklmnop1234567890 for it")) == [("t1", "Use [redacted] for it", "")]


@pytest.mark.parametrize(
    "bodies", [Bodies(capture="all", titles=False), Bodies(capture="off")], ids=["titles", "bodies"]
)
def test_no_words_where_they_are_switched_off(runtime: Runtime, bodies: Bodies) -> None:
    x, child = asked("Fix"), asked("Count", "t2", parent="t1")
    for one in (x, child):
        one.snapshot = replace(one.snapshot, policy=Policy(bodies=bodies))
    assert run(runtime, x, child) == [("t2", "", "t1")]
