import json
from typing import Any

import pytest

from ccx_addons.core.neutral import Loss, Media, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from ccx_addons.protocols.messages.blocks import (
    parse_arguments,
    read_block,
    true_origin,
    without_foreign,
    write_call,
    write_media,
    write_thinking,
)

PNG = {"type": "base64", "media_type": "image/png", "data": "aGk="}


@pytest.mark.parametrize(
    ("block", "part"),
    [
        pytest.param({"type": "text", "text": "x", "citations": None}, Text("x"), id="text"),
        pytest.param({"type": "thinking", "thinking": "x", "signature": ""}, Thinking("x", None, "messages"), id="unsigned"),
        pytest.param({"type": "tool_use", "id": "t", "name": "f", "input": {"é": 1}}, ToolCall("t", "f", '{"é":1}'), id="call"),
        pytest.param({"type": "tool_use", "id": "t", "name": "f", "input": '{"a":1}'}, ToolCall("t", "f", '{"a":1}'), id="input as text"),
        pytest.param({"type": "tool_use", "id": "t", "name": "f", "input": {"raw_arguments": "{"}}, ToolCall("t", "f", "{"), id="raw arguments"),
        pytest.param({"type": "tool_result", "tool_use_id": "t"}, ToolResult("t", ()), id="result without content"),
        pytest.param({"type": "tool_result", "tool_use_id": "t", "content": "", "is_error": True}, ToolResult("t", (), True), id="empty result"),
        pytest.param(
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": PNG}], "cache_control": {}},
            ToolResult("t", (Media("image/png", data="aGk="),), extra={"messages": {"cache_control": {}}}), id="image in a result",
        ),
        pytest.param({"type": "image", "source": {"type": "url", "url": "u"}}, Media("image/*", url="u"), id="image by address"),
        pytest.param({"type": "document", "source": {"type": "text", "data": "hé", "media_type": "text/plain"}, "context": "c"},
                     Media("text/plain", data="aMOp", extra={"messages": {"context": "c"}}), id="text document"),
        pytest.param({"type": "document", "title": "t.pdf", "source": {"type": "file", "file_id": "file_1"}},
                     Media("application/pdf", file_id="file_1", name="t.pdf"), id="file"),
        pytest.param({"type": "document", "source": {"type": "content", "content": "x"}},
                     Opaque("messages", {"type": "document", "source": {"type": "content", "content": "x"}}), id="content document"),
        pytest.param({"type": "search_result", "source": "s"}, Opaque("messages", {"type": "search_result", "source": "s"}), id="unknown"),
    ],
)  # fmt: skip
def test_read_block(block: dict[str, Any], part: Part) -> None:
    assert read_block(block) == part


@pytest.mark.parametrize(
    ("media", "block"),
    [
        pytest.param(Media("image/jpg", data="aGk="), {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "aGk="}}, id="jpg"),
        pytest.param(Media("image/*", url="u", name="n"), {"type": "image", "source": {"type": "url", "url": "u"}}, id="address"),
        pytest.param(Media("application/octet-stream", data="aGk=", name="A.PDF"),
                     {"type": "document", "title": "A.PDF", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}, id="pdf by name"),
        pytest.param(Media("", url="u"), {"type": "document", "source": {"type": "url", "url": "u"}}, id="untyped address"),
        pytest.param(Media("application/json; charset=utf-8", data="e30="),
                     {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "{}"}}, id="json"),
        pytest.param(Media("", file_id="file_1"), {"type": "document", "source": {"type": "file", "file_id": "file_1"}}, id="file"),
    ],
)  # fmt: skip
def test_write_media(media: Media, block: dict[str, Any]) -> None:
    assert write_media(media) == block


@pytest.mark.parametrize(
    "media",
    [
        pytest.param(Media("audio/wav", data="aGk="), id="sound"),
        pytest.param(Media("video/mp4", url="u"), id="film"),
        pytest.param(Media("image/svg+xml", data="aGk="), id="svg"),
        pytest.param(Media("image/png", file_id="file-abc"), id="another vendor's file"),
        pytest.param(Media("text/plain", data="/w=="), id="no UTF-8"),
        pytest.param(Media("text/plain", data="a"), id="no base64"),
        pytest.param(Media("", data="aGk="), id="unknown type"),
    ],
)
def test_media_that_is_not_taken(media: Media) -> None:
    assert isinstance(write_media(media), str)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}), ("  ", {}), ("{}", {}), ('{"a":[1]}', {"a": [1]}), ("{", None), ("[1]", None), ("null", None),
        ("NaN", None),
    ],
)  # fmt: skip
def test_parse_arguments(text: str, value: Any) -> None:
    assert parse_arguments(text) == value


