"""ccx.yaml and .env on disk: strict reading, and changing the text. The only module that touches YAML.

Reading follows the YAML 1.2 core schema: only text, numbers, true, false and null. ``0123``, ``on`` and ``1.10`` stay
the text that a key or a model name is. Aliases, tags and doubled keys are errors.
"""

import difflib
import hashlib
import io
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import yaml
from dotenv.parser import Binding, parse_stream
from ruamel.yaml import YAML
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ccx_addons.core.config import Bodies, Snapshot
from ccx_addons.core.config_parse import parse
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.core.settings import Settings
from ccx_addons.core.urls import LOOPBACK
from ccx_addons.core.variables import mentioned
from ccx_addons.io import ca_files, outward
from ccx_addons.io.files import NOT_ALLOWED, cannot, write_atomically
from ccx_addons.io.secret_files import with_files
from ccx_addons.protocols.quirks import QUIRKS

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has one writer at a time by convention
    fcntl = None  # type: ignore[assignment]

type Json = Any

MAX_SIZE: Final = 4 << 20
MAX_DEPTH: Final = 50

INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
FLOAT: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.(?:[0-9]*[1-9]|0)")
"""Only numbers that print as they are written: nothing is lost where the text was meant."""

WORDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
VARIABLE: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
QUOTED: Final = frozenset({"'", '"', "|", ">"})

EXAMPLE: Final = """\
# CCX configuration. Every setting is explained in config/ccx.example.yaml; a change is in force within a second.
version: 1

channels: []
#  - name: claude
#    protocol: messages            # what the upstream speaks: messages, chat, responses, gemini, images, embeddings
#    base_urls: ["https://api.anthropic.com"]
#    keys: ["env:ANTHROPIC_API_KEY"]
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """``lines``: path such as ``channels[0].name`` -> line, counted from 1. ``node``: the document with its places."""

    data: Json
    lines: Mapping[str, int]
    revision: str
    text: str
    node: Node | None = None


# ---- reading ---------------------------------------------------------------------------------------------------------
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C loader where libyaml is there
    """Composes nodes only; ``_plain`` builds the values by our own rules. A node with a tag has it from the file."""

    def resolve(self, kind: type, value: Any, implicit: Any) -> str:
        return ""


def load_text(text: str) -> Loaded:
    """Raises ConfigErrors for anything that is not one plain YAML document."""
    revision = revision_of(text.encode("utf-8", "surrogatepass"))
    if len(text) > MAX_SIZE:
        raise _error("the file is larger than 4 MiB")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _error(f"is not valid YAML: {error.problem}", line) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _error(f"is not valid YAML: {str(error)[:200]}") from None
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    data = None if node is None else _plain(node, "", 0, lines, problems, set())
    if problems:
        raise ConfigErrors(problems)
    return Loaded(data, lines, revision, text, node)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One scalar and its place in the text, quotes included. ``path``: the names of the mappings around it."""

    begin: int
    end: int
    value: str
    style: str
    path: tuple[str, ...]
    is_name: bool


def scalars(text: str) -> list[Scalar]:
    """Every scalar, names too, in its order. Raises ConfigErrors as ``load_text``."""
    node = load_text(text).node
    return list(_scalars(node, ())) if node else []


def _scalars(node: Node, path: tuple[str, ...], is_name: bool = False) -> Iterator[Scalar]:
    if isinstance(node, ScalarNode):
        yield Scalar(node.start_mark.index, node.end_mark.index, node.value, node.style or "", path, is_name)
    elif isinstance(node, SequenceNode):
        for entry in node.value:
            yield from _scalars(entry, path)
    elif isinstance(node, MappingNode):
        for name, value in node.value:
            yield from _scalars(name, path, True)
            yield from _scalars(value, (*path, name.value))


def load(path: Path) -> Loaded:
    try:
        return load_text(text_of(path))
    except OSError as error:
        words = cannot(path, error) if error.errno in NOT_ALLOWED else error.strerror
        raise _error(f"cannot be read: {words}") from None


