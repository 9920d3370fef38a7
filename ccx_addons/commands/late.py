"""Commands that read the request log: what they need of the panel is imported when they are asked for, and not by a
process that only starts others."""


def flows(arguments: list[str]) -> int:
    """Requests of the log: found, shown, compared, followed."""
    from ccx_addons.commands import flows as module

    return module.flows(arguments)


def replay(arguments: list[str]) -> int:
    """Recorded requests once more."""
    from ccx_addons.commands import replay as module

    return module.replay(arguments)


def mcp(arguments: list[str]) -> int:
    """The request log for agents, read-only."""
    from ccx_addons.commands import mcp as module

    return module.mcp(arguments)
