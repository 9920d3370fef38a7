from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.neutral import (
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Request,
    Role,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    safe_name,
)
from ccx_addons.core.turns import CONTINUE, MADE, NO_RESULT
from ccx_addons.protocols import messages
from ccx_addons.protocols.messages.turns import SAFE_ID, safe_id
from tests.protocols.messages.values import MANUAL, MODERN, OTHER

PNG = Media("image/png", data="aGk=")


def user(*parts: Part | str) -> Message:
    return _message("user", parts)


def assistant(*parts: Part | str) -> Message:
    return _message("assistant", parts)


def system(*parts: Part | str) -> Message:
    return _message("system", parts)


def _message(role: Role, parts: tuple[Part | str, ...]) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def call(id_: str, arguments: str = "{}") -> ToolCall:
    return ToolCall(id_, "f", arguments)


def result(id_: str, text: str = "ok") -> ToolResult:
    return ToolResult(id_, (Text(text),) if text else ())


def encode(*talk: Message, model: str = MODERN, **fields: Any) -> tuple[list[Any], list[str], Any]:
    """Turns in short: role and blocks; the paths of losses; the system texts."""
    body, losses = messages.encode_request(Request(model, talk, **fields))
    turns = [(turn["role"], [_short(block) for block in turn["content"]]) for turn in body["messages"]]
    return turns, [loss.path for loss in losses], [block["text"] for block in body.get("system", [])]


def _short(block: dict[str, Any]) -> Any:
    match block["type"]:
        case "text":
            return block["text"]
        case "tool_use":
            return f"call {block['id']}"
        case "tool_result":
            return f"result {block['tool_use_id']}: {block.get('content', '')}"
    return block["type"]


C = "messages"


