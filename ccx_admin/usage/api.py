"""/api/stats: totals, time series and tables."""

from typing import Final

from flask import Blueprint
from werkzeug.wrappers import Response

from ccx_addons.io.rollup import DIMENSIONS
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import Failure
from ccx_admin.api.schema import Json, array, choice, free, integer, table, text
from ccx_admin.panel import panel
from ccx_admin.requests import export
from ccx_admin.usage import ranges, stats
from ccx_admin.zone import named, zone

figures: Final = Blueprint("api_stats", __name__, url_prefix="/api/stats")

RANGE: Final = {
    "range": text(
        f"how far back: {', '.join(ranges.NAMES)}; or a time: yesterday, 2026-10, 2026-10-05..2026-10-20",
        maxLength=80,
        default="24h",
    ),
    "bucket": choice(tuple(ranges.BUCKETS), "width of a bucket; not given: so that there are fewer than 200"),
    "zone": text("an IANA time zone, for days and months; not given: the browser's, else UTC", maxLength=64),
}
FILTERS: Final = {name: text("only this " + name) for name in DIMENSIONS}


def span_of(query: dict[str, Json]) -> ranges.Range:
    try:
        where = named(query["zone"]) if "zone" in query else zone()
        return ranges.range_of(query["range"], panel().now_ms(), query.get("bucket", ""), where)
    except ranges.RangeError as error:
        raise Failure(422, "Invalid value", str(error)) from None


def filters_of(query: dict[str, Json]) -> dict[str, str]:
    return {name: query[name] for name in DIMENSIONS if name in query}


@operation(
    figures,
    "GET",
    "/summary",
    query={**RANGE, **FILTERS},
    answer=table({"now": free(), "before": free()}, ("now",), more=True),
)
def summary(query: dict[str, Json]) -> dict[str, Json]:
    """Every figure of a time, and of the same length of time before."""
    return stats.summary(panel().db, span_of(query), panel().now_ms(), filters_of(query))


@operation(
    figures,
    "GET",
    "/history",
    query={**RANGE, **FILTERS, "by": choice(tuple(DIMENSIONS), "one series for each")},
    answer=table({"times": array(integer()), "series": array(free())}, ("times", "series"), more=True),
)
def history(query: dict[str, Json]) -> dict[str, Json]:
    """Figures over time, as columns for a chart."""
    return stats.history(panel().db, span_of(query), panel().now_ms(), query.get("by", ""), filters_of(query))


@operation(
    figures,
    "GET",
    "/table",
    query={
        **RANGE,
        **FILTERS,
        "by": choice(tuple(DIMENSIONS), default="model"),
        "format": choice(("json", "csv"), default="json"),
    },
    answer=table({"rows": array(free())}, ("rows",), more=True),
    media=("text/csv",),
)
def breakdown(query: dict[str, Json]) -> dict[str, Json] | Response:
    """All figures by model, upstream's model, channel, client, key or kind; also as CSV."""
    span = span_of(query)
    rows = stats.table(panel().db, span, query["by"], panel().now_ms(), filters_of(query))
    if query["format"] == "csv":
        return csv_of(rows, f"usage-{query['by']}-{span.name}.csv")
    return {"range": span.name, "by": query["by"], "start": span.start, "end": span.end, "rows": rows}


def csv_of(rows: list[dict[str, Json]], name: str) -> Response:
    columns = list(rows[0]) if rows else ["name"]
    lines = [export.line(columns), *(export.line([export.cell(row[column]) for column in columns]) for row in rows)]
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("".join(lines), content_type="text/csv; charset=utf-8", headers=headers)
