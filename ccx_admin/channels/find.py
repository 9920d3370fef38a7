"""Finding among many channels and keys: words, and an order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ccx_admin.channels.activity import Activity

type Row = dict[str, Any]
type Value = Callable[[Row, Mapping[str, Any], Activity | None], Any]

COLUMNS: Final[tuple[tuple[str, str, str], ...]] = (
    ("", "Order", "place"),
    ("name", "Name", ""),
    ("state", "State", ""),
    ("attempts", "Attempts, 24 h", "strip-cell"),
    ("success", "Success", "figure"),
    ("ttft", "TTFT", "figure"),
    ("cache", "Cache", "figure hide-narrow"),
    ("cost", "Cost", "figure hide-narrow"),
    ("keys", "Keys", "figure"),
)
"""(name of the order, word, class)."""
WORST: Final = ("open", "no keys", "half-open", "degraded", "ok", "paused", "standby")
"""States, what needs somebody first."""

VALUES: Final[Mapping[str, Value]] = {
    "name": lambda c, day, seen: c["name"].casefold(),
    "state": lambda c, day, seen: WORST.index(c["state"]),
    "attempts": lambda c, day, seen: seen.attempts if seen else 0,
    "success": lambda c, day, seen: seen.success if seen else None,
    "ttft": lambda c, day, seen: day.get("ttft_p50"),
    "cache": lambda c, day, seen: day.get("cache_hit_rate"),
    "cost": lambda c, day, seen: day.get("cost_usd"),
    "keys": lambda c, day, seen: c["usable_keys"],
}


def matching(rows: Sequence[Row], text: str) -> list[Row]:
    """The channels in which every word stands: in name, host, tag, state, kind or model."""
    words = text.casefold().split()
    return [row for row in rows if all(word in haystack(row) for word in words)] if words else list(rows)


def haystack(row: Row) -> str:
    models = [name for found, target in row["models"].items() for name in (found, *_targets(target))]
    parts = [row["name"], row["id"], row["state"], row["protocol"], row["route_prefix"], row["note"]]
    return " ".join((*parts, *row["base_urls"], *row["tags"], *row["serves"], *models, *row["allow"])).casefold()


def _targets(target: Any) -> list[str]:
    if isinstance(target, Mapping):
        return [str(target.get("to", ""))]
    return [name for one in target for name in _targets(one)] if isinstance(target, list) else [str(target)]


def ordered(
    rows: Sequence[Row], by: str, down: bool, figures: Mapping[str, Mapping[str, Any]], seen: Mapping[str, Activity]
) -> list[Row]:
    """Rows in the order of one column; what is not known comes last."""
    value = VALUES.get(by)
    if value is None:
        return list(rows)
    keyed = [(value(row, figures.get(row["id"]) or {}, seen.get(row["id"])), row) for row in rows]
    known = sorted((pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=down)
    return [row for _, row in (*known, *(pair for pair in keyed if pair[0] is None))]
