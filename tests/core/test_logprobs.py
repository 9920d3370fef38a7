from typing import Any

import pytest

from ccx_addons.core.logprobs import Token, as_gemini, as_openai, of_gemini, of_openai, wished


@pytest.mark.parametrize(
    ("extra", "wish"),
    [
        ({}, None),
        ({"messages": {"logprobs": True}}, None),
        ({"chat": {"logprobs": True}}, 0),
        ({"chat": {"top_logprobs": 3}}, None),
        ({"responses": {"top_logprobs": 3}}, 3),
        ({"responses": {"include": ["message.output_text.logprobs"]}}, 0),
        ({"gemini": {"generationConfig": {"responseLogprobs": True, "logprobs": 5}}}, 5),
        ({"gemini": {"generationConfig": {"logprobs": 5}}}, None),
    ],
)
def test_wished(extra: dict[str, Any], wish: int | None) -> None:
    assert wished(extra) == wish


def test_what_is_broken_reads_as_nothing() -> None:
    assert of_openai([{"token": 1, "logprob": "x", "bytes": [1, "a"]}, 3]) == [Token("", 0.0, (1,))]
    assert of_gemini({"chosenCandidates": [{"token": "a"}], "topCandidates": [{}, {"candidates": [{}]}]}) == [
        Token("a", 0.0)
    ]


def test_bytes_are_kept_or_made() -> None:
    half = Token("\ufffd", -1.0, (226, 152))
    assert as_openai([half])[0]["bytes"] == [226, 152]
    assert as_openai([Token("ü", -1.0)])[0]["bytes"] == [195, 188]
    assert "topCandidates" not in as_gemini([half])["logprobsResult"]
