"""Content parts, both ways."""

import base64
import json
from typing import Any

import pytest

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Loss, Media, Message, Opaque, Part, Refusal, Request, Text, ToolCall, ToolResult
from ccx_addons.protocols.chat import encode_request
from ccx_addons.protocols.chat.parts import join_texts, read_content, write_media, write_part, write_parts

PNG = "data:image/png;base64,aGk="


def image(url: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": url, **fields}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        pytest.param("hi", (Text("hi"),), id="a string"),
        pytest.param("", (), id="an empty string"),
        pytest.param(None, (), id="null"),
        pytest.param(["hi"], (Text("hi"),), id="a string in a list"),
        pytest.param([{"type": "text", "text": "hi"}], (Text("hi"),), id="text"),
        pytest.param([{"type": "text", "text": ""}], (), id="empty text"),
        pytest.param([{"type": "input_text", "text": "hi"}], (Text("hi"),), id="text in Responses words"),
        pytest.param(
            [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}],
            (Text("hi", {"chat": {"cache_control": {"type": "ephemeral"}}}),), id="text with a cache mark",
        ),
        pytest.param([{"type": "refusal", "refusal": "no"}], (Refusal("no"),), id="refusal"),
        pytest.param([image({"url": PNG})], (Media("image/png", data="aGk="),), id="image data"),
        pytest.param([image(PNG)], (Media("image/png", data="aGk="),), id="image as a string"),
        pytest.param(
            [image({"url": "https://x/a.png", "detail": "low"})],
            (Media("image/*", url="https://x/a.png", detail="low"),),
            id="image URL with detail",
        ),
        pytest.param(
            [{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}],
            (Media("audio/mpeg", data="aGk="),), id="sound",
        ),
        pytest.param(
            [{"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}}],
            (Media("application/pdf", data="aGk=", name="a.pdf"),), id="file data",
        ),
        pytest.param(
            [{"type": "file", "file": {"file_data": "aGk=", "filename": "a.csv"}}],
            (Media("text/csv", data="aGk=", name="a.csv"),), id="bare file data, its type by its name",
        ),
        pytest.param(
            [{"type": "file", "file": {"file_id": "file-1"}}],
            (Media("application/pdf", file_id="file-1"),), id="file id",
        ),
        pytest.param(
            [{"type": "hologram", "hologram": {"url": "u"}}],
            (Opaque("chat", {"type": "hologram", "hologram": {"url": "u"}}),), id="unknown",
        ),
        pytest.param(
            [{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,aGk="}},
             {"type": "input_video", "input_video": {"data": "aGk=", "format": "webm"}},
             {"type": "audio_url", "audio_url": {"url": "https://x.test/a.mp3"}},
             {"type": "document_url", "document_url": "https://x.test/a.pdf"},
             {"type": "image", "image": "https://x.test/a.png"}],
            (Media("video/mp4", data="aGk="), Media("video/webm", data="aGk="),
             Media("audio/*", url="https://x.test/a.mp3"), Media("application/pdf", url="https://x.test/a.pdf"),
             Media("image/*", url="https://x.test/a.png")), id="forms of vLLM, OpenRouter, Mistral and Qwen",
        ),
        pytest.param(
            [{"type": "image_url", "image_url": {"url": "data:image/png;base64,/9j/4AA="}},
             {"type": "image_url", "image_url": {"url": "data:application/octet-stream;base64,iVBORw0="}},
             {"type": "image_url", "image_url": "R0lGODlh"}],
            (Media("image/jpeg", data="/9j/4AA="), Media("image/png", data="iVBORw0="),
             Media("image/gif", data="R0lGODlh")), id="pictures whose type is not what is said",
        ),
    ],
)  # fmt: skip
def test_read_content(content: Any, parts: tuple[Part, ...]) -> None:
    assert read_content(content, "content") == parts


@pytest.mark.parametrize(
    ("content", "param"),
    [
        pytest.param(5, "c", id="a number"),
        pytest.param([5], "c[0]", id="a number in a list"),
        pytest.param([{}], "c[0]", id="no type"),
        pytest.param([{"type": "text"}], "c[0].text", id="no text"),
        pytest.param([image({})], "c[0].image_url.url", id="no URL"),
        pytest.param([{"type": "file", "file": {}}], "c[0].file.file_data", id="no file"),
        pytest.param([{"type": "file", "file": {"file_id": 5}}], "c[0].file.file_id", id="a file id that is a number"),
        pytest.param(
            [{"type": "input_audio", "input_audio": {"data": "x"}}], "c[0].input_audio.format", id="no format"
        ),
    ],
)
def test_content_that_cannot_be_understood(content: Any, param: str) -> None:
    with pytest.raises(BadRequest) as bad:
        read_content(content, "c")
    assert bad.value.param == param


@pytest.mark.parametrize(
    ("media", "block"),
    [
        pytest.param(Media("image/jpeg", data="aGk="), image({"url": "data:image/jpeg;base64,aGk="}), id="image"),
        pytest.param(Media("image/*", url="https://x/a"), image({"url": "https://x/a"}), id="image URL"),
        pytest.param(
            Media("image/*", url="https://x/a", detail="low"), image({"url": "https://x/a", "detail": "low"}),
            id="image with detail",
        ),
        pytest.param(
            Media("audio/wav", data="aGk="),
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}, id="sound",
        ),
        pytest.param(
            Media("application/pdf", data="aGk="),
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "document.pdf"}},
            id="a PDF without a name gets one",
        ),
        pytest.param(
            Media("application/pdf", file_id="file-1", name="a.pdf"),
            {"type": "file", "file": {"file_id": "file-1", "filename": "a.pdf"}}, id="file id",
        ),
        pytest.param(
            Media("text/plain", data=base64.b64encode(b"hello").decode(), name="a.txt"),
            {"type": "text", "text": "<document>\n<name>a.txt</name>\nhello\n</document>"}, id="a text with a name",
        ),
        pytest.param(
            Media("application/json", data=base64.b64encode(b"{}").decode()), {"type": "text", "text": "{}"},
            id="a text",
        ),
    ],
)  # fmt: skip
def test_write_media(media: Media, block: dict[str, Any]) -> None:
    assert write_media(media) == block


