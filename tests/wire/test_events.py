"""What the gateway itself notes down about its life."""

from pathlib import Path

from tests.patience import wait_for
from tests.wire.program import Fake, all_kinds, running_program

EVENTS = "select kind, worker, level, message, boot_id from events where kind in ('start', 'stop') order by id"


def test_start_and_stop_are_events_once_a_boot(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, *all_kinds(fake), env={"WORKERS": "2"}) as program:
        started = wait_for(lambda: program.query(EVENTS))
        program.stop()
        events = program.query(EVENTS)
    assert [(event["kind"], event["worker"], event["level"]) for event in events] == [
        ("start", 0, "info"),
        ("stop", 0, "info"),
    ]
    assert events[0] == started[0] and "2 workers, 6 channels" in events[0]["message"]
    assert events[0]["boot_id"] == events[1]["boot_id"] != ""
