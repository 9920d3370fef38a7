"""/clients: who may call, and how each tool is pointed at the gateway."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_addons.core.config import KINDS
from ccx_addons.core.endpoints import suggest
from ccx_admin.channels import views
from ccx_admin.clients import snippets
from ccx_admin.panel import Panel, panel

pages: Final = Blueprint("clients", __name__)

LIMITS: Final = (
    ("rpm", "requests per minute", "1"),
    ("concurrency", "requests at the same time", "1"),
    ("tokens_per_minute", "tokens per minute", "1"),
    ("requests_per_day", "requests per day", "1"),
    ("requests_per_month", "requests per month", "1"),
    ("tokens_per_day", "tokens per day", "1"),
    ("tokens_per_month", "tokens per month", "1"),
    ("usd_per_day", "dollars per day", "0.01"),
    ("usd_per_month", "dollars per month", "0.01"),
)
"""(name, words, step); 0 is no limit."""

SYMPTOMS: Final = (
    (
        "401",
        "The key is not known: a stray space, an old variable of the shell, or the admin key instead of a client key.",
    ),
    ("404", "The path is not known. Most often /v1 stands twice: tools that add it want the root address."),
    ("404 model_not_found", "No active channel offers this model; see Channels, Why."),
    ("429", "A limit of this client, or every upstream's rate limit; the request's page says which."),
    ("503", "No channel can be used now; the overview lists what is wrong."),
)
"""(what the client sees, what it means)."""
ROOT: Final = re.compile(r"https?://[\w.:\[\]-]{1,200}/?", re.ASCII)
MODEL: Final = re.compile(r"[\w.:/@+\[\]-]{1,200}", re.ASCII)
"""What may stand in a snippet. It is pasted into a shell, and a link that leads here may come from anybody."""
WRONG_PATHS: Final = ("/v1/v1/messages", "/chat/completions", "/messages")


@pages.get("/clients")
def index() -> str:
    current = panel()
    root, q = root_of(current), request.args.get("q", "")[:200]
    model = request.args.get("model", "").strip()
    model = model if MODEL.fullmatch(model) else ""
    offered = snippets.snippets(root, model=model)
    wanted = request.args.get("tool", "")
    kinds = snippets.served(current.snapshot())
    offered.sort(key=lambda snippet: snippet.kind not in kinds)
    chosen = next((snippet for snippet in offered if snippet.id == wanted), offered[0])
    found = views.clients(current)
    words = q.casefold().split()
    name = request.args.get("client", "")
    watched = name if any(client["name"] == name for client in found) else found[0]["name"] if found else ""
    return render_template(
        "clients/page.html",
        clients=found,
        shown=[client for client in found if all(word in text_of(client) for word in words)],
        q=q,
        served=kinds,
        limit_lines=limit_lines,
        snippets=offered,
        chosen=chosen,
        root=root,
        model=model,
        watched=watched,
        kinds=KINDS,
        limits=LIMITS,
        limit_words={limit: words for limit, words, _step in LIMITS},
        symptoms=SYMPTOMS,
        wrong_paths=[(path, suggest(path)) for path in WRONG_PATHS],
        editing=next((client for client in found if client["name"] == request.args.get("edit", "")), None),
        revision=current.config().revision,
    )


def root_of(current: Panel) -> str:
    """The gateway's address as the reader reaches it."""
    roots = (request.args.get("root", "").strip(), current.gateway_url, request.host_url.rstrip("/"))
    return next((root for root in roots if ROOT.fullmatch(root)), "http://127.0.0.1:3000")


def text_of(client: Mapping[str, Any]) -> str:
    """What is searched."""
    state = "expired" if client["expired"] else "on" if client["enabled"] else "off"
    return " ".join((client["name"], client["mask"], state, *client["kinds"], *client["models"])).casefold()


def limit_lines(limits: Sequence[Mapping[str, Any]]) -> str:
    """Limits on some models as the form holds them, one a line."""
    names = [name for name, _words, _step in LIMITS]
    return "\n".join(
        " ".join([",".join(some["models"]) or "*", *(f"{name}={_plain(some[name])}" for name in names if some[name])])
        for some in limits
    )


def _plain(number: float) -> str:
    return str(int(number) if number == int(number) else number)
