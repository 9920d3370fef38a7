"""Which requests belong together, and where their conversation stays."""

from typing import Any

import pytest

from ccx_addons.core.exchange import NOWHERE, Seat
from ccx_addons.scheduler.affinity import MAX_TRACES, RENEW, Traces, parent_of, trace_of
from tests.scheduler.values import NOW

ORDER: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"conversation_id": "c"}, {}),
    ({"session_id": "c"}, {}),
    ({"x-claude-code-session-id": "c"}, {}),
    ({"x-session-affinity": "c"}, {}),
    ({"x-session-id": "c"}, {}),
    ({"x-opencode-session": "c"}, {}),
    ({"x-openwebui-chat-id": "c"}, {}),
    ({"x-litellm-session-id": "c"}, {}),
    ({}, {"prompt_cache_key": "c"}),
    ({}, {"session_id": "c"}),
    ({}, {"metadata": {"user_id": "c"}}),
    ({}, {"user": "c"}),
    ({"x-gemini-api-privileged-user-id": "c"}, {}),
    ({"x-client-request-id": "c"}, {}),
]


@pytest.mark.parametrize("n", range(len(ORDER)))
def test_the_first_one_present_decides(n: int) -> None:
    headers: dict[str, str] = {}
    members: dict[str, Any] = {}
    for later_headers, later_members in ORDER[n + 1 :]:
        headers |= {name: "later" for name in later_headers}
        members |= {name: {"user_id": "later"} if name == "metadata" else "later" for name in later_members}
    found = trace_of(headers | ORDER[n][0], members | ORDER[n][1])
    assert found == trace_of({"session_id": "c"}, {}) != trace_of({"session_id": "later"}, {})


@pytest.mark.parametrize(
    ("headers", "members"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"session_id": " "}, {"user": ""}, id="blank"),
        pytest.param({}, {"user": 7, "metadata": "x", "prompt_cache_key": ["a"]}, id="of other types"),
        pytest.param({}, {"previous_response_id": "resp_1"}, id="an answer nobody remembers"),
    ],
)
def test_nothing_says_what_it_belongs_to(headers: dict[str, str], members: dict[str, Any]) -> None:
    assert trace_of(headers, members) == ""


def test_only_a_hash_is_kept() -> None:
    found = trace_of({"session_id": "alice@example.com"}, {})
    assert len(found) == 32 and "alice" not in found


def test_a_continued_answer_stands_between_the_user_and_the_last_headers() -> None:
    assert trace_of({"x-client-request-id": "r"}, {}, "known") == "known"
    assert trace_of({}, {"user": "u"}, "known") == trace_of({}, {"user": "u"}) != "known"


@pytest.mark.parametrize("header", ["x-claude-code-agent-id", "x-codex-subagent", "x-openai-subagent"])
def test_sub_agents_have_a_place_of_their_own(header: str) -> None:
    parent, child = trace_of({"session_id": "s"}, {}), trace_of({"session_id": "s", header: "review"}, {})
    assert parent != child != trace_of({"session_id": "s", header: "explore"}, {})


def test_a_place_ends_and_is_renewed() -> None:
    traces = Traces()
    assert traces.keep("chat", "t", Seat("ch_a", "k_1", NOW + 100))
    assert traces.seat("chat", "t", NOW + 99).key_id == "k_1" and traces.seat("chat", "t", NOW + 100) == NOWHERE
    assert traces.seat("messages", "t", NOW) == NOWHERE
    assert not traces.keep("chat", "t", Seat("ch_a", "k_1", NOW + 100 + RENEW / 2)), "no news"
    assert traces.keep("chat", "t", Seat("ch_a", "k_1", NOW + 100 + RENEW))
    assert traces.keep("chat", "t", Seat("ch_a", "k_2", NOW + 100)), "another key"
    assert traces.keep("chat", "t", Seat("ch_b", "k_2", NOW + 100)), "another channel"


def test_the_oldest_are_forgotten() -> None:
    traces = Traces()
    for n in range(MAX_TRACES + 10):
        traces.keep("chat", str(n), Seat("ch_a", "", NOW + 100))
    assert traces.seat("chat", "9", NOW) == NOWHERE and traces.seat("chat", "10", NOW).channel_id == "ch_a"


CODEX = {"session-id": "s", "thread-id": "s"}
CHILD = {"session-id": "s", "thread-id": "t1", "x-codex-parent-thread-id": "s", "x-openai-subagent": "collab_spawn"}
CLAUDE = {"x-claude-code-session-id": "s"}


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        pytest.param(CHILD, CODEX, id="Codex"),
        pytest.param(
            {**CHILD, "thread-id": "t2", "x-codex-parent-thread-id": "t1"}, CHILD, id="Codex, a child's child"
        ),
        pytest.param({**CLAUDE, "x-claude-code-agent-id": "a"}, CLAUDE, id="Claude Code"),
        pytest.param(
            {**CLAUDE, "x-claude-code-agent-id": "b", "x-claude-code-parent-agent-id": "a"},
            {**CLAUDE, "x-claude-code-agent-id": "a"},
            id="Claude Code, a child's child",
        ),
    ],
)
def test_a_sub_agent_knows_its_parent(child: dict[str, str], parent: dict[str, str]) -> None:
    assert parent_of(child) == trace_of(parent, {}) != trace_of(child, {})


def test_a_sub_agent_with_a_session_of_its_own_knows_its_parents() -> None:
    parent, child = {"x-session-id": "s1"}, {"x-session-id": "s2", "x-parent-session-id": "s1"}
    assert parent_of(child) == trace_of(parent, {}) != trace_of(child, {})


def test_two_sub_agents_of_one_kind_are_two() -> None:
    assert trace_of(CHILD, {}) != trace_of({**CHILD, "thread-id": "t2"}, {})


@pytest.mark.parametrize("headers", [{}, CODEX, CLAUDE, {"x-claude-code-agent-id": "a"}, {"x-parent-session-id": "s"}])
def test_others_have_no_parent(headers: dict[str, str]) -> None:
    assert parent_of(headers) == ""
