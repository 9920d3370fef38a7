from typing import Any

import pytest

from ccx_addons import vendors
from ccx_addons.core.neutral import (
    Loss,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from ccx_addons.core.turns import MADE, NO_RESULT
from ccx_addons.protocols.responses.conversation import Conversation, safe_id
from ccx_addons.protocols.responses.tools import Naming
from tests.protocols.responses.values import CODEX, OTHER, REASONING, own

HI = Message("user", (Text("hi"),))
SIGNED = Thinking("hm", "enc_x", "responses", extra=own(id="rs_1"))


def talk(*messages: Message, model: str = REASONING, **fields: Any) -> tuple[Conversation, list[Loss]]:
    losses: list[Loss] = []
    request = Request(model, messages, **fields)
    return Conversation(request, vendors.responses("", model), Naming(request), losses), losses


def items(*messages: Message, **fields: Any) -> list[dict[str, Any]]:
    return talk(*messages, **fields)[0].items


def said(*parts: Part) -> Message:
    return Message("assistant", parts)


def short(item: dict[str, Any]) -> str:
    """What an item is, and what it says."""
    match item:
        case {"role": role, "content": content}:
            return f"{role}:{'+'.join(str(part.get('text', part.get('refusal', part['type']))) for part in content)}"
        case {"call_id": id_, "output": output}:
            return f"result {id_}:{output}"
        case {"call_id": id_}:
            return f"call {id_}"
    return str(item["type"])


@pytest.mark.parametrize(
    ("messages", "wanted"),
    [
        pytest.param([HI, said(Text("a"), Text("b"))], ["user:hi", "assistant:a+b"], id="texts of a turn are one message"),
        pytest.param(
            [said(Text("a", own(item={"id": "msg_1"})), Text("b", own(item={"id": "msg_2"})))],
            ["assistant:a", "assistant:b"],
            id="but not those of two items",
        ),
        pytest.param([said(Text("a"), Refusal("no"))], ["assistant:a+no"], id="a refusal is a part"),
        pytest.param([said(Text("a"), SIGNED, Text("b"))], ["assistant:a", "reasoning", "assistant:b"], id="in order"),
        pytest.param(
            [HI, Message("system", (Text("s"),)), Message("system", (Text("t"),), own(role="system"))],
            ["user:hi", "developer:s", "system:t"],
            id="system messages",
        ),
        pytest.param(
            [said(ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}")), Message("user", (ToolResult("c", (Text("r"),)), ToolResult("d", ()), Text("go")))],
            ["call c", "call d", "result c:r", "result d:", "user:go"],
            id="results before what the user says",
        ),
        pytest.param(
            [said(ToolCall("c", "f", "{}")), Message("user", (Text("wait"), ToolResult("c", (Text("r"),))))],
            ["call c", "result c:r", "user:wait"],
            id="text before a result",
        ),
        pytest.param([Message("user", (Text(""), Text("")))], [], id="blank text"),
        pytest.param([said(Opaque("responses", {"type": "web_search_call"}))], ["web_search_call"], id="opaque items"),
        pytest.param(
            [Message("user", (Opaque("responses", {"type": "computer_call_output", "call_id": "c", "output": "x"}), Text("a")))],
            ["result c:x", "user:a"],
            id="opaque items of the user",
        ),
    ],
)  # fmt: skip
def test_turns_become_items(messages: list[Message], wanted: list[str]) -> None:
    conversation, losses = talk(*messages)
    assert [short(item) for item in conversation.items] == wanted
    assert losses == []


def test_the_system_prompt() -> None:
    developer = Text("d", own(item={"role": "developer", "id": "msg_1"}))
    picture = Media("image/png", data="aGk=")
    conversation, losses = talk(HI, system=(Text("a"), developer, Text("b"), picture))
    assert conversation.instructions == "a\n\nb"
    assert conversation.items[0] == {
        "type": "message",
        "role": "developer",
        "content": [{"type": "input_text", "text": "d"}],
        "id": "msg_1",
    }
    assert [loss.path for loss in losses] == ["system[3]"]


# ---- calls and results -----------------------------------------------------------------------------------------------
def test_a_result_without_its_call_is_said() -> None:
    conversation, losses = talk(
        Message("user", (ToolResult("x", (Text("r"),)), Text("hi"))), said(ToolCall("x", "f", "{}"))
    )
    assert [short(item) for item in conversation.items][:1] == ["user:Result of the tool call x:+r+hi"]
    assert [loss.path for loss in losses] == ["messages[0].content[0]", "messages[1].content[0]"]


def test_a_call_without_its_result_gets_one() -> None:
    custom = ToolCall("c", "apply_patch", '{"input":"x"}')
    conversation, losses = talk(said(custom, Text("a")), HI, tools=CODEX.tools)
    assert conversation.items[2] == {
        "type": "custom_tool_call_output",
        "call_id": "c",
        "output": f"[error] {NO_RESULT}",
    }
    assert [loss.path for loss in losses] == ["messages[0].content[0]"]


def test_calls_and_results_may_stand_in_a_part_that_the_upstream_knows() -> None:
    kept = own(previous_response_id="resp_1")
    conversation, losses = talk(
        Message("user", (ToolResult("x", (Text("r"),)),)), said(ToolCall("c", "f", "{}")), extra=kept
    )
    assert [short(item) for item in conversation.items] == ["result x:r", "call c"]
    assert losses == []


def test_ids_that_come_again_are_told_apart() -> None:
    turn = said(ToolCall("f", "f", "{}"), ToolCall("f", "f", "{}"))
    results = Message("user", (ToolResult("f", (Text("1"),)), ToolResult("f", (Text("2"),))))
    found = [short(item) for item in items(turn, results, turn, results)]
    assert found == [
        "call f", "call f_2", "result f:1", "result f_2:2", "call f_3", "call f_4", "result f_3:1", "result f_4:2",
    ]  # fmt: skip


def test_a_second_result_is_said() -> None:
    result = Message("user", (ToolResult("c", (Text("1"),)), ToolResult("c", (Text("2"),))))
    conversation, losses = talk(said(ToolCall("c", "f", "{}")), result)
    assert [short(item) for item in conversation.items] == ["call c", "result c:1", "user:Result of the tool call c:+2"]
    assert len(losses) == 1


@pytest.mark.parametrize("id_", ["", "x" * 65, "x" * 64, "toolu_1", "functions.f:0"])
def test_ids_are_kept_where_they_can_be(id_: str) -> None:
    assert 0 < len(safe_id(id_)) <= 64
    assert safe_id(id_) == safe_id(id_)
    assert (safe_id(id_) == id_) == (0 < len(id_) <= 64)


def test_calls_have_the_form_of_their_tools() -> None:
    turn = said(
        ToolCall("a", "apply_patch", '{"input":"x"}'),
        ToolCall("b", "local_shell", '{"command":["ls"]}'),
        ToolCall("c", "mcp__docs__search", "{}"),
        ToolCall("d", "un.known", "{}"),
    )
    results = Message("user", tuple(ToolResult(id_, (Text("r"),)) for id_ in "abcd"))
    found = items(turn, results, tools=CODEX.tools)
    assert [item["type"] for item in found] == [
        "custom_tool_call", "local_shell_call", "function_call", "function_call",
        "custom_tool_call_output", "function_call_output", "function_call_output", "function_call_output",
    ]  # fmt: skip
    assert found[1]["status"] == "completed"
    assert (found[2]["name"], found[2]["namespace"], found[3]["name"]) == ("search", "mcp__docs", "un_known")


# ---- thoughts --------------------------------------------------------------------------------------------------------
STORED = Thinking("hm", None, "responses", extra=own(id="rs_1"))


@pytest.mark.parametrize(
    ("thought", "model", "extra", "kept", "lost"),
    [
        pytest.param(SIGNED, REASONING, {}, True, False, id="its own"),
        pytest.param(Thinking("hm", "c2ln", "messages"), REASONING, {}, False, True, id="foreign"),
        pytest.param(
            Thinking("hm", "c2ln", "messages"), OTHER, {}, True, True, id="foreign, for a model that reads it"
        ),
        pytest.param(Thinking("hm", None, "chat"), OTHER, {}, True, False, id="unsigned, for a model that reads it"),
        pytest.param(Thinking("", None, "chat"), OTHER, {}, False, False, id="nothing"),
        pytest.param(Thinking("", "c2ln", "messages", True), OTHER, {}, False, True, id="redacted"),
        pytest.param(STORED, REASONING, own(), True, False, id="stored"),
        pytest.param(STORED, REASONING, own(store=False), False, True, id="not stored"),
        pytest.param(STORED, REASONING, {}, False, True, id="perhaps not stored"),
    ],
)
def test_thoughts(thought: Thinking, model: str, extra: dict[str, Any], kept: bool, lost: bool) -> None:
    conversation, losses = talk(HI, said(thought, Text("a")), model=model, extra=extra)
    found = [item for item in conversation.items if item["type"] == "reasoning"]
    assert bool(found) is kept
    assert [loss.path for loss in losses] == ["messages[1].content[0]"] * lost
    if kept and thought.origin != "responses":
        assert found == [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]


def test_a_thought_that_nothing_follows() -> None:
    conversation, losses = talk(said(Text("a"), SIGNED, SIGNED), HI)
    assert [short(item) for item in conversation.items] == ["assistant:a", "user:hi"]
    assert len(losses) == 2
    assert "reasoning" in [item["type"] for item in items(said(SIGNED), HI, model=OTHER)]


def test_a_picture_of_the_assistant_is_shown_by_the_user() -> None:
    conversation, losses = talk(said(Text("a"), Media("image/png", data="aGk=")))
    assert [short(item) for item in conversation.items] == ["assistant:a", f"user:{MADE}+input_image"]
    assert len(losses) == 1


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (Opaque("messages", {}), "messages"),
        (Media("video/mp4", data="aGk="), "video"),
        (ToolResult("c", ()), "toolresult"),
    ],
)
def test_what_the_assistant_cannot_have_said(part: Part, reason: str) -> None:
    conversation, losses = talk(said(Text("a"), part))
    assert [short(item) for item in conversation.items] == ["assistant:a"]
    assert reason in losses[0].reason and losses[0].path.startswith("messages[0].content[1]")
