from pathlib import Path

import pytest

from ccx_addons.commands import told
from ccx_addons.commands.check import check


def test_check(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    config = Path(environ["CCX_CONFIG"])
    config.write_text(
        "channels: [{name: a, protocol: chat, base_urls: ['https://a.test'], keys: ['env:NOT_SET_AT_ALL']}]\n"
    )
    assert check([]) == 0
    said = capsys.readouterr().out
    assert "1 channels, 0 clients" in said and "NOT_SET_AT_ALL is not set" in said
    config.write_text(
        "channels:\n- {name: a, protocol: chat, base_urls: ['https://a.test'],\n   keys: [k], ca_file: none.pem}\n"
    )
    assert check([]) == 0
    assert "warning: line 3, channels[0].ca_file: there is no such file" in capsys.readouterr().out
    config.write_text("channels: [{name: local, protocol: chat, base_urls: ['http://localhost:11434']}]\n")
    assert check([]) == 0
    assert "note: local has no keys: its upstream is asked without a credential" in capsys.readouterr().out
    config.write_text(
        "clients: [{name: default, key: a-client-key-0123456789}]\n"
        'channels: [{name: "a\u202eb", protocol: chat, base_urls: ["http://localhost:11434"]}]\n'
    )
    assert check(["--explain", "chat", "m\x1b[31m"]) == 0
    said = capsys.readouterr().out
    assert said.count("a\\u202eb") == 2 and "m\\u001b[31m" in said and "\x1b" not in said and "\u202e" not in said
    Path(environ["CCX_ENV_FILE"]).write_text("MY_KEY_OF_THE_FILE=sk-0123456789\n")
    config.write_text(
        "channels: [{name: a, protocol: chat, base_urls: ['https://a.test'], keys: ['env:MY_KEY_OF_THE_FILE']}]\n"
    )
    assert check([]) == 0 and "is not set" not in capsys.readouterr().out
    config.write_text("channels: 1\nclients: 2\n")
    assert told(check, []) == 1
    assert capsys.readouterr().err == (
        "ccx: line 1, channels: expected a list, got a number\nccx: line 2, clients: expected a list, got a number\n"
    )
