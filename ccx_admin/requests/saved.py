"""Searches under a name, which all admins share."""

from typing import Final

from flask import Blueprint

from ccx_admin.api.operation import operation
from ccx_admin.api.problem import Failure, not_found
from ccx_admin.api.schema import Json, array, free, table, text
from ccx_admin.change import who
from ccx_admin.db import Reader
from ccx_admin.panel import panel
from ccx_admin.requests import search_box
from ccx_admin.requests.search_box import QueryError
from ccx_admin.zone import zone

views: Final = Blueprint("api_views", __name__, url_prefix="/api")

MOST: Final = 100
NAME: Final = 60
"""Characters of a name."""


def saved(db: Reader) -> list[tuple[str, str]]:
    """(name, search), by name."""
    rows = db.rows("SELECT name, query FROM views ORDER BY lower(name), name LIMIT ?", (MOST,))
    return [(row["name"], row["query"]) for row in rows]


@operation(views, "GET", "/views", answer=table({"views": array(free())}, ("views",)))
def list_views() -> dict[str, Json]:
    """Saved searches of requests."""
    return {"views": [{"name": name, "query": query} for name, query in saved(panel().db)]}


@operation(
    views,
    "POST",
    "/views",
    body=table(
        {"name": text(minLength=1, maxLength=NAME), "query": text(maxLength=search_box.MAX_QUERY)}, ("name", "query")
    ),
    answer=table({"name": text()}, ("name",)),
    errors=(409,),
)
def save_view(body: dict[str, Json]) -> dict[str, Json]:
    """Save a search; the one with this name before is replaced."""
    current, name, query = panel(), body["name"].strip(), body["query"]
    try:
        search_box.parse(query, current.now_ms(), zone())
    except QueryError as error:
        raise Failure(422, "Search not understood", str(error)) from None
    if not name:
        raise Failure(422, "Invalid value", "name: must not be empty")
    if len(saved(current.db)) >= MOST and name not in dict(saved(current.db)):
        raise Failure(409, "Too much", f"at most {MOST} views are kept")
    row = (name, query, current.now_ms(), who())
    sql = (
        "INSERT INTO views (name, query, at, who) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET query = excluded.query, at = excluded.at, who = excluded.who"
    )
    current.store.submit(lambda conn: conn.execute(sql, row)).result(30)
    return {"name": name}


@operation(
    views,
    "DELETE",
    "/views",
    query={"name": text(maxLength=NAME, default="")},
    answer=table({"name": text()}, ("name",)),
    errors=(404,),
)
def delete_view(query: dict[str, Json]) -> dict[str, Json]:
    """Forget a saved search."""
    name = query["name"]
    gone = panel().store.submit(lambda c: c.execute("DELETE FROM views WHERE name = ?", (name,)).rowcount).result(30)
    if not gone:
        raise not_found("view", name)
    return {"name": name}
