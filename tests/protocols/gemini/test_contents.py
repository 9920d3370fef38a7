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
    Tool,
    ToolCall,
    ToolResult,
)
from ccx_addons.core.turns import CONTINUE, NO_RESULT
from ccx_addons.protocols.gemini.contents import Conversation
from ccx_addons.protocols.gemini.tools import tool_names
from tests.protocols.gemini.values import FLASH, OLD, PRO

PLACEHOLDER = {"thoughtSignature": "skip_thought_signature_validator"}
HI = Message("user", (Text("hi"),))


def user(*parts: Part) -> Message:
    return Message("user", parts)


def model(*parts: Part) -> Message:
    return Message("assistant", parts)


def system(text: str) -> Message:
    return Message("system", (Text(text),))


def call(id_: str, name: str = "f", arguments: str = "{}", **extra: Any) -> ToolCall:
    return ToolCall(id_, name, arguments, {"gemini": extra} if extra else {})


def done(id_: str, text: str = "ok") -> ToolResult:
    return ToolResult(id_, (Text(text),))


def built(*messages: Message, name: str = OLD, **fields: Any) -> tuple[Conversation, list[str]]:
    request = Request(name, messages, **fields)
    losses: list[Loss] = []
    talk = Conversation(request, vendors.gemini("", name), tool_names(request), losses)
    return talk, [loss.path for loss in losses]


def said(*messages: Message, name: str = OLD) -> list[tuple[str, list[Any]]]:
    """Role and parts of each content: a text alone as such, a call or result as its id."""
    talk, _ = built(*messages, name=name)
    return [(content["role"], [_short(part) for part in content["parts"]]) for content in talk.contents]


def _short(part: dict[str, Any]) -> Any:
    for kind in ("functionCall", "functionResponse"):
        if kind in part:
            return kind[8:], part[kind].get("id")
    return part["text"] if part.keys() == {"text"} else part


# ---- turns -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("messages", "contents"),
    [
        pytest.param([HI], [("user", ["hi"])], id="one"),
        pytest.param([HI, user(Text("you"))], [("user", ["hi", "you"])], id="a role in a row"),
        pytest.param([HI, model(), user(Text("you"))], [("user", ["hi", "you"])], id="an empty turn between"),
        pytest.param([user(Text("")), HI], [("user", ["hi"])], id="an empty part"),
        pytest.param([HI, model(Refusal("no"))], [("user", ["hi"]), ("model", ["no"])], id="a refusal is text"),
        pytest.param([], [("user", [CONTINUE])], id="nothing"),
        pytest.param([model(Text("a"))], [("model", ["a"])], id="a model's text first"),
        pytest.param([model(call("a")), user(done("a"))], [("user", [CONTINUE]), ("model", [("Call", "a")]), ("user", [("Response", "a")])], id="a call first"),
        pytest.param([HI, model(call("a"), call("b")), user(Text("x"), done("b")), user(done("a"))],
                     [("user", ["hi"]), ("model", [("Call", "a"), ("Call", "b")]), ("user", [("Response", "a"), ("Response", "b"), "x"])], id="results in the order of their calls"),
        pytest.param([HI, model(call("a")), user(Text("x"))], [("user", ["hi"]), ("model", [("Call", "a")]), ("user", [("Response", "a"), "x"])], id="a call without a result"),
        pytest.param([HI, model(call("a"))], [("user", ["hi"]), ("model", [("Call", "a")]), ("user", [("Response", "a")])], id="a call at the end"),
        pytest.param([HI, model(call("a")), model(call("b")), user(done("a"), done("b"))],
                     [("user", ["hi"]), ("model", [("Call", "a"), ("Call", "b")]), ("user", [("Response", "a"), ("Response", "b")])], id="calls in two messages"),
        pytest.param([HI, user(done("x", "lost"))], [("user", ["hi", "Result of the tool call x:", "lost"])], id="a result without a call"),
        pytest.param([HI, model(call("a"), call("a")), user(done("a", "1"), done("a", "2"))],
                     [("user", ["hi"]), ("model", [("Call", "a"), ("Call", "a")]), ("user", [("Response", "a"), ("Response", "a")])], id="one id twice"),
    ],
)  # fmt: skip
def test_turns(messages: list[Message], contents: list[tuple[str, list[Any]]]) -> None:
    assert said(*messages) == contents


