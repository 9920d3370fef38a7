"""Variables whose values are in files."""

from pathlib import Path

import pytest

from ccx_addons.core.errors import ConfigErrors
from ccx_addons.core.settings import Settings
from ccx_addons.io import yaml_file
from ccx_addons.io.secret_files import MOST, with_files

CONFIG = """\
version: 1
channels:
  - {name: a, protocol: chat, base_urls: ["https://a.example"], keys: [env:A_KEY]}
"""


def test_a_variable_that_is_set_comes_before_its_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"\xef\xbb\xbf sk-of-the-file\r\n")
    environ = {"ONE_FILE": str(tmp_path / "one"), "TWO": "set", "TWO_FILE": str(tmp_path / "none")}
    assert with_files(environ, ["ONE", "TWO", "THREE"]) == environ | {"ONE": "sk-of-the-file"}
    assert with_files(environ | {"ONE": " "}, ["ONE"])["ONE"] == "sk-of-the-file"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "is empty"), (b"\n", "is empty"), (b"\xff", "is no text"), (b"a" * (MOST + 1), "too large")],
)  # fmt: skip
def test_files_that_say_nothing(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigErrors, match=words) as failed:
        with_files({"ONE_FILE": str(path)}, ["ONE"])
    assert "ONE_FILE" in str(failed.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="is no file"):
        with_files({"ONE_FILE": str(tmp_path)}, ["ONE"])


def test_settings_and_the_configuration_read_them(tmp_path: Path) -> None:
    for name in ("proxy", "a"):
        (tmp_path / name).write_text(f"key-of-{name}-0123456789\n")
    (tmp_path / ".env").write_text(f"PROXY_ACCESS_KEY_FILE={tmp_path / 'proxy'}\nA_KEY_FILE={tmp_path / 'a'}\n")
    environ = yaml_file.load_env(tmp_path / ".env", {"TLS_CERT_FILE": "none.pem"})
    assert Settings.read(environ).proxy_access_key == "key-of-proxy-0123456789"
    snapshot = yaml_file.snapshot_of(yaml_file.load_text(CONFIG), Settings(), 0.0, environ)
    assert [key.secret for key in snapshot.channels[0].keys] == ["key-of-a-0123456789"]
    assert "key-of-a" not in snapshot.secrets.clean("it said key-of-a-0123456789")
