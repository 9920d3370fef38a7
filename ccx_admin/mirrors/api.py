"""/api/mirrors: pairs of a client's request and its mirror's, and their sums."""

from dataclasses import asdict
from typing import Final

from flask import Blueprint
from werkzeug.wrappers import Response

from ccx_admin.api.operation import operation
from ccx_admin.api.schema import Json, array, choice, free, table
from ccx_admin.mirrors import figures
from ccx_admin.panel import panel
from ccx_admin.requests import export
from ccx_admin.usage.api import RANGE, span_of
from ccx_admin.zone import zone

mirrors: Final = Blueprint("api_mirrors", __name__, url_prefix="/api/mirrors")

EXPORTED: Final = (
    "id", "original", "at", "client_name", "kind", "model", "stream", "original_channel_name", "channel_name",
    "original_upstream_model", "upstream_model", "original_state", "state", "original_status", "status",
    "original_ttft_ms", "ttft_ms", "original_total_ms", "total_ms", "original_input_tokens", "input_tokens",
    "original_output_tokens", "output_tokens", "original_cost_usd", "cost_usd", "original_stop", "stop",
    "original_calls", "calls", "same_tools", "same_arguments", "alike", "original_error_message", "error_message",
)  # fmt: skip
SHOWN: Final = 500


@operation(
    mirrors,
    "GET",
    "/<name>",
    query={"range": RANGE["range"], "zone": RANGE["zone"], "format": choice(("json", "csv"), default="json")},
    answer=table({"rows": array(free()), "sum": free(), "left_out": free()}, ("rows", "sum"), more=True),
    media=("text/csv",),
)
def pairs(name: str, query: dict[str, Json]) -> dict[str, Json] | Response:
    """What a mirror was answered beside what its clients were; as CSV all pairs of the time, as JSON the newest 500 and
    the sums."""
    current, span = panel(), span_of(query)
    if query["format"] == "csv":
        headers = {"Content-Disposition": 'attachment; filename="mirror.csv"'}
        lines = export.as_csv(figures.every(current.db, name, span), EXPORTED, zone())
        return Response(lines, content_type="text/csv; charset=utf-8", headers=headers)
    page = figures.page(current.db, name, span, figures.Order(), SHOWN)
    rows = [{column: row[column] for column in EXPORTED} for row in page.rows]
    found = asdict(figures.summary(current.db, name, span))
    return {"rows": rows, "sum": found, "left_out": figures.left_out(current.db, name, span)}