def text_of(path: Path) -> str:
    """Decoded only: line ends stay as they are. Raises OSError, or ConfigErrors when it is no text."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise ConfigErrors([Problem(path.name, "is not UTF-8 text")]) from None


def _plain(node: Node, path: str, depth: int, lines: dict[str, int], problems: list[Problem], seen: set[int]) -> Json:
    line = node.start_mark.line + 1
    lines[path] = line
    if depth > MAX_DEPTH:
        problems.append(Problem(path, "is nested too deeply", line))
        return None
    if id(node) in seen:
        problems.append(Problem(path, "aliases (*name) are not supported", line))
        return None
    seen.add(id(node))
    if node.tag:
        problems.append(Problem(path, "tags (!name) are not supported", line))
        return None
    if isinstance(node, ScalarNode):
        return _scalar(node)
    if isinstance(node, SequenceNode):
        return [_plain(entry, f"{path}[{n}]", depth + 1, lines, problems, seen) for n, entry in enumerate(node.value)]
    assert isinstance(node, MappingNode)
    table: dict[str, Json] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, ScalarNode) else None
        at = f"{path}.{name}" if path else str(name)
        if name is None or name in table:
            what = "a key must be text" if name is None else "stands twice"
            problems.append(Problem(at, what, key.start_mark.line + 1))
            continue
        table[name] = _plain(value, at, depth + 1, lines, problems, seen)
    return table


def _scalar(node: ScalarNode) -> Json:
    text: str = node.value
    if node.style in QUOTED:
        return text
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text) and len(text) < 16:
        return int(text)
    return float(text) if FLOAT.fullmatch(text) and len(text) < 24 else text


def read_snapshot(
    path: Path, settings: Settings, *, now: float, text: str | None = None, environ: Mapping[str, str] = os.environ
) -> Snapshot:
    """The file (or ``text`` in its place) as a Snapshot. Raises ConfigErrors."""
    loaded = load(path) if text is None else load_text(text)
    return snapshot_of(loaded, settings, now, environ)


def snapshot_of(loaded: Loaded, settings: Settings, now: float, environ: Mapping[str, str] = os.environ) -> Snapshot:
    """``environ``: where the file's variables are, or their files; workers and panel have those of .env in their own.
    Raises ConfigErrors."""
    environ = with_files(environ, sorted(mentioned(loaded.text)))
    hosts = LOOPBACK if settings.bind_host in LOOPBACK else {settings.bind_host, *LOOPBACK}
    snapshot = parse(
        loaded.data,
        revision=loaded.revision,
        now=now,
        environ=environ,
        own_addresses=tuple((host, settings.port) for host in hosts) if settings.port else (),
        default_client_key=settings.proxy_access_key,
        admin_key=settings.admin_access_key,
        lines=loaded.lines,
        timeouts=settings.timeouts,
        bodies=Bodies(capture=settings.capture_bodies),  # type: ignore[arg-type]  # its choices are checked there
        quirk_names=frozenset(QUIRKS),
        secrets=[*settings.secrets(), *outward.environment().secrets()],
    )
    missing = ca_files.problems(snapshot, loaded.lines)
    return replace(snapshot, warnings=(*snapshot.warnings, *map(str, missing))) if missing else snapshot


def validated(text: str, before: str, settings: Settings, now: float) -> Snapshot:
    """``text`` as it may be saved over ``before``. Raises ConfigErrors.

    A ``ca_file`` that cannot be used is an error where it is new: one that went away must not forbid other changes.
    """
    loaded = load_text(text)
    snapshot = snapshot_of(loaded, settings, now)
    try:
        known = ca_files.named(snapshot_of(load_text(before), settings, now))
    except ConfigErrors:
        known = frozenset()
    if missing := ca_files.problems(snapshot, loaded.lines, known):
        raise ConfigErrors(missing)
    return snapshot


def revision_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _error(message: str, line: int = 0) -> ConfigErrors:
    return ConfigErrors([Problem("ccx.yaml", message, line)])


# ---- changing --------------------------------------------------------------------------------------------------------
def edited(text: str, change: Callable[[Any], None]) -> str:
    """The document after ``change``, without writing anything: what a preview shows. Raises ConfigErrors."""
    if not isinstance(load_text(text).data, dict | None):
        raise _error("expected a mapping")
    ruamel = YAML()
    ruamel.preserve_quotes = True
    ruamel.width = 4096
    ruamel.indent(mapping=2, sequence=4, offset=2)
    document = ruamel.load(text.replace("\r\n", "\n"))
    if document is None:
        comments = "".join(f"{line}\n" for line in text.splitlines() if line.startswith("#"))
        document = ruamel.load(comments + "version: 1\n")
    change(document)
    out = io.StringIO()
    ruamel.dump(document, out)
    return out.getvalue().replace("\n", "\r\n") if "\r\n" in text else out.getvalue()


def diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), "before", "after")
    return "".join(lines)


def backups(path: Path) -> Path:
    return path.parent / "backups"


# ---- .env and the first start ----------------------------------------------------------------------------------------
SECRET_SETTINGS: Final = tuple(str(e.metadata["name"]) for e in fields(Settings) if e.metadata["secret"])
ENV_SEEN: Final = "CCX_ENV_SEEN"
"""The variable in which processes know the mark of the .env that they run with."""


def load_env(env_file: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The process environment over the file, and secrets of the settings that have files of their own; a missing
    ``env_file`` is no problem. Raises ConfigErrors when it is no text, or a secret's file cannot be read."""
    found = {line.key: line.value for line in _lines(env_file) if line.key is not None and line.value is not None}
    return dict(with_files({**found, **environ}, SECRET_SETTINGS))


