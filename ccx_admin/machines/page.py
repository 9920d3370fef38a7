"""/settings/machines: the machines that share one database."""

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, render_template

from ccx_admin.machines import api, query
from ccx_admin.panel import panel
from ccx_admin.shell.vocabulary import Badge

pages: Final = Blueprint("machines", __name__)

STATES: Final[Mapping[str, Badge]] = {
    "newest": Badge("newest", "check", "good"),
    "behind": Badge("another version", "clock", "warn"),
    "refused": Badge("refuses the newest", "cross", "bad"),
}
"""Of a machine's configuration."""
ENGINES: Final[Mapping[str, str]] = {"limits": "limits are counted apart", "log": "the log waits"}


@pages.get("/settings/machines")
def index() -> str:
    current = panel()
    return render_template(
        "machines/page.html",
        shared=query.share_a_database(current),
        from_database=current.settings.ccx_config_from == "database",
        machines=query.machines(current),
        unsealed=query.unsealed_keys(current),
        offers=api.offers(current),
        states=STATES,
        engines=ENGINES,
    )
