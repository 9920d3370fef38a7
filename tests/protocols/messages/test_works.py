from typing import Any

import pytest

from ccx_addons.core.neutral import Source
from ccx_addons.core.works import Work
from ccx_addons.protocols.messages.works import read_work, write_work


def use(name: str, **asked: Any) -> dict[str, Any]:
    return {"type": "server_tool_use", "id": "srvtoolu_1", "name": name, "input": asked}


def result(kind: str, content: Any) -> dict[str, Any]:
    return {"type": kind, "tool_use_id": "srvtoolu_1", "content": content}


@pytest.mark.parametrize(
    ("block", "work"),
    [
        (use("web_search", query="q"), Work("web_search", "call", "srvtoolu_1", ("q",))),
        (use("web_search"), Work("web_search", "call", "srvtoolu_1")),
        (use("code_execution", code="1"), Work("code", "call", "srvtoolu_1", code="1", language="python")),
        (use("bash_code_execution", command="ls"), Work("code", "call", "srvtoolu_1", code="ls", language="bash")),
        (use("web_fetch", url="u"), Work("web_fetch", "call", "srvtoolu_1", pages=(Source("u"),))),
        (use("web_fetch"), Work("web_fetch", "call", "srvtoolu_1")),
        (result("web_fetch_tool_result", {"url": "u", "content": {"title": "t"}}),
         Work("web_fetch", "result", "srvtoolu_1", pages=(Source("u", "t"),))),
        (result("web_fetch_tool_result", {"error_code": "url_not_accessible"}),
         Work("web_fetch", "result", "srvtoolu_1", failed=True)),
        (use("text_editor_code_execution", command="view"), None),
        (result("web_search_tool_result", [{"url": "u", "title": "t"}, {"title": "no address"}]),
         Work("web_search", "result", "srvtoolu_1", pages=(Source("u", "t"),))),
        (result("web_search_tool_result", {"error_code": "unavailable"}), Work("web_search", "result", "srvtoolu_1", failed=True)),
        (result("bash_code_execution_tool_result", {"stdout": "a", "stderr": "b", "return_code": 1}),
         Work("code", "result", "srvtoolu_1", output="a\nb", failed=True)),
        (result("code_execution_tool_result", {"error_code": "unavailable"}),
         Work("code", "result", "srvtoolu_1", output="unavailable", failed=True)),
        ({"type": "text", "text": "a"}, None),
        ({"type": 7}, None),
    ],
)  # fmt: skip
def test_blocks(block: dict[str, Any], work: Work | None) -> None:
    assert read_work(block) == work


@pytest.mark.parametrize(
    "work",
    [
        Work("web_search", "call", "ccx-1", ("q",)),
        Work("web_search", "result", "ccx-1", pages=(Source("u", "t"),)),
        Work("web_search", "result", "ccx-1", failed=True),
        Work("web_fetch", "call", "ccx-1", pages=(Source("u"),)),
        Work("web_fetch", "result", "ccx-1", pages=(Source("u", "t"),)),
        Work("web_fetch", "result", "ccx-1", failed=True),
        Work("code", "call", "ccx-1", code="1", language="python"),
        Work("code", "result", "ccx-1", output="2"),
        Work("code", "result", "ccx-1", output="no", failed=True),
    ],
)
def test_what_is_written_is_read_again(work: Work) -> None:
    (block,) = write_work(work)
    found = read_work(block)
    assert found and found.id == "srvtoolu_ccx-1" and found.half == work.half
    assert (found.queries, found.pages, found.code, found.output, found.failed) == (
        work.queries, work.pages, work.code, work.output, work.failed,
    )  # fmt: skip


def test_a_whole_one_is_two_blocks() -> None:
    call, ran = write_work(Work("code", code="1", output="2"))
    assert call["id"] == ran["tool_use_id"] and ran["content"]["stdout"] == "2"
