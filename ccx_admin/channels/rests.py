"""What keeps keys from being used, told once: the same words of many models or keys stand in one line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rest:
    """``models``: on which it rests; empty: on all. ``until``: the latest, Unix ms; None: until somebody acts."""

    reason: str
    message: str
    models: tuple[str, ...]
    until: int | None


def rests(states: Iterable[Mapping[str, Any]]) -> list[Rest]:
    """Of one key's states (``views.key_states``)."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for state in states:
        found.setdefault((state["reason"], state["message"]), []).append(state)
    return [
        Rest(reason, message, tuple(state["model"] for state in some if state["model"]), latest(some))
        for (reason, message), some in found.items()
    ]


def latest(some: Iterable[Mapping[str, Any]]) -> int | None:
    ends = [state["until"] for state in some]
    return None if None in ends else max(ends)


def together(problems: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Problems of keys that say the same of one channel as one: ``labels`` and ``models`` name them. The others as
    they are, in their order."""
    found: dict[Any, list[Mapping[str, Any]]] = {}
    for n, problem in enumerate(problems):
        place = (problem["channel_id"], problem["state"], problem["reason"]) if problem["kind"] == "key" else n
        found.setdefault(place, []).append(problem)
    return [_one(some) if some[0]["kind"] == "key" else dict(some[0]) for some in found.values()]


def _one(some: list[Mapping[str, Any]]) -> dict[str, Any]:
    names = {name: [*dict.fromkeys(problem[name] for problem in some if problem[name])] for name in ("label", "model")}
    return {**some[0], "labels": names["label"], "models": names["model"], "until": latest(some)}
