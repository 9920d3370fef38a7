"""What every page and API path of the panel works with: settings, configuration, database, writer."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from flask import current_app

from ccx_addons.core import mask
from ccx_addons.core.config import Snapshot
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.core.settings import Settings
from ccx_addons.io import ca_files, last_good, yaml_file
from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.settings import hidden

EXTENSION: Final = "ccx"


@dataclass(frozen=True, slots=True)
class Config:
    """ccx.yaml as it is on disk now. ``problems``: why it is not in force; ``snapshot`` is then the last good one.

    ``marks``: of the files it names, which its warnings depend on.
    """

    text: str
    revision: str
    snapshot: Snapshot
    problems: tuple[Problem, ...] = ()
    marks: ca_files.Marks = ()
    secrets: mask.Secrets = mask.NOTHING
    """Those in force, and those of a text that is not."""


@dataclass(slots=True)
class Panel:
    """``gateway_url``: the gateway's public address without a trailing slash, as this process reaches it; may be empty.

    ``clock`` gives Unix seconds.
    """

    settings: Settings
    db: Reader
    store: Store
    gateway_url: str = ""
    clock: Callable[[], float] = time.time
    ack_wait: float = 1.5
    """Seconds a command waits for the workers to acknowledge it."""
    mitmweb_url: str = ""
    """Where mitmweb shows the flows of this boot; empty: it does not run."""
    test_secret: str = field(default="", repr=False)
    """Proves to the gateway that this process asks."""
    activity: Any = None
    """What activity.py counted, and when."""
    _config: Config | None = None

    @property
    def config_path(self) -> Path:
        return Path(self.settings.ccx_config)

    def config(self) -> Config:
        """The file is read each time and parsed only when its content, or a file it names, changed."""
        try:
            text = self.config_path.read_text("utf-8", "surrogateescape")
        except OSError:
            text = ""
        revision = yaml_file.revision_of(text.encode("utf-8", "surrogateescape"))
        known = self._config
        now = self.clock()
        same = known and known.revision == revision and known.marks == ca_files.marks(known.snapshot)
        if known and same and now < known.snapshot.turns_at:
            return known
        problems: tuple[Problem, ...] = ()
        try:
            loaded = yaml_file.load_text(text)
            snapshot = yaml_file.snapshot_of(loaded, self.settings, now)
        except ConfigErrors as errors:
            snapshot = known.snapshot if known else last_good.read(self.settings, now) or Snapshot("", now)
            problems = tuple(errors.problems)
        secrets = snapshot.secrets | hidden.secrets_of(text) if problems else snapshot.secrets
        mask.use(secrets)
        self._config = Config(text, revision, snapshot, problems, ca_files.marks(snapshot), secrets)
        return self._config

    def env_changed(self) -> bool:
        """Whether .env is another one than the processes run with."""
        seen, file = os.environ.get(yaml_file.ENV_SEEN), os.environ.get("CCX_ENV_FILE")
        return bool(seen and file) and yaml_file.env_mark(Path(file or "")) != seen

    def snapshot(self) -> Snapshot:
        return self.config().snapshot

    def secrets(self) -> mask.Secrets:
        """What nobody may see of any text."""
        return self.config().secrets

    def now_ms(self) -> int:
        return int(self.clock() * 1000)


def panel() -> Panel:
    """The panel of the application that answers this request."""
    return cast(Panel, current_app.extensions[EXTENSION])