def unread(env_file: Path) -> Iterator[str]:
    """A warning for each line that says nothing, such as ``NAME: value`` or a quote without its end. Its words may be a
    secret and are not shown. Raises ConfigErrors as ``load_env``."""
    for line in _lines(env_file):
        text = line.original.string
        if line.error or (line.key is not None and (line.value is None or not VARIABLE.fullmatch(line.key))):
            number = line.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            yield f"{env_file}, line {number}: is not NAME=value and is not used"


def _lines(env_file: Path) -> list[Binding]:
    return list(parse_stream(io.StringIO(text_of(env_file)))) if env_file.is_file() else []


def env_mark(env_file: Path) -> str:
    """Another one after each change of the file; empty: there is none."""
    try:
        return hashlib.sha256(env_file.read_bytes()).hexdigest()
    except OSError:
        return ""


def first_start(env_file: Path, config: Path, environ: Mapping[str, str]) -> str:
    """Creates what is missing of .env and ccx.yaml; never overwrites. The words to show once, or nothing.

    A ccx.yaml of no byte is missing, unless there was another one before. One that is a link to nowhere is not missing:
    what it leads to may not be mounted yet. Raises ConfigErrors for that.
    """
    words = []
    for file in (env_file, config):
        if file.is_symlink() and not file.exists():
            raise ConfigErrors([Problem(str(file), f"is a link to {file.readlink()}, which is not there")])
    have = load_env(env_file, environ)
    if not env_file.exists() and not (have.get("PROXY_ACCESS_KEY") and have.get("ADMIN_ACCESS_KEY")):
        lines = [f"{name}={secrets.token_urlsafe(32)}" for name in ("PROXY_ACCESS_KEY", "ADMIN_ACCESS_KEY")]
        _private_folder(env_file.parent)
        write_atomically(env_file, "\n".join(lines) + "\n")
        words.append(f"Two access keys were made: {env_file} (PROXY_ACCESS_KEY for clients, ADMIN_ACCESS_KEY for you).")
    if not config.exists() or (config.stat().st_size == 0 and not backups(config).exists()):
        _private_folder(config.parent)
        write_atomically(config, EXAMPLE)
        words.append(f"An empty configuration was made: {config}.")
    return "\n".join(words)


def _private_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
