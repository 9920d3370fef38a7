"""The versions of ccx.yaml: every text it had, who made it, and what was changed, in ``backups`` beside it.

A version is a file with the text and one with ``.json`` that tells of it. Changes by hand are noticed by whoever reads
or writes the file next. Versions that follow each other within seconds, as when somebody drags channels about, are one:
those in between stay for a while as what other changes were made from, but are not shown.
"""

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from ccx_addons.core.config_changes import ORDERED, Words, between, sentence
from ccx_addons.core.errors import CcxError, ConfigErrors
from ccx_addons.core.settings import Settings
from ccx_addons.io import board
from ccx_addons.io.board import Board, Shared
from ccx_addons.io.files import PRIVATE, write_atomically
from ccx_addons.io.yaml_file import backups, edited, load_text, revision_of, text_of, validated
from ccx_addons.io.yaml_merge import Clash, Side, merged

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has one writer at a time by convention
    fcntl = None  # type: ignore[assignment]

log: Final = logging.getLogger("ccx")

type Edit = Callable[[Any], None]
type Chosen = Mapping[str, Side]

KEPT: Final = 200
"""So many versions stay, however old they are."""
KEPT_DAYS: Final = 90
"""So long others stay, too, while they are small together."""
MOST_BYTES: Final = 256 << 20
ROW: Final = 10.0
"""Seconds between two changes of one kind by one person that are one version."""
BETWEEN: Final = 86_400.0
"""Seconds that the texts in between stay."""
TRIES: Final = 5
"""Changes of other machines that may come first while one is made."""
MARK: Final = "shared"
"""Name of the file that says which version of all machines this one was last."""
BY_HAND: Final = "by hand"
MOMENT: Final = "%Y%m%dT%H%M%S.%fZ"

UNREADABLE: Final[Words] = (("cannot be read as configuration", {}),)
FOUND: Final[Words] = (("the file as it was found", {}),)


class RevisionConflict(CcxError):
    """Somebody changed the same places since the caller looked. ``base``: what the caller saw, ``mine``: what it would
    make of that, ``theirs``: the file now. ``clash`` None: nobody knows any more what the caller saw."""

    def __init__(self, base: str, mine: str, theirs: str, clash: Clash | None = None) -> None:
        super().__init__("the configuration was changed meanwhile")
        self.base, self.mine, self.theirs, self.clash = base, mine, theirs, clash


class Followed(NamedTuple):
    """``revision``: the newest of all machines. ``by_hand``: the file here is another one, which somebody wrote;
    ``offered``: the others were told just now."""

    revision: str
    by_hand: bool = False
    offered: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """One kept version. ``at``: Unix seconds. ``parent``: the revision before it. ``inner``: one of a row."""

    revision: str
    at: float
    who: str
    words: Words
    parent: str
    path: Path
    inner: bool = False

    @property
    def text(self) -> str:
        return text_of(self.path)


# ---- changing the file -----------------------------------------------------------------------------------------------
def save(
    path: Path, text: str, expected: str | None, who: str, settings: Settings, now: float, chosen: Chosen | None = None
) -> str:
    """Put ``text`` in place, which was made from the revision ``expected``; returns the new revision.

    What others changed since then stays where it is about other things. Raises RevisionConflict where it is about the
    same and ``chosen`` does not say whose holds, or ConfigErrors when the result is not valid.
    """
    return _write(path, lambda base: text, expected, who, settings, now, chosen)


def edit(
    path: Path,
    change: Edit,
    expected: str | None,
    who: str,
    settings: Settings,
    now: float,
    chosen: Chosen | None = None,
) -> str:
    """Change the parsed document in place; comments and order survive. Arguments and errors as ``save``.

    ``change`` gets ruamel.yaml's round-trip mapping. ``expected`` None: whatever the file is now.
    """
    return _write(path, lambda base: edited(base, change), expected, who, settings, now, chosen)


def undo(path: Path, revision: str, who: str, settings: Settings, now: float, chosen: Chosen | None = None) -> str:
    """Take one change back, and leave alone what came after it. Arguments and errors as ``save``."""
    version = _known(path, revision)
    before = find(path, version.parent)
    if before is None:
        raise CcxError(f"what was before the version {revision!r} is not kept")
    return save(path, before.text, revision, who, settings, now, chosen)


