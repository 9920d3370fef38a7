"""/api/alerts: who is told, what is wrong now, what was told, and a test."""

from typing import Any, Final

from flask import Blueprint

from ccx_addons.core.config import Alert
from ccx_admin.alerts.sender import sender
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import not_found
from ccx_admin.api.schema import Json, array, boolean, free, integer, table, text
from ccx_admin.panel import Panel, panel

alerts: Final = Blueprint("api_alerts", __name__, url_prefix="/api")

SHOWN: Final = 200


def receivers(current: Panel) -> list[dict[str, Any]]:
    """Without their addresses, which are secrets."""
    return [
        {
            "name": alert.name,
            "format": alert.format,
            "events": list(alert.events),
            "signed": bool(alert.secret),
            "private": alert.private,
            "enabled": alert.enabled,
        }
        for alert in current.snapshot().alerts
    ]


def known(current: Panel) -> list[dict[str, Any]]:
    """What is wrong now, as it was told."""
    return [dict(row) for row in current.db.rows("SELECT * FROM alerts ORDER BY since DESC")]


def deliveries(current: Panel) -> list[dict[str, Any]]:
    """The latest first."""
    return [dict(row) for row in current.db.rows("SELECT * FROM deliveries ORDER BY at DESC, alert LIMIT ?", (SHOWN,))]


@operation(
    alerts,
    "GET",
    "/alerts",
    answer=table({name: array(free()) for name in ("receivers", "now", "deliveries")}, ("receivers",), more=True),
)
def list_alerts() -> dict[str, Json]:
    """Who is told, what is wrong now, and what was told."""
    current = panel()
    return {"receivers": receivers(current), "now": known(current), "deliveries": deliveries(current)}


@operation(
    alerts,
    "POST",
    "/alerts/test",
    body=table({"name": text(maxLength=64)}, ("name",)),
    answer=table({"ok": boolean(), "status": integer(), "words": text()}, ("ok", "status", "words")),
    errors=(404,),
)
def test_alert(body: dict[str, Json]) -> dict[str, Json]:
    """Tell one receiver now that this is a test."""
    name = body["name"]
    found: Alert | None = next((alert for alert in panel().snapshot().alerts if alert.name == name), None)
    if found is None:
        raise not_found("receiver", name)
    told = sender().test(found)
    return {"ok": told.ok, "status": told.status, "words": told.words}