@pytest.mark.parametrize("arguments", ["{", "[1]", '"x"', "*** Begin Patch"])
def test_arguments_that_are_no_object_are_kept(arguments: str) -> None:
    losses: list[Loss] = []
    block = write_call(ToolCall("t", "f", arguments), "t", "f", "p", losses)
    assert block["input"] == {"raw_arguments": arguments}
    assert [loss.path for loss in losses] == ["p"]
    assert read_block(json.loads(json.dumps(block))) == ToolCall("t", "f", arguments)


@pytest.mark.parametrize(
    "part",
    [
        Thinking("x", "sig", "messages"),
        Thinking("x", "gAAAA", "responses"),
        Thinking("", "gAAAA", "responses", True),
        Thinking("x", "a:b", "gemini"),
    ],
)
def test_signatures_find_their_way_back(part: Thinking) -> None:
    back = read_block(write_thinking(part))
    assert isinstance(back, Thinking)
    assert true_origin(back) == part


# ---- this protocol's upstreams ---------------------------------------------------------------------------------------
TEXT = {"type": "text", "text": "ccx-chat:x"}


def thinking(signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": "hm", "signature": signature}


@pytest.mark.parametrize(
    ("content", "left", "lost"),
    [
        pytest.param([thinking("c2ln"), TEXT], [thinking("c2ln"), TEXT], [], id="its own"),
        pytest.param([thinking("ccx-chat:x"), TEXT], [TEXT], [0], id="another protocol's"),
        pytest.param(
            [TEXT, {"type": "redacted_thinking", "data": "ccx-responses:x"}, thinking("")],
            [TEXT, thinking("")], [1], id="a redacted one",
        ),
        pytest.param([thinking("ccx-messages:c2ln"), TEXT], [thinking("c2ln"), TEXT], [], id="its own come home"),
        pytest.param([thinking("ccx-chat:x")], None, [0], id="nothing else"),
        pytest.param("ccx-chat:x", "ccx-chat:x", [], id="a text"),
        pytest.param([{"type": [], "signature": "ccx-chat:x"}, 5], [{"type": [], "signature": "ccx-chat:x"}, 5], [], id="odd"),
    ],
)  # fmt: skip
def test_an_upstream_of_this_protocol_reads_only_its_own(content: Any, left: Any, lost: list[int]) -> None:
    asked = {"role": "user", "content": "hi"}
    body = {"model": "m", "messages": [asked, {"role": "assistant", "content": content}, "odd"]}
    found, losses = without_foreign(body)
    said = [] if left is None else [{"role": "assistant", "content": left}]
    assert found == {"model": "m", "messages": [asked, *said, "odd"]}
    assert (found is body) is (content == left)
    assert [loss.path for loss in losses] == [f"messages[1].content[{n}]" for n in lost]


CALLED = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
ANSWERED = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]}
FOREIGN = {"type": "thinking", "thinking": "x", "signature": "ccx-chat:abc"}
OWN = {"type": "thinking", "thinking": "x", "signature": "abc"}
MANUAL = {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize(
    ("turns", "thinking", "off"),
    [
        pytest.param([[FOREIGN, CALLED], ANSWERED], MANUAL, True, id="the loop's thought is gone"),
        pytest.param([[FOREIGN, CALLED], ANSWERED, [OWN, CALLED], ANSWERED], MANUAL, False, id="another one is left"),
        pytest.param([[FOREIGN, CALLED], ANSWERED, [CALLED], ANSWERED], MANUAL, True, id="a longer loop"),
        pytest.param([[FOREIGN, CALLED], ANSWERED], {"type": "adaptive"}, False, id="adaptive thinking takes it"),
        pytest.param([[FOREIGN, CALLED], ANSWERED], None, False, id="no thinking"),
        pytest.param([[FOREIGN, {"type": "text", "text": "ok"}], "and now?"], MANUAL, False, id="no loop is running"),
        pytest.param([[CALLED], ANSWERED], MANUAL, False, id="the client's own affair"),
    ],
)
def test_manual_thinking_where_a_loop_lost_its_thoughts(turns: list[Any], thinking: Any, off: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    for turn in turns:
        said = {"role": "assistant", "content": turn} if isinstance(turn, list) else turn
        messages.append({"role": "user", "content": said} if isinstance(said, str) else said)
    body = {"model": "m", "messages": messages, **({"thinking": thinking} if thinking else {})}
    found, losses = without_foreign(body)
    assert found.get("thinking") == ({"type": "disabled"} if off else thinking)
    assert [loss.path for loss in losses if loss.path == "thinking"] == ["thinking"] * off
