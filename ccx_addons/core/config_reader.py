"""Reads plain data against what is known of it, and collects every problem at once, with path, line and nearest known
key."""

import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from ccx_addons.core import confidential, variables
from ccx_addons.core.config import KINDS, Patterns, folded
from ccx_addons.core.errors import Problem
from ccx_addons.core.mask import mask
from ccx_addons.core.settings import OWN_SECRETS

type Json = Any

DECIMAL: Final = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?(?:[eE]-?[0-9]{1,2})?")
PATTERN: Final = re.compile(r"!?(?:\*|(?!\*? +\*?$)\*?[^*!,\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+\*?)")
"""Relays put all sorts of signs into their models' names; a comma would part them in the panel's lists."""
NAME: Final = re.compile(r"(?!\.\.?$)[^\s/\x00-\x1f][^\x00-\x1f]{0,63}")
SURROGATE: Final = re.compile("[\ud800-\udfff]")


@cache
def shape_of(cls: type) -> Mapping[str, tuple[Any, Mapping[str, Any]]]:
    """A dataclass's fields: name -> type and metadata. A file may have thousands of tables, of a few classes."""
    hints = get_type_hints(cls)
    return {f.name: (hints[f.name], f.metadata) for f in fields(cls)}


@dataclass
class Reader:
    """Collects problems; ``lines`` maps a path to its line."""

    lines: Mapping[str, int]
    environ: Mapping[str, str]
    now: float
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    turns_at: float = float("inf")

    def problem(self, path: str, message: str, place: str = "") -> None:
        """``place``: the path by which the line is found, where ``path`` hides a part of it."""
        line = next((self.lines[p] for p in _parents(place or path) if p in self.lines), 0)
        self.problems.append(Problem(path, message, line))

    def table(self, value: Json, path: str, known: tuple[str, ...]) -> dict[str, Json]:
        """A mapping with known keys only."""
        if not isinstance(value, dict):
            self.problem(path, f"expected a mapping, got {kind_of(value)}")
            return {}
        for name in value:
            if name not in known:
                other = OTHERS.get(str(name), "")
                near = [other] if other in known else difflib.get_close_matches(str(name), known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
                shown = str(name) if confidential.FIELD_NAME.fullmatch(str(name)) else mask(str(name))
                self.problem(_below(path, shown), f"unknown key {shown!r}{hint}", _below(path, str(name)))
        return {name: entry for name, entry in value.items() if name in known}

    def sequence(self, value: Json, path: str) -> list[Json]:
        if value is None:
            return []
        if not isinstance(value, list):
            hint = "; put it into brackets: [...]" if isinstance(value, str) else ""
            self.problem(path, f"expected a list, got {kind_of(value)}{hint}")
            return []
        return value

    def entries(self, value: Json, path: str) -> Iterator[tuple[str, Json]]:
        """The entries of a list, each with its own path."""
        for n, entry in enumerate(self.sequence(value, path)):
            yield f"{path}[{n}]", entry

    def strings(self, value: Json, path: str) -> tuple[str, ...]:
        found = (self.text(entry, at) for at, entry in self.entries(value, path))
        return tuple(text for text in found if text is not None)

    def text(self, value: Json, path: str, pattern: re.Pattern[str] | None = None, what: str = "") -> str | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            self.problem(path, f"expected text, got {kind_of(value)}")
            return None
        if SURROGATE.search(value):
            self.problem(path, "has half a character (a lone surrogate)")
            return None
        if pattern and not pattern.fullmatch(value):
            self.problem(path, f"is not {what}")
            return None
        return value

    def secret(self, value: Json, path: str) -> str | None:
        """A key, or its variable; None when that is not set, which disables only this key."""
        text = self.text(value, path)
        if text is None:
            return None
        if variables.FOREIGN.match(text) and not variables.names(text):
            self.problem(path, "is a variable as other programs write it, and no key; write env:NAME or ${NAME}")
            return None
        if text.startswith("env:") or variables.names(text):
            if self._own(text, path):
                return None
            if not (found := self._filled(text)):
                shown = self._missing(text)
                self.warnings.append(f"{path}: the environment variable {shown} is not set; this key is not used")
                return None
            text = found.strip()
        if not text.strip() or not text.isprintable() or not text.isascii():
            self.problem(path, "is not a key: it must be printable ASCII and not empty")
            return None
        return text.strip()

    def filled(self, value: Json, path: str) -> str | None:
        """Text with its variables, each of which has to be set."""
        text = self.text(value, path)
        if text is None or self._own(text, path):
            return None
        if (found := self._filled(text)) is not None:
            return found
        self.problem(path, f"the environment variable {self._missing(text)} is not set")
        return None

    def _own(self, text: str, path: str) -> bool:
        """Whether it names what is the gateway's alone, which is a problem."""
        if not (name := next((name for name in variables.names(text) if name in OWN_SECRETS), "")):
            return False
        self.problem(path, f"{name} is the gateway's own secret; it goes to nobody else")
        return True

    def _filled(self, text: str) -> str | None:
        if text.startswith("env:") and not variables.whole(text):
            return self.environ.get(text[4:], "") or None
        return None if variables.missing(text, self.environ) else variables.filled(text, self.environ)

    def _missing(self, text: str) -> str:
        name = next(iter(variables.missing(text, self.environ)), text[4:])
        return name if confidential.is_environment(f"env:{name}") else mask(name)

    def moment(self, value: Json, path: str) -> float | None:
        """Unix seconds of a time in ISO form; without a zone it is UTC."""
        if value is None:
            return None
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.problem(path, "is not a time like 2026-01-31T12:00:00Z")
            return None
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()

    def turn(self, value: Json, path: str) -> float | None:
        """A time at which the file comes to mean something else."""
        found = self.moment(value, path)
        if found is not None and found > self.now:
            self.turns_at = min(self.turns_at, found)
        return found

    def scalars[T](self, cls: type[T], value: Json, path: str, given: T) -> T:
        """A dataclass of simple fields over its defaults ``given``."""
        if value is None:
            return given
        shape = shape_of(cls)  # type: ignore[arg-type]  # mypy: a class may not be hashable
        found = {}
        for name, entry in self.table(value, path, tuple(shape)).items():
            converted = self.scalar(entry, *shape[name], f"{path}.{name}")
            if converted is not MISSING:
                found[name] = converted
        return replace(given, **found)  # type: ignore[type-var]

    def scalar(self, value: Json, hint: Any, rules: Mapping[str, Any], path: str) -> Any:
        """One value against a field's type and metadata; MISSING when it does not fit."""
        hint = getattr(hint, "__value__", hint)
        options = get_args(hint)
        if get_origin(hint) is Literal:
            if value in options and isinstance(value, str):
                return value
            self.problem(path, f"must be one of {', '.join(options)}")
            return MISSING
        if type(None) in options:
            if value is None:
                return None
            hint = next(option for option in options if option is not type(None))
        if hint is float and isinstance(value, str) and DECIMAL.fullmatch(value):
            value = float(value)
        check = CHECKS.get(hint)
        if check is None or not check(value):
            self.problem(path, f"expected {NAMES.get(hint, 'another type')}, got {kind_of(value)}")
            return MISSING
        low, high = rules.get("minimum"), rules.get("maximum")
        if (low is not None and value < low) or (high is not None and value > high):
            self.problem(path, f"must be at least {low}" + (f" and at most {high}" if high is not None else ""))
            return MISSING
        return float(value) if hint is float else value

    def patterns(self, value: Json, path: str) -> Patterns:
        include, exclude = [], []
        for at, element in self.entries(value, path):
            entry = self.text(element, at)
            if entry is None:
                continue
            if not PATTERN.fullmatch(entry):
                self.problem(at, "is not a model pattern (exact, prefix*, *suffix, *contains*, *, !exclude)")
            elif entry.startswith("!"):
                exclude.append(folded(entry[1:]))
            else:
                include.append(folded(entry))
        return Patterns(tuple(include), tuple(exclude))

    def kinds(self, value: Json, path: str, given: Iterable[Any]) -> frozenset[Any]:
        """Those that are kinds; ``given`` where the file says nothing of them."""
        if value is None:
            return frozenset(given)
        if value == []:
            self.problem(path, "needs at least one kind")
        found = set()
        for at, entry in self.entries(value, path):
            name = self.text(entry, at)
            if name in KINDS:
                found.add(name)
            elif name is not None:
                self.problem(at, f"must be one of {', '.join(KINDS)}")
        return frozenset(found)

    def is_pattern(self, name: str, path: str) -> bool:
        """Whether it may stand for models; ``!`` only where lists leave some out."""
        fits = bool(PATTERN.fullmatch(name)) and not name.startswith("!")
        if not fits:
            self.problem(path, "is not a model pattern")
        return fits

    def no_duplicates(self, what: str, values: Mapping[str, str], secret: bool = False) -> None:
        """``values``: path -> value."""
        seen: set[str] = set()
        for path, value in values.items():
            if value in seen:
                shown = "" if secret else f" {value!r}"
                self.problem(path, f"the {what}{shown} is used twice")
            seen.add(value)


CHECKS: Final[dict[Any, Callable[[Json], bool]]] = {
    bool: lambda v: isinstance(v, bool),
    int: lambda v: isinstance(v, int) and not isinstance(v, bool),
    float: lambda v: isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e12,
    str: lambda v: isinstance(v, str),
}
OTHERS: Final = {
    **dict.fromkeys(("api_key", "api_keys", "apiKey", "key", "token"), "keys"),
    **dict.fromkeys(("api_base", "url", "baseUrl", "base_url", "endpoint"), "base_urls"),
    **dict.fromkeys(("type", "provider", "api", "format"), "protocol"),
}
"""What other gateways call it."""
NAMES: Final[dict[Any, str]] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}

KIND_NAMES: Final[dict[type, str]] = {
    type(None): "nothing",
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _parents(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path[: max(path.rfind("."), path.rfind("["), 0)]


def kind_of(value: Json) -> str:
    return KIND_NAMES.get(type(value), "something else")
