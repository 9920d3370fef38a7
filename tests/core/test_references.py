"""Ids by which one request names what an earlier one left behind."""

import json
import re
from typing import Any

import pytest

from ccx_addons.core.references import ID, conversation_of, files_of, handed_out, id_of_stream, items_of, may_name_files


@pytest.mark.parametrize("id", ["resp_68a0b1", "msg-1", "rs_0:1.2", "a==", "x" * 200])
def test_ids(id: str) -> None:
    assert ID.fullmatch(id)


@pytest.mark.parametrize(
    "id", ["", "..", ".", "a/b", "a\\b", "a%2Fb", "a?b", "a#b", "a b", "a\n", "x" * 201, "\u0430", "_"]
)
def test_no_ids(id: str) -> None:
    assert not ID.fullmatch(id)


@pytest.mark.parametrize(
    ("item", "refers"),
    [
        ({"type": "item_reference", "id": "i"}, True),
        ({"id": "i"}, True),
        ({"id": "i", "type": None}, True),
        ({"id": "i", "type": "image_generation_call"}, True),
        ({"id": "i", "type": "image_generation_call", "result": "AAAA"}, False),
        ({"id": "i", "role": "assistant", "content": "x"}, False),
        ({"id": "i", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, False),
    ],
)
def test_items_that_are_only_named(item: dict[str, Any], refers: bool) -> None:
    assert items_of({"input": ["x", item]}) == (["i"] if refers else [])


def test_a_reference_without_an_id_names_nothing_that_is_there() -> None:
    assert items_of({"input": [{"type": "item_reference", "id": 7}]}) == [""] and items_of({"input": "hi"}) == []


@pytest.mark.parametrize(("value", "id"), [("c", "c"), ({"id": "c"}, "c"), (None, ""), ({}, ""), ("", "")])
def test_conversations(value: Any, id: str) -> None:
    assert conversation_of({"conversation": value}) == id


@pytest.mark.parametrize(
    ("opening", "id"),
    [
        (
            b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1","object":"response"',
            "resp_1",
        ),
        (
            b'data: {"response": {"object": "response", "id" : "resp_1", "tools": []}, "type": "response.created"}',
            "resp_1",
        ),
        (b'data: {"response":{"id":"../x"}}', ""),
        (b'data: {"response":{"id":"re\\u0073p"}}', ""),
        (b'data: {"response":{"tools":[{"id":"x"}]}}', ""),
        (b'data: {"response":{"id":"resp', ""),
        (b"", ""),
    ],
)
def test_the_id_of_a_stream_stands_in_its_first_event(opening: bytes, id: str) -> None:
    assert id_of_stream(opening) == id


FILES = [
    pytest.param({"input": [{"content": [{"type": "input_file", "file_id": "f"}]}]}, id="Responses"),
    pytest.param(
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["f"]}}]}, id="tool"
    ),
    pytest.param({"messages": [{"content": [{"type": "file", "file": {"file_id": "f"}}]}]}, id="Chat"),
    pytest.param(
        {"messages": [{"content": [{"type": "document", "source": {"type": "file", "file_id": "f"}}]}]}, id="Claude"
    ),
    pytest.param({"messages": [{"content": [{"type": "container_upload", "file_id": "f"}]}]}, id="Claude's container"),
    pytest.param({"contents": [{"parts": [{"fileData": {"fileUri": "f"}}]}]}, id="Gemini"),
    pytest.param({"contents": [{"parts": [{"file_data": {"file_uri": "f"}}]}]}, id="Gemini in small letters"),
    pytest.param({"tools": [{"type": "file_search", "vector_store_ids": ["f"]}]}, id="store of files"),
    pytest.param({"tools": [{"fileSearch": {"fileSearchStoreNames": ["f"]}}]}, id="Gemini's store"),
    pytest.param({"cachedContent": "f"}, id="Gemini's cache"),
    pytest.param({"cached_content": "f"}, id="Gemini's cache in small letters"),
    pytest.param({"container": {"skills": [{"type": "custom", "skill_id": "skill_f"}]}}, id="skill"),
]
NO_FILES = [
    {"messages": [{"content": [{"type": "tool_use", "input": {"file_id": "f"}}]}]},
    {
        "contents": [
            {
                "parts": [
                    {"functionCall": {"args": {"fileUri": "f"}}},
                    {"functionResponse": {"response": {"file_id": "f"}}},
                ]
            }
        ]
    },
    {"tools": [{"function": {"parameters": {"properties": {"file_id": {"type": "string"}}}}}]},
    {"contents": [{"parts": [{"fileData": {"fileUri": "https://www.youtube.com/watch?v=x"}}]}]},
    {"container": {"skills": [{"type": "anthropic", "skill_id": "pptx"}]}},
    {"input": "file_id", "cachedContent": None, "metadata": {"file_id": "f"}},
]


def spelled_oddly(name: str) -> str:
    """With letters that are s and k where case does not count."""
    return name.replace("s", "\u017f").replace("k", "\u212a")


@pytest.mark.parametrize("body", FILES)
def test_files_of_an_account(body: dict[str, Any]) -> None:
    assert [name.removeprefix("skill_") for name in files_of(body)] == ["f"]
    written = json.dumps(body).encode()
    assert may_name_files(written)
    small = re.findall('[a-zA-Z_]+(?=":)', written.decode())
    for spelled in (str.upper, str.title, spelled_oddly):
        other = written.decode()
        for name in small:
            other = other.replace(f'"{name}":', f'"{spelled(name)}":')
        assert list(files_of(json.loads(other))) == list(files_of(body))
        assert may_name_files(other.encode()) and may_name_files(json.dumps(json.loads(other)).encode())
    for letter in b"filecahd_sk":
        escaped = written.replace(bytes([letter]), b"\\u00%02x" % letter)
        assert may_name_files(escaped) and json.loads(escaped) == body


@pytest.mark.parametrize("body", NO_FILES)
def test_what_names_no_file(body: dict[str, Any]) -> None:
    assert list(files_of(body)) == []


@pytest.mark.parametrize(
    "uri", ["gs://bucket/x", "files/x", "https://generativelanguage.googleapis.com/v1beta/files/x", "x"]
)
def test_files_of_googles(uri: str) -> None:
    assert list(files_of({"fileUri": uri})) == [uri]


def test_what_an_answer_hands_out() -> None:
    answer = {"id": "resp_1", "output": [{"id": "msg_1"}, {"type": "x"}, {"id": "../x"}, {"id": 5}]}
    assert handed_out(answer) == ["resp_1", "msg_1"] and handed_out({}) == []
