"""Conversions give what the golden files say, and the strict upstreams take every request of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from ccx_addons.core.neutral import Fault, Part, Response, ToolCall, fold
from ccx_addons.core.wire_json import dumps, loads
from ccx_addons.protocols import TEXT_PROTOCOLS
from scripts.fake import strict
from tests.golden.matrix import FOLDER, KINDS, MODELS, PAIRS, expected, read

EXPECTED = dict(expected())
NATIVE = {**MODELS, "chat": "deepseek-v4", "gemini": "gemini-3-pro"}
"""Models that take everything the inputs use."""


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: str(path.relative_to(FOLDER)))
def test_golden(path: Path) -> None:
    assert path.read_text() == EXPECTED[path]


def test_no_file_is_left_over() -> None:
    inputs = {FOLDER / "requests" / kind / "input.json" for kind in KINDS}
    inputs |= {FOLDER / "answers" / kind / f"input.{ending}" for kind in KINDS for ending in ("json", "sse")}
    assert {*FOLDER.rglob("*.json"), *FOLDER.rglob("*.sse")} == inputs | EXPECTED.keys()


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_the_upstream_takes_the_request(client: str, upstream: str) -> None:
    body = read("requests", client, f"to-{upstream}.json")["body"]
    headers = {"anthropic-version": "2023-06-01"}
    assert strict.refusal(upstream, "generate", body, headers, MODELS[upstream]) is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_upstream_takes_the_input(kind: str) -> None:
    """The inputs are what real clients may send: the matrix would prove nothing otherwise."""
    body = read("requests", kind, "input.json")
    assert strict.refusal(kind, "generate", body, {"anthropic-version": "2023-06-01"}, NATIVE[kind]) is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_stream_says_what_the_answer_says(kind: str) -> None:
    decoder = TEXT_PROTOCOLS[kind].decoder()  # type: ignore[index]
    events = decoder.feed((FOLDER / "answers" / kind / "input.sse").read_bytes())
    whole = TEXT_PROTOCOLS[kind].decode_response(read("answers", kind, "input.json")["full"])  # type: ignore[index]
    assert comparable(fold([*events, *decoder.flush()])) == comparable(whole)


def comparable(answer: Response | Fault) -> list[Part]:
    """Parts without what differs by nature: the white space of arguments, and the ids of calls that had none."""
    assert isinstance(answer, Response)
    return [
        replace(part, id="", arguments=dumps(loads(part.arguments)).decode()) if isinstance(part, ToolCall) else part
        for part in answer.parts
    ]
