"""Which meeting place a worker has."""

from pathlib import Path

from ccx_addons.core.settings import Settings
from ccx_addons.io.meeting import Alone, Member
from ccx_addons.io.meeting.join import meeting_of
from ccx_addons.io.meeting.line import Line
from ccx_addons.scheduler.limits import Limits


def test_who_has_nobody_to_meet_is_alone() -> None:
    for settings, environ in ((Settings(), {"CCX_MEETING": "place"}), (Settings(workers="3"), {})):
        assert isinstance(meeting_of(settings, environ, Limits()), Alone)


def test_workers_of_one_machine_meet_in_the_place_of_their_supervisor() -> None:
    limits = Limits()
    found = meeting_of(Settings(workers="3"), {"CCX_MEETING": "place"}, limits)
    assert isinstance(found, Member) and found.sharing() == 3 and found.limits is limits
    assert isinstance(found.engine, Line) and found.engine.path == Path("place")
