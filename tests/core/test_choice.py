from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.core.choice import kinds_by, nameable, once
from ccx_addons.core.neutral import Loss, Request, ServerTool, Tool, ToolChoice

CODE = ServerTool("code", "messages", {"name": "code_execution"})
F = Tool("f")


@pytest.mark.parametrize(
    ("functions", "name", "kind"),
    [(set(), "code_execution", "code"), ({"code_execution"}, "code_execution", "code_execution"), (set(), "f", "f")],
)
def test_kinds_stand_for_names(functions: set[str], name: str, kind: str) -> None:
    assert kinds_by({"code_execution": "code"}, functions, ToolChoice("any", (name,))).names == (kind,)


@pytest.mark.parametrize(
    ("tools", "kinds", "choice", "left"),
    [
        ((CODE,), {"code"}, ToolChoice("any", ("code",)), ToolChoice("any", ("code",))),
        ((CODE,), set(), ToolChoice("any", ("code",)), ToolChoice("auto")),
        ((CODE, F), set(), ToolChoice("any", ("code", "f")), ToolChoice("any", ("f",))),
        ((CODE, Tool("code")), set(), ToolChoice("any", ("code",)), ToolChoice("any", ("code",))),
        ((F,), set(), ToolChoice("any", ("gone",)), ToolChoice("any", ("gone",))),
        ((F,), set(), None, None),
    ],
)
def test_only_what_can_be_named_is_chosen(tools: Any, kinds: set[str], choice: Any, left: Any) -> None:
    losses: list[Loss] = []
    found = nameable(Request("m", (), tools=tools, tool_choice=choice), kinds, losses)
    assert found.tool_choice == left and bool(losses) == (left != choice)


def test_a_name_stands_for_one_function() -> None:
    losses: list[Loss] = []
    request = Request("m", (), tools=(F, CODE, Tool("g"), Tool("f", "another"), CODE))
    assert once(request, losses).tools == (F, CODE, Tool("g"), CODE)
    assert [loss.path for loss in losses] == ["tools[3]"]
    assert once(replace(request, tools=(F, CODE)), []).tools == (F, CODE)
