"""The gateway's addons, in the order of the request's way."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccx_addons.processes.runtime import Runtime


def chain(runtime: "Runtime") -> list[Any]:
    """The chain. Imported late: the supervisor and the panel do without mitmproxy."""
    from ccx_addons.afterthought import Afterthought
    from ccx_addons.auth import Auth
    from ccx_addons.body import Body
    from ccx_addons.capture import Capture
    from ccx_addons.containers import Containers
    from ccx_addons.convert import Convert
    from ccx_addons.failover import Failover
    from ccx_addons.health import Health
    from ccx_addons.local import Local
    from ccx_addons.machines import Machines
    from ccx_addons.metrics import Metrics
    from ccx_addons.mirrors import Mirrors
    from ccx_addons.models import Models
    from ccx_addons.panel import Panel
    from ccx_addons.prometheus import Prometheus
    from ccx_addons.reload import Reload
    from ccx_addons.route import Route
    from ccx_addons.rules import Rewrites, Rules
    from ccx_addons.sessions import Sessions
    from ccx_addons.sync import Sync
    from ccx_addons.telemetry import Telemetry
    from ccx_addons.threads import Threads
    from ccx_addons.titles import Titles
    from ccx_addons.upkeep import Upkeep

    rules = Rules(runtime) if runtime.settings.hooks_file else None
    rewrites = Rewrites(runtime, rules) if rules else None
    return [
        Reload(runtime),
        Sync(runtime),
        Auth(runtime),
        Panel(runtime),
        Body(runtime),
        *([rules] if rules else []),
        Sessions(runtime),
        Threads(runtime),
        Containers(runtime),
        Models(runtime),
        Afterthought(runtime),
        Local(runtime),
        Route(runtime),
        Convert(runtime),
        Failover(runtime),
        Metrics(runtime),
        Prometheus(runtime),
        *([Telemetry(runtime)] if runtime.settings.otel_endpoint else []),
        Capture(runtime),
        *([rewrites] if rewrites else []),
        Mirrors(runtime, rewrites),
        Titles(runtime),
        Upkeep(runtime),
        Health(runtime),
        Machines(runtime),
    ]
