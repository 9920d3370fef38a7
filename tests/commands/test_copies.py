from pathlib import Path

import pytest

from ccx_addons.commands import told
from ccx_addons.commands.copies import backup, copy_log, restore
from tests.patience import wait_for
from tests.postgres import Server
from tests.wire.program import ADMIN_KEY, Fake, all_kinds, running_program


def test_a_copy_of_a_running_gateway_goes_back_once_it_is_stopped(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "copy.tar.gz")
    ask = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
    with running_program(tmp_path, *all_kinds(fake)) as program:
        for name, value in program.env.items():
            monkeypatch.setenv(name, value)
        assert program.post("/v1/chat/completions", ask).status_code == 200
        program.newest()
        assert backup([target]) == 0 and capsys.readouterr().out == f"{target}: ccx.db, ccx.yaml\n"
        assert told(restore, [target]) == 1 and "already runs on" in capsys.readouterr().err
        assert program.post("/v1/chat/completions", ask).status_code == 200
        program.newest()
    config = (tmp_path / "ccx.yaml").read_text()
    (tmp_path / "ccx.yaml").write_text("version: 1\n")
    assert restore([target]) == 0 and "restored from" in capsys.readouterr().out
    assert (tmp_path / "ccx.yaml").read_text() == config and ADMIN_KEY not in config
    assert len(program.query("SELECT id FROM requests")) == 1
    (kept,) = (tmp_path / "data").glob("before-restore-*.tar.gz")
    kept = kept.rename(tmp_path / "kept")
    assert restore([str(kept)]) == 0
    assert len(program.query("SELECT id FROM requests")) == 2 and (tmp_path / "ccx.yaml").read_text() == "version: 1\n"


def test_a_log_goes_into_postgresql(
    fake: Fake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    postgres: Server,
) -> None:
    ask = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
    with running_program(tmp_path, *all_kinds(fake)) as program:
        for name, value in program.env.items():
            monkeypatch.setenv(name, value)
        assert told(copy_log, []) == 1 and "CCX_DATABASE_URL is not set" in capsys.readouterr().err
        monkeypatch.setenv("CCX_DATABASE_URL", url := postgres.empty())
        assert program.post("/v1/chat/completions", ask).status_code == 200
        program.newest()
        assert told(copy_log, []) == 1 and "already runs on" in capsys.readouterr().err
    assert copy_log([]) == 0 and "1 requests" in capsys.readouterr().out
    assert told(copy_log, []) == 1 and "already has a log" in capsys.readouterr().err
    with running_program(tmp_path, *all_kinds(fake), env={"CCX_DATABASE_URL": url}) as program:
        assert program.post("/v1/chat/completions", ask).status_code == 200
        wait_for(lambda: len(program.query("SELECT 1 FROM requests WHERE state = 'ok'")) == 2)
