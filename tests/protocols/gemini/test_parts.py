import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.neutral import NO_EXTRA, Json, Loss, Media, Refusal, Text, ToolCall, ToolResult
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.gemini.parts import (
    read_arguments,
    read_media,
    read_result,
    read_signature,
    texts_of,
    without_foreign,
    write_call,
    write_media,
    write_result,
    write_signature,
)

FILE = "https://generativelanguage.googleapis.com/v1beta/files/abc"


# ---- signatures ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(None, (None, "gemini"), id="none"),
        pytest.param("", (None, "gemini"), id="empty"),
        pytest.param(3, (None, "gemini"), id="no text"),
        pytest.param("c2ln", ("c2ln", "gemini"), id="its own"),
        pytest.param("skip_thought_signature_validator", (None, "gemini"), id="a placeholder"),
        pytest.param("context_engineering_is_the_way_to_go", (None, "gemini"), id="the other placeholder"),
        pytest.param(base64.b64encode(b"ccx-messages:s=g").decode(), ("s=g", "messages"), id="another's"),
        pytest.param(base64.b64encode(b"ccx-messages").decode(), ("Y2N4LW1lc3NhZ2Vz", "gemini"), id="no origin"),
        pytest.param("Y2N4L", ("Y2N4L", "gemini"), id="cut"),
        pytest.param(base64.b64encode(b"ccx-\xff:x").decode(), ("Y2N4Lf86eA==", "gemini"), id="no text in it"),
    ],
)
def test_read_signature(text: Json, found: tuple[str | None, str]) -> None:
    assert read_signature({"thoughtSignature": text}) == found


@given(
    st.text(st.characters(codec="utf-8"), min_size=1), st.sampled_from(["messages", "chat", "responses"]), st.booleans()
)
def test_foreign_signatures_survive(signature: str, origin: str, url_safe: bool) -> None:
    wire = write_signature(signature, origin)
    if url_safe:
        wire = wire.translate(str.maketrans("+/", "-_"))
    assert read_signature({"thoughtSignature": wire}) == (signature, origin)


def test_own_signatures_stay() -> None:
    assert write_signature("c2ln", "gemini") == "c2ln"


THEIRS = write_signature("c2ln", "messages")
RETURNED = base64.b64encode(b"ccx-gemini:c2ln").decode()
CALL = {"functionCall": {"name": "f", "args": {}}}


@pytest.mark.parametrize(
    ("part", "left", "lost"),
    [
        pytest.param({**CALL, "thoughtSignature": "c2ln"}, {**CALL, "thoughtSignature": "c2ln"}, False, id="its own"),
        pytest.param({**CALL, "thoughtSignature": "skip_thought_signature_validator"},
                     {**CALL, "thoughtSignature": "skip_thought_signature_validator"}, False, id="a placeholder"),
        pytest.param({**CALL, "thoughtSignature": THEIRS}, CALL, True, id="another's on a call"),
        pytest.param({**CALL, "thought_signature": THEIRS}, CALL, True, id="under its other name"),
        pytest.param({"text": "hi", "thoughtSignature": THEIRS}, {"text": "hi"}, True, id="another's on a text"),
        pytest.param({"text": "", "thoughtSignature": THEIRS}, None, True, id="another's on nothing"),
        pytest.param({"text": "hm", "thought": True, "thoughtSignature": THEIRS}, None, True, id="another's thought"),
        pytest.param({**CALL, "thought_signature": RETURNED}, {**CALL, "thought_signature": "c2ln"}, False, id="its own come home"),
        pytest.param({"text": THEIRS}, {"text": THEIRS}, False, id="said"),
        pytest.param("odd", "odd", False, id="odd"),
    ],
)  # fmt: skip
def test_an_upstream_of_this_protocol_reads_only_its_own(part: Json, left: Json, lost: bool) -> None:
    asked = {"role": "user", "parts": [{"text": "hi"}]}
    for parts in (part, [part]):
        body = {"contents": [asked, {"role": "model", "parts": parts}]}
        found, losses = without_foreign(body)
        if part == left:
            assert found is body
        else:
            said = [{"role": "model", "parts": [left]}] if left else []
            assert found == {"contents": [asked, *said]}
        assert [loss.path for loss in losses] == (["contents[1].parts[0]"] if lost else [])


