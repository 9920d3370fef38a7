"""/test: is a channel there, what can it do, and what does it say? Tests are logged, and no statistics count them."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_addons.core.config import TEXT_KINDS, Channel
from ccx_admin.access import users
from ccx_admin.bench.capability import Job, jobs
from ccx_admin.channels import views
from ccx_admin.channels.page import known_models
from ccx_admin.panel import panel

pages: Final = Blueprint("bench", __name__)

PROTOCOLS: Final = tuple(sorted(TEXT_KINDS))
SUGGESTED: Final = 3
"""Models that stand in the form at first."""


@pages.get("/test")
def index() -> str:
    users.must_change()
    current = panel()
    channels = current.snapshot().channels
    wanted = request.args.get("channel", "")
    channel = next((c for c in channels if c.id == wanted), None) or next(iter(channels), None)
    known = known_models(current)
    job = jobs().last(channel.id) if channel else None
    return render_template(
        "bench/page.html",
        channels=channels,
        channel=channel,
        urls=views.request_urls(channel) if channel else [],
        protocols=PROTOCOLS,
        models=known,
        suggested=suggested(channel, known) if channel else [],
        matrix=matrix(job) if job else None,
    )


@pages.get("/test/<id>")
def progress(id: str) -> str:
    """The matrix of a test alone, for a page that follows it."""
    return render_template("bench/matrix.html", matrix=matrix(jobs().get(id)))


def suggested(channel: Channel, known: list[str]) -> list[str]:
    """Names of models that a channel says it has, else those that clients ask for and it would take."""
    said = [name for name in (*channel.allow.include, *channel.models.entries) if name.strip("*!") == name]
    asked = [name for name in known if channel.allow.allows(name)]
    return list(dict.fromkeys(said or asked))[:SUGGESTED]


def matrix(job: Job) -> Mapping[str, Any]:
    """A job with its cells in rows: one for each protocol and model, one column for each question."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in job.cells:
        rows.setdefault((cell.protocol, cell.model), {})[cell.check] = cell
    return {
        **job.as_json(),
        "total": len(job.cells),
        "running": job.ended_at is None,
        "channel": job.channel,
        "checks": list(dict.fromkeys(cell.check for cell in job.cells)),
        "rows": [{"protocol": protocol, "model": model, "cells": cells} for (protocol, model), cells in rows.items()],
    }