def test_results_of_one_id_twice_stay_in_order() -> None:
    talk, lost = built(HI, model(call("a"), call("a")), user(done("a", "1"), done("a", "2")))
    texts = [part["functionResponse"]["response"]["result"] for part in talk.contents[-1]["parts"]]
    assert (texts, lost) == (["1", "2"], [])


def test_an_id_that_comes_again_begins_anew() -> None:
    talk, lost = built(HI, model(call("a")), HI, model(call("a")), user(done("a", "2")))
    answers = [
        part["functionResponse"]["response"]
        for content in talk.contents
        for part in content["parts"]
        if "functionResponse" in part
    ]
    assert answers == [{"error": NO_RESULT}, {"result": "2"}]
    assert lost == ["messages[1].content[0]"]


@pytest.mark.parametrize(
    ("messages", "lost"),
    [
        pytest.param([], ["messages"], id="nothing to say"),
        pytest.param([HI, model(call("a"))], ["messages[1].content[0]"], id="no result"),
        pytest.param([HI, user(done("a"))], ["messages[1].content[0]"], id="no call"),
        pytest.param([HI, system("s")], ["messages[1]"], id="system text in the middle"),
        pytest.param([system("s"), HI], [], id="system text first"),
        pytest.param([user(Opaque("chat", {}))], ["messages[0].content[0]", "messages"], id="another protocol's"),
        pytest.param([user(Media("image/gif", data="x"), Text("a"))], ["messages[0].content[0]"], id="a picture it does not take"),
        pytest.param([user(Media("image/png", data="x", detail="low"))], ["messages[0].content[0].detail"], id="a detail"),
        pytest.param([user(Media("image/png", data="x", detail="auto"))], [], id="the usual detail"),
        pytest.param([HI, model(Thinking("a", "s", "messages"), Text("b"))], ["messages[1].content[0]"], id="another's thoughts"),
        pytest.param([HI, model(Thinking("", None, "chat"), Text("b"))], [], id="nothing thought"),
        pytest.param([HI, model(ToolResult("a", ()))], ["messages[1].content[0]"], id="a result in the wrong turn"),
    ],
)  # fmt: skip
def test_losses(messages: list[Message], lost: list[str]) -> None:
    assert built(*messages)[1] == lost


def test_system_text_comes_together() -> None:
    talk, lost = built(system("a"), HI, system("b"), system=(Text("first"), Media("image/png", data="x")))
    assert talk.system == [{"text": "first"}, {"text": "a"}, {"text": "b"}]
    assert lost == ["system[1]", "messages[2]"]


def test_the_last_turn_is_the_users_where_the_model_wants_it() -> None:
    messages = [HI, model(Text("a"))]
    assert said(*messages, name=PRO)[-1] == ("model", ["a"])
    assert said(*messages, name=FLASH)[-1] == ("user", [CONTINUE])
    assert built(*messages, name=FLASH)[1] == ["messages"]


# ---- parts -----------------------------------------------------------------------------------------------------------
def parts_of(*parts: Part, name: str = PRO) -> list[dict[str, Any]]:
    talk, _ = built(HI, model(*parts), name=name)
    return list(talk.contents[1]["parts"])


CALL = {"functionCall": {"id": "a", "name": "f", "args": {}}}