def test_a_detail_that_not_every_server_knows() -> None:
    losses: list[Loss] = []
    (block,) = write_part(Media("image/*", url="https://x/a", detail="original"), "p", losses)
    assert block == image({"url": "https://x/a", "detail": "high"})
    assert losses == [Loss("p.detail", "original is said as high")]


@pytest.mark.parametrize(
    ("media", "why"),
    [
        pytest.param(Media("image/png", file_id="file-1"), "image", id="an image in a store"),
        pytest.param(Media("audio/wav", url="https://x"), "sound", id="sound elsewhere"),
        pytest.param(Media("video/mp4", data="x"), "video", id="video"),
        pytest.param(Media("application/pdf", url="https://x"), "only as data", id="a PDF elsewhere"),
        pytest.param(Media("application/pdf", file_id="file_01"), "another vendor", id="another vendor's file"),
        pytest.param(Media("text/plain", data="/w=="), "UTF-8", id="no text after all"),
    ],
)
def test_media_that_cannot_be_said(media: Media, why: str) -> None:
    said = write_media(media)
    assert isinstance(said, str)
    assert why in said


def test_a_file_url_goes_back_to_servers_that_take_it() -> None:
    block = {"type": "file", "file": {"file_data": "https://x/a.pdf", "filename": "a.pdf"}}
    (part,) = read_content([block], "c")
    assert isinstance(part, Media)
    assert part.url == "https://x/a.pdf"
    assert write_media(part) == block


def test_what_is_foreign_is_a_loss() -> None:
    losses: list[Loss] = []
    parts: list[Part] = [Opaque("messages", {}), Opaque("chat", {"type": "video_url"}), Text(""), Refusal("no")]
    assert write_parts(parts, "c", losses) == [{"type": "video_url"}, {"type": "text", "text": "no"}]
    assert [loss.path for loss in losses] == ["c[0]"]


def test_texts_become_one_string_where_that_says_the_same() -> None:
    plain: list[dict[str, Any]] = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    marked = [*plain, {"type": "text", "text": "c", "cache_control": {}}]
    assert join_texts(plain, "\n") == "a\nb"
    assert join_texts(marked, "\n") == marked


@pytest.mark.parametrize(
    ("video", "url"),
    [
        (Media("video/webm", data="aGk="), "data:video/webm;base64,aGk="),
        (Media("video/*", data="aGk="), "data:video/mp4;base64,aGk="),
        (Media("video/mp4", url="https://a.test/v"), "https://a.test/v"),
        (Media("video/mp4", file_id="files/x"), ""),
    ],
)
def test_a_video_where_it_is_taken(video: Media, url: str) -> None:
    losses: list[Loss] = []
    wire = [{"type": "video_url", "video_url": {"url": url}}] if url else []
    assert write_parts([video], "c", losses, videos=True) == wire and bool(losses) is not bool(url)


@pytest.mark.parametrize(
    "host",
    ["openrouter.ai/api", "dashscope.aliyuncs.com/compatible-mode", "api.z.ai/api/paas", "vllm", "api.openai.com"],
)
def test_who_takes_videos(host: str) -> None:
    parts = (Text("q"), Media("video/mp4", data="aGk="))
    result = ToolResult("c", (Media("video/mp4", data="aGk="),))
    talk = (Message("user", parts), Message("assistant", (ToolCall("c", "f", "{}"),)), Message("user", (result,)))
    body, losses = encode_request(Request("m", talk), f"https://{host}/v1")
    found = json.dumps(body["messages"]).count('"video_url":')
    assert (found, len(losses)) == ((0, 2) if host == "api.openai.com" else (2, 0))
