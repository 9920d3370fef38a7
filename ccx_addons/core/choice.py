"""Tools by their names: each once, and the choice of one that the upstream runs itself, which its kind names."""

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


def once(request: Request, losses: list[Loss]) -> Request:
    """The request with each function once: "Tool names must be unique" (Anthropic, DeepSeek, Google, Moonshot). OpenAI
    takes two of one name, which several MCP servers behind one client have."""
    functions = [tool.name for tool in request.tools if isinstance(tool, Tool)]
    if len(set(functions)) == len(functions):
        return request
    known: set[str] = set()
    kept: list[Tool | ServerTool] = []
    for n, tool in enumerate(request.tools):
        if isinstance(tool, Tool) and tool.name in known:
            losses.append(Loss(f"tools[{n}]", "another tool has its name"))
            continue
        if isinstance(tool, Tool):
            known.add(tool.name)
        kept.append(tool)
    return replace(request, tools=tuple(kept))