@pytest.mark.parametrize(
    ("parts", "wire"),
    [
        pytest.param([Thinking("t", "c2ln", "gemini"), Text("x")], [{"text": "t", "thought": True, "thoughtSignature": "c2ln"}, {"text": "x"}], id="thought"),
        pytest.param([Thinking("t", None, "gemini")], [{"text": "t", "thought": True}], id="unsigned"),
        pytest.param([Thinking("", "c2ln", "gemini", True)], [{"text": "", "thought": True, "thoughtSignature": "c2ln"}], id="only a signature"),
        pytest.param([Thinking("t", "c2ln", "gemini"), call("a")], [{"text": "t", "thought": True}, {**CALL, "thoughtSignature": "c2ln"}], id="its call is signed"),
        pytest.param([Thinking("", "c2ln", "gemini", True), call("a")], [{**CALL, "thoughtSignature": "c2ln"}], id="a signature for a call"),
        pytest.param([Thinking("t", "c2ln", "gemini"), call("a", thoughtSignature="b3du")], [{"text": "t", "thought": True}, {**CALL, "thoughtSignature": "b3du"}], id="a call's own comes first"),
        pytest.param([Thinking("t", "s", "messages"), call("a")], [{**CALL, **PLACEHOLDER}], id="another's signature signs nothing"),
        pytest.param([call("a"), call("b")], [{**CALL, **PLACEHOLDER}, {"functionCall": {"id": "b", "name": "f", "args": {}}}], id="only the first call needs one"),
        pytest.param([Text("x", {"gemini": {"thoughtSignature": "c2ln"}})], [{"text": "x", "thoughtSignature": "c2ln"}], id="signed text"),
        pytest.param([Opaque("gemini", {"executableCode": {"code": "1"}})], [{"executableCode": {"code": "1"}}], id="Google's own"),
        pytest.param([Media("image/png", data="aGk=")], [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}], id="a picture of the model"),
    ],
)  # fmt: skip
def test_parts_of_the_model(parts: list[Part], wire: list[dict[str, Any]]) -> None:
    assert parts_of(*parts) == wire


def test_older_models_get_no_placeholder() -> None:
    assert parts_of(call("a"), name=OLD) == [CALL]


def test_every_step_is_signed() -> None:
    talk, _ = built(HI, model(call("a")), user(done("a")), model(call("b")), user(done("b")), name=PRO)
    signed = [part for content in talk.contents for part in content["parts"] if "functionCall" in part]
    assert [part["thoughtSignature"] for part in signed] == [PLACEHOLDER["thoughtSignature"]] * 2


def test_names_are_those_of_the_declarations() -> None:
    messages = (HI, model(call("a", "g h"), call("b", "new one")), user(done("a"), done("b")))
    talk, _ = built(*messages, tools=(Tool("g h"), Tool("g_h")))
    names = [part[kind]["name"] for content in talk.contents[1:] for part in content["parts"] for kind in part]
    assert names[0] == names[2] != "g_h" and names[1] == names[3] == "new_one"


def test_an_error_and_a_side_car() -> None:
    result = ToolResult("a", (Text("no"),), True, extra={"gemini": {"scheduling": "SILENT"}})
    talk, lost = built(HI, model(call("a")), user(result))
    assert talk.contents[-1]["parts"] == [
        {"functionResponse": {"name": "f", "id": "a", "response": {"error": "no"}, "scheduling": "SILENT"}}
    ]
    assert lost == []


def test_a_call_without_id_has_a_result_without_id() -> None:
    talk, lost = built(HI, model(call("")), user(done("")))
    assert talk.contents[-1]["parts"] == [{"functionResponse": {"name": "f", "response": {"result": "ok"}}}]
    assert lost == []


def test_side_car_of_a_message() -> None:
    talk, _ = built(Message("user", (Text("hi"),), {"gemini": {"x": 1}, "chat": {"name": "n"}}))
    assert talk.contents == [{"role": "user", "parts": [{"text": "hi"}], "x": 1}]


def test_a_detail_is_said_where_each_picture_may_say_it() -> None:
    talk, lost = built(
        user(Media("image/png", data="x", detail="low"), Media("image/png", data="y", detail="other")), name=PRO
    )
    seen, other = talk.contents[0]["parts"]
    assert seen["mediaResolution"] == {"level": "MEDIA_RESOLUTION_LOW"} and "mediaResolution" not in other
    assert lost == ["messages[0].content[1].detail"]


def test_but_not_in_a_result() -> None:
    result = ToolResult("a", (Media("image/png", data="x", detail="low"),))
    talk, lost = built(HI, model(call("a")), user(result), name=PRO)
    assert talk.contents[2]["parts"][0]["functionResponse"]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "x"}}
    ]
    assert lost == ["messages[1].content[0].result.detail"]
