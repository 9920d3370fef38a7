"""The processes that a supervisor starts; nobody else calls these commands."""


def worker(arguments: list[str]) -> int:
    """A proxy process; started by the supervisor only."""
    from ccx_addons.proxy.lean import spare_the_addons

    spare_the_addons()
    from ccx_addons.processes import worker as process  # mitmproxy is heavy: only the worker loads it

    fd, ready, alive, index, panel_port, mitmweb = map(int, arguments)
    return process.main(fd, ready, alive, index, panel_port, mitmweb)


def panel(arguments: list[str]) -> int:
    """The panel's process; started by the supervisor only."""
    from ccx_admin import serve as process  # Flask is for this process only

    fd, alive = map(int, arguments)
    return process.main(fd, alive)


def meeting(arguments: list[str]) -> int:
    """The process in which the workers meet; started by the supervisor only."""
    from ccx_addons.processes import meeting as process

    fd, alive, expects = map(int, arguments)
    return process.main(fd, alive, expects)
