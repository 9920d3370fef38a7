"""``image_url_to_b64``: pictures that are named by address, in requests and in the answers of image models."""

import base64
from pathlib import Path
from typing import Any

import openai
import pytest

from scripts.fake.answers import PIXEL
from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

QUIRK = ["image_url_to_b64"]


def client(program: Program) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{program.url}/v1", api_key=CLIENT_KEY, max_retries=0)


@pytest.mark.parametrize(
    ("prompt", "asked", "found"),
    [
        pytest.param("a pixel", {}, [True, True], id="both come"),
        pytest.param("a pixel", {"response_format": "b64_json"}, [True, True], id="the upstream has them itself"),
        pytest.param("a pixel", {"response_format": "url"}, [False, False], id="addresses are asked for"),
        pytest.param("one is gone", {}, [True, False], id="one cannot be fetched"),
    ],
)
def test_an_image_models_answer_has_the_pictures(
    fake: Fake, tmp_path: Path, prompt: str, asked: dict[str, Any], found: list[bool]
) -> None:
    with running_program(tmp_path, channel("a", fake.url, "images", quirks=QUIRK)) as program:
        raw = client(program).images.with_raw_response.generate(model="dall-e-2", prompt=prompt, n=2, **asked)
        answer = raw.parse()
        assert answer.data
        got = answer.data if asked.get("response_format") != "b64_json" else [*answer.data, *answer.data]
        assert [picture.b64_json == PIXEL for picture in got] == found
        assert [picture.url is None for picture in got] == found
        lost = found == [True, False]
        assert raw.headers.get("x-ccx-losses") == ("image_url" if lost else None)
        row = program.row(raw.headers["x-ccx-request-id"])
        assert row["state"] == "ok" and ("no picture" in row["losses"]) == lost


def test_a_form_may_ask_for_addresses(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "images", quirks=QUIRK)) as program:
        pixel = ("a.png", base64.b64decode(PIXEL), "image/png")
        edit = client(program).images.edit
        plain = edit(model="dall-e-2", image=pixel, prompt="more").data
        addressed = edit(model="dall-e-2", image=pixel, prompt="more", response_format="url").data
        assert plain and plain[0].b64_json == PIXEL
        assert addressed and addressed[0].url and not addressed[0].b64_json


@pytest.mark.parametrize("kind", ["chat", "gemini"])
def test_an_upstream_gets_the_picture_of_a_prompt(fake: Fake, tmp_path: Path, kind: str) -> None:
    parts: list[Any] = [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": f"{fake.url}/__picture/a.png"}},
    ]
    with running_program(tmp_path, channel("a", fake.url, kind, quirks=QUIRK, serves=[kind, "chat"])) as program:
        fake.clear()
        raw = client(program).chat.completions.with_raw_response.create(
            model="gpt-4.1", messages=[{"role": "user", "content": parts}]
        )
        assert raw.parse().choices[0].message.content and "x-ccx-losses" not in raw.headers
        (request,) = fake.requests()
        assert PIXEL in request["text"] and "__picture" not in request["text"]
