"""Changes of who is told, in ccx.yaml. Addresses and secrets come in and never go out."""

from collections.abc import Mapping

from ccx_addons.core.config_alerts import ALERT_KEYS
from ccx_addons.io.yaml_document import Table, merge, remove, sequence, styled, without_nulls
from ccx_admin.api.problem import not_found
from ccx_admin.edits import Change, Json, must_know


def _alert(document: Table, name: str) -> Table:
    found: Table | None = next((one for one in sequence(document, "alerts") if one.get("name") == name), None)
    if found is None:
        raise not_found("receiver", name)
    return found


def add_alert(values: Mapping[str, Json]) -> Change:
    must_know(values, ALERT_KEYS, "a receiver")

    def change(document: Table) -> None:
        sequence(document, "alerts").append(styled(dict(without_nulls(values)), top=True))

    return change


def patch_alert(name: str, patch: Mapping[str, Json]) -> Change:
    """A merge patch. What it does not name stays, the address and the secret, too."""
    must_know(patch, ALERT_KEYS, "a receiver")
    return lambda document: merge(_alert(document, name), patch)


def delete_alert(name: str) -> Change:
    def change(document: Table) -> None:
        alerts = sequence(document, "alerts")
        remove(alerts, alerts.index(_alert(document, name)))

    return change
