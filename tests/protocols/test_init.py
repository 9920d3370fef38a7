"""What every protocol promises, whichever it is."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import KINDS, TEXT_KINDS, AuthStyle, Key, Kind
from ccx_addons.core.endpoints import ENDPOINTS
from ccx_addons.core.neutral import (
    FAULT_STATUS,
    Event,
    Failed,
    Fault,
    FaultKind,
    Finished,
    Json,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Request,
    Started,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from ccx_addons.core.wire_json import dumps
from ccx_addons.protocols import PROTOCOLS, TEXT_PROTOCOLS, credential
from tests.protocols.values import decoded, encoded
from tests.scheduler.values import channel

ALL: list[Kind] = list(KINDS)


def test_every_kind_has_its_protocol() -> None:
    assert PROTOCOLS.keys() == set(KINDS) and TEXT_PROTOCOLS.keys() == TEXT_KINDS
    assert all(kind == PROTOCOLS[kind].NAME for kind in KINDS)
    assert all(TEXT_PROTOCOLS[kind] is PROTOCOLS[kind] for kind in TEXT_PROTOCOLS)


@pytest.mark.parametrize(
    "endpoint",
    [e for e in ENDPOINTS if e.operation not in ("model", "websocket", "account")],
    ids=lambda e: f"{e.method} {e.pattern}",
)
def test_every_endpoint_has_a_path_upstream(endpoint: object) -> None:
    kind, operation = getattr(endpoint, "kind"), getattr(endpoint, "operation")  # noqa: B009  # rows of a table
    path = PROTOCOLS[kind].upstream_path(operation, "some/model-1.5", False)
    assert path.startswith("/") and " " not in path and not path.startswith("//")


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("style", ["auto", "bearer", "x-api-key", "api-key", "x-goog-api-key", "query"])
@pytest.mark.parametrize("secret", ["sk-ant-api03-x", "sk-ant-oat01-x", "ya29.x", "AIza-x", "plain"])
def test_a_key_is_sent_in_one_place(kind: Kind, style: AuthStyle, secret: str) -> None:
    name, value = PROTOCOLS[kind].auth_header(secret, style)
    own = {style: style for style in ("x-api-key", "api-key", "x-goog-api-key")}
    places = {"bearer": "authorization", **own, "query": "?key"}
    assert name == places.get(style, name) and name in places.values()
    assert value == (f"Bearer {secret}" if name == "authorization" else secret)


@pytest.mark.parametrize(
    ("base_url", "style", "secret", "header"),
    [
        ("https://a.example", "auto", "sk-1", ("authorization", "Bearer sk-1")),
        ("https://a.example", "api-key", "sk-1", ("api-key", "sk-1")),
        ("https://n.openai.azure.com/openai/deployments/d", "auto", "0123", ("api-key", "0123")),
        ("https://n.openai.azure.com/openai/v1", "auto", "eyJ0.x", ("authorization", "Bearer eyJ0.x")),
        ("https://n.openai.azure.com/openai/v1", "bearer", "0123", ("authorization", "Bearer 0123")),
        ("http://localhost:11434", "auto", "", ("", "")),
        ("http://localhost:11434", "query", "", ("", "")),
    ],
)
def test_credential(base_url: str, style: AuthStyle, secret: str, header: tuple[str, str]) -> None:
    where = channel("one", auth=style, base_urls=(base_url,))
    assert credential(where, Key("k", secret), base_url) == header


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("fault_kind", list(FAULT_STATUS))
def test_every_fault_is_an_error_of_the_protocol(kind: Kind, fault_kind: FaultKind) -> None:
    status, body = PROTOCOLS[kind].encode_error(Fault(fault_kind, "the words \ud800"), "x1")
    assert 400 <= status < 600 and json.loads(body)["error"]["message"].startswith("the words")


@pytest.mark.parametrize("kind", ALL)
def test_an_error_is_read_again(kind: Kind) -> None:
    status, body = PROTOCOLS[kind].encode_error(Fault("rate_limit", "slow down", 429), "x1")
    fault = PROTOCOLS[kind].decode_error(status, {}, body)
    assert (fault.kind, fault.message, fault.status) == ("rate_limit", "slow down", 429)


@pytest.mark.parametrize("kind", ALL)
@given(body=st.binary(max_size=60))
def test_nothing_raises_on_any_bytes(kind: Kind, body: bytes) -> None:
    protocol = PROTOCOLS[kind]
    assert protocol.decode_error(500, {}, body).message
    decoder = protocol.decoder()
    for event in [*decoder.feed(body), *decoder.flush()]:
        assert event is not None


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "embeddings"])
@pytest.mark.parametrize("body", [b"", b"data: {}\n\n", b": ping\n\n", b"data: x"])
def test_a_stream_without_its_end_failed(kind: Kind, body: bytes) -> None:
    decoder = PROTOCOLS[kind].decoder()
    assert isinstance([*decoder.feed(body), *decoder.flush()][-1], Failed)


@pytest.mark.parametrize("kind", ALL)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["data", "usage", "choices", "content", "candidates", "output", "error"]), inner
            )
        ),
        max_leaves=6,
    )
)
def test_any_json_is_an_answer_or_a_fault(kind: Kind, value: object) -> None:
    fault = PROTOCOLS[kind].answer_fault(value)
    assert fault is None or fault.message
    PROTOCOLS[kind].usage_of(value)


PIECES = st.lists(
    st.text(min_size=1, max_size=5) | st.sampled_from(['{"a":', '"b', '"', "}", "\\", "<think>"]), max_size=8
)


@pytest.mark.parametrize("kind", TEXT_PROTOCOLS)
@given(said=st.lists(st.tuples(st.sampled_from([Text(""), Thinking(""), ToolCall("c", "f", "")]), PIECES), max_size=5))
def test_a_stream_says_the_same_however_it_is_cut(kind: Kind, said: list[tuple[Part, list[str]]]) -> None:
    """At once, where pieces are alike, and byte by byte, where each event is read for itself."""
    events: list[Event] = [Started("id", "m")]
    for index, (part, pieces) in enumerate(said):
        one = replace(part, id=f"c{index}") if isinstance(part, ToolCall) else part
        events += [PartStarted(index, one), *(PartDelta(index, text) for text in pieces), PartStopped(index)]
    wire = encoded(TEXT_PROTOCOLS[kind].encoder(Request("m", ())), [*events, Finished("end", Usage(1, 2))])
    apart = decoded(TEXT_PROTOCOLS[kind].decoder(), wire, *range(1, len(wire)))
    assert decoded(TEXT_PROTOCOLS[kind].decoder(), wire) == apart


def withheld(reason: str) -> dict[str, Any]:
    return {"content": {"parts": []}, "finishReason": reason, "finishMessage": f"why: {reason}"}


ENDS: list[tuple[Kind, list[dict[str, Any]], dict[str, Any], str]] = [
    (
        "messages",
        [
            {"type": "message_start", "message": {"id": "m", "model": "m", "content": [], "usage": {}}},
            {"type": "message_delta", "delta": {"stop_reason": "model_context_window_exceeded"}, "usage": {}},
            {"type": "message_stop"},
        ],
        {"type": "message", "content": [], "stop_reason": "model_context_window_exceeded"},
        "context_length_exceeded",
    ),
    (
        "chat",
        [{"choices": [{"index": 0, "delta": {}, "finish_reason": "model_context_window_exceeded"}]}],
        {"choices": [{"message": {"content": ""}, "finish_reason": "model_context_window_exceeded"}]},
        "context_length_exceeded",
    ),
    *(
        ("gemini", [{"candidates": [withheld(reason)]}], {"candidates": [withheld(reason)]}, reason)
        for reason in ("MALFORMED_FUNCTION_CALL", "OTHER", "NO_IMAGE")
    ),
]


@pytest.mark.parametrize(("kind", "events", "whole", "code"), ENDS)
def test_an_end_before_a_word_is_the_same_failure_in_both_forms(
    kind: Kind, events: list[dict[str, Any]], whole: dict[str, Any], code: str
) -> None:
    stream = b"".join(b"data: " + dumps(event) + b"\n\n" for event in events)
    *_, event = decoded(TEXT_PROTOCOLS[kind].decoder(), stream + (b"data: [DONE]\n\n" if kind == "chat" else b""))
    assert isinstance(event, Failed) and event.fault.code == code
    assert TEXT_PROTOCOLS[kind].answer_fault(whole) == event.fault


@pytest.mark.parametrize("kind", TEXT_PROTOCOLS)
@pytest.mark.parametrize(
    ("said", "words", "found"),
    [
        ({"code": "Throttling.RateQuota", "message": "slower", "request_id": "r"}, "slower", "rate_limit"),
        ({"error_code": 18, "error_msg": "too many"}, "too many", "server"),
        ({"detail": "who are you?"}, "who are you?", "server"),
        ({"detail": [{"loc": ["body", "top_p"], "msg": "is no number", "type": "v"}]}, "top_p: is no number", "server"),
        ({"errors": [{"code": 7009, "message": "no upstream"}], "success": False}, "no upstream", "server"),
        (
            {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400},
            "too long",
            "invalid_request",
        ),
        ({"code": 503, "msg": "busy"}, "busy", "unavailable"),
        ({"message": "try later"}, "try later", "server"),
    ],
)
def test_an_error_in_words_of_its_own_inside_a_200(
    kind: Kind, said: dict[str, Json], words: str, found: FaultKind
) -> None:
    body = dumps(said)
    *_, event = decoded(TEXT_PROTOCOLS[kind].decoder(), b"data: " + body + b"\n\n")
    assert isinstance(event, Failed) and (event.fault.message, event.fault.kind) == (words, found)
    assert TEXT_PROTOCOLS[kind].answer_fault(said) == event.fault


@pytest.mark.parametrize("kind", TEXT_PROTOCOLS)
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"type": "ping"},
        {"type": "of.tomorrow", "message": "hello"},
        {"status": "ok"},
        {"code": 0, "message": "success"},
        {"success": True, "message": "done"},
        {"request_id": "r"},
    ],
)
def test_what_says_that_all_is_well_is_no_error(kind: Kind, said: dict[str, Json]) -> None:
    *_, event = decoded(TEXT_PROTOCOLS[kind].decoder(), b"data: " + dumps(said) + b"\n\n")
    assert isinstance(event, Failed) and event.fault.message.startswith("the stream ended without")


@pytest.mark.parametrize("kind", TEXT_PROTOCOLS)
def test_an_error_in_words_alone_is_told(kind: Kind) -> None:
    said = b"event: error\ndata: upstream exploded\n\n"
    assert decoded(TEXT_PROTOCOLS[kind].decoder(), said * 2) == [Failed(Fault("server", "upstream exploded"))]
