from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.neutral import Loss
from ccx_addons.core.signatures import Fields, at_home, mark, may_be_in, sift, thought_at_home, unmark


@given(st.text(), st.text(st.characters(exclude_characters=":")))
def test_a_mark_is_read_again(signature: str, origin: str) -> None:
    assert unmark(mark(signature, origin)) == (origin, signature)


@pytest.mark.parametrize("text", ["", "c2ln", "ccx-nothing", "a:b", "messages:ccx-"])
def test_other_texts_are_no_marks(text: str) -> None:
    assert unmark(text) is None and at_home(text, "messages") == text


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"signature": "ccx-chat:x"}', True),
        (b'{"thoughtSignature": "Y2N4LW1lc3NhZ2VzOng="}', True),
        (b'{"signature": "EqQBCg"}', False),
        (b"", False),
    ],
)
def test_bodies_worth_looking_through(body: bytes, found: bool) -> None:
    assert may_be_in(body) is found


@pytest.mark.parametrize(
    ("signature", "kept"),
    [
        pytest.param("c2ln", "c2ln", id="its own"),
        pytest.param("ccx-messages:c2ln", "c2ln", id="its own come home"),
        pytest.param("ccx-chat:c2ln", None, id="another protocol's"),
        pytest.param(None, None, id="none"),
    ],
)
def test_thoughts_at_home(signature: str | None, kept: str | None) -> None:
    losses: list[Loss] = []
    thought = {"type": "thinking", "signature": signature}
    found = thought_at_home(thought, "signature", "messages", "here", losses)
    if signature == "ccx-chat:c2ln":
        assert found is None and [loss.path for loss in losses] == ["here"]
    else:
        assert found == {"type": "thinking", "signature": kept} and losses == []
        assert (found is thought) is (signature == kept)


@pytest.mark.parametrize(
    ("values", "left"),
    [
        pytest.param([{"a": 1}, None, "x"], [{"a": 1}, None, "x"], id="nothing to change"),
        pytest.param([{"a": 0}, None, {"a": 1}], [None, {"a": 1}], id="left out"),
        pytest.param([{"a": 2}, {"a": 0}, 5], [{"a": 1}, 5], id="changed"),
        pytest.param({"a": 0}, [], id="one in place of a list"),
        pytest.param({"a": 1}, {"a": 1}, id="one that stays"),
        pytest.param("text", "text", id="a text"),
        pytest.param(None, None, id="null"),
    ],
)
def test_sifting(values: Any, left: Any) -> None:
    def change(value: Fields, path: str, losses: list[Loss]) -> Fields | None:
        if value["a"] == 0:
            losses.append(Loss(path, ""))
            return None
        return value if value["a"] == 1 else {"a": 1}

    losses: list[Loss] = []
    fields = {"list": values, "b": 2}
    found = sift(fields, "list", change, losses, "here")
    assert found == {"list": left, "b": 2} and (found is fields) is (values == left)
    listed = values if isinstance(values, list) else [values]
    assert [loss.path for loss in losses] == [f"here.list[{n}]" for n, value in enumerate(listed) if value == {"a": 0}]


def test_nothing_to_sift() -> None:
    fields: Fields = {}
    assert sift(fields, "list", lambda *_: None, []) is fields
