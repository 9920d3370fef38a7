"""Which meeting place a worker has."""

import subprocess
import sys
from pathlib import Path

import pytest

from ccx_addons.core.errors import StoreError
from ccx_addons.core.settings import Settings
from ccx_addons.io.meeting import Alone, Member
from ccx_addons.io.meeting.join import meeting_of
from ccx_addons.io.meeting.line import Line
from ccx_addons.io.meeting.postgres import Postgres
from ccx_addons.io.meeting.valkey import Valkey
from ccx_addons.scheduler.limits import Limits
from tests.patience import PATIENCE


def test_who_has_nobody_to_meet_is_alone() -> None:
    for settings, environ in ((Settings(), {"CCX_MEETING": "place"}), (Settings(workers="3"), {})):
        assert isinstance(meeting_of(settings, environ, Limits()), Alone)


def test_workers_of_one_machine_meet_in_the_place_of_their_supervisor() -> None:
    limits = Limits()
    found = meeting_of(Settings(workers="3"), {"CCX_MEETING": "place"}, limits)
    assert isinstance(found, Member) and found.sharing() == 3 and found.limits is limits
    assert isinstance(found.engine, Line) and found.engine.path == Path("place")


def test_workers_of_several_machines_meet_in_valkey(tmp_path: Path) -> None:
    settings = Settings(
        workers="2", ccx_valkey_url="redis://example:1", ccx_valkey_wait=0.5, ccx_data_dir=str(tmp_path)
    )
    limits = Limits()
    found = meeting_of(settings, {"CCX_MEETING": "place"}, limits)
    assert isinstance(found, Member) and isinstance(found.engine, Valkey) and found.sharing() == 2
    found.engine.live = 7
    assert found.sharing() == 7 and found.engine.patience.most == 0.5
    assert found.engine.machine == (tmp_path / "machine").read_text() and found.engine.who.startswith(
        found.engine.machine
    )


def test_workers_of_several_machines_without_valkey_meet_in_their_database() -> None:
    settings = Settings(workers="2", ccx_database_url="postgresql://example/ccx", ccx_valkey_wait=0.5)
    found = meeting_of(settings, {"CCX_MEETING": "place"}, Limits())
    assert isinstance(found, Member) and isinstance(found.engine, Postgres) and found.sharing() == 2
    found.engine.live = 7
    assert found.sharing() == 7 and found.engine.patience.most == 0.5


def test_machines_with_one_log_know_the_same_to_be_spent() -> None:
    settings = Settings(ccx_valkey_url="redis://example:1", ccx_database_url="postgresql://example/ccx")
    found = meeting_of(settings, {}, Limits())
    assert isinstance(found, Member) and isinstance(found.engine, Valkey) and found.engine.machine == "log"


def test_what_cannot_be_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(ccx_valkey_url="http://example", ccx_data_dir=str(tmp_path))
    with pytest.raises(StoreError, match=r"^CCX_VALKEY_URL: Redis URL must specify"):
        meeting_of(settings, {}, Limits())
    monkeypatch.setitem(sys.modules, "ccx_addons.io.meeting.valkey", None)
    with pytest.raises(StoreError, match=r"needs redis-py: pip install 'ccx\[cluster\]'$"):
        meeting_of(settings, {}, Limits())


def test_who_needs_no_engine_loads_no_driver() -> None:
    words = (
        "import ccx_addons.processes.worker, ccx_addons.processes.supervisor, ccx_admin.serve, sys; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert not {"redis", "psycopg", "valkey"} & set(loaded.stdout.split())
