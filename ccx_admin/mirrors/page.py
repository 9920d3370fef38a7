"""/requests/mirrors: what another channel would have answered: in sum, and pair by pair."""

from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_admin.db import DatabaseUnavailable
from ccx_admin.mirrors import figures
from ccx_admin.mirrors.figures import Order, PlaceError
from ccx_admin.panel import Panel, panel
from ccx_admin.usage.page import asked_range, chosen, dates

pages: Final = Blueprint("mirrors", __name__)

RANGES: Final = ("1h", "24h", "7d", "30d", "90d")
WHYS: Final = {
    "busy": "the gateway was busy",
    "limit": "its requests a minute or at the same time",
    "budget": "its tokens or dollars of the day",
    "channel": "its channel's limits or keys",
    "elsewhere": "only the other upstream has what they refer to",
}
STOPS: Final = {
    "end": "complete",
    "length": "cut off at a limit",
    "tool_call": "calls tools",
    "stop_sequence": "stop sequence",
    "refusal": "refused",
    "pause": "paused",
}
HEADS: Final = (
    ("time", "Time"),
    ("", "Model"),
    ("", "Answered by"),
    ("", "State"),
    ("ttft", "TTFT"),
    ("total", "Total"),
    ("in", "In"),
    ("out", "Out"),
    ("cost", "Cost"),
    ("", "End"),
    ("tools", "Tools"),
    ("alike", "Text"),
)
"""(what it is sorted by, word)."""


@pages.get("/requests/mirrors")
def index() -> str:
    current = panel()
    name, span, error = asked_range(current.now_ms())
    order = Order(
        chosen("sort", tuple(figures.SORTS), "time"), request.args.get("up") != "1", request.args.get("before", "")
    )
    shown: dict[str, Any] = {"names": [], "mirror": "", "error": error}
    try:
        shown |= found(current, span, order)
    except (DatabaseUnavailable, PlaceError) as failure:
        shown["error"] = str(failure)
    return render_template(
        "mirrors/page.html",
        range=name,
        ranges=RANGES,
        dates=dates(span),
        order=order,
        heads=HEADS,
        whys=WHYS,
        stops=STOPS,
        **shown,
    )


def found(current: Panel, span: Any, order: Order) -> dict[str, Any]:
    """What there is to see of the mirror that the address names, else of the first one."""
    rules = {rule.name: rule for rule in current.snapshot().mirrors}
    names = list(dict.fromkeys((*rules, *figures.names(current.db))))
    mirror = chosen("mirror", tuple(names), names[0] if names else "")
    if not mirror:
        return {}
    rule = rules.get(mirror)
    page = figures.page(current.db, mirror, span, order)
    return {
        "names": names,
        "mirror": mirror,
        "rule": rule,
        "target": current.snapshot().channel(rule.to) if rule else None,
        "rows": page.rows,
        "following": page.next,
        "sum": figures.summary(current.db, mirror, span),
        "left_out": figures.left_out(current.db, mirror, span),
        "bodies": current.snapshot().policy.bodies.capture == "all",
    }
