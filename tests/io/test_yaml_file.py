import stat
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yaml.nodes import ScalarNode

from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.core.settings import Settings
from ccx_addons.io import yaml_file
from ccx_addons.io.yaml_file import load_text, revision_of

SETTINGS = Settings()
NOW = 1_769_860_800.0

HAND_WRITTEN = """\
# my gateway
version: 1
channels:
  # the good one
  - name: main            # first
    protocol: messages
    base_urls: ["https://a.example"]
    keys: [0123, "1.10"]
    promoted_until: 2026-01-31T12:00:00Z
    models: {opus: 'claude-opus-4-7'}

  - name: spare
    protocol: chat
    base_urls:
      - https://b.example   # slow
    price_multiplier: 1.10
"""


def problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigErrors) as caught:
        load_text(text)
    return caught.value.problems


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "ccx.yaml"
    path.parent.mkdir()
    path.write_text(HAND_WRITTEN)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ---- reading ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("0", 0), ("7", 7), ("-12", -12), ("0123", "0123"), ("1_000", "1_000"), ("0x1F", "0x1F"), ("0o17", "0o17"),
        ("+1", "+1"), ("9" * 15, int("9" * 15)), ("9" * 40, "9" * 40),
        ("1.5", 1.5), ("-0.25", -0.25), ("1.0", 1.0), ("1.10", "1.10"), ("1.", "1."), (".5", ".5"), ("1e5", "1e5"),
        (".inf", ".inf"), (".nan", ".nan"), ("0." + "1" * 30, "0." + "1" * 30),
        ("true", True), ("True", True), ("FALSE", False), ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"),
        ("", None), ("~", None), ("null", None), ("Null", None), ("nil", "nil"),
        ("'true'", "true"), ('"5"', "5"), ("''", ""), ('"a\\tb"', "a\tb"), ('"\\u4e2d"', "中"),
        ("2026-01-31", "2026-01-31"), ("12:30:45", "12:30:45"), ("sk-ant-1", "sk-ant-1"), ("env:NAME", "env:NAME"),
        ("<<", "<<"), ("=", "="),
    ],
    ids=repr,
)  # fmt: skip
def test_scalars(scalar: str, value: object) -> None:
    found = load_text(f"a: {scalar}\n").data["a"]
    assert found == value and type(found) is type(value)


def test_blocks_keep_their_text() -> None:
    assert load_text("a: |\n  5\n  6\nb: >\n  x\n  y\n").data == {"a": "5\n6\n", "b": "x y\n"}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\n\n", "~\n"])
def test_nothing(text: str) -> None:
    assert load_text(text).data is None


@given(st.integers() | st.floats(allow_nan=False) | st.text(string.printable))
def test_a_number_is_read_as_one_only_when_it_prints_as_it_is_written(value: object) -> None:
    text = str(value)
    found = yaml_file._scalar(ScalarNode("", text))
    assert found is None or isinstance(found, bool) or str(found) == text


def test_lines_of_every_path() -> None:
    lines = load_text(HAND_WRITTEN).lines
    assert lines["version"] == 2 and lines["channels[0].name"] == 5 and lines["channels[1].base_urls[0]"] == 15
    assert lines["channels[0].models.opus"] == 10


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        pytest.param("a: [1\n", "is not valid YAML", 2, id="open list"),
        pytest.param("a: 1\n b: 2\n", "is not valid YAML", 2, id="indent"),
        pytest.param("a:\n\t- b\n", "is not valid YAML", 2, id="tab"),
        pytest.param("a: \0", "is not valid YAML", 0, id="control character"),
        pytest.param("a: \ud800", "is not valid YAML", 0, id="half a character"),
        pytest.param('a: "\\ud800"', "is not valid YAML", 1, id="half a character, escaped"),
        pytest.param("a: 1\n---\nb: 2\n", "is not valid YAML", 2, id="two documents"),
        pytest.param("a: &x 1\nb: *x\n", "aliases (*name) are not supported", 1, id="alias"),
        pytest.param("a: !!str 5\n", "tags (!name) are not supported", 1, id="tag"),
        pytest.param("a: !!python/object/apply:os.system [x]\n", "tags (!name)", 1, id="python tag"),
        pytest.param("a: 1\nb: 2\na: 3\n", "stands twice", 3, id="doubled key"),
        pytest.param("? [a]\n: 1\n", "a key must be text", 1, id="list as key"),
        pytest.param("[" * 100_000, "is not valid YAML", 1, id="deep list"),
        pytest.param("{a: " * 10_000, "is not valid YAML", 1, id="deep mapping"),
        pytest.param("[" * 60 + "]" * 60, "is nested too deeply", 1, id="deeper than we read"),
        pytest.param("a: " + "x" * (5 << 20), "larger than 4 MiB", 0, id="too large"),
    ],
)
def test_what_is_not_one_plain_document(text: str, words: str, line: int) -> None:
    (problem, *_) = problems(text)
    assert words in problem.message and problem.line == line


