import pytest

from ccx_addons.core.estimate import tokens_of, tokens_of_text
from ccx_addons.core.neutral import Media, Message, Request, Text, Tool, ToolCall, ToolResult


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("x" * 400, 100), ("你好吗", 2), ("hello 世界", 3)])
def test_text(text: str, tokens: int) -> None:
    assert tokens_of_text(text) == tokens


def test_everything_of_a_request_counts() -> None:
    words = Text("word " * 80)
    request = Request(
        "m",
        (
            Message("user", (words, Media("image/png", data="x" * 10_000))),
            Message("assistant", (ToolCall("1", "look", '{"a": 1}'),)),
            Message("user", (ToolResult("1", (words,)),)),
        ),
        system=(words,),
        tools=(Tool("look", "Looks.", {"type": "object"}),),
    )
    assert tokens_of(request) == 3 * 100 + 1600 + 3 * 4 + 3 + 7
