"""Capability tests: start one, follow it, cancel it."""

from typing import Final

from flask import Blueprint

from ccx_addons.core.config import TEXT_KINDS
from ccx_addons.io.capability import CHECKS
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import Failure
from ccx_admin.api.schema import Json, array, choice, free, integer, table, text
from ccx_admin.bench.capability import jobs
from ccx_admin.channels.api import ID, key_of, the_channel
from ccx_admin.panel import panel

capability: Final = Blueprint("api_capability", __name__, url_prefix="/api")

PROTOCOLS: Final = tuple(sorted(TEXT_KINDS))
JOB: Final = table({"id": text(), "state": text(), "done": integer(), "cells": array(free())}, more=True)


@operation(
    capability,
    "POST",
    f"/channels/{ID}/capability",
    body=table(
        {
            "models": array(text("the client's name of a model", minLength=1, maxLength=200), "to ask", 50, minItems=1),
            "protocols": array(choice(PROTOCOLS), "to ask in; not given: the channel's own", minItems=1),
            "checks": array(choice(CHECKS), "what to ask for; not given: everything", minItems=1),
            "rpm": integer("most questions a minute", 1, 60, default=20),
            "key_id": text(),
        },
        ("models",),
    ),
    answer=JOB,
    status=202,
    errors=(404, 409),
)
def start(id: str, body: dict[str, Json]) -> dict[str, Json]:
    """Ask each model, in each protocol, for text, a stream, a tool call and a picture's colour. Every question goes to
    the upstream and costs; they are logged with source ``test``."""
    channel = the_channel(id)
    if "protocols" not in body and channel.protocol not in TEXT_KINDS:
        raise Failure(409, "Not tested", f"{channel.protocol} has no conversation to ask for; name protocols")
    key = key_of(channel, body.get("key_id", ""))
    protocols = body.get("protocols", [channel.protocol])
    checks = body.get("checks", CHECKS)
    job = jobs().start(panel(), channel, key, protocols, body["models"], checks, body.get("rpm", 20))
    return job.as_json()


@operation(capability, "GET", "/capability/<id>", answer=JOB, errors=(404,))
def follow(id: str) -> dict[str, Json]:
    """How far a test is."""
    return jobs().get(id).as_json()


@operation(capability, "DELETE", "/capability/<id>", answer=JOB, errors=(404,))
def cancel(id: str) -> dict[str, Json]:
    """Ask nothing more. A stream under way is hung up on; what was found stays."""
    job = jobs().get(id)
    job.stop.set()
    return job.as_json()
