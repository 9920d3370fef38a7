"""/api/alerts: who is told and how that is changed, what is wrong now, what was told, and a test."""

from typing import Any, Final, get_args

from flask import Blueprint

from ccx_addons.core.config import ALERT_EVENTS, Alert, AlertFormat
from ccx_admin import change
from ccx_admin.alerts import edits
from ccx_admin.alerts.sender import sender
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import not_found
from ccx_admin.api.schema import Json, array, boolean, choice, free, integer, table, text
from ccx_admin.change import asked
from ccx_admin.panel import Panel, panel

alerts: Final = Blueprint("api_alerts", __name__, url_prefix="/api")

SHOWN: Final = 200
FORMATS: Final = get_args(AlertFormat.__value__)
RECEIVER: Final = {
    "name": text(minLength=1, maxLength=64),
    "url": text("where it is told; never shown again"),
    "format": choice(FORMATS),
    "secret": text("signs what is sent; never shown again"),
    "chat": text("Telegram: the chat that is told"),
    "events": array(choice(ALERT_EVENTS), "not given: everything", len(ALERT_EVENTS)),
    "private": boolean("its address may be http, and on the own network"),
    "enabled": boolean(),
}
REVISION: Final = table({"revision": text()}, ("revision",))


def receivers(current: Panel) -> list[dict[str, Any]]:
    """Without their addresses, which are secrets."""
    return [
        {
            "name": alert.name,
            "format": alert.format,
            "events": list(alert.events),
            "signed": bool(alert.secret),
            "chat": alert.chat,
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


@operation(alerts, "POST", "/alerts", body=table(RECEIVER, ("name", "url")), answer=REVISION, status=201, errors=(409,))
def add_alert(body: dict[str, Json]) -> dict[str, Json]:
    """A new receiver."""
    return {"revision": change.apply(panel(), edits.add_alert(body), asked())}


@operation(
    alerts,
    "PATCH",
    "/alerts/<path:name>",
    body=table({name: {} for name in RECEIVER}),
    answer=REVISION,
    errors=(404, 409),
)
def patch_alert(name: str, body: dict[str, Json]) -> dict[str, Json]:
    """Change a receiver: merge patch. Its address and its secret stay what they are unless others are given."""
    return {"revision": change.apply(panel(), edits.patch_alert(name, body), asked())}


@operation(alerts, "DELETE", "/alerts/<path:name>", answer=REVISION, errors=(404, 409))
def delete_alert(name: str) -> dict[str, Json]:
    """Tell a receiver no more."""
    return {"revision": change.apply(panel(), edits.delete_alert(name), asked())}