def test_one_content_in_place_of_a_list() -> None:
    body = {"contents": {"parts": {**CALL, "thoughtSignature": THEIRS}}}
    assert without_foreign(body)[0] == {"contents": [{"parts": [CALL]}]}
    assert without_foreign({"contents": "hi"}) == ({"contents": "hi"}, [])


# ---- calls -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "args", "lost"),
    [
        pytest.param('{"a": 1}', {"a": 1}, False, id="an object"),
        pytest.param("", {}, False, id="nothing"),
        pytest.param(" ", {}, False, id="blank"),
        pytest.param("[1]", {"raw_arguments": "[1]"}, True, id="a list"),
        pytest.param('{"a": ', {"raw_arguments": '{"a": '}, True, id="cut"),
    ],
)
def test_write_call(arguments: str, args: dict[str, Any], lost: bool) -> None:
    losses: list[Loss] = []
    part = write_call(ToolCall("c", "f", arguments), "g", "here", losses)
    assert part == {"functionCall": {"id": "c", "name": "g", "args": args}}
    assert [loss.path for loss in losses] == (["here"] if lost else [])


def test_a_call_without_id() -> None:
    part = write_call(ToolCall("", "f", "{}", {"gemini": {"thoughtSignature": "c2ln"}}), "f", "", [])
    assert part == {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"a": "ü"}, '{"a":"ü"}'),
        (None, "{}"),
        ([1], "{}"),
        ({"raw_arguments": "[1"}, "[1"),
        ({"raw_arguments": 1}, '{"raw_arguments":1}'),
    ],
)
def test_read_arguments(args: Json, text: str) -> None:
    assert read_arguments(args) == text


# ---- results ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "failed", "response"),
    [
        pytest.param("sun", False, {"result": "sun"}, id="text"),
        pytest.param("", False, {"result": ""}, id="nothing"),
        pytest.param("5", False, {"result": "5"}, id="a number"),
        pytest.param("[1]", False, {"result": "[1]"}, id="a list"),
        pytest.param('{"a": 1}', False, {"a": 1}, id="an object"),
        pytest.param('{"a": ', False, {"result": '{"a": '}, id="a cut object"),
        pytest.param('{"error": 1}', False, {"result": '{"error": 1}'}, id="an object that would read as an error"),
        pytest.param('{"output": "x"}', False, {"result": '{"output": "x"}'}, id="an object that would read as text"),
        pytest.param('{"output": "x", "b": 1}', False, {"output": "x", "b": 1}, id="an object with more"),
        pytest.param("no", True, {"error": "no"}, id="an error"),
        pytest.param('{"code":1}', True, {"error": {"code": 1}}, id="an error with fields"),
    ],
)
def test_results_are_objects(text: str, failed: bool, response: dict[str, Any]) -> None:
    wire = write_result(ToolResult("c", (), failed), [text])
    assert wire == response
    said = "" if text == "" else dump_text(response) if text == '{"a": 1}' or "b" in response else text
    assert read_result(wire, None) == ((Text(said),) if said else (), failed)


@pytest.mark.parametrize(
    ("response", "parts", "found", "failed"),
    [
        pytest.param({"output": "x"}, None, (Text("x"),), False, id="google's word"),
        pytest.param({"result": [1]}, None, (Text('{"result":[1]}'),), False, id="not a text"),
        pytest.param({"result": "a", "more": 1}, None, (Text('{"result":"a","more":1}'),), False, id="not alone"),
        pytest.param({"error": "a", "more": 1}, None, (Text('{"error":"a","more":1}'),), False, id="an error beside a result"),
        pytest.param({}, None, (), False, id="nothing"),
        pytest.param({}, [{"inline_data": {"mime_type": "image/png", "data": "aGk="}}, 3, {}], (Media("image/png", data="aGk="),), False, id="media"),
    ],
)  # fmt: skip
def test_read_result(response: dict[str, Any], parts: Json, found: tuple[Any, ...], failed: bool) -> None:
    assert read_result(response, parts) == (found, failed)


