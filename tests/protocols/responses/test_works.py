from typing import Any

import pytest

from ccx_addons.core.neutral import Source
from ccx_addons.core.works import Work
from ccx_addons.protocols.responses.works import read_work, write_work


@pytest.mark.parametrize(
    ("item", "work"),
    [
        ({"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "a", "queries": ["a", "b"]}},
         Work("web_search", id="ws_1", queries=("a", "b"))),
        ({"type": "web_search_call", "id": "ws_1", "status": "failed", "action": {"type": "open_page", "url": "u"}},
         Work("web_fetch", id="ws_1", pages=(Source("u"),), failed=True)),
        ({"type": "web_search_call", "id": "ws_1", "action": {"type": "open_page", "url": None}},
         Work("web_search", id="ws_1")),
        ({"type": "web_search_call", "id": "ws_1", "action": {"type": "find_in_page", "url": "u", "pattern": "p"}},
         Work("web_search", id="ws_1", pages=(Source("u"),))),
        ({"type": "code_interpreter_call", "id": "ci_1", "code": "1", "outputs": None},
         Work("code", id="ci_1", code="1", language="python")),
        ({"type": "code_interpreter_call", "id": "ci_1", "code": None, "outputs": [{"type": "image", "url": "u"}]},
         Work("code", id="ci_1", language="python", output="")),
        ({"type": "file_search_call", "id": "fs_1"}, None),
        ({"type": ["web_search_call"]}, None),
    ],
)  # fmt: skip
def test_items(item: dict[str, Any], work: Work | None) -> None:
    assert read_work(item) == work


@pytest.mark.parametrize(
    "work",
    [
        Work("web_search", queries=("a",), pages=(Source("u"),)),
        Work("web_search", queries=("a",), failed=True),
        Work("web_fetch", pages=(Source("u"),)),
        Work("code", code="1", language="python", output="2"),
        Work("code", code="1", language="python"),
    ],
)
def test_what_is_written_is_read_again(work: Work) -> None:
    (item,) = write_work(work)
    found = read_work(item)
    assert found and (found.queries, found.pages, found.code, found.output, found.failed) == (
        work.queries, work.pages, work.code, work.output, work.failed,
    )  # fmt: skip


def test_several_queries_are_said_together_and_one_by_one() -> None:
    (item,) = write_work(Work("web_search", queries=("a", "b")))
    assert item["action"] == {"type": "search", "query": "a; b", "queries": ["a", "b"]}