@pytest.mark.parametrize(
    ("talk", "turns", "losses"),
    [
        pytest.param([user("a"), user("b"), assistant("c"), assistant("d"), user("e")],
                     [("user", ["a", "b"]), ("assistant", ["c", "d"]), ("user", ["e"])], [], id="same roles merge"),
        pytest.param([user("a", "", " \n"), assistant(""), user(""), user("b")], [("user", ["a", "b"])], [], id="blank text is dropped"),
        pytest.param([user("a"), assistant(call("1"), call("2")), user(result("2"), "x", result("1"))],
                     [("user", ["a"]), ("assistant", ["call 1", "call 2"]), ("user", ["result 1: ok", "result 2: ok", "x"])],
                     [], id="results stand first, in order of the calls"),
        pytest.param([user("a"), assistant(call("1")), user("x"), user(result("1"))],
                     [("user", ["a"]), ("assistant", ["call 1"]), ("user", ["result 1: ok", "x"])], [], id="results before text"),
        pytest.param([user("a"), assistant(call("1")), user("x"), assistant("y"), user(result("1"))],
                     [("user", ["a"]), ("assistant", ["call 1"]), ("user", ["result 1: ok", "x"]), ("assistant", ["y"]),
                      ("user", [CONTINUE])], [C], id="a result from further on"),
        pytest.param([user("a"), assistant(call("1"), call("2")), user(result("2"))],
                     [("user", ["a"]), ("assistant", ["call 1", "call 2"]), ("user", [f"result 1: {NO_RESULT}", "result 2: ok"])],
                     ["messages[1].content[0]"], id="a missing result"),
        pytest.param([user("a"), assistant(call("1"))],
                     [("user", ["a"]), ("assistant", ["call 1"]), ("user", [f"result 1: {NO_RESULT}"])],
                     ["messages[1].content[0]"], id="a call at the end"),
        pytest.param([user("a"), assistant(call("1")), assistant("b"), user(result("1"))],
                     [("user", ["a"]), ("assistant", ["call 1", "b"]), ("user", ["result 1: ok"])], [], id="text behind a call"),
        pytest.param([user(result("1")), assistant(call("1")), user("b")],
                     [("user", ["Result of the tool call 1:", "ok"]), ("assistant", ["call 1"]), ("user", [f"result 1: {NO_RESULT}", "b"])],
                     ["messages[0].content[0]", "messages[1].content[0]"], id="a result before its call"),
        pytest.param([user("a"), assistant(call("1")), user(result("1"), result("1", "again"))],
                     [("user", ["a"]), ("assistant", ["call 1"]), ("user", ["result 1: ok", "Result of the tool call 1:", "again"])],
                     ["messages[2].content[1]"], id="a second result"),
        pytest.param([user("a"), assistant(call("1")), user(result("1")), assistant(call("1")), user(result("1", "two"))],
                     [("user", ["a"]), ("assistant", ["call 1"]), ("user", ["result 1: ok"]), ("assistant", ["call 1_2"]),
                      ("user", ["result 1_2: two"])], [], id="an id that comes again"),
        pytest.param([user("a"), assistant(call("1")), user("x"), assistant(call("1")), user(result("1", "two"))],
                     [("user", ["a"]), ("assistant", ["call 1"]), ("user", [f"result 1: {NO_RESULT}", "x"]),
                      ("assistant", ["call 1_2"]), ("user", ["result 1_2: two"])],
                     ["messages[1].content[0]"], id="an unanswered id that comes again"),
        pytest.param([user("a"), assistant(call("")), user(result(""))],
                     [("user", ["a"]), ("assistant", [f"call {safe_id('')}"]), ("user", [f"result {safe_id('')}: ok"])], [],
                     id="an empty id"),
        pytest.param([user("a"), assistant(call("f:0|x")), user(result("f:0|x", ""))],
                     [("user", ["a"]), ("assistant", [f"call {safe_id('f:0|x')}"]), ("user", [f"result {safe_id('f:0|x')}: "])], [],
                     id="an id that is not taken"),
        pytest.param([assistant("b"), user("c")], [("user", [CONTINUE]), ("assistant", ["b"]), ("user", ["c"])], [C], id="an assistant first"),
        pytest.param([], [("user", [CONTINUE])], [C], id="no messages"),
        pytest.param([user("a"), assistant("b")], [("user", ["a"]), ("assistant", ["b"]), ("user", [CONTINUE])], [C], id="an assistant last"),
        pytest.param([user("a"), assistant(Opaque("messages", {"type": "server_tool_use"}))],
                     [("user", ["a"]), ("assistant", ["server_tool_use"])], [], id="a paused turn goes on"),
        pytest.param([user("a"), assistant(PNG, Refusal("no")), user("b")],
                     [("user", ["a"]), ("assistant", ["no"]), ("user", [MADE, "image", "b"])], ["messages[1].content[0]"], id="media of an assistant"),
        pytest.param([user("a"), assistant(PNG, call("1")), user(result("1"))],
                     [("user", ["a"]), ("assistant", ["call 1"]), ("user", ["result 1: ok", MADE, "image"])],
                     ["messages[1].content[0]"], id="media beside a call"),
        pytest.param([user("a", replace(PNG, detail="high"))], [("user", ["a", "image"])], ["messages[0].content[1].detail"], id="a detail"),
        pytest.param([user("a", replace(PNG, detail="auto"))], [("user", ["a", "image"])], [], id="the usual detail"),
        pytest.param([user("a", call("1"), Opaque("gemini", {}), Media("audio/wav", data="aGk="))], [("user", ["a"])],
                     ["messages[0].content[1]", "messages[0].content[2]", "messages[0].content[3]"], id="parts without a place"),
    ],
)  # fmt: skip
def test_turns(talk: list[Message], turns: list[Any], losses: list[str]) -> None:
    assert encode(*talk)[:2] == (turns, losses)


