from pathlib import Path

import pytest

from ccx_addons.commands.health import ask, health
from ccx_addons.core.settings import Settings
from tests.wire.program import Fake, all_kinds, running_program
from tests.wire.test_access import certificate


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_it_asks_the_gateway_itself(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], secure: bool
) -> None:
    """Whatever proxies the environment names."""
    env = dict(zip(("TLS_CERT_FILE", "TLS_KEY_FILE"), map(str, certificate(tmp_path)), strict=True)) if secure else {}
    with running_program(tmp_path, *all_kinds(fake), env=env) as program:
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
        for name, value in {**program.env, **proxies}.items():
            monkeypatch.setenv(name, value)
        port = program.url.rpartition(":")[2]
        assert health(["--port", port]) == 0 and capsys.readouterr().out == "ready\n"
        monkeypatch.setenv("PORT", port)
        assert health([]) == 0
    assert health([]) == 1 and "nothing answers on 127.0.0.1" in capsys.readouterr().out


def test_what_answers_something_else_is_not_ready(fake: Fake) -> None:
    assert ask(Settings(), int(fake.url.rpartition(":")[2])).startswith("not ready: status 4")
