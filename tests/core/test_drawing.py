"""A wish for pictures, from Chat's words to Gemini's and back."""

from typing import Any

import pytest

from ccx_addons.core.config import Kind
from ccx_addons.protocols import TEXT_PROTOCOLS

ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "a cat"}]}
GEMINI: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "a cat"}]}]}
ROUTER = "https://openrouter.ai/api/v1"


def written(
    client: Kind, upstream: Kind, members: dict[str, Any], model: str, at: str = ""
) -> tuple[dict[str, Any], list[str]]:
    whole = {**ASKED, **members} if client == "chat" else {**GEMINI, "generationConfig": members}
    body, losses = TEXT_PROTOCOLS[upstream].encode_request(
        TEXT_PROTOCOLS[client].decode_request(whole, model, False), at
    )
    return body, [loss.path for loss in losses]


WIDE = {"modalities": ["image", "text"], "image_config": {"aspect_ratio": "16:9", "image_size": "2K"}}
WIDE_GEMINI = {"responseModalities": ["IMAGE", "TEXT"], "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"}}


def test_there_and_back() -> None:
    body, lost = written("chat", "gemini", WIDE, "gemini-3-pro-image")
    assert body["generationConfig"] == WIDE_GEMINI and not lost
    body, lost = written("gemini", "chat", WIDE_GEMINI, "google/gemini-3-pro-image", ROUTER)
    assert {name: body[name] for name in WIDE} == WIDE and not lost


@pytest.mark.parametrize(
    ("client", "upstream", "members", "model", "at", "lost"),
    [
        pytest.param("chat", "gemini", WIDE, "gemini-2.5-pro", "", ["modalities"], id="a model that makes none"),
        pytest.param("gemini", "chat", WIDE_GEMINI, "gpt-5.1", "https://api.openai.com/v1",
                     ["generationConfig.responseModalities"], id="a server that makes none"),
        pytest.param("chat", "gemini", {"modalities": ["text", "audio"]}, "gemini-3-pro-image", "", ["modalities"],
                     id="sound"),
        pytest.param("gemini", "chat", {"responseModalities": ["AUDIO"]}, "x", ROUTER,
                     ["generationConfig.responseModalities"], id="sound of Gemini"),
        pytest.param("chat", "gemini", {"modalities": ["text"]}, "gemini-2.5-pro", "", [], id="text"),
    ],
)  # fmt: skip
def test_where_nobody_draws(
    client: Kind, upstream: Kind, members: dict[str, Any], model: str, at: str, lost: list[str]
) -> None:
    body, paths = written(client, upstream, members, model, at)
    assert paths == lost and "generationConfig" not in body and "modalities" not in body


def test_what_only_one_protocol_says_of_a_picture() -> None:
    more = {**WIDE, "image_config": {"strength": 0.5, "image_size": "1K"}}
    body, lost = written("chat", "gemini", more, "gemini-3-pro-image")
    assert body["generationConfig"]["imageConfig"] == {"imageSize": "1K"} and lost == ["image_config.strength"]
    more = {**WIDE_GEMINI, "imageConfig": {"personGeneration": "ALLOW_ALL"}}
    body, lost = written("gemini", "chat", more, "x", ROUTER)
    assert "image_config" not in body and lost == ["generationConfig.imageConfig.personGeneration"]


@pytest.mark.parametrize(("client", "members"), [("chat", WIDE), ("gemini", WIDE_GEMINI)])
def test_responses_has_a_tool_for_it(client: Kind, members: dict[str, Any]) -> None:
    body, lost = written(client, "responses", members, "gpt-5.1")
    assert body["tools"] == [{"type": "image_generation"}] and lost == ["aspect_ratio", "image_size"]
