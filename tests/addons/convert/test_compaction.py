import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import CompactedResponse, ResponseCompletedEvent
from openai.types.responses import Response as SdkResponse

from ccx_addons.convert import compaction
from ccx_addons.core.neutral import Media, Message, Request, Response, Text, Thinking, ToolCall, ToolResult, Usage

TRIGGER = {"type": "compaction_trigger"}
HELLO = {"role": "user", "content": "hello"}


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({"input": [HELLO, TRIGGER]}, True),
        ({"input": [TRIGGER, HELLO]}, False),
        ({"input": "compaction_trigger"}, False),
        ({"input": [7, None]}, False),
        ({}, False),
    ],
)
def test_only_a_trigger_at_the_end_asks_for_it(members: dict[str, Any], wanted: bool) -> None:
    assert compaction.triggered(members) is wanted


@given(st.text())
def test_our_item_says_the_summary_again(summary: str) -> None:
    item = compaction.item_of(Response("r", "m", (Thinking("hm"), Text(summary)), "end"))
    (message,) = compaction.restored({"input": [item]})["input"]
    clean = summary.strip().encode("utf-8", "backslashreplace").decode()
    assert message["content"][0]["text"] == compaction.BEFORE + clean


@pytest.mark.parametrize(
    "content", ["gAAAA-an-upstream's", compaction.MARK + "not base64!", compaction.MARK + "/w==", ""]
)
def test_foreign_items_stay(content: str) -> None:
    members = {"model": "m", "input": [HELLO, {"type": "compaction", "encrypted_content": content}]}
    assert compaction.restored(members) is members


def test_the_trigger_itself_goes() -> None:
    assert compaction.untriggered({"input": [HELLO, TRIGGER]})["input"] == [HELLO]


def test_the_summary_request_has_the_transcript_and_nothing_else_of_the_clients() -> None:
    long = "x" * 20_000
    messages = (
        Message("user", (Text("fix it"), Media("image/png", data="QUJD"))),
        Message("assistant", (Thinking("hm"), ToolCall("1", "shell", long))),
        Message("user", (ToolResult("1", (Text("y" * 900),), is_error=True),)),
    )
    asked = compaction.summary_request(Request("m", messages, tools=(), stream=True, temperature=1.0))
    (part,) = asked.messages[0].parts
    assert isinstance(part, Text) and asked.stream is False and asked.temperature is None
    for words in ("fix it", "(image/png)", "(thought) hm", "(called shell)", "(failed) yyy", "[cut]"):
        assert words in part.text
    assert "QUJD" not in part.text and len(part.text) < 9_500


def test_a_long_transcript_keeps_its_head_and_its_tail() -> None:
    text = compaction.transcript(Message("user", (Text(f"number {n} " + "z" * 400),)) for n in range(2000))
    assert len(text) < compaction.MOST and "number 0 " in text and "number 1999 " in text and "left out" in text


def test_the_vendors_types_accept_both_forms() -> None:
    response = Response("r", "m", (Text("sum"),), "end", Usage(10, 5))
    assert CompactedResponse.model_validate(compaction.compacted(response), strict=True).usage.total_tokens == 15
    whole = {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }  # fmt: skip
    answer = compaction.answered(whole, response)
    assert SdkResponse.model_validate(answer).output[0].type == "compaction"
    datas = [json.loads(part.split(b"data: ")[1]) for part in compaction.events(answer).split(b"\n\n")[:-1]]
    assert [data["sequence_number"] for data in datas] == [0, 1, 2, 3]
    assert ResponseCompletedEvent.model_validate(datas[-1]).response.output[0].type == "compaction"
