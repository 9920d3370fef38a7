from typing import Any

import pytest

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Loss, Media, Opaque, Part, Refusal, Text, Thinking
from ccx_addons.protocols.responses.parts import read_content, write_media, write_parts
from tests.protocols.responses.values import CITATION, SOURCE, own

PNG = "data:image/png;base64,aGk="
PDF = "data:application/pdf;base64,aGk="


@pytest.mark.parametrize(
    ("block", "part"),
    [
        pytest.param({"type": "input_text", "text": "a"}, Text("a"), id="input_text"),
        pytest.param({"type": "text", "text": "a"}, Text("a"), id="text"),
        pytest.param("a", Text("a"), id="a bare string"),
        pytest.param(
            {"type": "output_text", "text": "a", "annotations": [], "logprobs": []}, Text("a"), id="empty lists say nothing"
        ),
        pytest.param(
            {"type": "output_text", "text": "a", "annotations": [CITATION]}, Text("a", own(annotations=[CITATION]), sources=(SOURCE,)), id="cited"
        ),
        pytest.param({"type": "refusal", "refusal": "no"}, Refusal("no"), id="refusal"),
        pytest.param(
            {"type": "input_image", "image_url": PNG, "detail": "low"},
            Media("image/png", data="aGk=", detail="low"),
            id="image data",
        ),
        pytest.param(
            {"type": "input_image", "image_url": "https://x.test/a"}, Media("image/*", url="https://x.test/a"), id="image url"
        ),
        pytest.param(
            {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}},
            Media("image/png", data="aGk=", detail="high"),
            id="image as Chat writes it",
        ),
        pytest.param(
            {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "aGk="}},
            Media("image/gif", data="aGk="),
            id="image as Messages writes it",
        ),
        pytest.param(
            {"type": "image", "source": {"type": "url", "url": "https://x.test/a"}},
            Media("image/*", url="https://x.test/a"),
            id="image url as Messages writes it",
        ),
        pytest.param(
            {"type": "input_image", "file_id": "file-1", "detail": "auto"},
            Media("image/*", file_id="file-1", detail="auto"),
            id="image file",
        ),
        pytest.param(
            {"type": "input_image", "image_url": PNG, "detail": 3}, Media("image/png", data="aGk="), id="a detail of no type"
        ),
        pytest.param(
            {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
            Media("application/pdf", data="aGk=", name="a.pdf"),
            id="file data",
        ),
        pytest.param(
            {"type": "input_file", "filename": "a.csv", "file_data": "aGk="},
            Media("text/csv", data="aGk=", name="a.csv"),
            id="bare file data",
        ),
        pytest.param(
            {"type": "input_file", "file_url": "https://x.test/a"}, Media("application/pdf", url="https://x.test/a"), id="file url"
        ),
        pytest.param({"type": "input_file", "file_id": "file-1"}, Media("application/pdf", file_id="file-1"), id="file id"),
        pytest.param(
            {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
            Media("application/pdf", data="aGk=", name="a.pdf"),
            id="file as Chat writes it",
        ),
        pytest.param(
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}, Media("audio/mpeg", data="aGk="), id="sound"
        ),
        pytest.param({"type": "x", "a": 1}, Opaque("responses", {"type": "x", "a": 1}), id="unknown"),
    ],
)  # fmt: skip
def test_reading(block: Any, part: Part) -> None:
    assert read_content([block], "p") == (part,)


