"""POST /api/playground: ask the gateway something and watch the answer come."""

from typing import Final

from flask import Blueprint, Response

from ccx_addons.core.config import TEXT_KINDS
from ccx_admin.api.operation import operation
from ccx_admin.api.schema import Json, boolean, choice, table, text
from ccx_admin.bench.playground import Prompt, as_stream, talk
from ccx_admin.panel import panel

playground: Final = Blueprint("api_playground", __name__, url_prefix="/api")

MAX_PROMPT: Final = 200_000


@operation(
    playground,
    "POST",
    "/playground",
    body=table(
        {
            "protocol": choice(sorted(TEXT_KINDS), "what the request speaks"),
            "model": text("the client's name of a model", minLength=1, maxLength=200),
            "prompt": text("what is asked", minLength=1, maxLength=MAX_PROMPT),
            "system": text("instructions", maxLength=MAX_PROMPT),
            "channel": text("name or id: only this channel", maxLength=64),
            "stream": boolean("as a stream", default=True),
        },
        ("protocol", "model", "prompt"),
    ),
    media=("text/event-stream",),
    errors=(409,),
)
def ask(body: dict[str, Json]) -> Response:
    """Send one prompt through the gateway; the answer comes as events while it is made. Logged with source ``test``."""
    prompt = Prompt(
        body["protocol"],
        body["model"],
        body["prompt"],
        body.get("system", ""),
        body.get("channel", ""),
        body.get("stream", True),
    )
    return Response(as_stream(talk(panel(), prompt)), mimetype="text/event-stream")
