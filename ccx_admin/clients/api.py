"""/api/clients: who may call. A secret is shown once, in the answer that made it."""

from dataclasses import asdict, fields
from typing import Final

from flask import Blueprint, request

from ccx_addons.core.config import KINDS, ClientLimits
from ccx_admin import change, edits
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import not_found
from ccx_admin.api.schema import Json, array, boolean, choice, free, integer, table, text
from ccx_admin.change import asked
from ccx_admin.channels import views
from ccx_admin.clients import snippets
from ccx_admin.clients.newest import newest
from ccx_admin.panel import panel

clients: Final = Blueprint("api_clients", __name__, url_prefix="/api")

LIMITS: Final = [field.name for field in fields(ClientLimits)]
CLIENT: Final = {
    "name": text(minLength=1, maxLength=64),
    "kinds": array(choice(KINDS), "client protocols it may use; not given: all", 10),
    "models": array(text(), "model patterns"),
    "limits": free(", ".join(LIMITS)),
    "model_limits": array(free(), f"beside those, on some models: models, {', '.join(LIMITS)}", 100),
    "expires": {},
    "enabled": boolean(),
}
SAVED: Final = table({"revision": text(), "client": free()}, ("revision", "client"), more=True)


def answer(name: str, revision: str) -> dict[str, Json]:
    found = next((views.client_of(c, panel().clock()) for c in panel().snapshot().clients if c.name == name), None)
    return {"revision": revision, "client": found}


@operation(clients, "GET", "/clients", answer=table({"clients": array(free())}, ("clients",), more=True))
def list_clients() -> dict[str, Json]:
    """Every client, its limits, how much it asked, and its last request."""
    return {"revision": panel().config().revision, "clients": views.clients(panel())}


@operation(
    clients,
    "POST",
    "/clients",
    body=table(CLIENT, ("name",)),
    answer=table({"revision": text(), "client": free(), "secret": text()}, ("revision", "client", "secret")),
    status=201,
    errors=(409,),
)
def add_client(body: dict[str, Json]) -> dict[str, Json]:
    """A new client. ``secret`` is its key, shown now and never again: only its hash is kept."""
    secret, edit = edits.add_client(body)
    revision = change.apply(panel(), edit, asked())
    return {**answer(body["name"], revision), "secret": secret}


@operation(
    clients,
    "PATCH",
    "/clients/<path:name>",
    body=table({name: {} for name in CLIENT}),
    answer=SAVED,
    errors=(404, 409),
)
def patch_client(name: str, body: dict[str, Json]) -> dict[str, Json]:
    """Change a client: merge patch. A new key is made by ``rotate``."""
    revision = change.apply(panel(), edits.patch_client(name, body), asked())
    return answer(str(body.get("name") or name), revision)


@operation(
    clients,
    "POST",
    "/clients/<path:name>/rotate",
    body=table({"seconds": integer("the old key is right for so long yet", 0, edits.MAX_OVERLAP)}),
    answer=table({"revision": text(), "client": free(), "secret": text()}, ("revision", "client", "secret")),
    status=201,
    errors=(404, 409),
)
def rotate(name: str, body: dict[str, Json]) -> dict[str, Json]:
    """Another key for a client, beside the old one for a while (a day, if not said otherwise)."""
    secret, edit = edits.rotate_client(name, body.get("seconds", 86_400), panel().clock())
    return {**answer(name, change.apply(panel(), edit, asked())), "secret": secret}


@operation(
    clients, "DELETE", "/clients/<path:name>", answer=table({"revision": text()}, ("revision",)), errors=(404, 409)
)
def delete_client(name: str) -> dict[str, Json]:
    """Delete a client; its key is refused within a second."""
    return {"revision": change.apply(panel(), edits.delete_client(name), asked())}


@operation(
    clients,
    "GET",
    "/clients/<path:name>/last",
    query={"since": integer("Unix milliseconds", default=0)},
    answer=table({"request": {}}, ("request",)),
    errors=(404,),
)
def last(name: str, query: dict[str, Json]) -> dict[str, Json]:
    """Its newest request since a moment, or null: whether a new set-up works."""
    if not any(client.name == name for client in panel().snapshot().clients):
        raise not_found("client", name)
    return {"request": next(iter(newest(panel().db, name, since=query["since"])), None)}


@operation(
    clients,
    "GET",
    "/snippets",
    query={"root": text("the gateway's address as the client reaches it", maxLength=200), "model": text(maxLength=200)},
    answer=table({"snippets": array(free())}, ("snippets",)),
)
def list_snippets(query: dict[str, Json]) -> dict[str, Json]:
    """How each client is pointed at this gateway; the key is a placeholder."""
    root = query.get("root") or panel().gateway_url or request.host_url
    return {"snippets": [asdict(s) for s in snippets.snippets(root, model=query.get("model", ""))]}
