"""``ccx doctor``: looks at everything around the gateway, and says what is wrong and what to do.

Nothing is changed, and no upstream is asked for more than the head of an answer, without a key.
"""

import difflib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ccx_addons.commands import parser, say
from ccx_addons.commands.health import ask
from ccx_addons.commands.places import environment
from ccx_addons.commands.serve import obstacles, secret_files
from ccx_addons.core.confidential import written_keys
from ccx_addons.core.config import Channel, Snapshot
from ccx_addons.core.errors import ConfigErrors, StoreError
from ccx_addons.core.settings import Settings
from ccx_addons.core.urls import host_port, is_local
from ccx_addons.io import backup, outward, yaml_file
from ccx_addons.io.database import NEWER
from ccx_addons.io.files import open_to_all
from ccx_addons.io.place import place_of
from ccx_addons.io.running import find
from ccx_addons.io.store import database_of
from ccx_addons.io.version import version
from ccx_addons.processes.supervisor import StartError, bind

if TYPE_CHECKING:
    from ccx_addons.io import probe

LITTLE: Final = 1 << 30
NOTHING_LEFT: Final = 64 << 20
"""Bytes of the disk under which it is a warning, and a problem."""
OFF: Final = 60.0
"""Seconds that this clock and an upstream's may differ: times to wait and limits are read from it."""
LOOK: Final = 20.0
"""Seconds for which the database is looked at: a reader holds up what the log keeps beside it (its -wal)."""
SOON: Final = 14 * 86_400.0
"""Seconds before its end from which a certificate is a warning."""

type Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    about: str
    words: str

    def __str__(self) -> str:
        return f"{self.level:8} {self.about}: {self.words}"


def doctor(arguments: list[str]) -> int:
    """Looks at settings, files, port, disk, clock, database and every channel's address. Exit 1: something is wrong."""
    words = parser("doctor", doctor)
    words.add_argument("--offline", action="store_true", help="do not ask the channels' addresses")
    offline = words.parse_args(arguments).offline
    wrong = 0
    for finding in examined(environment(os.environ), offline):
        say(str(finding))
        wrong += finding.level == "problem"
    print(f"{wrong} problems" if wrong else "nothing is wrong")
    return 1 if wrong else 0


def examined(env: Mapping[str, str], offline: bool) -> Iterator[Finding]:
    yield Finding("ok", "version", version())
    try:
        settings = Settings.read(env)
    except ConfigErrors as errors:
        yield from (Finding("problem", "settings", str(problem)) for problem in errors.problems)
        return
    snapshot = None
    yield from of_settings(settings, env)
    yield from of_files(settings, env)
    yield from of_port(settings)
    yield from of_disk(Path(settings.ccx_data_dir))
    if settings.ccx_database_url:
        yield from of_server(settings)
    else:
        yield from of_database(Path(settings.ccx_data_dir) / backup.DATABASE)
    try:
        snapshot = yaml_file.read_snapshot(Path(settings.ccx_config), settings, now=time.time(), environ=env)
    except ConfigErrors as errors:
        yield from (Finding("problem", settings.ccx_config, str(problem)) for problem in errors.problems)
        return
    yield from of_configuration(settings, snapshot)
    yield from of_shared(settings)
    yield from of_way_out(env)
    if not offline:
        yield from of_channels(snapshot)


def of_settings(settings: Settings, env: Mapping[str, str]) -> Iterator[Finding]:
    for problem in obstacles(settings):
        yield Finding("problem", "settings", str(problem))
    for name in ("PROXY_ACCESS_KEY", "ADMIN_ACCESS_KEY"):
        if not env.get(name) and Path(env["CCX_ENV_FILE"]).exists():
            yield Finding("warning", "settings", f"{name} is not set: nobody can use what it opens")
    for words in yaml_file.unread(Path(env["CCX_ENV_FILE"])):
        yield Finding("warning", "settings", words)
    known = [str(entry.metadata["name"]) for entry in fields(Settings)]
    for name in yaml_file.load_env(Path(env["CCX_ENV_FILE"]), {}):
        if name.removesuffix("_FILE") not in known and (close := difflib.get_close_matches(name, known, 1, 0.85)):
            yield Finding("warning", env["CCX_ENV_FILE"], f"{name} is no setting; {close[0]} is meant?")


def of_files(settings: Settings, env: Mapping[str, str]) -> Iterator[Finding]:
    """Who may read what has keys, and whether what must be written can be."""
    for words in open_to_all(secret_files(settings, Path(env["CCX_ENV_FILE"]))):
        yield Finding("warning", "files", words)
    yield of_folder(Path(settings.ccx_config).parent, "warning", ": the panel cannot save")
    yield of_folder(Path(settings.ccx_data_dir), "problem", "")


def of_folder(folder: Path, level: Level, so: str) -> Finding:
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if os.access(p, os.F_OK))
    if os.access(there, os.W_OK | os.X_OK):
        return Finding("ok", "files", f"{folder} can be written")
    user = os.getuid()
    return Finding(level, "files", f"{there} cannot be written by user {user}{so}; chown {user} {there}")


