"""/usage: tokens, cost and quality over an hour to a year, by model, channel, client, key or kind."""

from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_admin.panel import panel
from ccx_admin.usage import ranges, stats
from ccx_admin.zone import zone

pages: Final = Blueprint("usage", __name__)

BY: Final = (("model", "Model"), ("channel", "Channel"), ("client", "Client"), ("key", "Key"), ("kind", "Kind"))
SHOW: Final = (("requests", "Requests"), ("tokens", "Tokens"), ("cost", "Cost"), ("ttft", "TTFT"))
USUAL: Final = "7d"
SUMMED: Final = (
    "requests", "failed", "failovers", "input_tokens", "cache_read_tokens", "output_tokens", "wasted_tokens",
    "cost_usd", "unpriced",
)  # fmt: skip


@pages.get("/usage")
def index() -> str:
    current = panel()
    by = chosen("by", tuple(word for word, _label in BY), "model")
    show = chosen("show", tuple(word for word, _label in SHOW), "requests")
    filters = {field: request.args[field] for field in stats.FILTERS if request.args.get(field)}
    now = current.now_ms()
    name, span = asked_range(now)
    rows = stats.table(current.db, span, by, now, filters)
    return render_template(
        "usage/page.html",
        range=name,
        ranges=ranges.NAMES,
        by=by,
        dimensions=BY,
        show=show,
        shows=SHOW,
        filters=filters,
        rows=rows,
        totals=stats.totals(current.db, span, now, filters),
        highest=max((row["requests"] for row in rows), default=0),
        chart=chart(name, by, filters),
        span=span,
        names={channel.id: channel.name for channel in current.snapshot().channels},
    )


def asked_range(now: int) -> tuple[str, ranges.Range]:
    """What the address asks for; the usual range where it asks for nothing that is one."""
    name = request.args.get("range", USUAL)
    try:
        return name, ranges.range_of(name, now, zone=zone())
    except ranges.RangeError:
        return USUAL, ranges.range_of(USUAL, now, zone=zone())


def chosen(name: str, choices: tuple[str, ...], default: str) -> str:
    found = request.args.get(name, default)
    return found if found in choices else default


def chart(name: str, by: str, filters: dict[str, Any]) -> dict[str, str]:
    """The query of the figures that the chart asks for."""
    return {"range": name, "by": by, **filters}
