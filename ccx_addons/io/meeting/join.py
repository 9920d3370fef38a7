"""Which meeting place a worker has."""

from collections.abc import Mapping
from pathlib import Path

from ccx_addons.core.settings import Settings
from ccx_addons.io.meeting import Alone, Meeting, Member
from ccx_addons.scheduler.limits import Limits


def meeting_of(settings: Settings, environ: Mapping[str, str], limits: Limits) -> Meeting:
    """``environ`` has where the supervisor has put the place of this machine."""
    path, count = environ.get("CCX_MEETING", ""), settings.worker_count
    if count == 1 or not path:
        return Alone(limits)
    from ccx_addons.io.meeting.line import Line

    return Member(limits, Line(Path(path), limits.part), lambda: count)