def test_strings_and_nothing() -> None:
    assert read_content("a", "p") == (Text("a"),)
    assert read_content("", "p") == read_content(None, "p") == ()
    assert read_content("a", "p", {"id": "msg_1"}) == (Text("a", own(item={"id": "msg_1"})),)


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (5, "p"),
        ([5], "p[0]"),
        ([{"text": "a"}], "p[0]"),
        ([{"type": "input_text"}], "p[0].text"),
        (["a", {"type": "refusal", "refusal": 1}], "p[1].refusal"),
        ([{"type": "input_image"}], "p[0].image_url"),
        ([{"type": "input_image", "file_id": 1}], "p[0].file_id"),
        ([{"type": "input_file", "filename": "a"}], "p[0].file_data"),
        ([{"type": "input_file", "file_url": 1}], "p[0].file_url"),
        ([{"type": "input_audio", "input_audio": {"data": "aGk="}}], "p[0].input_audio.format"),
    ],
)
def test_what_cannot_be_read_is_named(content: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_content(content, "p")
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("media", "block"),
    [
        pytest.param(Media("image/png", data="aGk="), {"type": "input_image", "image_url": PNG}, id="image"),
        pytest.param(Media("image/*", data="aGk="), {"type": "input_image", "image_url": PNG}, id="image of no type"),
        pytest.param(
            Media("image/*", file_id="file-1", detail="original"),
            {"type": "input_image", "file_id": "file-1", "detail": "original"},
            id="image file",
        ),
        pytest.param(
            Media("application/pdf", data="aGk="),
            {"type": "input_file", "filename": "file.pdf", "file_data": PDF},
            id="file without a name",
        ),
        pytest.param(
            Media("application/octet-stream", data="aGk=", name="a.pdf"),
            {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
            id="type by name",
        ),
        pytest.param(
            Media("text/plain", data="aGk=", name="notes"),
            {"type": "input_file", "filename": "notes", "file_data": "data:text/plain;base64,aGk="},
            id="text",
        ),
        pytest.param(
            Media("audio/mpeg", data="aGk="), {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}, id="sound"
        ),
    ],
)  # fmt: skip
def test_writing_media(media: Media, block: dict[str, Any]) -> None:
    assert write_media(media) == block


@pytest.mark.parametrize(
    "media",
    [
        Media("video/mp4", data="aGk="),
        Media("audio/flac", data="aGk="),
        Media("audio/wav", url="https://x.test/a"),
        Media("image/*", file_id="file_01anthropic"),
        Media("application/pdf", file_id="files/gemini"),
    ],
)
def test_media_that_has_no_place(media: Media) -> None:
    assert isinstance(write_media(media), str)
    losses: list[Loss] = []
    assert write_parts([Text("a"), media], "p", False, losses) == [{"type": "input_text", "text": "a"}]
    assert [loss.path for loss in losses] == ["p[1]"]


@pytest.mark.parametrize(
    ("part", "assistant", "blocks"),
    [
        pytest.param(Text("a"), True, [{"type": "output_text", "text": "a"}], id="output"),
        pytest.param(Text(""), False, [], id="blank"),
        pytest.param(Text("a", {"messages": {"cache_control": {}}}), False, [{"type": "input_text", "text": "a"}], id="foreign extra"),
        pytest.param(Text("a", own(item={"id": "m"})), True, [{"type": "output_text", "text": "a"}], id="item"),
        pytest.param(Refusal("no"), True, [{"type": "refusal", "refusal": "no"}], id="refusal"),
        pytest.param(Refusal("no"), False, [{"type": "input_text", "text": "no"}], id="another's refusal"),
        pytest.param(Opaque("responses", {"type": "x"}), False, [{"type": "x"}], id="opaque"),
    ],
)  # fmt: skip
def test_writing(part: Part, assistant: bool, blocks: list[dict[str, Any]]) -> None:
    losses: list[Loss] = []
    assert write_parts([part], "p", assistant, losses) == blocks
    assert losses == []


@pytest.mark.parametrize(
    ("part", "assistant"),
    [(Opaque("chat", {}), False), (Thinking("hm"), True), (Media("image/png", data="aGk="), True)],
)
def test_parts_that_have_no_place(part: Part, assistant: bool) -> None:
    losses: list[Loss] = []
    assert write_parts([part], "p", assistant, losses) == []
    assert [loss.path for loss in losses] == ["p[0]"]
