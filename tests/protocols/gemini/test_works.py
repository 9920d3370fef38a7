from typing import Any

import pytest

from ccx_addons.core.neutral import Source
from ccx_addons.core.works import Work
from ccx_addons.protocols.gemini.works import at_end, fetched, read_work, searched, write_work


@pytest.mark.parametrize(
    ("part", "work"),
    [
        ({"executableCode": {"language": "PYTHON", "code": "1"}}, Work("code", "call", code="1", language="python")),
        ({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}, Work("code", "result", output="2")),
        ({"codeExecutionResult": {"outcome": "OUTCOME_FAILED"}}, Work("code", "result", output="", failed=True)),
        ({"toolCall": {}}, None),
        ({"executableCode": None}, None),
    ],
)
def test_parts(part: dict[str, Any], work: Work | None) -> None:
    assert read_work(part) == work


def test_code_is_two_parts_and_a_search_none() -> None:
    assert write_work(Work("code", code="1", output="2")) == [
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
    ]
    (failed,) = write_work(Work("code", "result", output="no", failed=True))
    assert failed["codeExecutionResult"]["outcome"] == "OUTCOME_FAILED"
    assert write_work(Work("web_search", queries=("q",))) == []


def test_searches_stand_at_an_answers_end() -> None:
    grounding = {"webSearchQueries": ["q", 7], "groundingChunks": [{"web": {"uri": "u", "title": "t"}}]}
    extra = {"gemini": {"candidate": {"groundingMetadata": grounding}}}
    assert searched(extra) == Work("web_search", queries=("q",), pages=(Source("u", "t"),))
    assert searched(at_end(["q"], [])) == Work("web_search", queries=("q",))
    assert searched({"gemini": {"candidate": {"groundingMetadata": {"groundingChunks": []}}}}) is None
    assert searched({}) is None and at_end([], []) == {}


def test_pages_that_were_read_do_too() -> None:
    works = [Work("web_fetch", pages=(Source("u"),)), Work("web_fetch", pages=(Source("v"),), failed=True)]
    assert fetched(at_end(["q"], works)) == works and searched(at_end(["q"], works))
    said = {"url_metadata": [{"retrieved_url": "u", "url_retrieval_status": "URL_RETRIEVAL_STATUS_PAYWALL"}, {}]}
    assert fetched({"gemini": {"candidate": {"urlContextMetadata": said}}}) == [
        Work("web_fetch", pages=(Source("u"),), failed=True)
    ]
    assert fetched({}) == [] and write_work(works[0]) == []
