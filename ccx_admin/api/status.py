"""/api/status and /api/events: how the gateway is."""

import shutil
from pathlib import Path
from typing import Final

from flask import Blueprint

from ccx_addons.io.version import version
from ccx_admin.api.openapi import document
from ccx_admin.api.operation import operation
from ccx_admin.api.schema import Json, array, free, integer, table, text
from ccx_admin.channels import views
from ccx_admin.panel import Panel, panel

status: Final = Blueprint("api_status", __name__, url_prefix="/api")


def status_of(current: Panel) -> dict[str, Json]:
    """What the top of the overview shows."""
    config, db = current.config(), current.db
    started = db.row("SELECT at, boot_id FROM events WHERE kind = 'start' ORDER BY id DESC LIMIT 1")
    health = current.store.health()
    folder = Path(current.settings.ccx_data_dir)
    return {
        "version": version(),
        "time": current.now_ms(),
        "gateway_url": current.gateway_url,
        "started_at": started["at"] if started else None,
        "workers": current.settings.worker_count,
        "in_flight": sum(views.in_flight(db).values()),
        "config": {
            "revision": config.revision,
            "valid": not config.problems,
            "in_force": views.in_force(db),
            "channels": len(config.snapshot.channels),
            "clients": len(config.snapshot.clients),
        },
        "capture": config.snapshot.policy.bodies.capture,
        "first_run": {
            "has_channel": bool(config.snapshot.channels),
            "has_request": db.value("SELECT 1 FROM requests WHERE source = 'proxy' LIMIT 1") is not None,
        },
        "database": {
            "bytes": db.bytes(),
            "free_bytes": shutil.disk_usage(folder).free,
            "queued": health.queued,
            "dropped": dict(health.dropped),
            "trouble": health.trouble,
        },
        "problems": views.problems(current),
    }


@operation(
    status, "GET", "/status", answer=table({"version": text(), "problems": array(free())}, ("version",), more=True)
)
def get_status() -> dict[str, Json]:
    """Version, uptime, configuration, database, and what somebody should look at, worst first."""
    return status_of(panel())


@operation(
    status,
    "GET",
    "/events",
    query={
        "kind": text("breaker, key, config, login, start, stop, store ...", maxLength=40),
        "before": integer("an event's id: older ones", default=0),
        "limit": integer(low=1, high=views.MAX_EVENTS, default=100),
    },
    answer=table({"events": array(free())}, ("events",)),
)
def list_events(query: dict[str, Json]) -> dict[str, Json]:
    """What happened, newest first."""
    found = views.events(panel().db, query.get("kind", ""), query["before"], query["limit"])
    clean = panel().secrets().clean
    for event in found:
        event["message"], event["detail"] = (clean(event[name]) for name in ("message", "detail"))
    return {"events": found}


@operation(status, "GET", "/openapi.json")
def openapi() -> dict[str, Json]:
    """This description of the API, as OpenAPI 3.1."""
    return document(version())
