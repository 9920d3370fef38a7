"""Who is told of what goes wrong, from ccx.yaml as values, with every problem noted."""

from dataclasses import MISSING, fields
from typing import Any, Final

from ccx_addons.core.config import ALERT_EVENTS, Alert
from ccx_addons.core.config_reader import NAME, Json, Reader, shape_of
from ccx_addons.core.urls import url_problem

ALERT_KEYS: Final = tuple(entry.name for entry in fields(Alert))
SCALARS: Final = ("format", "private", "enabled")
PUBLIC: Final = frozenset({"https"})
PRIVATE: Final = frozenset({"http", "https"})


def alerts_of(reader: Reader, value: Json) -> tuple[Alert, ...]:
    found = {path: alert for path, entry in reader.entries(value, "alerts") if (alert := _alert(reader, entry, path))}
    reader.no_duplicates("name", {f"{path}.name": alert.name for path, alert in found.items()})
    return tuple(found.values())


def _alert(reader: Reader, value: Json, path: str) -> Alert | None:
    table = reader.table(value, path, ALERT_KEYS)
    if not isinstance(value, dict):
        return None
    name = reader.text(table.get("name"), f"{path}.name", NAME, "a name (up to 64 characters)")
    given: dict[str, Any] = {}
    for key in SCALARS:
        if key in table and (one := reader.scalar(table[key], *shape_of(Alert)[key], f"{path}.{key}")) is not MISSING:
            given[key] = one
    events = _events(reader, table.get("events"), f"{path}.events")
    given["chat"] = reader.text(table.get("chat", ""), f"{path}.chat") or ""
    if "secret" in table:
        given["secret"] = reader.secret(table["secret"], f"{path}.secret") or ""
    if "url" not in table:
        reader.problem(path, "has no url")
        return None
    url = reader.secret(table["url"], f"{path}.url")
    if url and (wrong := url_problem(url, PRIVATE if given.get("private") else PUBLIC, query=True)):
        reader.problem(f"{path}.url", wrong)
    if given.get("format") == "telegram" and not given.get("chat"):
        reader.problem(path, "Telegram needs the chat that is told")
    return Alert(name, url, events=events, **given) if name and url else None


def _events(reader: Reader, value: Json, path: str) -> tuple[str, ...]:
    if value is None:
        return ALERT_EVENTS
    if value == []:
        reader.problem(path, "needs at least one; all of them where it is left out")
    found = []
    for at, entry in reader.entries(value, path):
        if isinstance(entry, str) and entry in ALERT_EVENTS:
            found.append(entry)
        else:
            reader.problem(at, f"must be one of {', '.join(ALERT_EVENTS)}")
    return tuple(found)
