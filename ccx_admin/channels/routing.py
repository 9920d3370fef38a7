"""/api/schedule and /api/sessions: why a request goes where it goes, and how to make it go elsewhere."""

from typing import Final

from flask import Blueprint

from ccx_addons.core.config import KINDS
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import invalid, not_found
from ccx_admin.api.schema import Json, array, boolean, choice, free, integer, table, text
from ccx_admin.channels import dry_run, views
from ccx_admin.channels.api import commanded
from ccx_admin.panel import panel
from ccx_admin.sessions.tree import OF_TRACE

routing: Final = Blueprint("api_routing", __name__, url_prefix="/api")

MAX_SECONDS: Final = 30 * 86_400


@operation(
    routing,
    "POST",
    "/schedule/explain",
    body=table(
        {
            "kind": choice(KINDS),
            "model": text("the client's name"),
            "client": text("name of a client; not given: the first"),
            "trace": text("hash of a conversation"),
            "route_prefix": text(),
            "pin": text("as header x-ccx-channel"),
            "images": boolean(),
            "prompt_tokens": integer(),
        },
        ("kind", "model"),
    ),
    answer=table({"channels": array(free()), "decisions": array(free())}, ("channels", "decisions"), more=True),
    errors=(404,),
)
def explain(body: dict[str, Json]) -> dict[str, Json]:
    """A dry run of the scheduler: channels in the order they would be tried, and why others would not."""
    return dry_run.explain(panel(), body)


@operation(
    routing,
    "GET",
    "/sessions",
    query={"kind": choice(KINDS), "limit": integer(low=1, high=1000, default=200)},
    answer=table({"sessions": array(free())}, ("sessions",)),
)
def list_sessions(query: dict[str, Json]) -> dict[str, Json]:
    """Conversations, latest first: tokens, cache hits, where they stay, what was ordered by hand."""
    current = panel()
    return {"sessions": views.sessions(current.db, current.now_ms(), query.get("kind", ""), query["limit"])}


def kinds_of(trace: str, kind: str) -> list[str]:
    if kind:
        return [kind]
    rows = panel().db.rows(f"SELECT kind FROM sessions WHERE {OF_TRACE}", (trace[:64],))
    if not rows:
        raise not_found("session", trace)
    return [row["kind"] for row in rows]


@operation(
    routing,
    "PUT",
    "/sessions/<trace>/override",
    body=table(
        {
            "kind": choice(KINDS, "not given: every kind the conversation has used"),
            "channels": array(text(), "channel ids to use, in this order", 100),
            "avoid": array(text(), "channel ids not to use", 100),
            "seconds": integer("how long; 0: until it is taken away", 0, MAX_SECONDS, default=3600),
            "note": text(maxLength=200),
        }
    ),
    answer=table({"kinds": array(text()), "command": integer()}, ("kinds", "command"), more=True),
    errors=(404,),
)
def set_override(trace: str, body: dict[str, Json]) -> dict[str, Json]:
    """Pin a conversation to channels, or keep it from some."""
    current = panel()
    chosen, avoided = body.get("channels", []), body.get("avoid", [])
    if not chosen and not avoided:
        raise invalid("channels: name at least one to use, or one to avoid")
    for id in (*chosen, *avoided):
        if current.snapshot().channel(id) is None:
            raise not_found("channel", id)
    kinds, seconds, now = kinds_of(trace, body.get("kind", "")), body.get("seconds", 3600), current.now_ms()
    for kind in kinds:
        current.store.put_override(
            {
                "kind": kind,
                "trace_hash": trace,
                "channels": chosen,
                "avoid": avoided,
                "created_at": now,
                "expires_at": now + seconds * 1000 if seconds else None,
                "note": body.get("note", ""),
            }
        )
    return {"kinds": kinds, **commanded("override", {"trace_hash": trace, "kinds": kinds})}


@operation(
    routing,
    "DELETE",
    "/sessions/<trace>/override",
    query={"kind": choice(KINDS)},
    answer=table({"kinds": array(text()), "command": integer()}, ("kinds", "command"), more=True),
    errors=(404,),
)
def delete_override(trace: str, query: dict[str, Json]) -> dict[str, Json]:
    """Let the scheduler decide again."""
    current = panel()
    rows = current.db.rows("SELECT kind FROM overrides WHERE trace_hash = ?", (trace[:64],))
    kinds = [row["kind"] for row in rows if query.get("kind") in (None, row["kind"])]
    if not kinds:
        raise not_found("override", trace)
    for kind in kinds:
        current.store.remove("overrides", {"kind": kind, "trace_hash": trace})
    return {"kinds": kinds, **commanded("override", {"trace_hash": trace, "kinds": kinds})}
