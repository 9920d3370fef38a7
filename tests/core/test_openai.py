import json
from typing import Any

import pytest
from openai import APIError

from ccx_addons.core.config import AuthStyle
from ccx_addons.core.neutral import FAULT_STATUS, Fault, FaultKind
from ccx_addons.core.openai import (
    ERROR_TYPES,
    auth_header,
    encode_error,
    encode_stream_error,
)


@pytest.mark.parametrize(
    ("style", "header"),
    [
        ("auto", ("authorization", "Bearer k")),
        ("bearer", ("authorization", "Bearer k")),
        ("x-api-key", ("x-api-key", "k")),
        ("x-goog-api-key", ("x-goog-api-key", "k")),
        ("query", ("?key", "k")),
    ],
)
def test_auth_header(style: AuthStyle, header: tuple[str, str]) -> None:
    assert auth_header("k", style) == header


def test_every_kind_has_a_type() -> None:
    assert ERROR_TYPES.keys() == FAULT_STATUS.keys()


@pytest.mark.parametrize("kind", list(FAULT_STATUS))
def test_error_of_a_kind(kind: FaultKind) -> None:
    status, body = encode_error(Fault(kind, "words"), "r1")
    assert status == FAULT_STATUS[kind]
    assert json.loads(body) == {"error": {"message": "words", "type": ERROR_TYPES[kind], "param": None, "code": None}}


def test_an_upstreams_own_words_come_first() -> None:
    fault = Fault("invalid_request", "no", 422, code="c", type="t", param="p")
    status, body = encode_error(fault, "r1")
    assert (status, json.loads(body)["error"]) == (422, {"message": "no", "type": "t", "param": "p", "code": "c"})


@pytest.mark.parametrize("message", ["words", "two\nlines", "中文", "half \ud800"])
def test_stream_error_is_one_event(message: str) -> None:
    event = encode_stream_error(Fault("server", message))
    assert event.startswith(b"data: ") and event.endswith(b"\n\n") and event.count(b"\n") == 2
    error: dict[str, Any] = json.loads(event[6:])["error"]
    assert error["message"] == message and error["type"] == "server_error"
    assert APIError(error["message"], request=None, body=error).type == "server_error"  # type: ignore[arg-type]
