from typing import Any

import pytest

from ccx_addons.core.neutral import Thinking
from ccx_addons.protocols.responses.thoughts import read_reasoning, true_origin, without_foreign, write_reasoning
from tests.protocols.responses.values import own


def summary(*texts: str) -> list[dict[str, str]]:
    return [{"type": "summary_text", "text": text} for text in texts]


CONTENT = [{"type": "reasoning_text", "text": "long"}]


@pytest.mark.parametrize(
    ("item", "thought"),
    [
        pytest.param({"id": "rs_1", "summary": summary("hm")}, Thinking("hm", None, "responses", extra=own(id="rs_1")), id="one"),
        pytest.param({"summary": []}, Thinking("", None, "responses"), id="none"),
        pytest.param({"summary": [], "encrypted_content": "enc"}, Thinking("", "enc", "responses"), id="sealed"),
        pytest.param(
            {"summary": summary("a", "b")},
            Thinking("a\n\nb", None, "responses", extra=own(summary=summary("a", "b"))),
            id="two",
        ),
        pytest.param(
            {"summary": [], "content": CONTENT},
            Thinking("long", None, "responses", extra=own(summary=[], content=CONTENT)),
            id="in full",
        ),
        pytest.param(
            {"summary": summary("short"), "content": CONTENT},
            Thinking("long\n\nshort", None, "responses", extra=own(summary=summary("short"), content=CONTENT)),
            id="both",
        ),
    ],
)  # fmt: skip
def test_items(item: dict[str, Any], thought: Thinking) -> None:
    item = {"type": "reasoning", **item}
    assert read_reasoning(item) == thought
    assert write_reasoning(thought) == item


@pytest.mark.parametrize("item", [{"summary": 5}, {"summary": [7, {"text": 3}]}, {"encrypted_content": 1}])
def test_wrong_types_read_as_absent(item: dict[str, Any]) -> None:
    assert read_reasoning(item).text == "" and read_reasoning(item).signature is None


@pytest.mark.parametrize(
    "thought",
    [
        Thinking("hm", "c2ln", "messages"),
        Thinking("", "eHl6", "messages", redacted=True),
        Thinking("so", "reasoning_content", "chat"),
        Thinking("so", '{"a":"b:c"}', "chat"),
    ],
)
def test_a_foreign_signature_finds_its_way_back(thought: Thinking) -> None:
    item = write_reasoning(thought)
    assert item["encrypted_content"].startswith("ccx-")
    assert true_origin(read_reasoning(item)) == thought


def test_an_upstream_of_this_protocol_reads_only_its_own() -> None:
    contents = ("ccx-chat:x", "gA", None)
    thoughts: list[Any] = [{"type": "reasoning", "summary": [], "encrypted_content": content} for content in contents]
    foreign, own_, said = thoughts
    body: dict[str, Any] = {
        "model": "m",
        "input": [own_, foreign, "odd", {"type": "message", "encrypted_content": "ccx-chat:x"}, said],
    }
    clean, losses = without_foreign(body)
    assert clean == {"model": "m", "input": [item for item in body["input"] if item is not foreign]}
    assert [loss.path for loss in losses] == ["input[1]"]
    assert without_foreign(clean)[0] is clean
    assert without_foreign({"input": "hi"}) == ({"input": "hi"}, [])
    returned = {"type": "reasoning", "summary": [], "encrypted_content": "ccx-responses:gA"}
    assert without_foreign({"input": [returned]}) == ({"input": [own_]}, [])


@pytest.mark.parametrize("content", ["gAAAA", "ccx-nothing"])
def test_other_signatures_are_this_protocols(content: str) -> None:
    thought = read_reasoning({"summary": [], "encrypted_content": content})
    assert true_origin(thought) is thought
    assert write_reasoning(thought)["encrypted_content"] == content
