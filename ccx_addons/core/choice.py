"""The choice of a tool that the upstream runs itself: the neutral form names it by its kind."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from ccx_addons.core.neutral import Loss, Request, ServerTool, Tool, ToolChoice


def kinds_by(names: Mapping[str, str], functions: Collection[str], choice: ToolChoice) -> ToolChoice:
    """The choice with kinds in place of ``names`` of tools that the upstream runs (name -> kind); a function comes
    first."""
    if not any(name in names and name not in functions for name in choice.names):
        return choice
    return replace(choice, names=tuple(name if name in functions else names.get(name, name) for name in choice.names))


def nameable(request: Request, kinds: Collection[str], losses: list[Loss]) -> Request:
    """The request without a choice of tools that cannot be named; ``kinds``: those that can."""
    choice = request.tool_choice
    if choice is None or not choice.names:
        return request
    functions = {tool.name for tool in request.tools if isinstance(tool, Tool)}
    served = {tool.kind for tool in request.tools if isinstance(tool, ServerTool)} - functions
    left = tuple(name for name in choice.names if name not in served or name in kinds)
    if len(left) == len(choice.names):
        return request
    losses.append(Loss("tool_choice", "a tool that the upstream runs cannot be named here"))
    return replace(request, tool_choice=ToolChoice(choice.mode, left) if left else ToolChoice("auto"))
