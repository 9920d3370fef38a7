"""Where reasoning stands, and how it finds its way back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.neutral import Thinking
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.chat.thoughts import (
    ThinkTags,
    detail_text,
    merge_details,
    read_thoughts,
    without_foreign,
    write_foreign,
    write_thoughts,
)


def split(*pieces: str) -> tuple[str, str]:
    """Thoughts and text."""
    tags = ThinkTags()
    found = [piece for text in pieces for piece in tags.feed(text)] + tags.flush()
    thought, text = ("".join(words for is_thought, words in found if is_thought == kind) for kind in (True, False))
    return thought, text


@pytest.mark.parametrize(
    ("content", "thought", "text"),
    [
        pytest.param("<think>hm</think>yes", "hm", "yes", id="a thought first"),
        pytest.param("\n <think>\nhm\n</think>\n\nyes", "hm\n", "yes", id="white space around the tags"),
        pytest.param("<think></think>yes", "", "yes", id="no thought"),
        pytest.param("<think>\n\n</think>\n\nyes", "", "yes", id="an empty thought"),
        pytest.param("<think>hm", "hm", "", id="never closed"),
        pytest.param("<think>hm</thi", "hm</thi", "", id="half a closing tag"),
        pytest.param("<thi", "", "<thi", id="half an opening tag"),
        pytest.param("a <think>hm</think>", "", "a <think>hm</think>", id="in the middle"),
        pytest.param("<thinking>hm", "", "<thinking>hm", id="another tag"),
        pytest.param("<think>a</think>b<think>c</think>", "a", "b<think>c</think>", id="a second one is text"),
        pytest.param("<think>a < b </ c</think>d", "a < b </ c", "d", id="angle brackets in a thought"),
        pytest.param("  ", "", "  ", id="blank"),
        pytest.param(" " * 100 + "<think>a</think>", "", " " * 100 + "<think>a</think>", id="too far in"),
        pytest.param("", "", "", id="empty"),
    ],
)
def test_think_tags(content: str, thought: str, text: str) -> None:
    assert split(content) == (thought, text)
    assert split(*content) == (thought, text)


@given(st.lists(st.sampled_from(["<think>", "</think>", "<thi", "nk>", " ", "\n", "a", "<", "</", "th"]), max_size=8))
def test_borders_do_not_matter_to_tags(pieces: list[str]) -> None:
    assert split(*pieces) == split("".join(pieces)) == split(*"".join(pieces))


DETAIL = {"format": "anthropic-claude-v1", "index": 0, "signature": "c2ln", "text": "hm", "type": "reasoning.text"}
SECRET = {"data": "eHl6", "id": "rs_1", "index": 1, "type": "reasoning.encrypted"}


@pytest.mark.parametrize(
    ("message", "thoughts"),
    [
        pytest.param({"reasoning_content": "hm"}, [Thinking("hm", None, "chat")], id="reasoning_content"),
        pytest.param({"reasoning": "hm"}, [Thinking("hm", None, "chat")], id="reasoning"),
        pytest.param({"reasoning_content": "", "reasoning": None}, [], id="none"),
        pytest.param(
            {"reasoning": "hm", "reasoning_details": [DETAIL]},
            [Thinking("hm", dump_text([DETAIL]), "chat")], id="signed details",
        ),
        pytest.param(
            {"reasoning_details": [{"type": "reasoning.summary", "summary": "so"}]},
            [Thinking("so", None, "chat")], id="a summary in details alone",
        ),
        pytest.param(
            {"reasoning": "hm", "reasoning_details": [DETAIL, SECRET]},
            [Thinking("hm", dump_text([DETAIL]), "chat"), Thinking("", dump_text([SECRET]), "chat", True)],
            id="secret details apart",
        ),
    ],
)  # fmt: skip
def test_thoughts_that_a_client_sends(message: dict[str, Any], thoughts: list[Thinking]) -> None:
    assert read_thoughts(message) == thoughts


@pytest.mark.parametrize(
    "thought",
    [Thinking("hm", "c2ln", "messages"), Thinking("", "eHl6", "messages", True), Thinking("so", "enc", "responses")],
)
def test_foreign_signatures_come_back(thought: Thinking) -> None:
    assert read_thoughts({"reasoning_content": "x", "reasoning_details": [write_foreign(thought, 0)]}) == [thought]


@pytest.mark.parametrize(
    ("thoughts", "fields"),
    [
        pytest.param([Thinking("hm", None, "chat")], {"reasoning_content": "hm"}, id="no signature"),
        pytest.param([Thinking("hm", "reasoning", "chat")], {"reasoning": "hm"}, id="the field it came in"),
        pytest.param(
            [Thinking("a", None, "chat"), Thinking("b", None, "chat")],
            {"reasoning_content": "a\n\nb"}, id="several",
        ),
        pytest.param(
            [Thinking("hm", dump_text([DETAIL]), "chat"), Thinking("", dump_text([SECRET]), "chat", True)],
            {"reasoning_content": "hm", "reasoning_details": [DETAIL, SECRET]}, id="details",
        ),
        pytest.param(
            [Thinking("hm", '{"in":"reasoning_text","reasoning_opaque":"x","role":"user"}', "chat")],
            {"reasoning_text": "hm", "reasoning_opaque": "x"}, id="sealed, and nothing else of the message",
        ),
        pytest.param(
            [Thinking("hm", '{"in":"reasoning_content","thinking_blocks":[1]}', "chat"),
             Thinking("", '{"thinking_blocks":[2]}', "chat", True)],
            {"reasoning_content": "hm", "thinking_blocks": [1, 2]}, id="signed blocks",
        ),
        pytest.param([Thinking("hm", "broken {", "chat")], {"reasoning_content": "hm"}, id="a broken signature"),
        pytest.param([], {}, id="none"),
    ],
)  # fmt: skip
def test_own_thoughts_go_back(thoughts: list[Thinking], fields: dict[str, Any]) -> None:
    assert write_thoughts(thoughts) == fields


def test_pieces_of_details_are_merged() -> None:
    known: list[dict[str, Any]] = []
    merge_details(known, [{"type": "reasoning.text", "text": "h", "index": 0, "format": "x"}])
    merge_details(known, [{"type": "reasoning.text", "text": "m", "index": 0, "signature": "s", "format": "x"}])
    merge_details(known, [SECRET])
    assert known == [{"type": "reasoning.text", "text": "hm", "index": 0, "format": "x", "signature": "s"}, SECRET]
    assert detail_text(known) == "hm"


@pytest.mark.parametrize(
    ("details", "left", "lost"),
    [
        pytest.param([DETAIL, SECRET], [DETAIL, SECRET], [], id="its own"),
        pytest.param([write_foreign(Thinking("hm", "c2ln", "messages"), 0)], None, [0], id="another protocol's"),
        pytest.param([DETAIL, write_foreign(Thinking("", "x", "gemini", True), 1)], [DETAIL], [1], id="beside its own"),
        pytest.param("odd", "odd", [], id="odd"),
    ],
)
def test_an_upstream_of_this_protocol_reads_only_its_own(details: Any, left: Any, lost: list[int]) -> None:
    said = {"role": "assistant", "content": "yes", "reasoning_content": "hm"}
    body = {"model": "m", "messages": [{"role": "user", "content": "ccx-"}, {**said, "reasoning_details": details}]}
    found, losses = without_foreign(body)
    assert found["messages"][1] == ({**said, "reasoning_details": left} if left else said)
    assert (found is body) is (details == left)
    assert [loss.path for loss in losses] == [f"messages[1].reasoning_details[{n}]" for n in lost]