def rollback(path: Path, revision: str, expected: str | None, who: str, settings: Settings, now: float) -> str:
    """Put a whole version back. Raises CcxError when it is not kept, ConfigErrors when it is no longer valid."""
    text = _known(path, revision).text

    def made(current: str) -> str:
        if expected not in (None, revision_of(current.encode())):
            raise RevisionConflict(current, text, current)
        return text

    return _put(path, made, who, settings, now)


def _write(
    path: Path,
    made: Callable[[str], str],
    expected: str | None,
    who: str,
    settings: Settings,
    now: float,
    chosen: Chosen | None,
) -> str:
    def fitted(current: str) -> str:
        if expected is None or revision_of(current.encode()) == expected:
            return made(current)
        seen = find(path, expected)
        if seen is None:
            raise RevisionConflict(current, made(current), current)
        base = seen.text
        mine = made(base)
        try:
            return merged(base, mine, current, chosen)
        except Clash as clash:
            raise RevisionConflict(base, mine, current, clash) from None

    return _put(path, fitted, who, settings, now)


def _put(path: Path, made: Callable[[str], str], who: str, settings: Settings, now: float) -> str:
    """Put in place what ``made`` makes of the text that is there: for all machines, where they share it."""
    with locked(path), contextlib.closing(board.line_of(settings) or board.NOBODY) as line:
        for _ in range(TRIES):
            parent = _follow(path, line, settings, now).revision
            current = _read(path)
            text = made(current)
            validated(text, current, settings, now)
            revision = revision_of(text.encode())
            same = text == current and revision == parent
            if same or line.publish(Shared(revision, parent, text, now, who)):
                _replace(path, current, text, who, now)
                _mark(path, line, revision)
                return revision
        raise CcxError("other machines change the configuration all the time")


def _replace(path: Path, current: str, text: str, who: str, now: float) -> None:
    if current:
        _notice(path, current, now)
    if text != current:
        write_atomically(path, text)
        try:
            _keep(path, text, who, now)
        except OSError as error:  # the change is made, whatever becomes of its history
            log.warning("no version of the configuration can be kept: %s", error)


# ---- one configuration for several machines --------------------------------------------------------------------------
def follow(path: Path, line: Board, settings: Settings, now: float) -> Followed:
    """Bring the file to the newest version of all machines. Raises ConfigErrors where that is not valid here, and
    StoreError. What was changed here by hand is offered to all first, and stays one of the kept versions, as does the
    own file of a machine that joins."""
    with locked(path):
        return _follow(path, line, settings, now)


def _follow(path: Path, line: Board, settings: Settings, now: float) -> Followed:
    current, mark = _read(path), _marked(path)
    revision = revision_of(current.encode()) if current else ""
    if line is board.NOBODY:
        return Followed(revision)
    news = line.since(mark)
    if not news and current and not line.newest():
        validated(current, current, settings, now)
        if line.publish(Shared(revision, "", current, now, BY_HAND)):
            _mark(path, line, revision)
            return Followed(revision)
        news = line.since(mark)
    newest = news[-1].revision if news else mark
    by_hand = bool(current) and revision not in (mark, newest)
    offered = by_hand and bool(mark) and line.offer(Shared(revision, mark, current, now, BY_HAND))
    if news and revision != newest:
        validated(news[-1].text, current, settings, now)
        if current:
            _notice(path, current, now)
        for version in news:
            _keep(path, version.text, version.who, version.at)
        write_atomically(path, news[-1].text)
        by_hand = False
    if news:
        _mark(path, line, newest)
    return Followed(newest, by_hand, offered)


def _marked(path: Path) -> str:
    """The last version of all machines that this file was; empty: it was none."""
    file = backups(path) / MARK
    return file.read_text("utf-8").strip() if file.is_file() else ""


def _mark(path: Path, line: Board, revision: str) -> None:
    if line is not board.NOBODY:
        write_atomically(backups(path) / MARK, revision)


# ---- keeping versions ------------------------------------------------------------------------------------------------
def notice(path: Path, now: float) -> None:
    """Keep the file as it is, if it is none of the kept versions: somebody changed it by hand."""
    try:
        with locked(path):
            if text := _read(path):
                _notice(path, text, now)
    except (OSError, ConfigErrors) as error:
        log.debug("no version of the configuration can be kept: %s", error)