def test_alias_bomb_is_cheap() -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert len(problems("\n".join(rows))) <= 9 * 12


@given(st.text(max_size=80))
def test_any_text_is_data_or_config_errors(text: str) -> None:
    try:
        load_text(text)
    except ConfigErrors as errors:
        assert errors.problems


def test_load_says_why_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"ccx\.yaml: cannot be read: No such file"):
        yaml_file.load(tmp_path / "ccx.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ConfigErrors, match=r"bad\.yaml: is not UTF-8 text"):
        yaml_file.load(tmp_path / "bad.yaml")


@pytest.mark.parametrize("data", [b"version: 1\n", b"version: 1\r\n", b"\xef\xbb\xbfversion: 1\n"])
def test_revision_is_that_of_the_bytes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "ccx.yaml"
    path.write_bytes(data)
    loaded = yaml_file.load(path)
    assert loaded.revision == revision_of(data) and loaded.data == {"version": 1}


def test_snapshot_knows_its_own_address_and_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "ccx.yaml"
    path.write_text("channels: [{name: a, protocol: chat, base_urls: ['http://10.0.0.5:3000'], keys: [k]}]")
    settings = Settings(idle_timeout=7, capture_bodies="all", proxy_access_key="the-default-key")
    snapshot = yaml_file.read_snapshot(path, settings, now=NOW)
    assert snapshot.policy.timeouts.idle == 7 and snapshot.policy.bodies.capture == "all"
    assert snapshot.clients[0].name == "default" and snapshot.loaded_at == NOW
    with pytest.raises(ConfigErrors, match="points at this gateway itself"):
        yaml_file.read_snapshot(path, Settings(bind_host="10.0.0.5"), now=NOW)
    with pytest.raises(ConfigErrors, match="line 1, channels: expected a list"):
        yaml_file.read_snapshot(path, settings, now=NOW, text="channels: 1")


# ---- editing ---------------------------------------------------------------------------------------------------------
def test_an_edit_without_a_change_keeps_every_byte() -> None:
    assert yaml_file.edited(HAND_WRITTEN, lambda document: None) == HAND_WRITTEN


def test_comments_order_and_style_survive() -> None:
    def change(document: Any) -> None:
        document["channels"][1]["priority"] = 5

    after = yaml_file.edited(HAND_WRITTEN, change)
    assert after == HAND_WRITTEN + "    priority: 5\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        pytest.param("", "version: 1\na: b\n", id="empty"),
        pytest.param("# mine\n", "# mine\nversion: 1\na: b\n", id="only a comment"),
        pytest.param("version: 1\r\nb: c  # x\r\n", "version: 1\r\nb: c  # x\r\na: b\r\n", id="line ends of Windows"),
    ],
)
def test_edited(text: str, after: str) -> None:
    assert yaml_file.edited(text, lambda document: document.update(a="b")) == after


@pytest.mark.parametrize("text", ["a: [", "- a\n", "a: !!str 5\n", "a: 1\na: 2\n"])
def test_what_cannot_be_read_is_not_edited(text: str) -> None:
    with pytest.raises(ConfigErrors):
        yaml_file.edited(text, lambda document: None)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**14) + 1, 10**14),
    st.text(string.printable, max_size=12),
    st.sampled_from(["0123", "on", "1.10", "null", "true", "~", "", "2026-01-31", "a: b", "# c", "1e5", "*x", "!y"]),
)  # fmt: skip


@given(st.dictionaries(st.text(string.ascii_letters + string.digits, min_size=1, max_size=6), VALUES, max_size=5))
def test_what_is_written_is_read_again(values: dict[str, Any]) -> None:
    """ruamel.yaml writes, our own reader reads: both must mean the same."""
    after = yaml_file.edited("version: 1\n", lambda document: document.update(table=values))
    assert load_text(after).data["table"] == values


