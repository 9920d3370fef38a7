"""Ids by which one request names what an earlier one left behind."""

from typing import Any

import pytest

from ccx_addons.core.references import ID, conversation_of, handed_out, items_of


@pytest.mark.parametrize("id", ["resp_68a0b1", "msg-1", "rs_0:1.2", "a==", "x" * 200])
def test_ids(id: str) -> None:
    assert ID.fullmatch(id)


@pytest.mark.parametrize(
    "id", ["", "..", ".", "a/b", "a\\b", "a%2Fb", "a?b", "a#b", "a b", "a\n", "x" * 201, "\u0430", "_"]
)
def test_no_ids(id: str) -> None:
    assert not ID.fullmatch(id)


@pytest.mark.parametrize(
    ("item", "refers"),
    [
        ({"type": "item_reference", "id": "i"}, True),
        ({"id": "i"}, True),
        ({"id": "i", "type": None}, True),
        ({"id": "i", "type": "image_generation_call"}, True),
        ({"id": "i", "type": "image_generation_call", "result": "AAAA"}, False),
        ({"id": "i", "role": "assistant", "content": "x"}, False),
        ({"id": "i", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, False),
    ],
)
def test_items_that_are_only_named(item: dict[str, Any], refers: bool) -> None:
    assert items_of({"input": ["x", item]}) == (["i"] if refers else [])


def test_a_reference_without_an_id_names_nothing_that_is_there() -> None:
    assert items_of({"input": [{"type": "item_reference", "id": 7}]}) == [""] and items_of({"input": "hi"}) == []


@pytest.mark.parametrize(("value", "id"), [("c", "c"), ({"id": "c"}, "c"), (None, ""), ({}, ""), ("", "")])
def test_conversations(value: Any, id: str) -> None:
    assert conversation_of({"conversation": value}) == id


def test_what_an_answer_hands_out() -> None:
    answer = {"id": "resp_1", "output": [{"id": "msg_1"}, {"type": "x"}, {"id": "../x"}, {"id": 5}]}
    assert handed_out(answer) == ["resp_1", "msg_1"] and handed_out({}) == []
