"""/api/config and /api/settings: the text of ccx.yaml, its history, the policy, the process settings."""

from dataclasses import asdict, fields
from typing import Final

from flask import Blueprint, jsonify
from werkzeug.wrappers import Response

from ccx_addons.core.config import help_of
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.core.mask import Secrets
from ccx_addons.core.settings import Settings
from ccx_addons.io import versions, yaml_file
from ccx_addons.scheduler import breaker
from ccx_admin import change, edits
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import Failure, not_found
from ccx_admin.api.schema import Json, array, boolean, free, table, text
from ccx_admin.change import asked
from ccx_admin.channels import views
from ccx_admin.panel import panel
from ccx_admin.settings import hidden

settings: Final = Blueprint("api_settings", __name__, url_prefix="/api")

TEXT: Final = text("ccx.yaml; secrets as kept:... words", maxLength=yaml_file.MAX_SIZE)
REVISION: Final = table({"revision": text()}, ("revision",))


@operation(
    settings, "GET", "/config", answer=table({"text": TEXT, "revision": text()}, ("text", "revision"), more=True)
)
def get_config() -> Response:
    """The text of ccx.yaml, each secret as a word ``kept:...`` that stands for it when the text is saved again."""
    config = panel().config()
    response = jsonify(
        text=hidden.hidden(config.text),
        revision=config.revision,
        in_force=views.in_force(panel().db),
        problems=[shown(problem, config.secrets) for problem in config.problems],
    )
    response.set_etag(config.revision)
    return response


@operation(settings, "PUT", "/config", body=table({"text": TEXT}, ("text",)), answer=REVISION, errors=(409, 428))
def put_config(body: dict[str, Json]) -> dict[str, Json]:
    """Save the whole text. ``If-Match`` must name the revision it was made from; 409 with the difference otherwise."""
    given = asked()
    if given.expected is None:
        raise Failure(428, "If-Match needed", "send the revision that was edited as If-Match")
    return {"revision": change.save(panel(), body["text"], given)}


@operation(
    settings,
    "POST",
    "/config/validate",
    body=table({"text": TEXT}, ("text",)),
    answer=table(
        {"valid": boolean(), "problems": array(free()), "diff": text(maxLength=10**7)}, ("valid", "problems"), more=True
    ),
)
def validate(body: dict[str, Json]) -> dict[str, Json]:
    """What is wrong with a text, each fault with its line, and how it differs from the file, or from ``If-Match``."""
    current = panel().config()
    seen = versions.find(panel().config_path, asked().expected or "")
    before = seen.text if seen else current.text
    try:
        text = hidden.restored(body["text"], before)
        snapshot = yaml_file.validated(text, before, panel().settings, panel().clock())
    except ConfigErrors as errors:
        secrets = hidden.secrets_of(body["text"]) | current.secrets
        found = [shown(problem, secrets) for problem in errors.problems]
        return {"valid": False, "problems": found, "warnings": [], "diff": ""}
    diff = hidden.diff(before, text)
    return {
        "valid": True,
        "problems": [],
        "warnings": list(map(snapshot.secrets.clean, snapshot.warnings)),
        "diff": diff,
    }


def shown(problem: Problem, secrets: Secrets) -> dict[str, Json]:
    """What is wrong with the file, without what should not be where it is."""
    return {"path": secrets.clean(problem.path), "message": secrets.clean(problem.message), "line": problem.line}


@operation(settings, "GET", "/config/history", answer=table({"versions": array(free())}, ("versions",), more=True))
def history() -> dict[str, Json]:
    """Kept versions, newest first: revision, when (Unix ms), who made it, and what changed since the one before."""
    found = [
        {
            "revision": version.revision,
            "saved_at": int(version.at * 1000),
            "who": version.who,
            "changes": [text.format(**values) for text, values in version.words],
        }
        for version in versions.history(panel().config_path)
    ]
    return {"revision": panel().config().revision, "versions": found}


def text_of(revision: str) -> str:
    """The file now, or a kept version."""
    current = panel().config()
    if revision in ("", current.revision):
        return current.text
    found = versions.find(panel().config_path, revision)
    if found is None:
        raise not_found("version", revision)
    return found.path.read_text("utf-8", "surrogateescape")


@operation(
    settings,
    "GET",
    "/config/diff",
    query={"from": text("a kept revision"), "to": text("another; not given: the file now")},
    answer=table({"diff": text(maxLength=10**7)}, ("diff",)),
    errors=(404,),
)
def diff(query: dict[str, Json]) -> dict[str, Json]:
    """How two versions differ, secrets masked."""
    before, after = text_of(query.get("from", "")), text_of(query.get("to", ""))
    return {"diff": hidden.diff(before, after)}


@operation(
    settings,
    "POST",
    "/config/rollback",
    body=table({"revision": text()}, ("revision",)),
    answer=REVISION,
    errors=(404, 409),
)
def rollback(body: dict[str, Json]) -> dict[str, Json]:
    """Put a kept version back."""
    return {"revision": change.rollback(panel(), kept(body["revision"]), asked())}


def kept(revision: str) -> str:
    if versions.find(panel().config_path, revision) is None:
        raise not_found("version", revision)
    return revision


@operation(
    settings,
    "POST",
    "/config/undo",
    body=table({"revision": text()}, ("revision",)),
    answer=REVISION,
    errors=(404, 409),
)
def undo(body: dict[str, Json]) -> dict[str, Json]:
    """Take back the one change that led to a version; what was changed later stays."""
    return {"revision": change.undo(panel(), kept(body["revision"]), asked())}


# ---- policy and process settings -------------------------------------------------------------------------------------
PRESETS: Final = {
    name: {"window": preset.window, "failure_rate": preset.failure_rate, "consecutive": preset.consecutive}
    for name, preset in breaker.PRESETS.items()
}
"""Of ``policy.breaker``."""


def environment(given: Settings) -> list[dict[str, Json]]:
    """The process settings with their help; of keys only whether they are set."""
    found = []
    for entry in fields(Settings):
        value, secret = getattr(given, entry.name), entry.metadata["secret"]
        shown: Json = bool(value) if secret else list(value) if isinstance(value, tuple) else value
        found.append(
            {
                "name": entry.metadata["name"],
                "value": shown,
                "secret": secret,
                "default": None if secret else entry.default,
                "help": entry.metadata["help"],
            }
        )
    return found


@operation(
    settings,
    "GET",
    "/settings",
    answer=table({"revision": text(), "policy": free(), "prices": free()}, ("revision", "policy"), more=True),
)
def get_settings() -> dict[str, Json]:
    """Policy and prices in force, the breaker's presets, and the settings of the process (read at start)."""
    snapshot = panel().snapshot()
    return {
        "revision": panel().config().revision,
        "policy": views.policy_of(snapshot.policy),
        "help": {
            f"{name}.{entry.name}": help_of(type(getattr(snapshot.policy, name)), entry.name)
            for name in ("affinity", "breaker", "attempts", "timeouts", "bodies")
            for entry in fields(getattr(snapshot.policy, name))
        },
        "presets": PRESETS,
        "prices": {pattern: asdict(price) for pattern, price in snapshot.prices.items()},
        "environment": environment(panel().settings),
    }


@operation(
    settings,
    "PATCH",
    "/settings",
    body=table({"policy": free(), "prices": free()}),
    answer=table({"revision": text(), "policy": free()}, ("revision", "policy"), more=True),
    errors=(409,),
)
def patch_settings(body: dict[str, Json]) -> dict[str, Json]:
    """Change policy or prices: merge patch, null brings a default back."""
    change.apply(panel(), edits.patch_settings(body), asked())
    return get_settings()
