"""What a person said, apart from what clients put around it, and titles."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import Kind
from ccx_addons.core.spoken import TITLE, split, spoken, title


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Fix the bug", "Fix the bug", id="only words"),
        pytest.param("<system-reminder>\nx\n</system-reminder>\n\n Fix it", "Fix it", id="Claude Code"),
        pytest.param("Fix\n<system-reminder>x</system-reminder>\nit", "Fix\nit", id="in the middle"),
        pytest.param("<session_context>\nx\n</session_context>\n What is it", "What is it", id="Gemini CLI"),
        pytest.param("<environment_context>\n  <cwd>/src</cwd>\n</environment_context>", "", id="Codex"),
        pytest.param("# AGENTS.md instructions for /src\n\n<INSTRUCTIONS>x</INSTRUCTIONS>", "", id="AGENTS.md"),
        pytest.param('<permissions mode="x">y</permissions>Go', "Go", id="with attributes"),
        pytest.param("<div>Why is <b>this</b> bold?</div>", "<div>Why is <b>this</b> bold?</div>", id="own elements"),
        pytest.param("Go <system-reminder>cut", "Go <system-reminder>cut", id="without its end"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_spoken(text: str, expected: str) -> None:
    assert spoken(text) == expected


@given(st.text(alphabet="<>/system-rmd abc", max_size=200))
def test_nothing_but_space_is_lost(text: str) -> None:
    assert "".join("".join(part for _, part in split(text)).split()) == "".join(text.split())


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


REMINDER = "<system-reminder>x</system-reminder>"


@pytest.mark.parametrize(
    ("kind", "members", "expected"),
    [
        pytest.param("messages", {"messages": [user(REMINDER, "Fix\nit  now")]}, "Fix it now", id="on one line"),
        pytest.param("messages", {"messages": [user(REMINDER), user("Go")]}, "Go", id="the first that says something"),
        pytest.param("messages", {"messages": [{"role": "user", "content": "Go"}]}, "Go", id="as text"),
        pytest.param("messages", {"max_tokens": 1, "messages": [user("quota")]}, "", id="a probe"),
        pytest.param("messages", {"max_tokens": 9, "messages": [user("quota")]}, "quota", id="a question"),
        pytest.param(
            "chat",
            {"messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hello"}]},
            "Hello",
            id="not of the system",
        ),
        pytest.param("responses", {"input": "Hello"}, "Hello", id="input as text"),
        pytest.param(
            "responses",
            {
                "input": [
                    {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Rules"}]},
                    {"type": "function_call_output", "output": "x"},
                    {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
                ]
            },
            "Hello",
            id="items",
        ),
        pytest.param("gemini", {"contents": [{"parts": [{"text": "Hello"}]}]}, "Hello", id="without a role"),
        pytest.param("gemini", {"contents": [{"role": "model", "parts": [{"text": "Hi"}]}]}, "", id="only the model"),
        pytest.param("messages", {"messages": 7}, "", id="no turns"),
        pytest.param("messages", {"messages": [{"role": "user", "content": [7, {"text": 8}]}]}, "", id="odd content"),
    ],
)
def test_title(kind: Kind, members: dict[str, Any], expected: str) -> None:
    assert title(kind, members) == expected


def test_a_title_is_short() -> None:
    found = title("responses", {"input": "word " * 100})
    assert len(found) <= TITLE and found.endswith("word…")
