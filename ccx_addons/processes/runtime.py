"""What the addons of one worker share: the settings, the snapshot in force, the scheduler's state, the store.

``snapshot`` is swapped by one assignment (reload.py); an exchange keeps the one it arrived under.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ccx_addons.core.config import Snapshot
from ccx_addons.core.settings import Settings
from ccx_addons.io.meeting import Alone, Meeting
from ccx_addons.io.store import Store
from ccx_addons.scheduler import State

if TYPE_CHECKING:
    from ccx_addons.proxy.unasked import Unasked


@dataclass(slots=True)
class Runtime:
    settings: Settings
    snapshot: Snapshot
    store: Store
    state: State = field(default_factory=State)
    meeting: Meeting = None  # type: ignore[assignment]
    """Where the workers agree about limits; by default this one counts for itself."""
    worker: int = 0
    boot_id: str = ""
    started: float = field(default_factory=time.time)
    ready: bool = False
    watched: dict[str, float] = field(default_factory=dict)
    """Request id -> Unix seconds until which a page shows its text live."""
    forgotten: list[str] = field(default_factory=list)
    """Ids of stored answers that another worker has deleted (filled by commands)."""
    admin_port: int = 0
    """Loopback port of the panel; 0: there is none."""
    panel_secret: str = field(default="", repr=False)
    """Proves to the panel that a request comes through its gateway."""
    test_secret: str = field(default="", repr=False)
    """Proves to the gateway that the panel asks, or mitmweb, whose requests cost no client anything."""
    unasked: "Unasked | None" = None
    """How the gateway asks by itself, once it listens."""

    def __post_init__(self) -> None:
        self.meeting = self.meeting or Alone(self.state.limits)

    @property
    def config_path(self) -> Path:
        return Path(self.settings.ccx_config)
