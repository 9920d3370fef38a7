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
        ({"meta": {"billed_units": {"input_tokens": 7}}}, Usage(input=7)),
        ({"model": "m", "prompt_eval_count": 7}, Usage(input=7)),
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
        ({"data": [{"object": "embeddings", "embeddings": [[0.1], [0.2]]}]}, None),
        ({"embeddings": {"float": [[0.1]]}}, None),
        ({"data": []}, "the answer has no embedding"),
        ({"data": [ROW, {"index": 1}]}, "the answer has no embedding"),
        ({}, "the answer has no embedding"),
        ({"error": {"message": "no credit"}}, "no credit"),
    ],
)
def test_answer(body: Any, message: str | None) -> None:
    fault = embeddings.answer_fault(body)
    assert (fault.message if fault else None) == message


FLOATS = [0.5, -1.0]
PACKED = "AAAAPwAAgL8="


@pytest.mark.parametrize(
    ("vector", "asked", "form"),
    [
        pytest.param(FLOATS, "base64", PACKED, id="numbers where base64 was asked for"),
        pytest.param(PACKED, "float", FLOATS, id="base64 where numbers were asked for"),
        pytest.param(PACKED, None, FLOATS, id="base64 where nothing was said"),
        pytest.param(PACKED, "base64", None, id="as asked"),
        pytest.param(FLOATS, None, None, id="numbers as ever"),
        pytest.param({"float": FLOATS}, "base64", None, id="several forms at once"),
        pytest.param(["a"], "base64", None, id="no numbers"),
        pytest.param("not base64!", "float", None, id="no base64"),
        pytest.param("AAA=", "float", None, id="half a number"),
    ],
)
def test_vectors_come_in_the_form_that_was_asked_for(vector: Any, asked: Any, form: Any) -> None:
    found = embeddings.in_form({"data": [{**ROW, "embedding": vector}], "model": "m"}, {"encoding_format": asked})
    assert found == (None if form is None else {"data": [{**ROW, "embedding": form}], "model": "m"})


@pytest.mark.parametrize(
    "body",
    [
        {"embeddings": [FLOATS], "model": "m", "prompt_eval_count": 7},
        {"embeddings": {"float": [FLOATS]}, "model": "m", "meta": {"billed_units": {"input_tokens": 7}}},
    ],
)
@pytest.mark.parametrize(("asked", "vector"), [("float", FLOATS), ("base64", PACKED)])
def test_answers_of_others_are_written_as_openais(body: Any, asked: str, vector: Any) -> None:
    rows = [{"object": "embedding", "index": 0, "embedding": vector}]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    assert embeddings.in_form(body, {"encoding_format": asked}) == {
        "object": "list",
        "data": rows,
        "model": "m",
        "usage": usage,
    }


def test_errors_are_openais() -> None:
    status, body = embeddings.encode_error(Fault("not_found", "no such model"), "x1")
    assert status == 404 and embeddings.decode_error(404, {}, body).message == "no such model"


def test_there_are_no_streams() -> None:
    decoder = embeddings.decoder()
    assert decoder.feed(b"data: {}\n\n") == [] and decoder.flush() == []


@pytest.mark.parametrize("name", ["embedding_type", "output_dtype"])
def test_another_vendors_form_stays(name: str) -> None:
    assert embeddings.in_form({"data": [{**ROW, "embedding": PACKED}]}, {name: "base64"}) is None
