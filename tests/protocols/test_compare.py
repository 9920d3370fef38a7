import json
from typing import Any

import pytest

from ccx_addons.core.shape import Part as ShapePart
from ccx_addons.core.shape import Shape
from ccx_addons.protocols.compare import (
    CONTEXT,
    Line,
    compare,
    lines,
    neutral_parts,
    parts,
    readable,
    shape_parts,
    summary,
)


def body(**more: Any) -> str:
    asked = {
        "model": "m",
        "system": [{"type": "text", "text": "be kind"}],
        "tools": [{"name": "Read", "description": "reads"}, {"name": "Bash"}],
        "messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}],
    }
    return json.dumps({**asked, **more})


def marks(left: str, right: str) -> list[tuple[str, str, str]]:
    found = compare(parts("messages", left), parts("messages", right))
    return [(one.group, one.name, one.mark) for one in found if one.mark != "same"]


def test_a_request_is_taken_apart() -> None:
    found = parts("messages", body())
    assert [(part.group, part.name) for part in found] == [
        ("settings", "model"),
        ("tools", "Read"),
        ("tools", "Bash"),
        ("system", "1"),
        ("messages", "1 user"),
        ("messages", "2 assistant"),
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"thinking": {"type": "enabled"}}, [("settings", "thinking", "added")]),
        ({"tools": [{"name": "Bash"}, {"name": "Read", "description": "reads!"}]}, [("tools", "Read", "changed")]),
        ({"tools": [{"name": "Bash"}]}, [("tools", "Read", "removed")]),
        ({"system": "be kind"}, [("system", "1", "changed")]),
        (
            {"messages": [{"role": "user", "content": c} for c in ("zero", "one")]},
            [("messages", "1 user", "added"), ("messages", "2 assistant", "removed")],
        ),
    ],
)
def test_what_is_different(more: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert marks(body(), body(**more)) == expected


def test_a_changed_text_is_compared_by_its_lines() -> None:
    words = [f"line {n}" for n in range(30)]
    changed = [*words[:15], "another", *words[16:]]
    left, right = (body(system="\n".join(text)) for text in (words, changed))
    (found,) = (one for one in compare(parts("messages", left), parts("messages", right)) if one.mark == "changed")
    assert [line.text for line in found.lines if line.sign in "-+"] == ["line 15", "another"]
    assert [line.text for line in found.lines if line.sign == "~"] == [str(15 - 2 * CONTEXT), str(14 - 2 * CONTEXT)]


def test_short_stretches_that_are_alike_are_shown() -> None:
    assert list(lines("a\nb", "a\nc")) == [Line(" ", "a"), Line("-", "b"), Line("+", "c")]


def test_other_protocols_are_compared_in_neutral_words() -> None:
    chat = json.dumps(
        {"model": "x", "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "one"}]}
    )
    claude = body(tools=[], messages=[{"role": "user", "content": "one"}])
    found = compare(neutral_parts("messages", "m", claude), neutral_parts("chat", "x", chat))
    assert [(one.name, one.mark) for one in found if one.mark != "same"] == [("model", "changed")]


def test_shapes_say_what_changed_and_not_how() -> None:
    old = Shape((ShapePart("t", "Read", 9, "a"), ShapePart("u", "", 9, "b")))
    new = Shape((ShapePart("t", "Read", 9, "c"), ShapePart("u", "", 9, "b"), ShapePart("a", "", 9, "d")))
    found = compare(shape_parts(old), shape_parts(new))
    assert [(one.name, one.mark, one.lines) for one in found] == [
        ("Read", "changed", ()),
        ("1 user", "same", ()),
        ("2 assistant", "added", ()),
    ]
    assert summary(found) == "tools changed: Read; messages added: 2 assistant"


@pytest.mark.parametrize(
    "text", ["", "[1]", "no json", '{"messages": 7, "tools": {"a": 1}, "system": null}', '{"tools": [1, null]}']
)
def test_what_is_no_request_is_compared_all_the_same(text: str) -> None:
    for kind in ("messages", "gemini", "images"):
        assert compare(parts(kind, text), parts(kind, body()))


def test_json_is_written_for_people() -> None:
    assert readable({"a": "x\ny", "b": [1, {"c": None}], "d": {}}) == 'a:\n  x\n  y\nb: [1, {"c": null}]\nd: {}'
