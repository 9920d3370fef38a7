import pytest

from ccx_addons.protocols.reassembly import Piece
from ccx_addons.telemetry import spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", (0x4BF92F3577B34DA6A3CE929D0E0E4736, 0xF067AA0BA902B7, True)),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", (0x4BF92F3577B34DA6A3CE929D0E0E4736, 0xF067AA0BA902B7, False)),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
        ("", None),
    ],
)  # fmt: skip
def test_traceparent(text: str, expected: tuple[int, int, bool] | None) -> None:
    found = spans.parent_of(text)
    assert found == expected
    assert found is None or not found[2] or spans.traceparent(found[0], found[1]) == text


@pytest.mark.parametrize(
    ("url", "protocol", "provider"),
    [
        ("https://api.anthropic.com", "messages", "anthropic"),
        ("https://api.deepseek.com/anthropic", "messages", "deepseek"),
        ("https://eu.aiplatform.googleapis.com/v1", "gemini", "gcp.vertex_ai"),
        ("https://generativelanguage.googleapis.com", "gemini", "gcp.gemini"),
        ("http://127.0.0.1:11434", "chat", "openai"),
        ("https://notx.ai.example", "messages", "anthropic"),
    ],
)
def test_providers(url: str, protocol: str, provider: str) -> None:
    assert spans.provider_of(url, protocol) == provider


def test_parts_have_the_conventions_forms() -> None:
    assert spans.part(Piece("call", '{"a": 1}', "f", "c1")) == {
        "type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1},
    }  # fmt: skip
    assert spans.part(Piece("result", "found", "f", "c1"))["type"] == "tool_call_response"
    assert spans.part(Piece("thinking", "hm")) == {"type": "reasoning", "content": "hm"}
    assert spans.part(Piece("text", "x")) == {"type": "text", "content": "x"}
    assert spans.part(Piece("media", "https://a/b.png"))["uri"] == "https://a/b.png"
    assert spans.arguments("no json") == "no json"
