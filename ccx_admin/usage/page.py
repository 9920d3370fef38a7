"""/usage: money, tokens and quality over any time, by model, channel, client, key or kind, against the time before."""

from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_admin.panel import Panel, panel
from ccx_admin.usage import money, ranges, stats
from ccx_admin.zone import local, zone

pages: Final = Blueprint("usage", __name__)

BY: Final = (
    ("model", "Model"),
    ("upstream", "Upstream model"),
    ("channel", "Channel"),
    ("client", "Client"),
    ("key", "Key"),
    ("kind", "Kind"),
)
SHOW: Final = (("requests", "Requests"), ("tokens", "Tokens"), ("cost", "Cost"), ("ttft", "TTFT"))
USUAL: Final = "7d"
RANGES: Final = ("24h", "today", "7d", "30d", "month", "last month", "90d", "year", "365d")
ACROSS: Final = ("model", "client")
"""Dimensions of the table of two."""


@pages.get("/usage")
def index() -> str:
    current = panel()
    now = current.now_ms()
    name, span, error = asked_range(now)
    by = chosen("by", tuple(word for word, _label in BY), "model")
    show = chosen("show", tuple(word for word, _label in SHOW), "requests")
    filters = {field: request.args[field] for field in stats.FILTERS if request.args.get(field)}
    rows, totals = stats.compared(current.db, span, by, now, filters)
    return render_template(
        "usage/page.html",
        range=name,
        ranges=RANGES,
        error=error,
        dates=dates(span),
        by=by,
        dimensions=BY,
        show=show,
        shows=SHOW,
        filters=filters,
        kept={"by": by, "show": show, **filters},
        rows=rows,
        totals=totals,
        highest=max((row["requests"] for row in rows), default=0),
        chart=chart(name, by, filters),
        span=span,
        month=money.month(current.db, now, zone()),
        parts=money.parts(totals),
        saved=money.saved(totals),
        matrix=money.matrix(current.db, span, ACROSS, now, filters),
        names=names(current),
    )


def asked_range(now: int) -> tuple[str, ranges.Range, str]:
    """What the address asks for, by name or by its first and last day; the usual range, and why, where that is none."""
    first, last = request.args.get("from", ""), request.args.get("to", "")
    name = f"{first}..{last}" if first and last else first or last or request.args.get("range", USUAL)
    try:
        return name, ranges.range_of(name, now, zone=zone()), ""
    except ranges.RangeError as error:
        return USUAL, ranges.range_of(USUAL, now, zone=zone()), str(error)


def dates(span: ranges.Range) -> tuple[str, str]:
    """The first and the last day of a range, ISO 8601."""
    return (
        local(span.start, zone()).date().isoformat(),
        local(max(span.start, span.end - 1), zone()).date().isoformat(),
    )


def names(current: Panel) -> dict[str, str]:
    return {channel.id: channel.name for channel in current.snapshot().channels}


def chosen(name: str, choices: tuple[str, ...], default: str) -> str:
    found = request.args.get(name, default)
    return found if found in choices else default


def chart(name: str, by: str, filters: dict[str, Any]) -> dict[str, str]:
    """The query of the figures that the chart asks for."""
    return {"range": name, "by": by, **filters}
