"""Bodies of Images, as the panel shows them."""

import base64
import json
from typing import Any

import pytest

from ccx_addons.core.neutral import Media, Part, Text
from ccx_addons.protocols import gallery, reassembly

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(30)).decode()
PICTURE = Media("image/png", data=PNG)


def form(*parts: tuple[str, bytes]) -> bytes:
    pieces = [b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + data for head, data in parts]
    return b"\r\n".join([*pieces, b"--b--\r\n"])


FORM = form(
    ('name="model"', b"gpt-image-1"),
    ('name="image[]"; filename="a.png"\r\nContent-Type: image/png', base64.b64decode(PNG)),
    ('name="mask"; filename=""\r\nContent-Type: application/octet-stream', b"\r\n--x"),
    ('name="size"', b"1024x1024"),
    ('name="prompt"', "a hat 帽".encode()),
)


def test_a_form() -> None:
    assert gallery.is_form(FORM) and not gallery.is_form(b"--")
    parts, settings = gallery.of_form(FORM)
    assert parts == [
        Text("a hat 帽"),
        Media("image/png", data=PNG, name="a.png"),
        Media("application/octet-stream", data=base64.b64encode(b"\r\n--x").decode(), name="mask"),
    ]
    assert settings == {"size": "1024x1024"}


def test_a_form_that_is_cut_anywhere() -> None:
    for end in range(len(FORM)):
        gallery.of_form(FORM[:end])


@pytest.mark.parametrize(
    ("members", "parts"),
    [
        pytest.param({"prompt": "x", "n": 2}, [Text("x")], id="words"),
        pytest.param(
            {"images": [{"image_url": "https://a.test/x.png"}, {"file_id": "file-1"}]},
            [Media("image", url="https://a.test/x.png"), Media("image", file_id="file-1")],
            id="by name",
        ),
        pytest.param({"image": f"data:image/png;base64,{PNG}"}, [PICTURE], id="as data"),
        pytest.param({"image": [PNG], "mask": {"image_url": {"url": PNG}}}, [PICTURE, Media("image/png", data=PNG, name="mask")], id="bare"),
        pytest.param({"image": 7, "images": [None, {}], "prompt": None}, [], id="nothing"),
    ],
)  # fmt: skip
def test_json(members: dict[str, Any], parts: list[Part]) -> None:
    found, settings = gallery.of_json(members)
    assert (found, settings) == (parts, {name: value for name, value in members.items() if name == "n"})


EVENT = {"type": "image_generation.partial_image", "b64_json": PNG, "output_format": "png"}


@pytest.mark.parametrize(
    ("text", "parts", "fault"),
    [
        pytest.param({"data": [{"b64_json": PNG}]}, [PICTURE], None, id="data"),
        pytest.param(
            {"data": [{"url": "https://a.test/x", "revised_prompt": "a cat"}]},
            [Text("a cat"), Media("image", url="https://a.test/x")],
            None,
            id="an address, and the words it was made from",
        ),
        pytest.param({"error": {"message": "no"}}, [], "no", id="an error"),
        pytest.param('{"data": [{"b64_json": "iVBO', [], None, id="cut"),
        pytest.param(f"data: {json.dumps(EVENT)}\n\ndata: {{", [PICTURE], None, id="a stream, cut"),
        pytest.param('data: {"error": {"message": "no"}}\n\n', [], "no", id="a stream that fails"),
    ],
)
def test_answers(text: Any, parts: list[Part], fault: str | None) -> None:
    found, wrong = gallery.answered(text if isinstance(text, str) else json.dumps(text))
    assert (found, wrong and wrong.message) == (parts, fault)


def test_the_panel_shows_pictures_and_prints_no_bytes() -> None:
    asked = reassembly.asked("images", "m", False, {"base64": base64.b64encode(FORM).decode()})
    answer = reassembly.answer("images", {"text": json.dumps({"data": [{"b64_json": PNG}]})})
    shown = [piece.pictures for piece in (*asked.turns[0].pieces, *answer.pieces)]
    assert shown == [(), (f"data:image/png;base64,{PNG}",), (), (f"data:image/png;base64,{PNG}",)]
    svg = reassembly.piece(Media("image/svg+xml", data=base64.b64encode(b"<svg onload=x>").decode()))
    assert not svg.pictures and not asked.raw and not answer.raw


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("images", {"text": '{"data": [{"b64_json": "' + "A" * 4000, "truncated": True}, "[base64, 3 KB]"),
        ("embeddings", {"text": json.dumps({"data": [{"embedding": [0.5] * 1536}]})}, "[0.5, 0.5, 0.5, ... 1536 numbers]"),
        ("chat", {"text": '{"messages": [{"content": "' + "A" * 4000, "truncated": True}, "[base64, 3 KB]"),
    ],
)  # fmt: skip
def test_what_nobody_can_read_is_told_by_its_size(kind: Any, body: dict[str, Any], words: str) -> None:
    raw = reassembly.answer(kind, body).raw if kind != "chat" else reassembly.asked(kind, "m", False, body).raw
    assert words in raw and len(raw) < 300