def _notice(path: Path, text: str, now: float) -> None:
    last = _last(path)
    if last is None or last.revision != revision_of(text.encode()):
        _keep(path, text, BY_HAND, now)


def _keep(path: Path, text: str, who: str, now: float) -> None:
    """The newest version. The one before becomes a part of it when both are of one row."""
    last = _last(path)
    before = last
    words = _words(last, text)
    if last and _is_row(last, who, words, now):
        before = find(path, last.parent)
        _tell(last.path, last.who, last.words, last.parent, inner=True)
        words = _words(before, text)
    moment = datetime.fromtimestamp(now, UTC)
    if last and moment.timestamp() <= last.at:
        moment = datetime.fromtimestamp(last.at + 1e-6, UTC)
    file = backups(path) / f"{moment.strftime(MOMENT)}_{revision_of(text.encode())}.yaml"
    write_atomically(file, text)
    _tell(file, who, words, before.revision if before else "")
    _prune(path, now)


def _is_row(last: Version, who: str, words: Words, now: float) -> bool:
    alike = who == BY_HAND or (_is_order(words) and _is_order(last.words))
    return bool(last.parent) and last.who == who and alike and 0 <= now - last.at <= ROW


def _is_order(words: Words) -> bool:
    return [text for text, _ in words] == [ORDERED]


def _words(before: Version | None, text: str) -> Words:
    try:
        after = load_text(text).data or {}
    except ConfigErrors:
        return UNREADABLE
    if before is None:
        return FOUND
    try:
        old = load_text(before.text).data or {}
    except (OSError, ConfigErrors):
        old = {}
    return sentence(between(old, after), old, after)


def _tell(file: Path, who: str, words: Words, parent: str, inner: bool = False) -> None:
    told = {"who": who, "words": words, "parent": parent, **({"inner": True} if inner else {})}
    write_atomically(file.with_suffix(".json"), json.dumps(told, ensure_ascii=False))


def _prune(path: Path, now: float) -> None:
    shown, size = 0, 0
    for version in _all(path):
        shown += not version.inner
        size += version.path.stat().st_size
        age = now - version.at
        many = shown > KEPT and (age > KEPT_DAYS * 86_400 or size > MOST_BYTES)
        if age > BETWEEN if version.inner else many:
            version.path.unlink(missing_ok=True)
            version.path.with_suffix(".json").unlink(missing_ok=True)


# ---- reading versions ------------------------------------------------------------------------------------------------
def history(path: Path) -> list[Version]:
    """Kept versions, newest first; the first one is the file as it was noticed last."""
    return [version for version in _all(path) if not version.inner]


def find(path: Path, revision: str) -> Version | None:
    """The newest version with this text."""
    files = sorted(backups(path).glob(f"*_{revision}*.yaml"), reverse=True) if revision.isalnum() else []
    return _version(files[0]) if files else None


def _known(path: Path, revision: str) -> Version:
    found = find(path, revision)
    if found is None:
        raise CcxError(f"the version {revision!r} is not kept")
    return found


def _last(path: Path) -> Version | None:
    return next(iter(_all(path)), None)


def _all(path: Path) -> Iterator[Version]:
    for file in sorted(backups(path).glob("*.yaml"), reverse=True):
        yield _version(file)


def _version(file: Path) -> Version:
    """Files of earlier releases have who replaced them in their name, which is not who made them."""
    moment, _, rest = file.stem.partition("_")
    told: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        told = json.loads(file.with_suffix(".json").read_text("utf-8"))
    at = 0.0
    with suppress(ValueError):
        at = datetime.strptime(moment, MOMENT).replace(tzinfo=UTC).timestamp()
    words = tuple((str(text), dict(values)) for text, values in told.get("words", ()))
    revision = rest.partition("_")[0]
    return Version(
        revision, at, str(told.get("who", "")), words, str(told.get("parent", "")), file, bool(told.get("inner"))
    )


def _read(path: Path) -> str:
    try:
        return text_of(path)
    except FileNotFoundError:
        return ""


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, PRIVATE)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One writer at a time over all processes."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path.parent / f".{path.name}.lock", "a", opener=_private) as file:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
