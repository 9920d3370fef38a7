from typing import Any

import pytest

from ccx_addons.core.neutral import Fault, Usage
from ccx_addons.protocols import embeddings

ROW = {"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}


def test_paths() -> None:
    assert embeddings.upstream_path("embeddings", "m", False) == "/embeddings"
    assert embeddings.upstream_path("models", "m", False) == "/models"


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({"usage": {"prompt_tokens": 5, "total_tokens": 5}}, Usage(input=5)),
        ({"usage": {"total_tokens": 7}}, Usage(input=7)),
        ({"usage": {}}, None),
        ({}, None),
        ([], None),
        ({"usage": {"prompt_tokens": "5"}}, None),
    ],
)
def test_usage(body: Any, usage: Usage | None) -> None:
    assert embeddings.usage_of(body) == usage


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"data": [ROW]}, None),
        ({"data": [ROW, {**ROW, "embedding": "base64=="}]}, None),
        ({"data": []}, "the answer has no embedding"),
        ({"data": [ROW, {"index": 1}]}, "the answer has no embedding"),
        ({}, "the answer has no embedding"),
        ({"error": {"message": "no credit"}}, "no credit"),
    ],
)
def test_answer(body: Any, message: str | None) -> None:
    fault = embeddings.answer_fault(body)
    assert (fault.message if fault else None) == message


def test_errors_are_openais() -> None:
    status, body = embeddings.encode_error(Fault("not_found", "no such model"), "x1")
    assert status == 404 and embeddings.decode_error(404, {}, body).message == "no such model"


def test_there_are_no_streams() -> None:
    decoder = embeddings.decoder()
    assert decoder.feed(b"data: {}\n\n") == [] and decoder.flush() == []