@pytest.mark.parametrize(
    ("model", "talk", "turns", "top", "losses"),
    [
        pytest.param(MODERN, [system("s"), user("a")], [("user", ["a"])], ["s"], [], id="at the start"),
        pytest.param(MODERN, [user("a"), system("s"), assistant("b"), user("c")],
                     [("user", ["a"]), ("system", ["s"]), ("assistant", ["b"]), ("user", ["c"])], [], [], id="in place"),
        pytest.param(MODERN, [user("a"), system("s")], [("user", ["a"]), ("system", ["s"])], [], [], id="last"),
        pytest.param(MODERN, [user("a"), system("s"), system("t"), user("b")],
                     [("user", ["a", "b"]), ("system", ["s", "t"])], [], [], id="before a user turn"),
        pytest.param(MODERN, [user("a"), assistant(call("1")), system("s"), user(result("1"))],
                     [("user", ["a"]), ("assistant", ["call 1"]), ("user", ["result 1: ok"]), ("system", ["s"])], [], [],
                     id="between call and result"),
        pytest.param(MODERN, [user("a"), assistant("b"), system("s"), user("c")],
                     [("user", ["a"]), ("assistant", ["b"]), ("user", ["c"]), ("system", ["s"])], [], [], id="behind an assistant"),
        pytest.param(MODERN, [user("a"), assistant("b"), system("s"), assistant("c"), user("d")],
                     [("user", ["a"]), ("assistant", ["b"]), ("user", ["s"]), ("assistant", ["c"]), ("user", ["d"])], [], [C],
                     id="between assistants"),
        pytest.param(MODERN, [user("a"), system(PNG), assistant("b"), user("c")],
                     [("user", ["a"]), ("assistant", ["b"]), ("user", ["c"])], [], ["messages[1][0]"], id="media"),
        pytest.param(MANUAL, [user("a"), system("s"), assistant("b"), user("c")],
                     [("user", ["a"]), ("assistant", ["b"]), ("user", ["c"])], ["s"], ["messages[1]"], id="older model"),
        pytest.param(OTHER, [system("r"), user("a"), system("s"), user("c")], [("user", ["a", "c"])], ["r", "s"], ["messages[2]"],
                     id="another vendor"),
    ],
)  # fmt: skip
def test_system_messages(model: str, talk: list[Message], turns: list[Any], top: list[str], losses: list[str]) -> None:
    assert encode(*talk, model=model) == (turns, losses, top)


@pytest.mark.parametrize(
    ("model", "part", "kept", "lost"),
    [
        pytest.param(MODERN, Thinking("x", "s", "messages"), {"thinking": "x", "signature": "s"}, False, id="signed"),
        pytest.param(MODERN, Thinking("", "s", "messages", True), {"data": "s"}, False, id="redacted"),
        pytest.param(MODERN, Thinking("x", None, "messages"), None, True, id="unsigned"),
        pytest.param(MODERN, Thinking("x", "s", "responses"), None, True, id="signed by another protocol"),
        pytest.param(MODERN, Thinking("", None, "chat"), None, False, id="nothing"),
        pytest.param(OTHER, Thinking("x", None, "chat"), {"thinking": "x", "signature": ""}, False, id="another vendor takes thoughts"),
        pytest.param(OTHER, Thinking("x", "s", "gemini"), {"thinking": "x", "signature": ""}, True, id="but no foreign signature"),
        pytest.param(OTHER, Thinking("", "s", "responses", True), None, True, id="nor redacted thoughts"),
        pytest.param("sonnet", Thinking("x", None, "chat"), None, True, id="an unknown name"),
    ],
)  # fmt: skip
def test_thinking(model: str, part: Thinking, kept: dict[str, str] | None, lost: bool) -> None:
    request = Request(model, (user("a"), assistant(part, "b"), user("c")))
    body, losses = messages.encode_request(request)
    first = body["messages"][1]["content"][0]
    first.pop("type")
    assert first == (kept if kept is not None else {"text": "b"})
    assert [loss.path for loss in losses] == (["messages[1].content[0]"] if lost else [])


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        pytest.param((), None, id="nothing"),
        pytest.param((Text("x"),), "x", id="text"),
        pytest.param((Text("x", {"messages": {"cache_control": {}}}),), [{"type": "text", "text": "x", "cache_control": {}}], id="marked text"),
        pytest.param((Text("x"), Text("y")), [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}], id="texts"),
        pytest.param((PNG,), [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}], id="image"),
    ],
)  # fmt: skip
def test_content_of_results(parts: tuple[Part, ...], content: Any) -> None:
    request = Request(MODERN, (user("a"), assistant(call("1")), user(ToolResult("1", parts, True))))
    body, losses = messages.encode_request(request)
    wanted = {"type": "tool_result", "tool_use_id": "1", "is_error": True}
    assert body["messages"][2]["content"] == [wanted if content is None else {**wanted, "content": content}]
    assert losses == []