def with_ca_file(text: str) -> str:
    return text.replace("name: spare", "name: spare\n    ca_file: none.pem")


def test_a_ca_file_that_is_not_there_is_a_warning_of_the_file(config: Path) -> None:
    config.write_text(with_ca_file(HAND_WRITTEN))
    (warning,) = yaml_file.read_snapshot(config, SETTINGS, now=NOW).warnings
    assert warning == "line 13, channels[1].ca_file: there is no such file; this channel cannot connect"


# ---- .env and the first start ----------------------------------------------------------------------------------------
def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# c\nPORT=1\nexport BIND_HOST='::1'\nBARE\nLOG_LEVEL=${HOME}\nA=\"b c\"\n")
    assert yaml_file.load_env(env, {"PORT": "2"}) == {
        "PORT": "2",
        "BIND_HOST": "::1",
        "LOG_LEVEL": "${HOME}",
        "A": "b c",
    }
    assert yaml_file.load_env(tmp_path / "none", {"X": "1"}) == {"X": "1"}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("\ufeffA=1\r\n# c\r\n\r\nexport B='2' # x\r\nC=\r\n", []),
        ("\n\nPORT: 1\n\nBARE\nset PORT=1\n", [3, 5, 6]),
        ("$env:PORT=1\n", [1]),
        ('A="secret\nB=2\n', [1]),
        ("\0\0\0\0", [1]),
    ],
    ids=["good", "not of this shell", "PowerShell", "no end", "a crash while it was written"],
)
def test_lines_of_env_that_say_nothing_are_told(tmp_path: Path, text: str, lines: list[int]) -> None:
    env = tmp_path / ".env"
    env.write_bytes(text.encode())
    assert list(yaml_file.unread(env)) == [f"{env}, line {n}: is not NAME=value and is not used" for n in lines]
    assert list(yaml_file.unread(tmp_path / "none")) == []


def test_a_link_to_nowhere_is_not_filled(tmp_path: Path) -> None:
    env, config = tmp_path / ".env", tmp_path / "ccx.yaml"
    config.symlink_to(tmp_path / "not-mounted" / "ccx.yaml")
    with pytest.raises(ConfigErrors, match=r"is a link to .*not-mounted.*, which is not there"):
        yaml_file.first_start(env, config, {})
    assert not env.exists() and not (tmp_path / "not-mounted").exists()


def test_env_that_is_no_text(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_bytes(b"PORT=\xff\n")
    with pytest.raises(ConfigErrors, match=r"\.env: is not UTF-8 text"):
        yaml_file.load_env(env, {})


def test_first_start_makes_both_files_once(tmp_path: Path) -> None:
    env, config = tmp_path / "config" / ".env", tmp_path / "config" / "ccx.yaml"
    words = yaml_file.first_start(env, config, {})
    assert str(env) in words and str(config) in words
    assert (mode(env), mode(config), mode(env.parent)) == (0o600, 0o600, 0o700)
    settings = Settings.read(yaml_file.load_env(env, {}))
    keys = settings.proxy_access_key, settings.admin_access_key
    assert len(set(keys)) == 2 and all(len(key) == 43 and key not in words for key in keys)
    assert yaml_file.read_snapshot(config, settings, now=NOW).channels == ()
    before = env.read_text(), config.read_text()
    assert yaml_file.first_start(env, config, {}) == "" and (env.read_text(), config.read_text()) == before


def test_first_start_fills_a_file_of_no_byte_unless_there_was_another(tmp_path: Path) -> None:
    env, config = tmp_path / ".env", tmp_path / "ccx.yaml"
    config.touch()
    assert str(config) in yaml_file.first_start(env, config, {})
    assert yaml_file.read_snapshot(config, Settings(), now=NOW).channels == ()
    for left in ("", "# mine\n"):
        config.write_text(left)
        yaml_file.backups(config).mkdir(exist_ok=True)
        assert yaml_file.first_start(env, config, {}) == "" and config.read_text() == left


def test_first_start_with_keys_in_the_environment(tmp_path: Path) -> None:
    env, config = tmp_path / ".env", tmp_path / "ccx.yaml"
    words = yaml_file.first_start(env, config, {"PROXY_ACCESS_KEY": "a" * 20, "ADMIN_ACCESS_KEY": "b" * 20})
    assert not env.exists() and config.exists() and str(config) in words
