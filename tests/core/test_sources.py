"""Pages that an answer cites reach every client, in its protocol's own form, whole and streamed."""

import json
from typing import Any

import pytest

from ccx_addons.core.neutral import Fault, Part, Response, Source, Text, Thinking, explode, fold
from ccx_addons.core.sources import (
    grounding,
    nested_citations,
    of_citations,
    of_grounding,
    of_recitation,
    of_url_citations,
    url_citations,
)
from ccx_addons.protocols import TEXT_PROTOCOLS, messages
from tests.core.test_words import KINDS, asked
from tests.protocols.chat.test_laws import accumulate as chat_client
from tests.protocols.responses.values import accumulate as responses_client
from tests.protocols.responses.values import read_frames

PAGE = Source("https://example.com", "T", 1, 3)


def test_forms_of_openai() -> None:
    other = {"type": "file_citation", "file_id": "f", "index": 0}
    assert of_url_citations([*url_citations([PAGE]), other, "x"]) == (PAGE,)
    assert of_url_citations(nested_citations([PAGE], before=5)) == (Source(PAGE.url, "T", 6, 8),)
    assert of_url_citations([{"type": "url_citation", "url": "u", "start_index": 9, "end_index": 2}]) == (
        Source("u", "", 9, 9),
    )


def test_citations_of_claude_are_of_the_whole_block() -> None:
    search = {"type": "web_search_result_location", "url": PAGE.url, "title": "T", "encrypted_index": "E"}
    result = {"type": "search_result_location", "source": "https://b.test", "title": None}
    places = [{"type": "char_location", "document_title": "D"}, {"type": "search_result_location", "source": "note 7"}]
    found = (Source(PAGE.url, "T", 0, 4), Source("https://b.test", "", 0, 4))
    assert of_citations([search, result, *places], 4) == found


@pytest.mark.parametrize(
    ("supports", "found"),
    [
        pytest.param([{"segment": {"startIndex": 1, "endIndex": 3}, "groundingChunkIndices": [0]}], [PAGE], id="a part"),
        pytest.param([{"segment": {"endIndex": 99}, "groundingChunkIndices": [0, 7, "x"]}],
                     [Source(PAGE.url, "T", 0, 4)], id="more than there is"),
        pytest.param([], [Source(PAGE.url, "T", 0, 4)], id="the whole"),
    ],
)  # fmt: skip
def test_grounding(supports: list[Any], found: list[Source]) -> None:
    chunks = [{"web": {"uri": PAGE.url, "title": "T"}}, {"web": {}}]
    assert of_grounding({"groundingChunks": chunks, "groundingSupports": supports}, "text") == tuple(found)


def test_grounding_counts_bytes() -> None:
    support = {"segment": {"startIndex": 3, "endIndex": 6}, "groundingChunkIndices": [0]}
    value = {**grounding([PAGE]), "groundingSupports": [support]}
    assert of_grounding(value, "天气好") == (Source(PAGE.url, "T", 1, 2),)


# ---- in every protocol -----------------------------------------------------------------------------------------------
def sources(parts: tuple[Part, ...]) -> list[Source]:
    return [source for part in parts if isinstance(part, Text) for source in part.sources]


def cited() -> Response:
    parts = (Text("fore"), Thinking("hm"), Text("text", sources=(PAGE,)))
    return Response("r", "m", parts, "end", created=1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_gets_them_whole_and_streamed(kind: Any) -> None:
    client = TEXT_PROTOCOLS[kind]
    body, losses = client.encode_response(cited(), asked())
    encoder, decoder = client.encoder(asked()), client.decoder()
    stream = b"".join(encoder.encode(event) for event in explode(cited()))
    whole, folded = client.decode_response(body), fold([*decoder.feed(stream), *decoder.flush()])
    assert not isinstance(whole, Fault) and not isinstance(folded, Fault)
    assert losses == encoder.losses == []
    assert {(source.url, source.title) for source in sources(whole.parts)} == {(PAGE.url, "T")}
    assert sources(folded.parts) == sources(whole.parts)


def test_places_count_from_the_beginning_of_a_content() -> None:
    answer, _ = TEXT_PROTOCOLS["chat"].encode_response(cited(), asked())
    message = answer["choices"][0]["message"]
    (note,) = message["annotations"]
    place = note["url_citation"]
    assert message["content"][place["start_index"] : place["end_index"]] == "ex"
    encoder = TEXT_PROTOCOLS["chat"].encoder(asked())
    stream = b"".join(encoder.encode(event) for event in explode(cited()))
    assert chat_client(stream)["choices"][0]["message"]["annotations"] == message["annotations"]


def test_the_official_client_of_responses_takes_them() -> None:
    answer, _ = TEXT_PROTOCOLS["responses"].encode_response(cited(), asked())
    encoder = TEXT_PROTOCOLS["responses"].encoder(asked())
    events = read_frames(b"".join(encoder.encode(event) for event in explode(cited())))
    found = accumulated["output"] if (accumulated := responses_client(events)) else []
    notes = [part["annotations"] for item in answer["output"] if item["type"] == "message" for part in item["content"]]
    assert notes[-1] == url_citations([PAGE])
    assert [p["annotations"] for item in found if item["type"] == "message" for p in item["content"]] == notes


def test_what_messages_clients_send_back_is_left_out() -> None:
    answer, _ = messages.encode_response(cited(), asked())
    theirs = {"type": "web_search_result_location", "url": "u", "title": "t", "encrypted_index": "E", "cited_text": "c"}
    answer["content"][-1]["citations"].append(theirs)
    turn = {"role": "assistant", "content": answer["content"]}
    body, losses = messages.without_foreign({"messages": [turn]})
    assert body["messages"][0]["content"][-1]["citations"] == [theirs]
    assert "ccx-" in json.dumps(turn) and "ccx-" not in json.dumps(body)
    assert losses == []


def test_bytes_are_counted_from_the_part_that_is_named() -> None:
    segment = {"partIndex": 1, "startIndex": 0, "endIndex": 4}
    found = {
        "groundingChunks": [{"web": {"uri": PAGE.url}}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
    }
    assert of_grounding(found, "schön. für", {1: 7}) == (Source(PAGE.url, "", 7, 10),)
    assert of_grounding(found, "text. more", {1: 6}) == (Source(PAGE.url, "", 6, 10),)
    assert of_grounding(found, "text") == (Source(PAGE.url, "", 0, 4),)


@pytest.mark.parametrize("field", ["citationSources", "citations"])
def test_recitations(field: str) -> None:
    said = {"startIndex": 1, "endIndex": 3, "uri": PAGE.url, "title": "T", "license": "mit"}
    assert of_recitation({field: [said, {"license": "mit"}]}, "text") == (PAGE,)
