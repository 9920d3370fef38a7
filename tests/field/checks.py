"""What a case expects: ``[path, operation, value?]``, looked for in what was sent or answered.

A path is ``a.b[0].c``; ``[*]`` is every element, ``~`` a dot in a name, the empty path the whole value.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

STEP = re.compile(r"[^.\[\]]+|\[\*\]|\[-?\d+\]")


def find(value: Any, path: str) -> list[Any]:
    """All values at a path; none where it leads nowhere."""
    found = [value]
    for step in STEP.findall(path):
        found = [inner for outer in found for inner in _step(outer, step)]
    return found


def _step(value: Any, step: str) -> list[Any]:
    if step == "[*]":
        return list(value) if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    if step[0] == "[":
        at = int(step[1:-1])
        return [value[at]] if isinstance(value, list) and -len(value) <= at < len(value) else []
    name = step.replace("~", ".")
    return [value[name]] if isinstance(value, dict) and name in value else []


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def is_json(value: Any, want: Any) -> bool:
    """Whether text is JSON that equals."""
    try:
        return bool(json.loads(value) == want)
    except (TypeError, ValueError):
        return False


OPERATIONS: dict[str, Callable[[list[Any], Any], bool]] = {
    "eq": lambda found, want: bool(found) and bool(found[0] == want),
    "in": lambda found, want: bool(found) and found[0] in want,
    "ge": lambda found, want: bool(found) and bool(found[0] >= want),
    "len": lambda found, want: bool(found) and len(found[0]) == want,
    "num": lambda found, want: len(found) == want,
    "json": lambda found, want: bool(found) and is_json(found[0], want),
    "any": lambda found, want: want in found,
    "none": lambda found, want: want not in found,
    "has": lambda found, want: any(want in text(value) for value in found),
    "hasnot": lambda found, want: not any(want in text(value) for value in found),
    "re": lambda found, want: any(re.search(want, text(value), re.S) for value in found),
    "notre": lambda found, want: not any(re.search(want, text(value), re.S) for value in found),
    "exists": lambda found, _: bool(found) and found[0] is not None,
    "absent": lambda found, _: not found or found[0] is None,
}


def holds(values: Sequence[Any], check: Sequence[Any]) -> bool:
    path, operation, *want = check
    found = [inner for value in values for inner in find(value, path)]
    return OPERATIONS[operation](found, want[0] if want else None)