def test_texts_of() -> None:
    assert texts_of([Text("a"), Media("image/png", data=""), Refusal("b")]) == ["a", "b"]


# ---- media -----------------------------------------------------------------------------------------------------------
KEPT = {"gemini": {"videoMetadata": {"fps": 2}}}


@pytest.mark.parametrize(
    ("media", "part"),
    [
        pytest.param(Media("image/png", data="aGk="), {"inlineData": {"mimeType": "image/png", "data": "aGk="}}, id="image"),
        pytest.param(Media("audio/L16;rate=24000", data="aGk="), {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "aGk="}}, id="audio"),
        pytest.param(Media("video/mp4", url="https://x.test/v", extra=KEPT), {"fileData": {"fileUri": "https://x.test/v", "mimeType": "video/mp4"}, "videoMetadata": {"fps": 2}}, id="address and side-car"),
        pytest.param(Media("image/png", file_id=FILE), {"fileData": {"fileUri": FILE, "mimeType": "image/png"}}, id="a file of Google's"),
        pytest.param(Media("", url="https://x.test/x"), {"fileData": {"fileUri": "https://x.test/x"}}, id="no type"),
    ],
)  # fmt: skip
def test_media_both_ways(media: Media, part: dict[str, Any]) -> None:
    assert write_media(media) == part
    assert read_media(part) == media


@pytest.mark.parametrize(
    ("media", "part"),
    [
        pytest.param(Media("image/jpg", data="x"), {"inlineData": {"mimeType": "image/jpeg", "data": "x"}}, id="a wrong name"),
        pytest.param(Media("image/*", data="iVBORw0K"), {"inlineData": {"mimeType": "image/png", "data": "iVBORw0K"}}, id="by its beginning"),
        pytest.param(Media("", data="JVBERi0x"), {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0x"}}, id="pdf by its beginning"),
        pytest.param(Media("application/octet-stream", data="x", name="a.wav"), {"inlineData": {"mimeType": "audio/x-wav", "data": "x"}}, id="by its name"),
        pytest.param(Media("application/json", data="x"), {"inlineData": {"mimeType": "text/plain", "data": "x"}}, id="text by another name"),
        pytest.param(Media("image/svg+xml", data="x"), "image/svg+xml is no image type that is taken", id="svg"),
        pytest.param(Media("image/gif", data="x"), "image/gif is no image type that is taken", id="gif"),
        pytest.param(Media("application/zip", data="x"), "application/zip is not taken", id="zip"),
        pytest.param(Media("", data="x"), "media of unknown type is not taken", id="unknown"),
        pytest.param(Media("image/*", url="https://x.test/a.png?b"), {"fileData": {"fileUri": "https://x.test/a.png?b", "mimeType": "image/png"}}, id="by the address"),
        pytest.param(Media("", url="data:image/webp;base64,aGk="), {"inlineData": {"mimeType": "image/webp", "data": "aGk="}}, id="data address"),
        pytest.param(Media("image/png", file_id="file-abc"), "a file stored at another vendor cannot be read here", id="another vendor's file"),
    ],
)  # fmt: skip
def test_write_media(media: Media, part: dict[str, Any] | str) -> None:
    assert write_media(media) == part


@pytest.mark.parametrize(
    ("part", "media"),
    [
        pytest.param({"text": "x"}, None, id="neither"),
        pytest.param({"fileData": {"fileUri": ""}}, None, id="no address"),
        pytest.param({"inlineData": {"mimeType": "image/png", "data": "-_", "displayName": "n"}}, Media("image/png", data="+/", name="n"), id="url-safe"),
        pytest.param({"fileData": {"file_uri": "gs://b/o", "mime_type": "video/mp4"}}, Media("video/mp4", file_id="gs://b/o"), id="a bucket"),
    ],
)  # fmt: skip
def test_read_media(part: dict[str, Any], media: Media | None) -> None:
    assert read_media(part) == media
    assert media is None or media.extra is NO_EXTRA


def test_a_video_that_google_plays_is_no_document_elsewhere() -> None:
    assert read_media({"fileData": {"fileUri": "https://youtu.be/x"}}) == Media("video/*", url="https://youtu.be/x")
