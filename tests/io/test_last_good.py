import stat
from pathlib import Path

import pytest

from ccx_addons.core.errors import ConfigErrors
from ccx_addons.core.settings import Settings
from ccx_addons.io import last_good, versions, yaml_file

ONE = "channels: [{name: one, protocol: chat, base_urls: ['https://a.test'], keys: [k1]}]\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "ccx.yaml").write_text(ONE)
    return Settings(ccx_config=str(tmp_path / "ccx.yaml"))


def copy_of(settings: Settings) -> Path:
    return yaml_file.backups(Path(settings.ccx_config)) / last_good.COPY


def test_what_was_taken_is_kept_for_its_owner_only(settings: Settings) -> None:
    assert last_good.read(settings, 0) is None
    taken = last_good.take(settings, 0)
    assert last_good.read(settings, 0) == taken
    copy = copy_of(settings)
    assert versions.history(Path(settings.ccx_config)) == [], "no version of somebody's"
    assert copy.read_text() == ONE and stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_the_same_text_is_not_written_again(settings: Settings) -> None:
    copy = copy_of(settings)
    numbers = [(last_good.take(settings, 0), copy.stat().st_ino)[1] for _ in range(2)]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("text", ["channels: [", "channels: 7", "", "# nothing\n", "---\n", None])
def test_a_broken_file_leaves_the_last_good_one(settings: Settings, text: str | None) -> None:
    taken, none = last_good.take_or_last(settings, 0)
    assert none is None
    Path(settings.ccx_config).write_text(text) if text is not None else Path(settings.ccx_config).unlink()
    with pytest.raises(ConfigErrors):
        last_good.take(settings, 0)
    last, errors = last_good.take_or_last(settings, 0)
    assert last == taken and errors and errors.problems


@pytest.mark.parametrize("copy", [None, "channels: ["])
def test_without_a_good_one_the_file_must_be_good(settings: Settings, copy: str | None) -> None:
    Path(settings.ccx_config).write_text("channels: 7")
    if copy:
        copy_of(settings).parent.mkdir()
        copy_of(settings).write_text(copy)
    with pytest.raises(ConfigErrors, match="expected a list"):
        last_good.take_or_last(settings, 0)


def test_a_folder_that_cannot_be_written_costs_only_the_copy(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    copy_of(settings).parent.write_text("a file")
    assert last_good.take(settings, 0).channels[0].name == "one"
    assert "no copy of the configuration can be kept" in caplog.text
