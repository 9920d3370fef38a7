"""/api/stats: totals, time series and tables."""

import re
from dataclasses import asdict, fields
from typing import Final

from flask import Blueprint
from werkzeug.wrappers import Response

from ccx_addons.io.rollup import DIMENSIONS
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import Failure
from ccx_admin.api.schema import Json, array, choice, free, integer, table, text
from ccx_admin.panel import panel
from ccx_admin.requests import export
from ccx_admin.usage import money, ranges, stats
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
MANY: Final = 10_000
"""Values of a dimension in a file."""
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


NOTHING: Final = money.Cell()


@operation(
    figures,
    "GET",
    "/matrix",
    query={
        **RANGE,
        **FILTERS,
        "by": choice(tuple(DIMENSIONS), default="model"),
        "across": choice(tuple(DIMENSIONS), default="client"),
        "format": choice(("json", "csv"), default="json"),
    },
    answer=table({"rows": array(free())}, ("rows",), more=True),
    media=("text/csv",),
)
def two_dimensions(query: dict[str, Json]) -> dict[str, Json] | Response:
    """Requests, tokens and cost of each pair of values; as CSV dollars only, one column for each value across."""
    by, span = (query["by"], query["across"]), span_of(query)
    if by[0] == by[1]:
        raise Failure(422, "Invalid value", "across: must be another dimension than by")
    found = money.matrix(panel().db, span, by, panel().now_ms(), filters_of(query), (MANY, MANY))
    if query["format"] == "csv":
        rows: list[dict[str, Json]] = [
            {
                by[0]: row,
                **{f"{by[1]} {column}": found.cells.get((row, column), NOTHING).usd for column in found.columns},
                "sum": found.row_sums[row].usd,
            }
            for row in found.rows
        ]
        return csv_of(rows, f"usage-{by[0]}-{by[1]}-{span.name}.csv")
    cells = [{by[0]: a, by[1]: b, **asdict(cell)} for (a, b), cell in found.cells.items()]
    return {"range": span.name, "start": span.start, "end": span.end, "rows": cells}


@operation(
    figures,
    "GET",
    "/costs",
    query={**RANGE, **FILTERS, "format": choice(("json", "csv"), default="json")},
    answer=table({"rows": array(free())}, ("rows",), more=True),
    media=("text/csv",),
)
def costs(query: dict[str, Json]) -> dict[str, Json] | Response:
    """What each kind of token cost, its share, and what a million of them cost on average."""
    span = span_of(query)
    _rows, totals = stats.compared(panel().db, span, "kind", panel().now_ms(), filters_of(query))
    rows: list[dict[str, Json]] = [asdict(part) for part in money.parts(totals)]
    if query["format"] == "csv":
        return csv_of(rows, f"usage-costs-{span.name}.csv")
    return {"range": span.name, "saved": totals["cache_saved"], "rows": rows}


@operation(
    figures,
    "GET",
    "/budgets",
    query={"format": choice(("json", "csv"), default="json")},
    answer=table({"rows": array(free())}, ("rows",), more=True),
    media=("text/csv",),
)
def client_budgets(query: dict[str, Json]) -> dict[str, Json] | Response:
    """What each client used of its budgets of the month and the day (UTC), and when they begin anew. A client without
    any has one row all the same."""
    current = panel()
    found = money.budgets(current.db, current.snapshot().clients, current.now_ms())
    none = dict.fromkeys(field.name for field in fields(money.Budget))
    rows: list[dict[str, Json]] = [
        {"client": name, "usd_this_month": spent.usd, "tokens_today": spent.tokens, "unpriced": spent.unpriced, **each}
        for name, spent in found.items()
        for each in ([asdict(budget) for budget in spent.budgets] or [none])
    ]
    return csv_of(rows, "budgets.csv") if query["format"] == "csv" else {"rows": rows}


def csv_of(rows: list[dict[str, Json]], name: str) -> Response:
    columns = list(rows[0]) if rows else ["name"]
    safe = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)
    headers = {"Content-Disposition": f'attachment; filename="{safe}"'}
    return Response(export.as_csv(rows, columns, zone()), content_type="text/csv; charset=utf-8", headers=headers)