def test_prefill_ends_without_white_space() -> None:
    assert encode(user("a"), assistant("b \n"), model=MANUAL)[0][-1] == ("assistant", ["b"])


def test_thinking_excludes_prefill() -> None:
    assert encode(user("a"), assistant("b"), model=MANUAL, reasoning=Reasoning(True))[0][-1] == ("user", [CONTINUE])


def test_names_in_the_history_are_those_of_the_tools() -> None:
    name = "ns.tool"
    request = Request(MODERN, (user("a"), assistant(ToolCall("1", name, "{}")), user(result("1"))), tools=(Tool(name),))
    body, _ = messages.encode_request(request)
    assert body["messages"][1]["content"][0]["name"] == body["tools"][0]["name"] == safe_name(name)


def test_thoughts_come_first_in_the_turn_of_two_messages() -> None:
    thought = Thinking("x", "s", "messages")
    talk = (user("a"), assistant("b"), assistant(thought, ToolCall("1", "f", "{}")), user(result("1")))
    body, losses = messages.encode_request(Request(MANUAL, talk, reasoning=Reasoning(True)))
    assert [block["type"] for block in body["messages"][1]["content"]] == ["thinking", "text", "tool_use"]
    assert body["thinking"]["type"] == "enabled" and losses == []


@given(st.lists(st.text(max_size=20) | st.text("a:|_", max_size=70), unique=True, max_size=20))
def test_ids_stay_apart(ids: list[str]) -> None:
    wire = [safe_id(id_) for id_ in ids]
    assert len(set(wire)) == len(ids)
    assert all(SAFE_ID.fullmatch(id_) for id_ in wire)
    assert all(new == old for new, old in zip(wire, ids, strict=True) if SAFE_ID.fullmatch(old))


PARTS = st.one_of(
    st.builds(Text, st.sampled_from(["", "x"])),
    st.builds(call, st.sampled_from(["1", "2", ":"])),
    st.builds(result, st.sampled_from(["1", "2", ":"])),
    st.just(Thinking("x", "s", "messages")),
    st.just(PNG),
)


@given(st.lists(st.builds(Message, st.sampled_from(["user", "assistant", "system"]), st.lists(PARTS, max_size=4).map(tuple))),
       st.sampled_from([MODERN, MANUAL, OTHER]))  # fmt: skip
def test_the_api_takes_every_conversation(talk: list[Message], model: str) -> None:
    turns = messages.encode_request(Request(model, tuple(talk)))[0]["messages"]
    assert turns[0]["role"] == "user"
    seen: set[str] = set()
    due: list[str] = []
    before = ""
    for turn in turns:
        blocks = turn["content"]
        assert blocks
        assert turn["role"] != before
        assert all(block["text"] for block in blocks if block["type"] == "text")
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert results == due
        assert [block["type"] for block in blocks[: len(due)]] == ["tool_result"] * len(due)
        assert turn["role"] != "system" or before == "user"
        kinds = [block["type"] for block in blocks]
        assert kinds[0] == "thinking" or "thinking" not in kinds
        due = [block["id"] for block in blocks if block["type"] == "tool_use"]
        assert not seen & set(due)
        assert len(due) == len(set(due))
        seen |= set(due)
        before = turn["role"]
    assert due == []
