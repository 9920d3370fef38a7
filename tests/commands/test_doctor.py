import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.commands import doctor as module
from ccx_addons.commands.doctor import Finding, doctor, of_address, of_disk, of_folder, of_server, of_shared
from ccx_addons.core.config import Channel, Key
from ccx_addons.core.settings import Settings
from ccx_addons.io.database import Database
from ccx_addons.io.probe import Look, Ping
from tests.postgres import Server
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, Fake, all_kinds, channel, running_program


@pytest.fixture
def here(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything is as it should be, but for a channel."""
    more = {"PORT": "0", "CCX_DATA_DIR": str(tmp_path / "data")}
    for name, value in {**more, "PROXY_ACCESS_KEY": CLIENT_KEY, "ADMIN_ACCESS_KEY": ADMIN_KEY}.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def configure(here: Path, *channels: dict[str, Any]) -> None:
    path = here / "ccx.yaml"
    path.write_text(json.dumps({"version": 1, "channels": list(channels)}))
    path.chmod(0o600)


def found(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> str:
    assert doctor(list(arguments)) == status
    return capsys.readouterr().out


def test_nothing_is_wrong(fake: Fake, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(here, *all_kinds(fake, "a-key-that-nobody-sees"))
    fake.clear()
    said = found(capsys, 0)
    assert said.endswith("nothing is wrong\n") and "problem " not in said and "a-key-that" not in said
    assert said.count(f"{fake.url} answers in") == 6
    assert {request["method"] for request in fake.requests()} == {"GET"}, "nothing that costs is asked"


def test_every_kind_of_trouble_has_its_line(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    down = channel("down", "http://127.0.0.1:9", "chat")
    open_way = channel("open", "http://example.invalid", "chat", verify_tls=False)
    configure(here, down, {**open_way, "status": "suspended"})
    (here / ".env").write_text("RETENTION_DAY=3\n")
    (here / ".env").chmod(0o644)
    monkeypatch.setenv("SSL_CERT_FILE", str(here / "none.pem"))
    (here / "data").mkdir()
    (here / "data" / "ccx.db").write_bytes(b"no database " * 999)
    lines = found(capsys, 1).splitlines()
    for words in (
        "RETENTION_DAY is no setting; RETENTION_DAYS is meant?",
        ".env holds secrets",
        "ccx.db cannot be read: file is not a database; restore a backup",
        "problem  way out: ",
        "problem  down: http://127.0.0.1:9 cannot be reached",
        "warning  open: sends its key over http",
        "warning  open: verify_tls is off",
    ):
        assert any(words in line for line in lines), words
    assert lines[-1] == "3 problems"


def test_what_does_not_start_is_found(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(here)
    assert "no channel is active" in found(capsys, 1)
    (here / "ccx.yaml").write_text("channels: 1\n")
    assert "line 1, channels: expected a list" in found(capsys, 1)
    monkeypatch.setenv("BIND_HOST", "0.0.0.0")
    monkeypatch.setenv("ADMIN_ACCESS_KEY", "short")
    assert "ADMIN_ACCESS_KEY: is shorter than" in found(capsys, 1)
    monkeypatch.setenv("PORT", "x")
    assert "PORT: must be a whole number" in found(capsys, 1)


def test_the_running_gateway_is_no_problem_and_another_program_is(
    fake: Fake, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_program(here, *all_kinds(fake), panel=True) as program:
        (here / "ccx.yaml").chmod(0o600)
        monkeypatch.setenv("PORT", program.url.rpartition(":")[2])
        assert "the gateway runs: ready" in found(capsys, 0, "--offline")
        monkeypatch.setenv("CCX_DATA_DIR", str(here / "elsewhere"))
        assert "another program has it" in found(capsys, 1, "--offline")


def test_a_newer_database(fake: Fake, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(here, *all_kinds(fake))
    database = Database(here / "data" / "ccx.db", "boot", 0, time.time)
    database.ready()
    assert database.conn
    database.conn.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ccx', '9', '')")
    database.leave()
    assert "made by a newer version of CCX; install that version" in found(capsys, 1, "--offline")


def test_a_little_disk_is_a_warning_and_none_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LITTLE", 0)
    monkeypatch.setattr(module, "NOTHING_LEFT", 0)
    assert [f.level for f in of_disk(tmp_path / "gone" / "data")] == ["ok"]
    monkeypatch.setattr(module, "LITTLE", 1 << 62)
    assert [f.level for f in of_disk(tmp_path)] == ["warning"]
    monkeypatch.setattr(module, "NOTHING_LEFT", 1 << 62)
    assert [f.level for f in of_disk(tmp_path)] == ["problem"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Not even root may go on through a file."""
    (tmp_path / "file").touch()
    found = of_folder(tmp_path / "file" / "data", "problem", ": so")
    assert found.level == "problem" and f"cannot be written by user {os.getuid()}: so; chown" in found.words


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (Look(Ping("u", ok=True), date=100.0, expires=86_400 * 30.0), []),
        (Look(Ping("u", ok=True), date=1000.0), ["this machine's is 900 s behind that of u; set it (NTP)"]),
        (Look(Ping("u", ok=True), expires=86_500.0), ["the certificate of u ends in 1 days"]),
        (Look(Ping("u", error="refused")), ["u cannot be reached: refused"]),
    ],
)
def test_an_address(look: Look, words: list[str]) -> None:
    made = Channel("c1", "a", "chat", ("u",), (Key("k", "s"),), frozenset({"chat"}))
    assert [f.words for f in of_address(made, "u", look, 100.0) if f.level != "ok"] == words


def test_a_finding_is_a_line() -> None:
    assert str(Finding("problem", "disk", "is full")) == "problem  disk: is full"


@pytest.mark.parametrize(("more", "count"), [({}, 1), ({"CCX_CONFIG_SECRET": "a-secret-of-machines"}, 0)], ids=str)
def test_keys_that_go_into_the_database(here: Path, more: dict[str, str], count: int) -> None:
    configure(here, channel("a", "http://127.0.0.1:1", "chat", "a-key-that-nobody-sees"))
    shared = {"CCX_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x", "CCX_CONFIG_FROM": "database"}
    settings = Settings.read({"CCX_CONFIG": str(here / "ccx.yaml"), **shared, **more})
    found = [*of_shared(settings)]
    assert len(found) == count and all(f"{count} keys are written in it" in one.words for one in found)
    assert not [*of_shared(Settings(ccx_config=str(here / "ccx.yaml")))]


def test_a_log_in_postgresql(here: Path, postgres: Server) -> None:
    found = [*of_server(Settings(ccx_database_url=postgres.empty()))]
    assert [(one.level, one.about) for one in found] == [("ok", "database")] and "PostgreSQL 1" in found[0].words
    found = [*of_server(Settings(ccx_database_url=f"postgresql://ccx:geheim@/none?host={here}"))]
    assert found[0].level == "problem" and "rows would wait" in found[0].words and "geheim" not in found[0].words
