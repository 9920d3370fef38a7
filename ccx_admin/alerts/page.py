"""/settings/alerts: who is told of what goes wrong, what is wrong now, and every message."""

from typing import Final

from flask import Blueprint, render_template, request

from ccx_addons.core.config import ALERT_EVENTS
from ccx_admin.alerts import api
from ccx_admin.panel import panel
from ccx_admin.shell.vocabulary import Badge

pages: Final = Blueprint("alerts", __name__)

EVENTS: Final = {
    "key": "key out",
    "breaker": "channel left alone",
    "budget": "budget",
    "errors": "error rate",
    "config": "configuration refused",
    "log": "log cannot be written",
    "disk": "disk low",
    "cache": "cache hit rate fell",
    "test": "test",
}
NAMES: Final = {"plain": "JSON", "slack": "Slack", "feishu": "Feishu", "dingtalk": "DingTalk", "telegram": "Telegram"}
OUTCOMES: Final = {
    "waiting": Badge("waiting", "clock", "warn"),
    "told": Badge("told", "check", "good"),
    "failed": Badge("failed", "cross", "bad"),
    "dropped": Badge("dropped", "exit", "calm"),
}


@pages.get("/settings/alerts")
def index() -> str:
    current = panel()
    found = api.receivers(current)
    return render_template(
        "alerts/page.html",
        receivers=found,
        editing=next((one for one in found if one["name"] == request.args.get("edit")), None),
        formats=api.FORMATS,
        names=NAMES,
        wanted=ALERT_EVENTS,
        revision=current.config().revision,
        known=api.known(current),
        deliveries=api.deliveries(current),
        events=EVENTS,
        outcomes=OUTCOMES,
    )