def of_port(settings: Settings) -> Iterator[Finding]:
    place = f"{settings.bind_host}:{settings.port}"
    try:
        bind(settings.bind_host, settings.port).close()
        yield Finding("ok", "port", f"{place} is free")
    except StartError as error:
        if find(Path(settings.ccx_data_dir)):
            said = ask(settings, settings.port)
            yield Finding("ok" if said == "ready" else "problem", "port", f"{place}, the gateway runs: {said}")
        else:
            yield Finding("problem", "port", str(error))


def of_disk(folder: Path) -> Iterator[Finding]:
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(there).free
    level: Level = "problem" if free < NOTHING_LEFT else "warning" if free < LITTLE else "ok"
    words = "" if level == "ok" else "; make room, or lower RETENTION_DAYS and BODY_STORAGE_MB"
    yield Finding(level, "disk", f"{free >> 20} MiB free for {folder}{words}")


def of_database(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield Finding("ok", "database", f"{path} is not there yet")
        return
    words, whole = backup.problems(path, LOOK)
    if words:
        mend = "" if words == NEWER else "; restore a backup, or move it away"
        yield Finding("problem", "database", f"{path} {words}{mend}")
    else:
        so_far = "is sound" if whole else f"has no damage in what could be looked at in {LOOK:.0f} s"
        yield Finding("ok", "database", f"{path} {so_far}")


def of_server(settings: Settings) -> Iterator[Finding]:
    """Whether PostgreSQL can be reached; its tables are made by the gateway's start."""
    try:
        (found,) = database_of(place_of(settings), "", -1, time.time).read("SELECT version()", ())
    except StoreError as error:
        yield Finding("problem", "database", f"{error}; rows would wait in memory and be lost with the process")
    else:
        yield Finding("ok", "database", f"answers: {' '.join(str(found[0]).split()[:2])}")


def of_configuration(settings: Settings, snapshot: Snapshot) -> Iterator[Finding]:
    size = f"{len(snapshot.channels)} channels, {len(snapshot.clients)} clients"
    yield Finding("ok", settings.ccx_config, f"is valid: {size}")
    for warning in snapshot.warnings:
        yield Finding("warning", settings.ccx_config, snapshot.secrets.clean(warning))
    if not any(channel.status == "active" for channel in snapshot.channels):
        yield Finding("problem", settings.ccx_config, "no channel is active: every request is refused; add one")
    for channel in snapshot.channels:
        for url in channel.base_urls:
            if url.startswith("http://") and not is_local(host_port(url)[0]) and channel.keys:
                yield Finding(
                    "warning", channel.name, "sends its key over http, which can be read on the way; use https"
                )
        if not channel.verify_tls:
            yield Finding(
                "warning", channel.name, "verify_tls is off: anybody on the way can be the upstream; use ca_file"
            )


def of_shared(settings: Settings) -> Iterator[Finding]:
    """What everybody can read of the configuration who can read the database."""
    if settings.ccx_config_from != "database" or settings.config_secrets():
        return
    if count := written_keys(yaml_file.load_text(yaml_file.text_of(Path(settings.ccx_config))).data):
        words = (
            f"{count} keys are written in it, and so are in CCX_DATABASE_URL; set CCX_CONFIG_SECRET, or use env:NAME"
        )
        yield Finding("warning", settings.ccx_config, words)


def of_way_out(env: Mapping[str, str]) -> Iterator[Finding]:
    """What the environment says of proxies and certificates; values may hold logins and are not shown."""
    found = outward.Environment.of(env)
    for scheme in found.proxies:
        yield Finding(
            "ok", "way out", f"{scheme} upstreams are asked through the environment's proxy, but for NO_PROXY"
        )
    for path in found.certificates:
        there = Path(path).is_file()
        words = f"certificates of {path} are trusted, too" if there else f"{path} is not there; its variable is no use"
        yield Finding("ok" if there else "problem", "way out", words)


def of_channels(snapshot: Snapshot) -> Iterator[Finding]:
    """Every address of every channel that is used, at once."""
    from ccx_addons.io import probe  # late: who only starts processes does without httpx

    asked = [(channel, url) for channel in snapshot.channels if channel.status == "active" for url in channel.base_urls]
    with ThreadPoolExecutor(16) as pool:
        looks = pool.map(lambda pair: probe.look(*pair), asked)
        for (channel, url), look in zip(asked, looks, strict=True):
            yield from of_address(channel, snapshot.secrets.clean(url), look, time.time())


def of_address(channel: Channel, url: str, look: "probe.Look", now: float) -> Iterator[Finding]:
    if not look.ping.ok:
        yield Finding("problem", channel.name, f"{url} cannot be reached: {look.ping.error}")
        return
    yield Finding("ok", channel.name, f"{url} answers in {look.ping.total_ms:.0f} ms")
    if look.expires is not None and look.expires - now < SOON:
        yield Finding(
            "warning", channel.name, f"the certificate of {url} ends in {(look.expires - now) / 86_400:.0f} days"
        )
    if look.date is not None and abs(look.date - now) > OFF:
        words = (
            f"is {abs(look.date - now):.0f} s {'behind' if look.date > now else 'before'} that of {url}; set it (NTP)"
        )
        yield Finding("warning", "clock", f"this machine's {words}")
